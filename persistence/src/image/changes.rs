//! Which orders of a market differ from what they were when somebody last asked.

use foldhash::HashMap;
use pricetime_engine::{OrderId, OrderRecord, Sequence};

use super::slots::Slots;

/// What has become of a market's orders since the last mark. Whoever holds the orders as they were
/// then puts the upserts in, takes the removals out, and holds them as of `sequence`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Every command up to this one is in it, and none behind.
    pub sequence: Sequence,
    /// The orders that are new or different, by priority.
    pub upserts: Vec<OrderRecord>,
    /// The orders that were there and are gone, by id.
    pub removals: Vec<OrderId>,
}

/// The orders that changed since the mark, each with whether it was there at the mark.
///
/// An order that came and went since is forgotten: nobody who holds the mark's state knows it. So
/// the set never outgrows the orders of then and of now together, even if nobody ever takes it.
#[derive(Clone, Debug, Default)]
pub(super) struct Changed(HashMap<OrderId, bool>);

impl Changed {
    /// An order that was not there a moment ago is.
    pub(super) fn came(&mut self, order: OrderId) {
        // One that was there at the mark, went and came back under its old id is no new one.
        self.0.entry(order).or_insert(false);
    }

    /// An order that is there is another than before.
    pub(super) fn differs(&mut self, order: OrderId) {
        self.0.entry(order).or_insert(true);
    }

    /// An order that was there is gone.
    pub(super) fn went(&mut self, order: OrderId) {
        if self.0.get(&order) == Some(&false) {
            self.0.remove(&order);
        } else {
            self.0.insert(order, true);
        }
    }

    /// How many orders there are in the set.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// What has changed, given the orders of now. This moment is the next mark.
    pub(super) fn take(&mut self, sequence: Sequence, now: &Slots) -> Changes {
        let mut upserts = Vec::new();
        let mut removals = Vec::new();
        self.0.drain().for_each(|(order, _)| match now.get(order) {
            Some(record) => upserts.push(*record),
            None => removals.push(order),
        });
        upserts.sort_unstable_by_key(|order| order.priority);
        removals.sort_unstable();
        Changes { sequence, upserts, removals }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn removals(changed: &mut Changed) -> Vec<OrderId> {
        changed.take(Sequence(1), &Slots::default()).removals
    }

    #[test]
    fn who_came_and_went_is_forgotten() {
        let mut changed = Changed::default();
        for order in (0..10_000).map(OrderId) {
            changed.came(order);
            changed.differs(order);
            changed.went(order);
        }
        assert_eq!(changed.len(), 0);
        assert_eq!(removals(&mut changed), []);
    }

    #[test]
    fn who_was_there_and_went_is_told_once() {
        let mut changed = Changed::default();
        let (a, b) = (OrderId(2), OrderId(1));
        changed.went(a);
        changed.differs(b);
        changed.went(b);
        assert_eq!(removals(&mut changed), [b, a]);
        assert_eq!(removals(&mut changed), []);
    }

    #[test]
    fn an_id_that_is_used_again_is_still_the_old_one_to_who_holds_the_mark() {
        let mut changed = Changed::default();
        let order = OrderId(1);
        changed.went(order);
        changed.came(order);
        changed.went(order);
        assert_eq!(removals(&mut changed), [order]);
    }
}
