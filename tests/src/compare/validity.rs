//! Checks of a snapshot for invalid states, independent of the engine's own checks.

use std::collections::BTreeSet;

use pricetime_engine::{
    EngineSnapshot, MarketHead, MarketSnapshot, OrderRecord, Outcome, Phase, Price, Side, rules,
};

/// The highest initial value of a counter.
const COUNTER_MAX: u64 = 1 << 63;

/// The reason that no engine can have reached this state, if there is one.
pub(super) fn violation(markets_max: u32, state: &EngineSnapshot) -> Option<&'static str> {
    let ids = state.markets.iter().map(|market| market.head.market);
    let symbols: BTreeSet<_> = state.markets.iter().map(|m| m.head.spec.symbol).collect();
    let known = state.markets.iter().all(|market| {
        market.head.market.0 > 0
            && market.head.market <= state.last_market
            && market.head.last_sequence <= state.last_sequence
    });
    first(&[
        (state.rules_version == rules::VERSION, "the rules version differs"),
        (state.markets.len() <= markets_max as usize, "there are too many markets"),
        (ids.is_sorted_by(|a, b| a < b), "markets are out of order"),
        (symbols.len() == state.markets.len(), "a symbol is used twice"),
        (known, "a market is ahead of the engine"),
    ])
    .or_else(|| state.markets.iter().find_map(market_violation))
}

/// The first condition that does not hold.
fn first(all: &[(bool, &'static str)]) -> Option<&'static str> {
    let violation = all.iter().find(|(holds, _)| !holds);
    violation.map(|(_, wrong)| *wrong)
}

fn market_violation(market: &MarketSnapshot) -> Option<&'static str> {
    let head = &market.head;
    let limits = head.spec.limits;
    let orders = || market.resting.iter().chain(&market.waiting);
    let ids: BTreeSet<_> = orders().map(|order| order.party.order).collect();
    let places: BTreeSet<_> = orders().map(|order| order.priority).collect();
    let count = orders().count();
    let sorted = |list: &[OrderRecord]| list.is_sorted_by(|a, b| a.priority < b.priority);
    let placed = |order: &OrderRecord| 0 < order.priority.0 && order.priority < head.next_priority;
    let mut requests = market.requests.iter();
    let by_sequence = market.requests.is_sorted_by(|a, b| a.sequence < b.sequence);
    let keys: BTreeSet<_> = market.requests.iter().map(|r| (r.account, r.request)).collect();
    first(&[
        (count <= limits.orders_max as usize, "there are too many orders"),
        (count == 0 || head.phase != Phase::Closed, "a closed market has orders"),
        (ids.len() == count, "an order id is used twice"),
        (places.len() == count, "two orders have one place"),
        (sorted(&market.resting), "resting orders are out of order"),
        (sorted(&market.waiting), "waiting stops are out of order"),
        (orders().all(placed), "an order has a place that was never assigned"),
        (market.blocked.is_sorted_by(|a, b| a < b), "blocked accounts are out of order"),
        (market.blocked.len() <= limits.blocked_max as usize, "too many are blocked"),
        (market.requests.len() <= limits.requests_max as usize, "the window is too long"),
        (by_sequence, "requests are out of order"),
        (keys.len() == market.requests.len(), "a request is used twice"),
        (requests.all(|r| r.outcome != Outcome::Duplicate), "a duplicate is remembered"),
        (head.phase != Phase::Continuous || !is_crossed(market), "the book is crossed"),
    ])
    .or_else(|| head_violation(head))
    .or_else(|| orders().find_map(|order| order_violation(head, order)))
}

fn is_crossed(market: &MarketSnapshot) -> bool {
    let prices = |side| {
        let of = market.resting.iter().filter(move |order| order.side == side);
        of.filter_map(|order| order.kind.price())
    };
    let bid = prices(Side::Buy).max();
    let ask = prices(Side::Sell).min();
    bid.zip(ask).is_some_and(|(bid, ask)| bid >= ask)
        || market.resting.iter().any(|order| order.kind.price().is_none())
}

fn head_violation(head: &MarketHead) -> Option<&'static str> {
    let turnover = head.turnover;
    let counter = |n: u64| n <= COUNTER_MAX;
    let counters_started = head.next_priority.0 > 0 && head.epoch.0 > 0;
    let prices = turnover.prices.is_none_or(|prices| {
        let within = |price: Price| prices.low <= price && price <= prices.high;
        within(prices.open) && within(prices.close) && head.last_price == Some(prices.close)
    });
    let priced = turnover.prices.is_some() == (turnover.trades > 0);
    let counters =
        counter(head.next_priority.0) && counter(head.epoch.0) && counter(head.last_trade.0);
    first(&[
        (counters_started, "a counter is at zero"),
        (counters, "a counter is at its maximum"),
        (prices, "the prices of the epoch do not agree"),
        (priced, "an epoch has prices without trades"),
        (turnover.trades <= head.last_trade.0, "there are more trades than numbers"),
        (u128::from(turnover.trades) <= turnover.volume, "a trade has no quantity"),
        (head.last_price.is_some() == (head.last_trade.0 > 0), "a price without a trade"),
    ])
}

fn order_violation(head: &MarketHead, order: &OrderRecord) -> Option<&'static str> {
    let is_stop = order.kind.stop().is_some();
    let plain = order.display_quantity.is_none() && !is_stop;
    let has_valid_size = !order.open.is_zero() && order.open <= head.spec.quantity_max;
    first(&[
        (has_valid_size, "an order has an impossible size"),
        (order.shown <= order.open, "an order shows more than it has"),
        (order.shown.is_zero() == is_stop, "an order shows nothing, or shows while it waits"),
        (!plain || order.shown == order.open, "an order hides without a display quantity"),
    ])
}
