//! Snapshots with an error: restore either refuses them and changes nothing, or accepts them and yields a
//! normal engine.

use pricetime_engine::{
    AccountId, Action, Command, Engine, EngineSnapshot, EpochNumber, MarketHead, MarketId,
    MarketSnapshot, OrderId, OrderKind, OrderRecord, Outcome, Phase, Place, Price, Prices,
    Priority, Quantity, SelfTrade, Sequence, Side, TimeInForce, Timestamp, TradeNumber, Until,
};

use super::differ::{same, same_state};
use super::validity;
use crate::generate::random::Random;

/// Changes a snapshot in one place, restores it, and checks the engine.
pub(super) fn check(
    markets_max: u32,
    snapshot: &EngineSnapshot,
    random: &mut Random,
) -> Result<(), String> {
    let mut engine = Engine::new(markets_max);
    engine.restore(snapshot).map_err(|e| e.to_string())?;
    let mut corrupted = snapshot.clone();
    corrupt(&mut corrupted, random);
    if engine.restore(&corrupted).is_err() {
        return same_state("an engine after a refused restore", &engine.snapshot(), snapshot);
    }
    if let Some(wrong) = validity::violation(markets_max, &corrupted) {
        return Err(format!("restore took a snapshot in which {wrong}: {corrupted:?}"));
    }
    engine.audit().map_err(|e| format!("audit of {corrupted:?}: {e}"))?;
    same_state("restored from another", &engine.snapshot(), &corrupted)?;
    same("its digest", &engine.digest(), &corrupted.digest())?;
    let mut sequence = corrupted.last_sequence;
    for market in &corrupted.markets {
        for action in exercise(market) {
            sequence = Sequence(sequence.0.saturating_add(1));
            let command = Command {
                sequence,
                timestamp: Timestamp(0),
                market: market.head.market,
                account: AccountId(u128::MAX),
                operator: true,
                request: None,
                action,
                session: None,
            };
            engine.apply(&command, &mut ());
            let audit = engine.audit();
            audit.map_err(|e| format!("after {action:?} on {corrupted:?}: {e}"))?;
        }
    }
    Ok(())
}

/// A few commands that touch every order.
fn exercise(market: &MarketSnapshot) -> Vec<Action> {
    let place = |side, order| {
        Action::Place(Place {
            order: OrderId(order),
            reference: 0,
            side,
            kind: OrderKind::Market,
            quantity: market.head.spec.quantity_max,
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: false,
            minimum_quantity: None,
            display_quantity: None,
            self_trade: SelfTrade::None,
        })
    };
    vec![
        Action::AdvanceTime,
        Action::SetPhase(Phase::Continuous),
        place(Side::Buy, u128::MAX),
        Action::SetPhase(Phase::Call),
        place(Side::Sell, u128::MAX - 1),
        Action::CloseEpoch { number: market.head.epoch },
        Action::SetPhase(Phase::Closed),
    ]
}

fn corrupt(state: &mut EngineSnapshot, random: &mut Random) {
    match random.below(24) {
        0 => state.rules_version ^= 1 << random.below(32),
        1 => state.last_sequence = Sequence(random.edge()),
        2 => state.last_timestamp = Timestamp(random.edge()),
        3 => state.last_market = MarketId(random.edge() as u32),
        4 => disturb_list(&mut state.markets, random),
        at => {
            let count = state.markets.len() as u64;
            let chosen = random.below(count) as usize;
            let Some(market) = state.markets.get_mut(chosen) else {
                return;
            };
            match at {
                5..10 => corrupt_head(&mut market.head, random),
                10 => disturb_list(&mut market.resting, random),
                11 => disturb_list(&mut market.waiting, random),
                12 => disturb_list(&mut market.blocked, random),
                13 => disturb_list(&mut market.requests, random),
                14 => std::mem::swap(&mut market.resting, &mut market.waiting),
                15 => corrupt_request(market, random),
                _ => corrupt_order(market, random),
            }
        }
    }
}

/// Swaps two items, duplicates one, or removes one.
fn disturb_list<T: Clone>(items: &mut Vec<T>, random: &mut Random) {
    let count = items.len() as u64;
    if count == 0 {
        return;
    }
    let (one, other) = (random.below(count) as usize, random.below(count) as usize);
    match random.below(3) {
        0 => items.swap(one, other),
        1 => items.insert(other, items[one].clone()),
        _ => drop(items.remove(one)),
    }
}

