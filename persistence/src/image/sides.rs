//! What the two sides of a book show, price by price.

use core::cmp::Reverse;
use std::collections::BTreeMap;

use pricetime_engine::{
    Call, Level, MarketOrders, OrderRecord, Price, Quantity, Side, SideSummary,
};

/// The levels and totals of both sides.
#[derive(Clone, Debug, Default)]
pub(super) struct Sides {
    bids: BTreeMap<Reverse<Price>, (Quantity, u32)>,
    asks: BTreeMap<Price, (Quantity, u32)>,
    /// What the orders of a level hide, if they hide anything. Nearly all orders hide nothing.
    hidden: BTreeMap<(Side, Price), Quantity>,
    buys: SideSummary,
    sells: SideSummary,
}

impl Sides {
    /// An order stands where its record says.
    pub(super) fn add(&mut self, order: &OrderRecord) {
        let totals = self.totals_mut(order.side);
        if order.kind.stop().is_some() {
            totals.waiting = totals.waiting.saturating_add(1);
            totals.waiting_quantity.0 = totals.waiting_quantity.0.wrapping_add(order.open.0);
            return;
        }
        totals.resting = totals.resting.saturating_add(1);
        totals.resting_quantity.0 = totals.resting_quantity.0.wrapping_add(order.open.0);
        totals.hidden_quantity.0 = totals.hidden_quantity.0.wrapping_add(hides(order));
        let Some(price) = order.kind.price() else { return };
        let (quantity, orders) = match order.side {
            Side::Buy => self.bids.entry(Reverse(price)).or_default(),
            Side::Sell => self.asks.entry(price).or_default(),
        };
        quantity.0 = quantity.0.wrapping_add(order.shown.0);
        *orders = orders.saturating_add(1);
        if order.open != order.shown {
            let hidden = self.hidden.entry((order.side, price)).or_default();
            hidden.0 = hidden.0.wrapping_add(hides(order));
        }
    }

    /// An order that stood where its record says stands there no more.
    pub(super) fn take(&mut self, order: &OrderRecord) {
        let totals = self.totals_mut(order.side);
        if order.kind.stop().is_some() {
            totals.waiting = totals.waiting.saturating_sub(1);
            totals.waiting_quantity.0 = totals.waiting_quantity.0.wrapping_sub(order.open.0);
            return;
        }
        totals.resting = totals.resting.saturating_sub(1);
        totals.resting_quantity.0 = totals.resting_quantity.0.wrapping_sub(order.open.0);
        totals.hidden_quantity.0 = totals.hidden_quantity.0.wrapping_sub(hides(order));
        let Some(price) = order.kind.price() else { return };
        match order.side {
            Side::Buy => shrink(&mut self.bids, Reverse(price), order.shown),
            Side::Sell => shrink(&mut self.asks, price, order.shown),
        }
        if order.open != order.shown {
            let hidden = self.hidden.entry((order.side, price)).or_default();
            hidden.0 = hidden.0.wrapping_sub(hides(order));
            if hidden.is_zero() {
                self.hidden.remove(&(order.side, price));
            }
        }
    }

    /// An order stands where it stood, but is another than before.
    pub(super) fn change(&mut self, old: &OrderRecord, new: &OrderRecord) {
        let hides_nothing = old.open == old.shown && new.open == new.shown;
        let Some(price) = new.kind.price().filter(|_| old.kind == new.kind && hides_nothing) else {
            self.take(old);
            self.add(new);
            return;
        };
        let totals = self.totals_mut(new.side);
        totals.resting_quantity.0 =
            totals.resting_quantity.0.wrapping_sub(old.open.0).wrapping_add(new.open.0);
        let level = match new.side {
            Side::Buy => self.bids.get_mut(&Reverse(price)),
            Side::Sell => self.asks.get_mut(&price),
        };
        if let Some((quantity, _)) = level {
            quantity.0 = quantity.0.wrapping_sub(old.shown.0).wrapping_add(new.shown.0);
        }
    }

    const fn totals_mut(&mut self, side: Side) -> &mut SideSummary {
        match side {
            Side::Buy => &mut self.buys,
            Side::Sell => &mut self.sells,
        }
    }

    /// One side in numbers.
    pub(super) fn totals(&self, side: Side) -> SideSummary {
        let totals = match side {
            Side::Buy => self.buys,
            Side::Sell => self.sells,
        };
        SideSummary { best: self.levels(side).next().map(|level| level.price), ..totals }
    }

    /// What a side shows at a price.
    pub(super) fn level(&self, side: Side, price: Price) -> Option<Level> {
        let found = match side {
            Side::Buy => self.bids.get(&Reverse(price)),
            Side::Sell => self.asks.get(&price),
        };
        found.map(|&(quantity, orders)| Level { price, quantity, orders })
    }

    /// How many levels a side has.
    pub(super) fn depth(&self, side: Side) -> usize {
        match side {
            Side::Buy => self.bids.len(),
            Side::Sell => self.asks.len(),
        }
    }

    /// A side's levels, best first, each with what its orders hold, hidden parts included.
    fn open_levels(&self, side: Side) -> impl Iterator<Item = (Level, Quantity)> {
        self.levels(side).map(move |level| {
            let hidden = self.hidden.get(&(side, level.price)).copied().unwrap_or_default();
            (level, level.quantity.plus(hidden))
        })
    }

    /// The market orders of a side: what rests there and is in no level.
    fn market_orders(&self, side: Side) -> MarketOrders {
        let SideSummary { resting, resting_quantity, .. } = self.totals(side);
        let all = MarketOrders { orders: resting, quantity: resting_quantity };
        self.open_levels(side).fold(all, |rest, (level, open)| MarketOrders {
            orders: rest.orders.saturating_sub(level.orders),
            quantity: Quantity(rest.quantity.0.saturating_sub(open.0)),
        })
    }

    /// What an uncross would find and do now. Takes time with the number of levels.
    pub(super) fn call(&self, reference: Option<Price>) -> Call {
        let of = |side| {
            let levels = self.open_levels(side);
            levels.map(move |(level, open)| (side, level.price, open))
        };
        let (bids, asks) = (self.market_orders(Side::Buy), self.market_orders(Side::Sell));
        Call::of(of(Side::Buy).chain(of(Side::Sell)), bids, asks, reference)
    }

    /// A side's levels, best first.
    pub(super) fn levels(&self, side: Side) -> impl Iterator<Item = Level> {
        let of = |price, &(quantity, orders): &(Quantity, u32)| Level { price, quantity, orders };
        let bids = self.bids.iter().map(move |(Reverse(price), level)| of(*price, level));
        let asks = self.asks.iter().map(move |(price, level)| of(*price, level));
        let (buys, sells) = (side == Side::Buy, side == Side::Sell);
        bids.take_while(move |_| buys).chain(asks.take_while(move |_| sells))
    }
}

/// How much an order hides.
const fn hides(order: &OrderRecord) -> u64 {
    order.open.0.wrapping_sub(order.shown.0)
}

/// Takes an order off a level, and the level with it where it was the last one.
fn shrink<K: Ord>(levels: &mut BTreeMap<K, (Quantity, u32)>, at: K, shown: Quantity) {
    let Some((quantity, orders)) = levels.get_mut(&at) else { return };
    quantity.0 = quantity.0.wrapping_sub(shown.0);
    *orders = orders.saturating_sub(1);
    if *orders == 0 {
        levels.remove(&at);
    }
}
