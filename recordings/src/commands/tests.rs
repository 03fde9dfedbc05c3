use std::num::NonZeroU64;

use pricetime_engine::{
    Action, Amend, Command, Engine, Group, MarketId, OrderId, Outcome, Place, Price, Quantity,
    SelfTrade, Side, TimeInForce, Timestamp,
};

use super::{CommandSink, Commands, Counts, Execution, Mode, Unmatched};
use crate::agreement::{Agreement, Cause, ComparedEngine};
use crate::venue::{
    Instrument, InstrumentId, InstrumentName, TradingState, VenueEvent, VenueMessage,
};
use crate::venue_book::VenueBook;

/// What a sink received, as text.
#[derive(Default)]
struct Log(Vec<String>);

impl CommandSink for Log {
    fn command(&mut self, command: &Command) {
        self.0.push(text(&command.action));
    }

    fn aggressor(&mut self, command: &Command, executions: &[Execution]) {
        self.0.push(format!("{} for {} executions", text(&command.action), executions.len()));
    }

    fn leftover(&mut self, command: &Command) -> bool {
        self.0.push(format!("leftover {}", text(&command.action)));
        false
    }

    fn unmatched(&mut self, execution: &Execution, why: Unmatched) {
        self.0.push(format!("{why:?} {}", execution.quantity));
    }
}

fn text(action: &Action) -> String {
    match *action {
        Action::Place(Place { order, side, kind, quantity, time_in_force, self_trade, .. }) => {
            assert_eq!(self_trade, SelfTrade::None);
            let price = kind.price().unwrap_or_default();
            let ioc = if time_in_force == TimeInForce::ImmediateOrCancel { " ioc" } else { "" };
            format!("{side:?} {order} {quantity}@{price}{ioc}")
        }
        Action::Amend(Amend { order, price, quantity, if_open, requeue, .. }) => {
            let price = price.map_or(String::new(), |it| format!("@{it}"));
            let if_open = if_open.map_or(String::new(), |it| format!(" if {it}"));
            let requeue = if requeue { " requeue" } else { "" };
            format!("amend {order} {}{price}{if_open}{requeue}", quantity.unwrap_or_default())
        }
        Action::Cancel { order } => format!("cancel {order}"),
        Action::AddMarket(spec) => format!("add {}", spec.symbol),
        Action::SetPhase(phase) => format!("{phase:?}"),
        Action::CancelAll { account: None, side: None } => String::from("cancel all"),
        Action::CancelAll { .. }
        | Action::SetMarket(_)
        | Action::RemoveMarket
        | Action::CancelSession { .. }
        | Action::CloseEpoch { .. }
        | Action::AdvanceTime
        | Action::BlockAccount(_)
        | Action::UnblockAccount(_) => format!("{action:?}"),
    }
}

const fn added(order: u64, side: Side, price: i64, quantity: u64) -> VenueEvent {
    let (price, quantity) = (Price(price), Quantity(quantity));
    VenueEvent::Added { order, side, price, quantity, account: None }
}

const fn executed(
    order: u64,
    quantity: u64,
    aggressor: Option<NonZeroU64>,
    cross: bool,
) -> VenueEvent {
    let quantity = Quantity(quantity);
    VenueEvent::Executed { order, quantity, side: None, price: None, trade: None, aggressor, cross }
}

const fn replaced(order: u64, new_order: u64, quantity: u64, keeps_priority: bool) -> VenueEvent {
    let (price, quantity) = (Price(10), Quantity(quantity));
    VenueEvent::Replaced { order, new_order, price, quantity, side: None, keeps_priority }
}

const fn reduced(order: u64, quantity: u64) -> VenueEvent {
    VenueEvent::Reduced { order, quantity: Quantity(quantity), side: None, price: None }
}

const fn deleted(order: u64) -> VenueEvent {
    VenueEvent::Deleted { order, quantity: None, side: None, price: None }
}

const fn hidden(quantity: u64) -> VenueEvent {
    let (price, quantity) = (Price(10), Quantity(quantity));
    VenueEvent::HiddenExecuted { side: None, price, quantity, trade: None }
}

fn listed() -> VenueEvent {
    VenueEvent::Listed(Instrument {
        name: InstrumentName::new(b"A"),
        price_places: 4,
        round_lot: 1,
    })
}