fn corrupt_request(market: &mut MarketSnapshot, random: &mut Random) {
    let Some(last) = market.requests.last_mut() else {
        return;
    };
    match random.below(3) {
        0 => last.outcome = Outcome::Duplicate,
        1 => last.sequence = Sequence(random.edge()),
        _ => last.content = 0,
    }
}

fn corrupt_head(head: &mut MarketHead, random: &mut Random) {
    let counter = |random: &mut Random| {
        let edge = random.edge();
        random.pick([edge, 0, 1 << 63, (1 << 63) + 1])
    };
    match random.below(16) {
        0 => head.market = MarketId(random.edge() as u32),
        1 => head.phase = phase(random),
        2 => head.last_sequence = Sequence(random.edge()),
        3 => head.last_price = random.maybe(70, |r| Price(r.edge() as i64)),
        4 => head.last_trade = TradeNumber(counter(random)),
        5 => head.next_priority = Priority(counter(random)),
        6 => head.epoch = EpochNumber(counter(random)),
        7 => head.epoch_first_sequence = Sequence(random.edge()),
        8 => head.turnover.volume = u128::from(random.edge()),
        9 => head.turnover.notional.0 = i128::from(random.edge()) << 60,
        10 => head.turnover.trades = random.edge(),
        11 => corrupt_prices(&mut head.turnover.prices, random),
        12 => head.accepted = random.edge(),
        13 => head.cancelled = random.edge(),
        14 => head.spec.quantity_max = Quantity(random.edge()),
        _ => head.spec.limits.orders_max = random.below(4) as u32,
    }
}

fn corrupt_prices(prices: &mut Option<Prices>, random: &mut Random) {
    let edge = Price(random.edge() as i64);
    if let Some(prices) = prices {
        match random.below(4) {
            0 => prices.open = edge,
            1 => prices.high = edge,
            2 => prices.low = edge,
            _ => prices.close = edge,
        }
    }
    if random.chance(20) {
        *prices = None;
    }
}

fn phase(random: &mut Random) -> Phase {
    random.pick([Phase::Continuous, Phase::Call, Phase::Halted, Phase::Closed])
}

fn corrupt_order(market: &mut MarketSnapshot, random: &mut Random) {
    let waits = random.chance(30);
    let orders = if waits { &mut market.waiting } else { &mut market.resting };
    let next = market.head.next_priority.0;
    let another = random.any(orders).map(|order| order.party.order);
    let last = orders.len().saturating_sub(1);
    let at = random.below(orders.len() as u64) as usize;
    let at = random.pick([0, at, last]);
    let Some(order) = orders.get_mut(at) else {
        return;
    };
    let edge = random.edge();
    match random.below(12) {
        0 => order.open = Quantity(edge),
        1 => order.shown = Quantity(edge),
        2 => order.priority = Priority(random.pick([edge, 0, next, next.wrapping_sub(1)])),
        3 => order.side = order.side.opposite(),
        4 => order.kind = kind(random),
        5 => order.until = until(random),
        6 => order.display_quantity = random.maybe(80, |_| Quantity(edge)),
        7 => order.minimum_quantity = Some(Quantity(edge)),
        8 => order.post_only = !order.post_only,
        9 => order.party.order = another.unwrap_or(OrderId(0)),
        10 => order.party.account = AccountId(u128::MAX),
        _ => resize(order, random),
    }
}

/// Sets another size, and the visible part that matches it.
fn resize(order: &mut OrderRecord, random: &mut Random) {
    order.open = Quantity(random.edge());
    if !order.shown.is_zero() {
        order.shown = order.display_quantity.unwrap_or(order.open).min(order.open);
    }
}

fn kind(random: &mut Random) -> OrderKind {
    let (stop, price) = (Price(random.edge() as i64), Price(random.edge() as i64));
    random.pick([
        OrderKind::Limit { price },
        OrderKind::Market,
        OrderKind::Stop { stop },
        OrderKind::StopLimit { stop, price },
    ])
}

fn until(random: &mut Random) -> Until {
    random.pick([
        Until::Cancelled,
        Until::Immediate,
        Until::Filled,
        Until::Time(Timestamp(0)),
        Until::Time(Timestamp(u64::MAX)),
        Until::Epoch(EpochNumber(0)),
        Until::Epoch(EpochNumber(u64::MAX)),
    ])
}
