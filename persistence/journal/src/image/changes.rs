//! Which orders of a market differ from what they were when somebody last asked.

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

/// The slots whose orders changed since the mark, and the orders that were there at the mark and are
/// gone.
///
/// An order that came and went since leaves only its slot, which the next order takes. So this never
/// outgrows the orders of then and of now together, even if nobody ever takes it.
#[derive(Clone, Debug, Default)]
pub(super) struct Changed {
    /// By slot. A slot beyond the end is as it was.
    since: Vec<Since>,
    /// The slots that are not as they were.
    touched: Vec<u32>,
    gone: Vec<OrderId>,
    /// How many live orders stand in touched slots.
    live: usize,
}

/// What became of a slot since the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Since {
    /// Nothing.
    Same,
    /// The order that was there is another than it was.
    Differs,
    /// The order that was there, if there was one, is gone. What is there now is new.
    New,
}

impl Changed {
    /// An order has come into a free slot.
    pub(super) fn came(&mut self, slot: u32) {
        self.touch(slot, Since::New);
        self.live = self.live.saturating_add(1);
    }

    /// The order in a slot is another than before.
    pub(super) fn differs(&mut self, slot: u32) {
        if self.touch(slot, Since::Differs) == Since::Same {
            self.live = self.live.saturating_add(1);
        }
    }

    /// An order is gone from its slot.
    pub(super) fn went(&mut self, slot: u32, order: OrderId) {
        let before = self.touch(slot, Since::New);
        if before != Since::Same {
            self.live = self.live.saturating_sub(1);
        }
        if before != Since::New {
            self.gone.push(order);
            if let Some(since) = self.since.get_mut(slot as usize) {
                *since = Since::New;
            }
        }
    }

    /// Notes this of a slot that is as it was. Returns what was noted before.
    fn touch(&mut self, slot: u32, now: Since) -> Since {
        let at = slot as usize;
        if self.since.len() <= at {
            self.since.resize(at + 1, Since::Same);
        }
        let Some(since) = self.since.get_mut(at) else { return Since::Same };
        if *since != Since::Same {
            return *since;
        }
        *since = now;
        self.touched.push(slot);
        Since::Same
    }

    /// How many orders have changed. One that went and came back under its id counts twice.
    pub(super) fn len(&self) -> usize {
        self.live.saturating_add(self.gone.len())
    }

    /// What has changed, given the orders of now. This moment is the next mark.
    pub(super) fn take(&mut self, sequence: Sequence, now: &Slots) -> Changes {
        let mut upserts: Vec<OrderRecord> = Vec::with_capacity(self.live);
        for slot in self.touched.drain(..) {
            upserts.extend(now.at(slot));
            if let Some(since) = self.since.get_mut(slot as usize) {
                *since = Since::Same;
            }
        }
        // One that came back under its id is among the upserts.
        let mut removals = std::mem::take(&mut self.gone);
        removals.retain(|order| now.get(*order).is_none());
        self.live = 0;
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
    fn order_that_came_and_went_is_forgotten() {
        let mut changed = Changed::default();
        for order in (0..10_000).map(OrderId) {
            changed.came(7);
            changed.differs(7);
            changed.went(7, order);
        }
        assert_eq!(changed.len(), 0);
        assert_eq!(removals(&mut changed), []);
    }

    #[test]
    fn order_that_was_there_and_went_is_told_once() {
        let mut changed = Changed::default();
        let (a, b) = (OrderId(2), OrderId(1));
        changed.went(0, a);
        changed.differs(1);
        assert_eq!(changed.len(), 2);
        changed.went(1, b);
        assert_eq!(changed.len(), 2);
        assert_eq!(removals(&mut changed), [b, a]);
        assert_eq!(removals(&mut changed), []);
    }

    #[test]
    fn order_that_took_the_slot_of_another_is_new() {
        let mut changed = Changed::default();
        let (old, new) = (OrderId(1), OrderId(2));
        changed.went(0, old);
        changed.came(0);
        changed.differs(0);
        changed.went(0, new);
        assert_eq!(removals(&mut changed), [old]);
    }
}
