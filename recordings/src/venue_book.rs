//! The book of one instrument as its exchange reports it.

use std::num::NonZeroU64;

use foldhash::{HashMap, HashMapExt as _};
use pricetime_engine::{OrderId, Price, Quantity, Side};

use crate::venue::VenueEvent;

/// An order in the book of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VenueOrder {
    /// Buy or sell.
    pub side: Side,
    /// The limit price.
    pub price: Price,
    /// The quantity that rests.
    pub open: Quantity,
    /// The account or firm, if the exchange tells.
    pub account: Option<NonZeroU64>,
}

/// What a message does to a [`VenueBook`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The message is not about orders in the book, or gives an order the number of another one.
    None,
    /// The message names an order that is not in the book.
    Unknown,
    /// An order entered.
    Placed {
        /// The order.
        order: OrderId,
        /// How it rests.
        now: VenueOrder,
    },
    /// An order shrank in its place. If nothing is left, it is gone.
    Shrunk {
        /// The order.
        order: OrderId,
        /// How it rested before.
        before: VenueOrder,
        /// By how much, which is at most its open quantity.
        by: Quantity,
    },
    /// An order left and entered again, possibly under another id.
    Moved {
        /// The order.
        order: OrderId,
        /// How it rested before.
        before: VenueOrder,
        /// Its id from now on.
        new_order: OrderId,
        /// How it rests now.
        now: VenueOrder,
        /// `true` if it keeps its place in the queue.
        keeps_priority: bool,
    },
    /// Every order is gone.
    Cleared,
}

/// The live orders of one instrument. Its memory is proportional to their number.
///
/// If the recording says which quantities rested before it began, each price of them is one order. What later
/// happens there to an order that is not known is taken from it.
#[derive(Debug, Default)]
pub struct VenueBook {
    orders: HashMap<u64, VenueOrder>,
    /// The quantity at each price that rested before the recording began.
    earlier: HashMap<(Side, Price), (OrderId, VenueOrder)>,
    /// The number of orders that `earlier` ever had.
    earlier_orders: u64,
}

/// The id of the first order that stands for the quantity at a price. Exchanges have ids of 64 bits.
const EARLIER: u128 = 1 << 64;

impl VenueBook {
    /// Creates a book without orders.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a live order.
    #[must_use]
    pub fn order(&self, order: u64) -> Option<&VenueOrder> {
        self.orders.get(&order)
    }

    /// Returns the live orders whose numbers are known, sorted by number.
    #[must_use]
    pub fn orders(&self) -> Vec<(u64, VenueOrder)> {
        let mut orders: Vec<_> =
            self.orders.iter().map(|(number, order)| (*number, *order)).collect();
        orders.sort_unstable_by_key(|(number, _)| *number);
        orders
    }

    /// Returns the orders that stand for what rested before the recording, sorted by number.
    #[must_use]
    pub fn earlier(&self) -> Vec<(OrderId, VenueOrder)> {
        let mut orders: Vec<_> = self.earlier.values().copied().collect();
        orders.sort_unstable_by_key(|(order, _)| *order);
        orders
    }

    /// The number of live orders. The quantity at a price from before the recording counts as one.
    #[must_use]
    pub fn live(&self) -> usize {
        self.orders.len() + self.earlier.len()
    }