/// The commands of events at these times, without those of the listing, and the counts.
fn run(mode: Mode, events: &[(u64, VenueEvent)]) -> (Vec<String>, Counts) {
    let (mut commands, mut log) = (Commands::new(mode), Log::default());
    for (number, (time, event)) in (1..).zip([(0, listed())].iter().chain(events)) {
        let instrument = InstrumentId(5);
        let message = VenueMessage { time: Timestamp(*time), number, instrument, event: *event };
        commands.apply(&message, &mut log);
    }
    commands.finish(&mut log);
    assert_eq!(log.0.remove(0), "add A");
    let phase = if mode == Mode::Reconstruct { "Call" } else { "Continuous" };
    assert_eq!(log.0.remove(0), phase);
    (log.0, commands.counts())
}

#[test]
fn messages_about_orders_become_the_same_commands_in_both_modes() {
    let rested =
        |quantity| VenueEvent::Rested { order: None, side: Side::Sell, price: Price(12), quantity };
    let (side, price, quantity) = (Side::Sell, Price(12), Quantity(5));
    let moved = VenueEvent::Rested { order: Some(1), side, price, quantity };
    let cases: [(&[VenueEvent], &[&str]); 11] = [
        (&[added(1, Side::Buy, 10, 5)], &["Buy 1 5@10"]),
        (&[added(1, Side::Buy, 10, 5), deleted(1)], &["Buy 1 5@10", "cancel 1"]),
        (
            &[added(1, Side::Buy, 9, 5), replaced(1, 2, 6, false)],
            &["Buy 1 5@9", "cancel 1", "Buy 2 6@10"],
        ),
        (
            &[added(1, Side::Buy, 9, 5), replaced(1, 1, 6, false)],
            &["Buy 1 5@9", "amend 1 6@10 requeue"],
        ),
        (&[added(1, Side::Buy, 10, 5), replaced(1, 1, 4, true)], &["Buy 1 5@10", "amend 1 4@10"]),
        (
            &[added(1, Side::Buy, 10, 5), added(1, Side::Sell, 11, 5)],
            &["Buy 1 5@10", "cancel 1", "Sell 1 5@11"],
        ),
        (&[added(1, Side::Buy, 10, 5), VenueEvent::Cleared], &["Buy 1 5@10", "cancel all"]),
        (
            &[rested(Quantity(7)), deleted(3), replaced(3, 4, 1, false)],
            &["Sell 18446744073709551616 7@12"],
        ),
        (&[added(1, Side::Sell, 12, 5), moved], &["Sell 1 5@12", "amend 1 5@12 requeue"]),
        // Nothing enters with quantity 0, and what shrinks to it leaves.
        (&[added(1, Side::Buy, 10, 0), rested(Quantity(0)), deleted(1)], &[]),
        (&[added(1, Side::Buy, 10, 5), replaced(1, 2, 0, false)], &["Buy 1 5@10", "cancel 1"]),
    ];
    for (events, expected) in cases {
        let events: Vec<_> = events.iter().map(|event| (1, *event)).collect();
        for mode in [Mode::Reconstruct, Mode::Rematch] {
            assert_eq!(run(mode, &events).0, expected, "{mode:?}");
        }
    }
}

#[test]
fn reconstruct_turns_executions_into_reductions() {
    let (commands, counts) = run(
        Mode::Reconstruct,
        &[
            (1, added(1, Side::Sell, 10, 5)),
            (2, executed(1, 2, None, false)),
            (2, reduced(1, 1)),
            (3, hidden(4)),
            (4, VenueEvent::StateChanged(TradingState::Halted)),
            (5, executed(1, 9, None, true)),
            (6, executed(1, 1, None, false)),
        ],
    );
    assert_eq!(commands, ["Sell 1 5@10", "amend 1 3", "amend 1 2", "cancel 1"]);
    let expected = Counts { messages: 8, unknown_orders: 1, excessive: 1, ..Counts::default() };
    assert_eq!(counts, expected);
}

const fn rested(price: i64, quantity: u64) -> VenueEvent {
    VenueEvent::Rested {
        order: None,
        side: Side::Sell,
        price: Price(price),
        quantity: Quantity(quantity),
    }
}

const fn vanished(order: u64, price: i64, quantity: u64) -> VenueEvent {
    let (price, quantity) = (Price(price), Quantity(quantity));
    VenueEvent::Vanished { order: Some(order), side: Side::Sell, price, quantity }
}

const FIRST: u128 = 2 << 64;

/// Two asks at 10 and one at 11.
const ASKS: [(u64, VenueEvent); 3] = [
    (1, added(1, Side::Sell, 10, 5)),
    (1, added(2, Side::Sell, 10, 5)),
    (1, added(3, Side::Sell, 11, 5)),
];

