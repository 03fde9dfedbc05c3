//! Tests of the model alone: one scene for each rule that is easy to get wrong.

use core::num::NonZeroU32;

use pricetime_engine::{
    AccountId, Action, Amend, CancelReason, Clearing, Command, EpochNumber, Event, Fees, Limits,
    MarketId, MarketSpec, OrderId, OrderKind, Outcome, Phase, Place, Price, Pricing, Quantity,
    Reason, RequestId, SelfTrade, Sequence, SessionId, Side, Step, Symbol, Terms, TimeInForce,
    Timestamp,
};

use super::Model;
use crate::Core as _;
use crate::generate::random::Random;

const MARKET: MarketId = MarketId(1);

fn spec(reference: Option<i64>) -> MarketSpec {
    MarketSpec {
        symbol: Symbol::new("X").unwrap(),
        tick: Step::ONE,
        lot: Step::ONE,
        pricing: Pricing::Maker,
        quantity_max: Quantity(1 << 20),
        limits: Limits::default(),
        terms: Terms {
            price_min: Price(-1_000),
            price_max: Price(1_000),
            protection_ticks: None,
            reference: reference.map(Price),
            fees: Fees::default(),
        },
    }
}

/// A model and the number of its last command.
struct Scenario {
    model: Model,
    sequence: u64,
}

impl Scenario {
    fn new(phase: Phase, reference: Option<i64>) -> Self {
        let mut scenario = Self { model: Model::new(4), sequence: 0 };
        scenario.done(Action::AddMarket(spec(reference)));
        scenario.done(Action::SetPhase(phase));
        scenario
    }

    fn submit(&mut self, account: u128, action: Action) -> (Vec<Event>, Outcome) {
        self.sequence += 1;
        let command = Command {
            sequence: Sequence(self.sequence),
            timestamp: Timestamp(self.sequence),
            market: MARKET,
            account: AccountId(account),
            operator: account == 0,
            request: None,
            action,
            session: None,
        };
        let group = self.model.apply(&command);
        (group.events, group.outcome)
    }

    /// A command from an operator, which must be accepted.
    fn done(&mut self, action: Action) -> Vec<Event> {
        let (events, outcome) = self.submit(0, action);
        assert_eq!(outcome, Outcome::Accepted, "{action:?}");
        events
    }

    /// An order placed by the account with the order's number.
    fn place(&mut self, place: Place) -> Vec<Event> {
        let (events, outcome) = self.submit(place.order.0, Action::Place(place));
        assert_eq!(outcome, Outcome::Accepted, "{place:?}");
        events
    }

    fn bids(&self) -> Vec<(i64, u64, u32)> {
        let levels = self.model.levels(MARKET, Side::Buy).into_iter();
        levels.map(|(p, q, n)| (p.0, q.0, n)).collect()
    }
}

fn order(name: u128, side: Side, quantity: u64, kind: OrderKind) -> Place {
    Place {
        order: OrderId(name),
        reference: 0,
        side,
        kind,
        quantity: Quantity(quantity),
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        minimum_quantity: None,
        display_quantity: None,
        self_trade: SelfTrade::None,
    }
}

fn limit(name: u128, side: Side, quantity: u64, price: i64) -> Place {
    let price = Price(price);
    order(name, side, quantity, OrderKind::Limit { price })
}

fn market(name: u128, side: Side, quantity: u64) -> Place {
    order(name, side, quantity, OrderKind::Market)
}

fn stop(name: u128, side: Side, quantity: u64, stop: i64) -> Place {
    let stop = Price(stop);
    order(name, side, quantity, OrderKind::Stop { stop })
}

/// A short description of each event of a group.
fn describe(events: &[Event]) -> Vec<String> {
    let describe_event = |event: &Event| match event {
        Event::Accepted { place, .. } => format!("accepted {}", place.order),
        Event::Traded { maker, taker, price, quantity, .. } => {
            format!("{} takes {quantity} of {} @ {price}", taker.order, maker.order)
        }
        Event::Replenished { party, shown, .. } => format!("{} shows {shown}", party.order),
        Event::Triggered { party, .. } => format!("triggered {}", party.order),
        Event::Reduced { party, by, .. } => format!("{} loses {by}", party.order),
        Event::Amended { party, .. } => format!("amended {}", party.order),
        Event::Cancelled { party, reason, .. } => format!("{} gone: {reason:?}", party.order),
        Event::EpochClosed(_) => "closed".to_owned(),
        other @ (Event::Rejected { .. }
        | Event::PhaseChanged { .. }
        | Event::MarketAdded(_)
        | Event::MarketSet(_)
        | Event::MarketRemoved
        | Event::AccountBlocked(_)
        | Event::AccountUnblocked(_)
        | Event::Duplicate { .. }) => format!("{other:?}"),
    };
    events.iter().map(describe_event).collect()
}

