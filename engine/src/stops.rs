//! The waiting stops, which are outside the ladders until their price has traded.

use crate::arena::Handle;
use crate::heap::Heap;
use crate::quantity::{Price, Priority, Side};

/// The waiting stops of both sides, each in the order in which they would be elected.
#[derive(Debug, Default)]
pub(crate) struct Stops {
    /// The lowest stop price first, then the oldest.
    buys: Heap<(i64, u64)>,
    /// The highest stop price first, then the oldest. Prices are complemented, which reverses their
    /// order.
    sells: Heap<(i64, u64)>,
}

impl Stops {
    pub(crate) fn insert(&mut self, side: Side, stop: Price, age: Priority, handle: Handle) {
        match side {
            Side::Buy => self.buys.insert(handle.0, (stop.0, age.0)),
            Side::Sell => self.sells.insert(handle.0, (!stop.0, age.0)),
        }
    }

    pub(crate) fn remove(&mut self, side: Side, handle: Handle) {
        match side {
            Side::Buy => self.buys.remove(handle.0),
            Side::Sell => self.sells.remove(handle.0),
        };
    }

    /// The next stop that a range of traded prices elects.
    pub(crate) fn elected(&self, high: Price, low: Price) -> Option<Handle> {
        let buy = self.buys.first().filter(|((stop, _), _)| *stop <= high.0);
        let sell = self.sells.first().filter(|((stop, _), _)| !*stop >= low.0);
        buy.or(sell).map(|(_, handle)| Handle(handle))
    }

    /// The number of waiting stops.
    pub(crate) fn len(&self) -> usize {
        self.buys.len().saturating_add(self.sells.len())
    }

    /// Returns `true` if the order waits here with this price and age.
    pub(crate) fn holds(&self, side: Side, stop: Price, age: Priority, handle: Handle) -> bool {
        match side {
            Side::Buy => self.buys.key(handle.0) == Some((stop.0, age.0)),
            Side::Sell => self.sells.key(handle.0) == Some((!stop.0, age.0)),
        }
    }

    pub(crate) fn check(&self) -> bool {
        self.buys.check() && self.sells.check()
    }
}
