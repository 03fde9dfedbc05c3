//! The book of one instrument as its exchange reports it.

use std::collections::hash_map::Entry;
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
    /// The message is not about orders in the book, changes nothing, or gives an order the number of another one.
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
/// Each quantity that [rested](VenueEvent::Rested) at a price without a message is one order. What later happens
/// there to an order that is not known is taken from the oldest of them that is large enough.
#[derive(Debug, Default)]
pub struct VenueBook {
    orders: HashMap<u64, VenueOrder>,
    /// What rested at each price without a message, the oldest first.
    unreported: HashMap<(Side, Price), Vec<(OrderId, VenueOrder)>>,
    unreported_live: usize,
    /// The number of orders that `unreported` ever had.
    unreported_ever: u64,
}

/// The number of orders that can stand for what rested at a price without a message. More of it is added to the last
/// one, because each message about an unknown order looks at all of them.
const UNREPORTED_MAX: usize = 64;
/// The id of the first order that stands for what rested without a message. Exchanges have ids of 64 bits.
const UNREPORTED: u128 = 1 << 64;

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

    /// Returns the orders that stand for what rested without a message, sorted by id.
    #[must_use]
    pub fn all_unreported(&self) -> Vec<(OrderId, VenueOrder)> {
        let mut orders: Vec<_> = self.unreported.values().flatten().copied().collect();
        orders.sort_unstable_by_key(|(order, _)| *order);
        orders
    }

    /// The number of live orders. Each quantity that rested without a message counts as one.
    #[must_use]
    pub fn live(&self) -> usize {
        self.orders.len() + self.unreported_live
    }

    /// Updates the book with a message, and returns what changed.
    #[inline]
    pub fn apply(&mut self, event: &VenueEvent) -> Change {
        match *event {
            VenueEvent::Added { quantity: Quantity::ZERO, .. } => Change::None,
            VenueEvent::Added { order, side, price, quantity, account } => {
                self.place(order, VenueOrder { side, price, open: quantity, account })
            }
            VenueEvent::Reduced { order, quantity, side, price }
            | VenueEvent::Executed { order, quantity, side, price, .. } => {
                self.shrink(order, quantity, side.zip(price), quantity)
            }
            VenueEvent::Deleted { order, quantity, side, price } => {
                let at = side.zip(price).filter(|_| quantity.is_some());
                self.shrink(order, Quantity(u64::MAX), at, quantity.unwrap_or_default())
            }
            VenueEvent::Vanished { order: Some(order), quantity, .. } => {
                self.shrink(order, quantity, None, quantity)
            }
            VenueEvent::Vanished { order: None, side, price, quantity } => {
                self.shrink_unreported(Some((side, price)), quantity, |orders| orders.len() - 1)
            }
            VenueEvent::Replaced { order, quantity: Quantity::ZERO, .. } => {
                self.shrink(order, Quantity(u64::MAX), None, Quantity::ZERO)
            }
            VenueEvent::Replaced { order, new_order, price, quantity, side, keeps_priority } => {
                self.replace(order, new_order, (side, price, quantity), keeps_priority)
            }
            VenueEvent::Rested { quantity: Quantity::ZERO, .. } => Change::None,
            VenueEvent::Rested { order: Some(order), side, price, quantity } => {
                let account = self.orders.get(&order).and_then(|before| before.account);
                self.place(order, VenueOrder { side, price, open: quantity, account })
            }
            VenueEvent::Rested { order: None, side, price, quantity } => {
                self.rest(side, price, quantity)
            }
            VenueEvent::Cleared => {
                // Drops the memory too: the next book may be much smaller.
                self.orders = HashMap::new();
                self.unreported = HashMap::new();
                self.unreported_live = 0;
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

    /// Takes a quantity from an order. If the order is not known, takes `unknown` from what rested at its price
    /// without a message.
    #[inline]
    fn shrink(
        &mut self,
        order: u64,
        by: Quantity,
        at: Option<(Side, Price)>,
        unknown: Quantity,
    ) -> Change {
        let Entry::Occupied(mut live) = self.orders.entry(order) else {
            return self.shrink_unreported(at, unknown, |orders| {
                orders.iter().position(|(_, order)| order.open >= unknown).unwrap_or_default()
            });
        };
        let before = *live.get();
        let by = by.min(before.open);
        let open = before.open.minus(by);
        if open.is_zero() {
            live.remove();
        } else {
            live.get_mut().open = open;
        }
        Change::Shrunk { order: OrderId(u128::from(order)), before, by }
    }

    /// Takes a quantity from one of the orders that rested at a price without a message.
    fn shrink_unreported(
        &mut self,
        at: Option<(Side, Price)>,
        by: Quantity,
        which: impl FnOnce(&[(OrderId, VenueOrder)]) -> usize,
    ) -> Change {
        let entry = at.map(|at| self.unreported.entry(at));
        let Some(Entry::Occupied(mut level)) = entry else { return Change::Unknown };
        let orders = level.get_mut();
        let which = which(orders);
        let (order, before) = orders[which];
        let by = by.min(before.open);
        orders[which].1.open = before.open.minus(by);
        if by == before.open {
            orders.remove(which);
            self.unreported_live -= 1;
            if orders.is_empty() {
                level.remove();
            }
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
        let stays = VenueOrder { open: before.open.min(open), ..before };
        let keeps_priority = keeps_priority && order == new_order && now == stays;
        if keeps_priority && now == before {
            return Change::None;
        }
        let (order, new_order) = (OrderId(u128::from(order)), OrderId(u128::from(new_order)));
        Change::Moved { order, before, new_order, now, keeps_priority }
    }

    fn rest(&mut self, side: Side, price: Price, open: Quantity) -> Change {
        let level = self.unreported.entry((side, price)).or_default();
        if level.len() == UNREPORTED_MAX
            && let Some((order, last)) = level.last_mut()
        {
            let before = *last;
            last.open = Quantity(before.open.0.saturating_add(open.0));
            let (order, now) = (*order, *last);
            return Change::Moved { order, before, new_order: order, now, keeps_priority: false };
        }
        let now = VenueOrder { side, price, open, account: None };
        let order = OrderId(UNREPORTED | u128::from(self.unreported_ever));
        self.unreported_ever += 1;
        self.unreported_live += 1;
        level.push((order, now));
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
    fn what_rests_without_a_message_is_a_bounded_number_of_orders() {
        let mut book = VenueBook::new();
        let (side, price, quantity) = (Side::Buy, Price(10), Quantity(2));
        for number in 1..=2 * UNREPORTED_MAX {
            book.apply(&VenueEvent::Rested { order: None, side, price, quantity });
            assert_eq!(book.live(), number.min(UNREPORTED_MAX));
        }
        let all: u64 = book.all_unreported().iter().map(|(_, order)| order.open.0).sum();
        assert_eq!(all, 4 * UNREPORTED_MAX as u64);
    }

    #[test]
    fn changed_order_keeps_its_place_only_if_it_shrinks() {
        let replaced = |price, quantity| {
            let (price, quantity) = (Price(price), Quantity(quantity));
            let side = Some(Side::Buy);
            VenueEvent::Replaced {
                order: 1,
                new_order: 1,
                price,
                quantity,
                side,
                keeps_priority: true,
            }
        };
        for (price, quantity, expected) in
            [(10, 5, None), (10, 4, Some(true)), (10, 6, Some(false)), (11, 4, Some(false))]
        {
            let mut book = VenueBook::new();
            book.apply(&added(1, 10, 5));
            let expected = expected.map_or(Change::None, |keeps_priority| Change::Moved {
                order: OrderId(1),
                before: order(10, 5),
                new_order: OrderId(1),
                now: order(price, quantity),
                keeps_priority,
            });
            assert_eq!(book.apply(&replaced(price, quantity)), expected);
            assert_eq!(book.order(1), Some(&order(price, quantity)));
        }
    }

    #[test]
    fn unknown_order_is_taken_from_what_rested_before_at_its_price() {
        let mut book = VenueBook::new();
        let (side, price, quantity) = (Side::Buy, Price(10), Quantity(50));
        let id = OrderId(UNREPORTED);
        let placed = Change::Placed { order: id, now: order(10, 50) };
        assert_eq!(book.apply(&VenueEvent::Rested { order: None, side, price, quantity }), placed);
        let taken = Change::Shrunk { order: id, before: order(10, 50), by: Quantity(20) };
        assert_eq!(book.apply(&reduced(7, 20, Some(10))), taken);
        assert_eq!(book.apply(&reduced(8, 20, Some(9))), Change::Unknown);
        assert_eq!(book.apply(&reduced(8, 20, None)), Change::Unknown);
        // The second quantity is an order of its own, and has to serve what is too large for the first.
        let quantity = Quantity(40);
        let second = OrderId(UNREPORTED + 1);
        let placed = Change::Placed { order: second, now: order(10, 40) };
        assert_eq!(book.apply(&VenueEvent::Rested { order: None, side, price, quantity }), placed);
        let taken = Change::Shrunk { order: second, before: order(10, 40), by: Quantity(35) };
        assert_eq!(book.apply(&reduced(7, 35, Some(10))), taken);
        let vanished = VenueEvent::Vanished { order: None, side, price, quantity };
        let gone = Change::Shrunk { order: second, before: order(10, 5), by: Quantity(5) };
        assert_eq!(book.apply(&vanished), gone);
        assert_eq!(book.live(), 1);
        let (quantity, at) = (Some(Quantity(30)), Some(price));
        let deleted = VenueEvent::Deleted { order: 9, quantity, side: Some(side), price: at };
        let rest = Change::Shrunk { order: id, before: order(10, 30), by: Quantity(30) };
        assert_eq!(book.apply(&deleted), rest);
        assert_eq!(book.apply(&vanished), Change::Unknown);
        assert_eq!(book.live(), 0);
    }
}