#[test]
fn best_price_trades_first_and_then_the_oldest_order() {
    let mut scenario = Scenario::new(Phase::Continuous, None);
    scenario.place(limit(1, Side::Buy, 5, 100));
    scenario.place(limit(2, Side::Buy, 5, 101));
    scenario.place(limit(3, Side::Buy, 5, 101));
    let events = scenario.place(limit(4, Side::Sell, 12, 100));
    let expected_events =
        ["accepted 4", "4 takes 5 of 2 @ 101", "4 takes 5 of 3 @ 101", "4 takes 2 of 1 @ 100"];
    assert_eq!(describe(&events), expected_events);
    assert_eq!(scenario.bids(), [(100, 3, 1)]);
}

#[test]
fn iceberg_shows_its_next_part_at_the_end_of_the_queue() {
    let mut scenario = Scenario::new(Phase::Continuous, None);
    scenario.place(Place { display_quantity: Some(Quantity(4)), ..limit(1, Side::Buy, 10, 100) });
    scenario.place(limit(2, Side::Buy, 3, 100));
    let events = scenario.place(market(3, Side::Sell, 9));
    let expected_events =
        ["accepted 3", "3 takes 6 of 1 @ 100", "3 takes 3 of 2 @ 100", "1 shows 2"];
    assert_eq!(describe(&events), expected_events);
    assert_eq!(scenario.bids(), [(100, 2, 1)]);
    assert_eq!(scenario.model.live(), 1);
}

#[test]
fn stops_elect_one_another() {
    let mut scenario = Scenario::new(Phase::Continuous, None);
    scenario.place(limit(1, Side::Buy, 1, 100));
    scenario.place(limit(2, Side::Buy, 1, 99));
    scenario.place(limit(3, Side::Buy, 1, 98));
    scenario.place(stop(4, Side::Sell, 1, 99));
    scenario.place(stop(5, Side::Sell, 2, 100));
    let events = scenario.place(market(6, Side::Sell, 1));
    let expected_events = [
        "accepted 6",
        "6 takes 1 of 1 @ 100",
        "triggered 5",
        "5 takes 1 of 2 @ 99",
        "5 takes 1 of 3 @ 98",
        "triggered 4",
        "4 gone: NoLiquidity",
    ];
    assert_eq!(describe(&events), expected_events);
    assert_eq!(scenario.model.live(), 0);
}

#[test]
fn fill_or_kill_ignores_quantity_of_the_same_account() {
    let mut scenario = Scenario::new(Phase::Continuous, None);
    scenario.place(limit(1, Side::Sell, 5, 100));
    let own = Place {
        time_in_force: TimeInForce::FillOrKill,
        self_trade: SelfTrade::Decrement,
        ..limit(2, Side::Buy, 5, 100)
    };
    let (events, _) = scenario.submit(1, Action::Place(own));
    assert_eq!(describe(&events), ["accepted 2", "2 gone: FillOrKill"]);
    let (events, _) = scenario.submit(7, Action::Place(own));
    assert_eq!(describe(&events), ["accepted 2", "2 takes 5 of 1 @ 100"]);
}

#[test]
fn decrement_reduces_the_shown_part_of_an_iceberg() {
    let mut scenario = Scenario::new(Phase::Continuous, None);
    scenario.place(Place { display_quantity: Some(Quantity(2)), ..limit(1, Side::Sell, 5, 100) });
    let own = Place { self_trade: SelfTrade::Decrement, ..limit(2, Side::Buy, 3, 100) };
    let (events, _) = scenario.submit(1, Action::Place(own));
    let expected_events = ["accepted 2", "1 loses 3", "2 loses 3", "1 shows 1"];
    assert_eq!(describe(&events), expected_events);
}

