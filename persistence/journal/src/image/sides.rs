//! The levels and totals of the two sides of a book.

use pricetime_engine::{
    Call, Level, MarketOrders, OrderRecord, Price, Quantity, Side, SideSummary,
};

use super::levels::Levels;
use super::uncross;

/// The levels and totals of both sides. A clone shares the levels.
#[derive(Clone, Debug)]
pub(super) struct Sides {
    bids: Levels,
    asks: Levels,
    buy_totals: SideSummary,
    sell_totals: SideSummary,
}

impl Default for Sides {
    fn default() -> Self {
        let (bids, asks) = (Levels::new(Side::Buy), Levels::new(Side::Sell));
        Self { bids, asks, buy_totals: SideSummary::default(), sell_totals: SideSummary::default() }
    }
}

impl Sides {
    /// Adds an order in the place that its record states.
    pub(super) fn add(&mut self, order: &OrderRecord) {
        let totals = self.totals_mut(order.side);
        if order.kind.stop().is_some() {
            totals.waiting = totals.waiting.saturating_add(1);
            totals.waiting_quantity.0 = totals.waiting_quantity.0.wrapping_add(order.open.0);
            return;
        }
        totals.resting = totals.resting.saturating_add(1);
        totals.resting_quantity.0 = totals.resting_quantity.0.wrapping_add(order.open.0);
        totals.hidden_quantity.0 = totals.hidden_quantity.0.wrapping_add(hidden_of(order).0);
        let Some(price) = order.kind.price() else { return };
        self.levels_of_mut(order.side).add(price, order.shown, hidden_of(order));
    }

    /// Removes an order that was added with this record.
    pub(super) fn take(&mut self, order: &OrderRecord) {
        let totals = self.totals_mut(order.side);
        if order.kind.stop().is_some() {
            totals.waiting = totals.waiting.saturating_sub(1);
            totals.waiting_quantity.0 = totals.waiting_quantity.0.wrapping_sub(order.open.0);
            return;
        }
        totals.resting = totals.resting.saturating_sub(1);
        totals.resting_quantity.0 = totals.resting_quantity.0.wrapping_sub(order.open.0);
        totals.hidden_quantity.0 = totals.hidden_quantity.0.wrapping_sub(hidden_of(order).0);
        let Some(price) = order.kind.price() else { return };
        self.levels_of_mut(order.side).take(price, order.shown, hidden_of(order));
    }

    const fn levels_of(&self, side: Side) -> &Levels {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    const fn levels_of_mut(&mut self, side: Side) -> &mut Levels {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// Replaces the record of an order.
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
        self.levels_of_mut(new.side).resize(price, old.shown, new.shown);
    }

    const fn totals_mut(&mut self, side: Side) -> &mut SideSummary {
        match side {
            Side::Buy => &mut self.buy_totals,
            Side::Sell => &mut self.sell_totals,
        }
    }

    /// Returns the totals of a side.
    pub(super) fn totals(&self, side: Side) -> SideSummary {
        let totals = match side {
            Side::Buy => self.buy_totals,
            Side::Sell => self.sell_totals,
        };
        SideSummary { best: self.levels(side).next().map(|level| level.price), ..totals }
    }

    /// Returns the level of a side at a price, if there is one.
    pub(super) fn level(&self, side: Side, price: Price) -> Option<Level> {
        self.levels_of(side).get(price)
    }

    /// How many levels a side has.
    pub(super) const fn depth(&self, side: Side) -> usize {
        self.levels_of(side).len()
    }

    /// Returns the market orders of a side, which rest there but are in no level.
    const fn market_orders(&self, side: Side) -> MarketOrders {
        let SideSummary { resting, resting_quantity, .. } = match side {
            Side::Buy => self.buy_totals,
            Side::Sell => self.sell_totals,
        };
        let (orders, open) = self.levels_of(side).total();
        MarketOrders {
            orders: resting.saturating_sub(orders),
            quantity: Quantity(resting_quantity.0.saturating_sub(open.0)),
        }
    }

    /// Returns what an uncross would find and do now. The time grows with the number of chunks of levels.
    pub(super) fn call(&self, reference: Option<Price>) -> Call {
        let market_orders = (self.market_orders(Side::Buy), self.market_orders(Side::Sell));
        uncross::call((&self.bids, &self.asks), market_orders, reference)
    }

    /// Returns the levels of a side, best first.
    pub(super) fn levels(&self, side: Side) -> impl Iterator<Item = Level> {
        self.levels_of(side).iter()
    }
}

/// Returns the hidden quantity of an order.
const fn hidden_of(order: &OrderRecord) -> Quantity {
    Quantity(order.open.0.wrapping_sub(order.shown.0))
}