/// Events with their times, and the commands that are expected.
type Case<'a> = (&'a [(u64, VenueEvent)], Vec<String>);

#[test]
fn rematch_turns_executions_into_the_order_of_the_aggressor() {
    let ioc = |number: u128, rest: &str| format!("Buy {} {rest}", FIRST + number);
    let by = NonZeroU64::new(70);
    let plain = |order, quantity| (2, executed(order, quantity, None, false));
    let cases: [Case<'_>; 9] = [
        // One moment: one order at the worst price.
        (
            &[plain(1, 5), (2, hidden(1)), plain(2, 5), plain(3, 2)],
            vec![
                String::from("Hidden 1"),
                ioc(0, "12@11 ioc for 3 executions"),
                String::from("leftover cancel 1"),
                String::from("leftover cancel 2"),
            ],
        ),
        // Another moment: another order.
        (
            &[plain(1, 2), (3, executed(1, 2, None, false))],
            vec![ioc(0, "2@10 ioc for 1 executions"), ioc(1, "2@10 ioc for 1 executions")],
        ),
        // The rest of the order follows.
        (
            &[plain(1, 2), (2, added(9, Side::Buy, 10, 4))],
            vec![String::from("Buy 9 6@10 for 1 executions")],
        ),
        // An order that does not reach the price, or is later, is not the rest.
        (
            &[plain(1, 2), (2, added(9, Side::Buy, 9, 4))],
            vec![ioc(0, "2@10 ioc for 1 executions"), String::from("Buy 9 4@9")],
        ),
        (
            &[plain(1, 2), (3, added(9, Side::Buy, 10, 4))],
            vec![ioc(0, "2@10 ioc for 1 executions"), String::from("Buy 9 4@10")],
        ),
        // The exchange names the aggressor.
        (
            &[(2, executed(1, 2, by, false)), (2, added(9, Side::Buy, 10, 4))],
            vec![String::from("Buy 70 2@10 ioc for 1 executions"), String::from("Buy 9 4@10")],
        ),
        // The order is from before the recording.
        (
            &[plain(8, 2), plain(1, 1)],
            vec![String::from("Unknown 2"), ioc(0, "1@10 ioc for 1 executions")],
        ),
        // Executions in a cross, and during a halt.
        (
            &[
                (2, executed(1, 5, None, true)),
                (3, VenueEvent::StateChanged(TradingState::Halted)),
                plain(2, 1),
            ],
            ["cancel 1", "Cross 5", "Call", "amend 2 4 if 5", "Cross 1"].map(String::from).to_vec(),
        ),
        // A reduction does not enlarge what the engine has filled differently.
        (&[(2, reduced(1, 2))], vec![String::from("amend 1 3 if 5")]),
    ];
    for (events, expected) in cases {
        let (commands, _) = run(Mode::Rematch, &[&ASKS, events].concat());
        assert_eq!(commands[3..], expected);
    }
}

#[test]
fn what_was_so_before_does_not_end_the_order_of_an_aggressor() {
    let ioc = |number: u128, rest: &str| format!("Buy {} {rest}", FIRST + number);
    let plain = |order, quantity| (2, executed(order, quantity, None, false));
    let cases: [Case<'_>; 3] = [
        // The aggressor has not reached the price.
        (
            &[plain(1, 5), (2, rested(11, 8)), (2, vanished(3, 11, 5)), plain(2, 5)],
            vec![
                String::from("Sell 18446744073709551616 8@11"),
                String::from("cancel 3"),
                ioc(0, "10@10 ioc for 2 executions"),
                String::from("leftover cancel 1"),
                String::from("leftover cancel 2"),
            ],
        ),
        // It may have executed orders at this price.
        (
            &[plain(1, 5), (2, vanished(2, 10, 2)), (2, rested(10, 2)), plain(2, 3)],
            vec![
                ioc(0, "5@10 ioc for 1 executions"),
                String::from("leftover cancel 1"),
                String::from("amend 2 3 if 5"),
                String::from("Sell 18446744073709551616 2@10"),
                ioc(1, "3@10 ioc for 1 executions"),
                String::from("leftover cancel 2"),
            ],
        ),
        // A part of a cross does not enlarge what the engine has filled differently.
        (
            &[(2, executed(1, 2, None, true))],
            ["amend 1 3 if 5", "Cross 2"].map(String::from).to_vec(),
        ),
    ];
    for (events, expected) in cases {
        let (commands, _) = run(Mode::Rematch, &[&ASKS, events].concat());
        assert_eq!(commands[3..], expected);
    }
}