#[test]
fn market_order_stops_at_its_price_protection() {
    let mut scenario = Scenario::new(Phase::Continuous, None);
    let terms = Terms { protection_ticks: Some(1), ..spec(None).terms };
    scenario.done(Action::SetMarket(terms));
    scenario.place(limit(1, Side::Sell, 1, 100));
    scenario.place(limit(2, Side::Sell, 1, 102));
    let events = scenario.place(market(3, Side::Buy, 2));
    let expected_events = ["accepted 3", "3 takes 1 of 1 @ 100", "3 gone: PriceProtection"];
    assert_eq!(describe(&events), expected_events);
}

#[test]
fn amend_that_only_reduces_quantity_keeps_priority() {
    let mut scenario = Scenario::new(Phase::Continuous, None);
    scenario.place(limit(1, Side::Buy, 5, 100));
    scenario.place(limit(2, Side::Buy, 5, 100));
    let amend = Amend {
        order: OrderId(1),
        price: Some(Price(100)),
        quantity: Some(Quantity(3)),
        stop_price: None,
        if_open: Some(Quantity(5)),
        requeue: false,
    };
    let (_, outcome) = scenario.submit(1, Action::Amend(amend));
    assert_eq!(outcome, Outcome::Accepted);
    let (_, outcome) = scenario.submit(1, Action::Amend(amend));
    assert_eq!(outcome, Outcome::Rejected(Reason::Changed));
    let events = scenario.place(market(3, Side::Sell, 1));
    assert_eq!(describe(&events), ["accepted 3", "3 takes 1 of 1 @ 100"]);

    let requeue = Amend { if_open: None, quantity: None, requeue: true, ..amend };
    scenario.submit(1, Action::Amend(requeue));
    let events = scenario.place(market(4, Side::Sell, 1));
    assert_eq!(describe(&events), ["accepted 4", "4 takes 1 of 2 @ 100"]);
}

#[test]
fn uncross_trades_at_one_price_and_elects_stops_into_the_call() {
    let mut scenario = Scenario::new(Phase::Call, None);
    scenario.place(limit(1, Side::Buy, 10, 105));
    scenario.place(market(2, Side::Buy, 2));
    scenario.place(limit(3, Side::Sell, 8, 100));
    scenario.place(limit(4, Side::Sell, 8, 103));
    scenario.place(stop(5, Side::Buy, 1, 101));
    let clearing = Clearing { price: Price(103), volume: Quantity(12), surplus: -4 };
    assert_eq!(scenario.model.indicative(MARKET), Some(clearing));
    let number = EpochNumber(1);
    let events = scenario.done(Action::CloseEpoch { number });
    let expected_events = [
        "3 takes 2 of 2 @ 103",
        "3 takes 6 of 1 @ 103",
        "4 takes 4 of 1 @ 103",
        "triggered 5",
        "closed",
    ];
    assert_eq!(describe(&events), expected_events);
    let events = scenario.done(Action::SetPhase(Phase::Continuous));
    assert_eq!(describe(&events)[0], "5 takes 1 of 4 @ 103");
}

#[test]
fn gap_between_prices_is_treated_as_its_ticks() {
    for (reference, price) in [(None, -1), (Some(1), 1), (Some(900), 5), (Some(-900), -6)] {
        let mut scenario = Scenario::new(Phase::Call, reference);
        scenario.place(limit(1, Side::Buy, 1, 5));
        scenario.place(limit(2, Side::Sell, 1, -6));
        let clearing = scenario.model.indicative(MARKET).unwrap();
        assert_eq!(clearing.price, Price(price), "reference {reference:?}");
    }
}