    /// Updates the book with a message, and returns what changed.
    #[inline]
    pub fn apply(&mut self, event: &VenueEvent) -> Change {
        match *event {
            VenueEvent::Added { order, side, price, quantity, account } => {
                self.place(order, VenueOrder { side, price, open: quantity, account })
            }
            VenueEvent::Reduced { order, quantity, side, price }
            | VenueEvent::Executed { order, quantity, side, price, .. } => {
                self.shrink(order, Some(quantity), side.zip(price))
            }
            VenueEvent::Deleted { order, quantity, side, price } => {
                if self.orders.contains_key(&order) {
                    self.shrink(order, None, None)
                } else {
                    quantity
                        .map_or(Change::Unknown, |it| self.shrink(order, Some(it), side.zip(price)))
                }
            }
            VenueEvent::Replaced { order, new_order, price, quantity, side, keeps_priority } => {
                self.replace(order, new_order, (side, price, quantity), keeps_priority)
            }
            VenueEvent::Rested { side, price, quantity } => self.rest(side, price, quantity),
            VenueEvent::Cleared => {
                // Drops the memory too: the next book may be much smaller.
                self.orders = HashMap::new();
                self.earlier = HashMap::new();
                Change::Cleared
            }
            VenueEvent::Listed(_)
            | VenueEvent::DayPart(_)
            | VenueEvent::StateChanged(_)
            | VenueEvent::HiddenExecuted { .. }
            | VenueEvent::Crossed { .. }
            | VenueEvent::TradeBroken { .. } => Change::None,
        }
    }

    /// Adds an order. If its number is live, it replaces that order.
    fn place(&mut self, order: u64, now: VenueOrder) -> Change {
        let id = OrderId(u128::from(order));
        match self.orders.insert(order, now) {
            None => Change::Placed { order: id, now },
            Some(before) => {
                Change::Moved { order: id, before, new_order: id, now, keeps_priority: false }
            }
        }
    }

    /// Takes a quantity from an order, or all of it. If the order is not known, takes it from what rested
    /// at its price before the recording began.
    fn shrink(&mut self, order: u64, by: Option<Quantity>, at: Option<(Side, Price)>) -> Change {
        if let Some(live) = self.orders.get_mut(&order) {
            let before = *live;
            let by = by.unwrap_or(before.open).min(before.open);
            live.open = before.open.minus(by);
            if live.open.is_zero() {
                self.orders.remove(&order);
            }
            return Change::Shrunk { order: OrderId(u128::from(order)), before, by };
        }
        let Some(at) = at else { return Change::Unknown };
        let Some((id, level)) = self.earlier.get_mut(&at) else { return Change::Unknown };
        let (order, before) = (*id, *level);
        let by = by.unwrap_or(before.open).min(before.open);
        level.open = before.open.minus(by);
        if level.open.is_zero() {
            self.earlier.remove(&at);
        }
        Change::Shrunk { order, before, by }
    }

    fn replace(
        &mut self,
        order: u64,
        new_order: u64,
        (side, price, open): (Option<Side>, Price, Quantity),
        keeps_priority: bool,
    ) -> Change {
        if order != new_order
            && self.orders.contains_key(&order)
            && self.orders.contains_key(&new_order)
        {
            return Change::None;
        }
        let Some(before) = self.orders.remove(&order) else {
            // An order from before the recording. If its side is known, the new one can enter.
            let now = side.map(|side| VenueOrder { side, price, open, account: None });
            return now.map_or(Change::Unknown, |now| self.place(new_order, now));
        };
        let now = VenueOrder { side: side.unwrap_or(before.side), price, open, ..before };
        self.orders.insert(new_order, now);
        let (order, new_order) = (OrderId(u128::from(order)), OrderId(u128::from(new_order)));
        Change::Moved { order, before, new_order, now, keeps_priority }
    }