#[test]
fn every_command_is_numbered_without_gaps_and_accepted() {
    struct Checked(Engine, u64);

    impl CommandSink for Checked {
        fn command(&mut self, command: &Command) {
            self.1 += 1;
            assert_eq!(command.sequence.0, self.1);
            assert_eq!(self.0.apply(command, &mut ()), Outcome::Accepted, "{command:?}");
        }

        fn leftover(&mut self, _: &Command) -> bool {
            false
        }
    }

    for mode in [Mode::Reconstruct, Mode::Rematch] {
        let (mut commands, mut checked) = (Commands::new(mode), Checked(Engine::new(2), 0));
        let events = [
            &[(0, listed())],
            ASKS.as_slice(),
            &[(2, executed(1, 5, None, false)), (3, deleted(2))],
        ];
        for (time, event) in events.concat() {
            for instrument in [9, 4] {
                let (time, instrument) = (Timestamp(time), InstrumentId(instrument));
                commands.apply(&VenueMessage { time, number: 1, instrument, event }, &mut checked);
            }
        }
        commands.finish(&mut checked);
        for market in [1, 2] {
            let book = checked.0.market(MarketId(market)).unwrap();
            let asks: Vec<_> =
                book.levels(Side::Sell).map(|it| (it.price.0, it.quantity.0)).collect();
            assert_eq!(asks, [(11, 5)], "{mode:?}");
        }
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn event(&mut self) -> VenueEvent {
        let side = if self.below(2) == 0 { Side::Buy } else { Side::Sell };
        let (order, price, quantity) = (self.below(12), self.below(6) as i64, 1 + self.below(9));
        match self.below(20) {
            0..8 => added(order, side, price, quantity),
            8..10 => reduced(order, quantity),
            10..12 => deleted(order),
            12..15 => replaced(order, self.below(12), quantity, false),
            15..18 => executed(order, quantity, NonZeroU64::new(self.below(3)), self.below(5) == 0),
            18 => hidden(quantity),
            _ if self.below(20) == 0 => VenueEvent::Cleared,
            _ if self.below(2) == 0 => VenueEvent::StateChanged(TradingState::Halted),
            _ => VenueEvent::StateChanged(TradingState::Trading),
        }
    }
}

#[test]
fn reconstructed_book_equals_the_book_of_the_exchange_after_random_messages() {
    let (mut random, mut book, mut list) = (Random(1), VenueBook::new(), Vec::new());
    let (mut commands, mut engine) = (Commands::new(Mode::Reconstruct), Engine::new(1));
    for number in 0..20_000 {
        let event = if number == 0 { listed() } else { random.event() };
        let (time, instrument) = (Timestamp(number / 3), InstrumentId(1));
        commands.apply(&VenueMessage { time, number, instrument, event }, &mut list);
        book.apply(&event);
        for command in list.drain(..) {
            let mut group = Group::default();
            engine.apply(&command, &mut group);
            assert_eq!(
                group.outcome,
                Outcome::Accepted,
                "message {number}: {event:?}, {command:?}"
            );
            assert_eq!(group.trades().count(), 0, "message {number}: {event:?}");
        }
        let live: Vec<_> = engine.market(MarketId(1)).unwrap().snapshot().resting;
        let mut live: Vec<_> =
            live.iter().map(|it| (it.party.order, it.side, it.kind.price(), it.open)).collect();
        live.sort_unstable();
        let orders = book.orders().into_iter();
        let expected =
            orders.map(|(id, it)| (OrderId(id.into()), it.side, Some(it.price), it.open));
        assert_eq!(live, expected.collect::<Vec<_>>(), "message {number}: {event:?}");
    }
}

#[test]
fn rematch_of_random_messages_accounts_for_every_execution() {
    let mut random = Random(2);
    let mut commands = Commands::new(Mode::Rematch);
    let mut compared = ComparedEngine::new(Engine::new(1), Agreement::default());
    for number in 0..20_000 {
        let event = if number == 0 { listed() } else { random.event() };
        let (time, instrument) = (Timestamp(number / 3), InstrumentId(1));
        commands.apply(&VenueMessage { time, number, instrument, event }, &mut compared);
    }
    commands.finish(&mut compared);
    let agreement = compared.agreement;
    let causes: u64 = Cause::ALL.iter().map(|cause| agreement.count(*cause)).sum();
    assert_eq!(agreement.executions, agreement.agreed + causes);
    assert!(agreement.agreed > 0 && agreement.trades > 0, "{agreement:?}");
}