/// Steps 1 to 4 of the uniform price, literally, over every tick.
fn tick_by_tick(orders: &[Place], reference: Option<i64>) -> Option<Clearing> {
    let limits = || orders.iter().filter_map(|o| o.kind.price());
    let at = |price: i64| {
        let sum = |side: Side| -> i128 {
            let willing = orders.iter().filter(|o| o.side == side);
            let willing = willing.filter(|o| match (o.kind.price(), side) {
                (None, _) => true,
                (Some(limit), Side::Buy) => limit.0 >= price,
                (Some(limit), Side::Sell) => limit.0 <= price,
            });
            willing.map(|o| i128::from(o.quantity.0)).sum()
        };
        let (demand, supply) = (sum(Side::Buy), sum(Side::Sell));
        (price, demand.min(supply), demand - supply)
    };
    let ticks = match (limits().min(), limits().max()) {
        (Some(lowest), Some(highest)) => lowest.0..=highest.0,
        (None, _) | (_, None) => reference?..=reference?,
    };
    let all: Vec<(i64, i128, i128)> = ticks.map(at).collect();
    let volume = all.iter().map(|t| t.1).max()?;
    let mut left: Vec<_> = all.into_iter().filter(|t| t.1 == volume).collect();
    let least = left.iter().map(|t| t.2.abs()).min()?;
    left.retain(|t| t.2.abs() == least);
    let (lowest, highest) = (left[0], left[left.len() - 1]);
    let price = if left.iter().all(|t| t.2 > 0) {
        highest.0
    } else if left.iter().all(|t| t.2 < 0) {
        lowest.0
    } else if let Some(reference) = reference {
        left.iter().map(|t| t.0).min_by_key(|t| (t - reference).abs())?
    } else {
        (lowest.0 + highest.0).div_euclid(2)
    };
    let (price, volume, surplus) = at(price);
    (volume > 0).then(|| Clearing {
        price: Price(price),
        volume: Quantity(u64::try_from(volume).unwrap()),
        surplus,
    })
}

fn side(random: &mut Random) -> Side {
    random.pick([Side::Buy, Side::Sell])
}

#[test]
fn uniform_price_equals_the_tick_by_tick_result() {
    let mut random = Random::new(7);
    for _ in 0..3_000 {
        let references = [None, Some(-30), Some(-3), Some(0), Some(4)];
        let reference = random.pick(references);
        let mut scenario = Scenario::new(Phase::Call, reference);
        let mut orders = Vec::new();
        for name in 1..=u128::from(random.below(9)) {
            let (side, quantity) = (side(&mut random), 1 + random.below(4));
            let place = match random.below(5) {
                0 => market(name, side, quantity),
                _ => {
                    let price = i64::try_from(random.below(24)).unwrap() - 12;
                    limit(name, side, quantity, price)
                }
            };
            scenario.place(place);
            orders.push(place);
        }
        let expected = tick_by_tick(&orders, reference);
        assert_eq!(scenario.model.indicative(MARKET), expected, "{orders:?}");
        let cleared = scenario.done(Action::CloseEpoch { number: EpochNumber(1) });
        let volume: u64 = cleared.iter().map(traded).sum();
        assert_eq!(volume, expected.map_or(0, |c| c.volume.0), "{orders:?}");
    }
}

fn traded(event: &Event) -> u64 {
    if let Event::Traded { quantity, .. } = event { quantity.0 } else { 0 }
}

#[test]
fn request_window_recognizes_a_repeated_request() {
    let mut scenario = Scenario::new(Phase::Continuous, None);
    let mut command = Command {
        sequence: Sequence(10),
        timestamp: Timestamp(0),
        market: MARKET,
        account: AccountId(1),
        operator: false,
        request: Some(RequestId(1)),
        action: Action::AdvanceTime,
        session: None,
    };
    scenario.model.apply(&command);
    command.sequence = Sequence(11);
    command.operator = true;
    let group = scenario.model.apply(&command);
    let duplicate = Event::Duplicate {
        original: Sequence(10),
        outcome: Outcome::Rejected(Reason::NotOperator),
        same_content: true,
    };
    assert_eq!(group.events, [duplicate]);
    assert_eq!(group.header.timestamp, Timestamp(2), "time never goes back");
}

#[test]
fn due_orders_expire_even_before_a_rejected_command() {
    let mut scenario = Scenario::new(Phase::Continuous, None);
    scenario.place(Place {
        time_in_force: TimeInForce::GoodTillDate(Timestamp(4)),
        ..limit(1, Side::Buy, 1, 1)
    });
    let (events, outcome) = scenario.submit(1, Action::Cancel { order: OrderId(1) });
    assert_eq!(outcome, Outcome::Rejected(Reason::UnknownOrder));
    let gone = format!("1 gone: {:?}", CancelReason::Expired);
    assert_eq!(describe(&events)[0], gone);
    assert_eq!(events.len(), 2);
}

mod random_values;