    fn rest(&mut self, side: Side, price: Price, open: Quantity) -> Change {
        let now = VenueOrder { side, price, open, account: None };
        if let Some((order, level)) = self.earlier.get_mut(&(side, price)) {
            let before = *level;
            level.open = Quantity(before.open.0.saturating_add(open.0));
            let now = *level;
            return Change::Moved {
                order: *order,
                before,
                new_order: *order,
                now,
                keeps_priority: false,
            };
        }
        let order = OrderId(EARLIER | u128::from(self.earlier_orders));
        self.earlier_orders += 1;
        self.earlier.insert((side, price), (order, now));
        Change::Placed { order, now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn order(price: i64, open: u64) -> VenueOrder {
        VenueOrder { side: Side::Buy, price: Price(price), open: Quantity(open), account: None }
    }

    fn added(order: u64, price: i64, quantity: u64) -> VenueEvent {
        let (price, quantity) = (Price(price), Quantity(quantity));
        VenueEvent::Added { order, side: Side::Buy, price, quantity, account: None }
    }

    fn reduced(order: u64, quantity: u64, price: Option<i64>) -> VenueEvent {
        let (side, price) = (Some(Side::Buy), price.map(Price));
        VenueEvent::Reduced { order, quantity: Quantity(quantity), side, price }
    }

    fn replaced(order: u64, new_order: u64, side: Option<Side>) -> VenueEvent {
        let (price, quantity) = (Price(11), Quantity(7));
        VenueEvent::Replaced { order, new_order, price, quantity, side, keeps_priority: false }
    }

    fn moved(order: u64, before: VenueOrder, new_order: u64, now: VenueOrder) -> Change {
        let [order, new_order] = [order, new_order].map(|id| OrderId(id.into()));
        Change::Moved { order, before, new_order, now, keeps_priority: false }
    }

    #[test]
    fn book_follows_the_messages_of_an_order() {
        let mut book = VenueBook::new();
        let deleted = VenueEvent::Deleted { order: 4, quantity: None, side: None, price: None };
        let shrunk = |id: u64, before, by| {
            let order = OrderId(id.into());
            Change::Shrunk { order, before, by: Quantity(by) }
        };
        for (event, expected, live) in [
            (reduced(1, 1, None), Change::Unknown, 0),
            (added(1, 10, 5), Change::Placed { order: OrderId(1), now: order(10, 5) }, 1),
            (reduced(1, 2, None), shrunk(1, order(10, 5), 2), 1),
            (reduced(1, 9, None), shrunk(1, order(10, 3), 3), 0),
            (added(2, 10, 5), Change::Placed { order: OrderId(2), now: order(10, 5) }, 1),
            (added(2, 12, 6), moved(2, order(10, 5), 2, order(12, 6)), 1),
            (added(3, 1, 1), Change::Placed { order: OrderId(3), now: order(1, 1) }, 2),
            (replaced(2, 3, None), Change::None, 2),
            (reduced(3, 1, None), shrunk(3, order(1, 1), 1), 1),
            (replaced(2, 4, None), moved(2, order(12, 6), 4, order(11, 7)), 1),
            (replaced(2, 5, None), Change::Unknown, 1),
            (deleted, shrunk(4, order(11, 7), 7), 0),
            (deleted, Change::Unknown, 0),
            (
                replaced(2, 5, Some(Side::Buy)),
                Change::Placed { order: OrderId(5), now: order(11, 7) },
                1,
            ),
            (VenueEvent::Cleared, Change::Cleared, 0),
        ] {
            assert_eq!(book.apply(&event), expected, "{event:?}");
            assert_eq!(book.live(), live, "{event:?}");
        }
    }

    #[test]
    fn unknown_order_is_taken_from_what_rested_before_at_its_price() {
        let mut book = VenueBook::new();
        let (side, price, quantity) = (Side::Buy, Price(10), Quantity(50));
        let id = OrderId(EARLIER);
        let placed = Change::Placed { order: id, now: order(10, 50) };
        assert_eq!(book.apply(&VenueEvent::Rested { side, price, quantity }), placed);
        let taken = Change::Shrunk { order: id, before: order(10, 50), by: Quantity(20) };
        assert_eq!(book.apply(&reduced(7, 20, Some(10))), taken);
        assert_eq!(book.apply(&reduced(8, 20, Some(9))), Change::Unknown);
        assert_eq!(book.apply(&reduced(8, 20, None)), Change::Unknown);
        let (quantity, at) = (Some(Quantity(30)), Some(price));
        let deleted = VenueEvent::Deleted { order: 9, quantity, side: Some(side), price: at };
        let rest = Change::Shrunk { order: id, before: order(10, 30), by: Quantity(30) };
        assert_eq!(book.apply(&deleted), rest);
        assert_eq!(book.live(), 0);
    }
}
