//! What an uncross would do, from the few levels that decide it.
//!
//! At a higher price, buyers want less and sellers offer more. So there is a lowest price at which buyers
//! want no more than sellers offer. Below it, a higher price increases the traded volume and decreases
//! the surplus. From it on, a higher price does the opposite. So the best price is not beyond the second
//! level on either side of it, and the engine's own rule decides among those levels.

use pricetime_engine::{Call, MarketOrders, Price, Quantity, Side};

use super::levels::{Levels, OpenLevel};

/// How many prices with a level are checked on either side. Two would be enough.
const NEAR: usize = 3;

/// Returns what an uncross of these sides would find and do. The time grows with the number of chunks of
/// levels.
pub(super) fn call(
    (bids, asks): (&Levels, &Levels),
    (market_bids, market_asks): (MarketOrders, MarketOrders),
    reference: Option<Price>,
) -> Call {
    let sums = (bids.sums(), asks.sums());
    let wanted = |price| tradable(bids, price, &sums.0, market_bids.quantity);
    let offered = |price| tradable(asks, price, &sums.1, market_asks.quantity);
    let near = near(bids, asks, lowest(|price| wanted(price) <= offered(price)));
    let prices = near.iter().map(|(_, price, _)| *price);
    let Some((low, high)) = prices.clone().min().zip(prices.max()) else {
        return Call::of(core::iter::empty(), market_bids, market_asks, reference);
    };
    // What trades at each of these prices counts as market orders.
    let as_market_orders = |which, all: u128| {
        let own = near.iter().filter(|(side, ..)| *side == which);
        let own: u128 = own.map(|(.., open)| u128::from(open.0)).sum();
        let quantity = u64::try_from(all.saturating_sub(own)).unwrap_or(u64::MAX);
        MarketOrders { orders: 0, quantity: Quantity(quantity) }
    };
    let (buy, sell) =
        (as_market_orders(Side::Buy, wanted(low)), as_market_orders(Side::Sell, offered(high)));
    let Call { indicative, .. } = Call::of(near.iter().copied(), buy, sell, reference);
    Call { indicative, market_bids, market_asks }
}

/// Returns the quantity that trades at this price, from levels and from market orders.
fn tradable(levels: &Levels, price: Price, sums: &[Quantity], unpriced: Quantity) -> u128 {
    u128::from(levels.tradable(price, sums).0) + u128::from(unpriced.0)
}

/// Returns the lowest price for which `holds` is true, or `None` if there is none. It must then be true
/// for all higher prices.
fn lowest(holds: impl Fn(Price) -> bool) -> Option<Price> {
    let (mut low, mut high) = (i128::from(i64::MIN), i128::from(i64::MAX) + 1);
    while low < high {
        let middle = (low + high).div_euclid(2);
        match i64::try_from(middle) {
            Ok(price) if !holds(Price(price)) => low = middle + 1,
            _ => high = middle,
        }
    }
    i64::try_from(low).ok().map(Price)
}

/// Returns the levels at the prices nearest to `at`, or at the highest prices if `at` is `None`.
fn near(bids: &Levels, asks: &Levels, at: Option<Price>) -> Vec<(Side, Price, Quantity)> {
    let with_side = |side| move |(level, open): OpenLevel| (side, level.price, open);
    let (buys, sells) = (with_side(Side::Buy), with_side(Side::Sell));
    let (mut below, mut above) = (Vec::new(), Vec::new());
    match at {
        Some(at) => {
            above.extend(bids.at_or_better(at).take(NEAR).map(buys));
            below.extend(bids.worse(at).take(NEAR).map(buys));
            // An ask at `at` is as good as `at`, but is not below it.
            let asks_below = asks.at_or_better(at).filter(|(level, _)| level.price < at);
            below.extend(asks_below.take(NEAR).map(sells));
            above.extend(asks.get(at).and_then(|_| asks.at_or_better(at).next()).map(sells));
            above.extend(asks.worse(at).take(NEAR).map(sells));
        }
        None => {
            let top = Price(i64::MAX);
            below.extend(bids.at_or_better(top).chain(bids.worse(top)).take(NEAR).map(buys));
            below.extend(asks.at_or_better(top).take(NEAR).map(sells));
        }
    }
    below.sort_unstable_by_key(|(_, price, _)| core::cmp::Reverse(*price));
    above.sort_unstable_by_key(|(_, price, _)| *price);
    nearest(&mut below);
    nearest(&mut above);
    below.append(&mut above);
    below
}

/// Keeps the levels at the first `NEAR` prices.
fn nearest(levels: &mut Vec<(Side, Price, Quantity)>) {
    let (mut prices, mut last) = (0, None);
    levels.retain(|(_, price, _)| {
        if last.replace(*price) != Some(*price) {
            prices += 1;
        }
        prices <= NEAR
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Returns the levels of both sides as the engine's rule takes them.
    fn all(bids: &Levels, asks: &Levels) -> Vec<(Side, Price, Quantity)> {
        let with_side = |side| move |(level, open): OpenLevel| (side, level.price, open);
        let (low, high) = (Price(i64::MIN), Price(i64::MAX));
        let bids = bids.at_or_better(low).map(with_side(Side::Buy));
        bids.chain(asks.at_or_better(high).map(with_side(Side::Sell))).collect()
    }

    #[test]
    fn levels_near_the_price_give_the_result_of_all_levels() {
        let (mut priced, mut most) = (0, 0);
        for seed in 0..20_000_u64 {
            let mut random = Random::new(seed);
            let mut next = |end| random.below(end);
            let (mut bids, mut asks) = (Levels::new(Side::Buy), Levels::new(Side::Sell));
            let width = 1 + next(if seed % 10 == 0 { 400 } else { 12 });
            for _ in 0..next(if seed % 10 == 0 { 300 } else { 10 }) {
                let price = Price(next(width).cast_signed() - 5);
                let (shown, hidden) = (Quantity(1 + next(4)), Quantity(next(6) / 4));
                let side = if next(2) == 0 { &mut bids } else { &mut asks };
                side.add(price, shown, hidden);
            }
            let mut market = || {
                let quantity = [0, 0, 1, 5, 1_000][next(5) as usize];
                MarketOrders { orders: u32::from(quantity > 0), quantity: Quantity(quantity) }
            };
            let (market_bids, market_asks) = (market(), market());
            let reference = [None, Some(Price(0)), Some(Price(-9))][next(3) as usize];
            let levels = all(&bids, &asks);
            let result = call((&bids, &asks), (market_bids, market_asks), reference);
            let whole = Call::of(levels.into_iter(), market_bids, market_asks, reference);
            assert_eq!(result, whole, "seed {seed}");
            priced += u32::from(result.indicative.is_some());
            for at in [None, Some(Price(-5)), Some(Price(0)), Some(Price(3))] {
                most = most.max(near(&bids, &asks, at).len());
            }
        }
        assert!(priced > 5_000, "only {priced} books would trade");
        assert!(most <= 4 * NEAR, "{most} levels were visited");
    }
}
