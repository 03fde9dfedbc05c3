//! The indicative price and volume of a call are what the uncross then trades. The image from which
//! views are read shows the same as the core.

use pricetime_engine::{
    Action, Call, Command, Engine, Event, Group, MarketId, MarketSnapshot, OrderKind, OrderRecord,
    Phase, Price, Sequence, Side,
};
use pricetime_journal::image::Image;
use pricetime_tests::environment::number;
use pricetime_tests::record::day;

const SEEDS: u64 = 100;

/// Counts the kinds of books in a run.
#[derive(Debug, Default)]
struct Seen {
    priced: u32,
    unpriced: u32,
    surplus: [u32; 2],
    market_orders: u32,
    hidden: u32,
}

/// An engine and the image of its events.
struct EngineAndImage {
    engine: Engine,
    image: Image,
}

impl EngineAndImage {
    fn apply(&mut self, command: &Command) -> Group {
        let mut groups: Vec<Group> = Vec::new();
        self.engine.apply(command, &mut groups);
        let group = groups.pop().expect("a group for each command");
        self.image.fold(&group.header, &group.events, group.outcome);
        group
    }

    /// A copy on which to try something.
    fn copy(&self) -> Self {
        let mut engine = Engine::new(self.engine.markets_max());
        engine.restore(&self.engine.snapshot()).expect("its own snapshot");
        Self { engine, image: self.image.clone() }
    }

    fn operate(&mut self, market: MarketId, action: Action) -> Group {
        self.apply(&Command {
            sequence: Sequence(self.engine.last_sequence().0 + 1),
            timestamp: self.engine.last_timestamp(),
            market,
            account: pricetime_engine::AccountId(1),
            operator: true,
            request: None,
            session: None,
            action,
        })
    }
}

/// Returns `true` if an order trades at this price.
fn is_willing(order: &OrderRecord, price: Price) -> bool {
    order.kind.price().is_none_or(|limit| match order.side {
        Side::Buy => limit >= price,
        Side::Sell => limit <= price,
    })
}

/// Checks what a call shows against the orders.
fn check(call: &Call, market: &MarketSnapshot, seen: &mut Seen) {
    for (side, shown) in [(Side::Buy, call.market_bids), (Side::Sell, call.market_asks)] {
        let waiting = |order: &&OrderRecord| order.side == side && order.kind == OrderKind::Market;
        let waiting: Vec<_> = market.resting.iter().filter(waiting).collect();
        let open: u64 = waiting.iter().map(|order| order.open.0).sum();
        assert_eq!((shown.orders as usize, shown.quantity.0), (waiting.len(), open));
        seen.market_orders += u32::from(shown.orders > 0);
    }
    seen.hidden += u32::from(market.resting.iter().any(|order| order.shown != order.open));
    let Some(clearing) = call.indicative else { return seen.unpriced += 1 };
    let willing = |side: Side| -> i128 {
        let willing =
            |order: &&OrderRecord| order.side == side && is_willing(order, clearing.price);
        market.resting.iter().filter(willing).map(|order| i128::from(order.open.0)).sum()
    };
    let (demand, supply) = (willing(Side::Buy), willing(Side::Sell));
    assert_eq!(i128::from(clearing.volume.0), demand.min(supply));
    assert_eq!(clearing.surplus, demand - supply);
    seen.priced += 1;
    seen.surplus[0] += u32::from(demand > supply);
    seen.surplus[1] += u32::from(demand < supply);
}

/// Checks that an uncross trades what the call showed.
fn assert_traded_as_shown(call: &Call, group: &Group) {
    let (mut volume, mut prices) = (0, Vec::new());
    for event in &group.events {
        if let Event::Traded { price, quantity, .. } = event {
            volume += quantity.0;
            prices.push(*price);
        }
    }
    assert!(prices.iter().all(|price| call.indicative.is_some_and(|shown| shown.price == *price)));
    assert_eq!(volume, call.indicative.map_or(0, |shown| shown.volume.0));
}

#[test]
fn indicative_price_equals_the_result_of_the_uncross() {
    let first = number("PRICETIME_SEED", 1) << 20;
    eprintln!("PRICETIME_SEED={}", first >> 20);
    let mut seen = Seen::default();
    for seed in first..first + SEEDS {
        let day = day(seed);
        let mut pair =
            EngineAndImage { engine: Engine::new(day.markets_max), image: Image::default() };
        for (at, command) in day.commands.iter().enumerate() {
            pair.apply(command);
            let in_call =
                pair.engine.market(command.market).is_some_and(|it| it.phase() == Phase::Call);
            let shown = pair.image.market(command.market).and_then(|market| market.call());
            let own = pair.engine.market(command.market).and_then(|book| book.call());
            assert_eq!(shown, own, "seed {seed}, command {at}");
            assert_eq!(shown.is_some(), in_call);
            // The highest sequences leave no numbers for more commands.
            if !in_call || at % 11 != 0 || pair.engine.last_sequence().0 > u64::MAX - 4 {
                continue;
            }
            let mut trial = pair.copy();
            // Orders that have expired by now are removed first.
            trial.operate(command.market, Action::AdvanceTime);
            let book = trial.engine.market(command.market).expect("it is there");
            let call = book.call().expect("it is in call");
            check(&call, &book.snapshot(), &mut seen);
            let number = book.head().epoch;
            let closed = trial.copy().operate(command.market, Action::CloseEpoch { number });
            let Some(Event::EpochClosed(summary)) = closed.events.last() else {
                panic!("{closed:?}")
            };
            assert_eq!(summary.clearing, call.indicative, "seed {seed}, command {at}");
            assert_traded_as_shown(&call, &closed);
        }
    }
    eprintln!("{seen:?}");
    let Seen { priced, unpriced, surplus: [bids, asks], market_orders, hidden } = seen;
    for count in [priced, unpriced, bids, asks, market_orders, hidden] {
        assert!(count > 50, "too few books of a kind: {count}");
    }
}
