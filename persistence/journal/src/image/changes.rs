//! Tracks which orders of a market changed since their changes were last taken.

use pricetime_engine::{OrderId, OrderRecord, Sequence};

use super::slots::Slots;

/// The changes to the orders of a market since the last mark, which is when changes were last taken. To
/// update a copy of the orders as of that mark, insert the upserts and remove the removals. The copy is
/// then as of `sequence`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// The last command that is included. All commands before it are included, and none after it.
    pub sequence: Sequence,
    /// The orders that are new or changed, sorted by priority.
    pub upserts: Vec<OrderRecord>,
    /// The ids of the orders that existed at the mark and are gone, sorted.
    pub removals: Vec<OrderId>,
}

/// The slots whose orders changed since the mark, and the orders that existed at the mark and are gone.
///
/// An order that was added and removed since the mark leaves only its slot, which the next order reuses.
/// So this never grows beyond the orders at the mark and the current ones together, even if it is never
/// taken.
#[derive(Clone, Debug, Default)]
pub(super) struct ChangeTracker {
    /// The state of each slot. A slot beyond the end is unchanged.
    status: Vec<SlotStatus>,
    /// The slots that changed.
    touched: Vec<u32>,
    removed: Vec<OrderId>,
    /// How many live orders are in changed slots.
    live: usize,
}

/// How a slot changed since the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SlotStatus {
    /// The slot is unchanged.
    Unchanged,
    /// The order in the slot has changed.
    Modified,
    /// The order that was in the slot, if any, is gone. An order that is there now is new.
    New,
}

impl ChangeTracker {
    /// Records that an order was put into a free slot.
    pub(super) fn record_added(&mut self, slot: u32) {
        self.touch(slot, SlotStatus::New);
        self.live = self.live.saturating_add(1);
    }

    /// Records that the order in a slot has changed.
    pub(super) fn record_changed(&mut self, slot: u32) {
        if self.touch(slot, SlotStatus::Modified) == SlotStatus::Unchanged {
            self.live = self.live.saturating_add(1);
        }
    }

    /// Records that an order was removed from its slot.
    pub(super) fn record_removed(&mut self, slot: u32, order: OrderId) {
        let before = self.touch(slot, SlotStatus::New);
        if before != SlotStatus::Unchanged {
            self.live = self.live.saturating_sub(1);
        }
        if before != SlotStatus::New {
            self.removed.push(order);
            if let Some(status) = self.status.get_mut(slot as usize) {
                *status = SlotStatus::New;
            }
        }
    }

    /// Records this for a slot that is unchanged so far. Returns what was recorded before.
    fn touch(&mut self, slot: u32, now: SlotStatus) -> SlotStatus {
        let at = slot as usize;
        if self.status.len() <= at {
            self.status.resize(at + 1, SlotStatus::Unchanged);
        }
        let Some(status) = self.status.get_mut(at) else { return SlotStatus::Unchanged };
        if *status != SlotStatus::Unchanged {
            return *status;
        }
        *status = now;
        self.touched.push(slot);
        SlotStatus::Unchanged
    }

    /// How many orders have changed. An order that was removed and added again with its id counts twice.
    pub(super) fn len(&self) -> usize {
        self.live.saturating_add(self.removed.len())
    }

    /// Returns the changes, given the current orders, and makes this moment the next mark.
    pub(super) fn take(&mut self, sequence: Sequence, now: &Slots) -> Changes {
        let mut upserts: Vec<OrderRecord> = Vec::with_capacity(self.live);
        for slot in self.touched.drain(..) {
            upserts.extend(now.at(slot));
            if let Some(status) = self.status.get_mut(slot as usize) {
                *status = SlotStatus::Unchanged;
            }
        }
        // An order that was added again with its id is among the upserts.
        let mut removals = std::mem::take(&mut self.removed);
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

    fn removals(changed: &mut ChangeTracker) -> Vec<OrderId> {
        changed.take(Sequence(1), &Slots::default()).removals
    }

    #[test]
    fn order_added_and_removed_is_not_reported() {
        let mut changed = ChangeTracker::default();
        for order in (0..10_000).map(OrderId) {
            changed.record_added(7);
            changed.record_changed(7);
            changed.record_removed(7, order);
        }
        assert_eq!(changed.len(), 0);
        assert_eq!(removals(&mut changed), []);
    }

    #[test]
    fn removed_order_is_reported_once() {
        let mut changed = ChangeTracker::default();
        let (a, b) = (OrderId(2), OrderId(1));
        changed.record_removed(0, a);
        changed.record_changed(1);
        assert_eq!(changed.len(), 2);
        changed.record_removed(1, b);
        assert_eq!(changed.len(), 2);
        assert_eq!(removals(&mut changed), [b, a]);
        assert_eq!(removals(&mut changed), []);
    }

    #[test]
    fn order_in_the_slot_of_a_removed_one_is_new() {
        let mut changed = ChangeTracker::default();
        let (old, new) = (OrderId(1), OrderId(2));
        changed.record_removed(0, old);
        changed.record_added(0);
        changed.record_changed(0);
        changed.record_removed(0, new);
        assert_eq!(removals(&mut changed), [old]);
    }
}
