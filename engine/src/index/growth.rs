//! Growth of the index: one small step per inserted id, so that no command waits for the whole
//! table.
//!
//! The new table exists beside the old one, and each insert moves some slots of the old table, from
//! the back. The length of the old table's vector is what is left of it, and a slot beyond that
//! counts as free. A probe goes from the front to the back, so shortening the vector removes only
//! the end of a probe sequence, and the rest is still found. Only a probe sequence that wraps
//! around from the end of the table to the front would break. So the slots at the front that may
//! belong to one are moved first.
//!
//! The new table is never written as a whole, because the system provides zeroed pages on first
//! write. The old one is never freed as a whole, because freeing 64 MiB costs the system
//! milliseconds.
//!
//! While 4.2 million orders are inserted, the longest command takes 1.2 ms; growing the arena takes
//! 1.1 of that. When one command moved the whole table, it took 568 ms. Two other designs were
//! slower. A table with room for 65,536 orders while it holds 30,000 makes the duplicate check of
//! each new order a cache miss: 65 ns a message instead of 42. Segments of buckets that split one
//! at a time bound the growth, but cost 13 ns a message.

use super::{FREE, Index, SLOTS_MIN, TAG_BITS, handle};

/// How many slots of the old table each insert moves. Tests use the smallest number that finishes
/// in time, so that the index is nearly always growing.
const MOVED_PER_INSERT: usize = if cfg!(any(test, tight)) { MOVED_PER_INSERT_MIN } else { 32 };
/// The table has to grow again after inserts of a quarter as many ids as the old table had slots.
/// By then all old slots must have been moved.
const MOVED_PER_INSERT_MIN: usize = 4;
/// How many slots of the old table are returned to the system at a time: 64 KiB.
const RELEASED_AT_ONCE: usize = if cfg!(any(test, tight)) { 64 } else { 1 << 13 };

impl Index {
    /// Prepares an insert if the index is growing or has to start growing.
    #[cold]
    pub(super) fn grow(&mut self) {
        if self.old.is_empty() {
            self.start_growth();
        }
        self.move_slots(MOVED_PER_INSERT);
        assert!(self.len < self.capacity(), "each growth ends before the next one is due");
    }

    /// The number of ids that the table may hold.
    const fn capacity(&self) -> usize {
        // A tag cannot select more homes than this. With 2^31 handles, half of the slots are free.
        if self.shift == 0 { usize::MAX } else { self.slots.len() / 4 }
    }

    /// Replaces the table by an empty one of twice the size, and keeps the old one.
    fn start_growth(&mut self) {
        let slots = match self.slots.len() {
            0 => SLOTS_MIN,
            len => {
                self.shift = self.shift.saturating_sub(1);
                len.saturating_mul(2)
            }
        };
        self.old = core::mem::replace(&mut self.slots, vec![FREE; slots]);
        self.limit = 0;
        let mut place = 0;
        while let Some(slot) = self.old.get_mut(place).filter(|slot| **slot != FREE) {
            let slot = core::mem::replace(slot, FREE);
            self.put(slot);
            place = place.wrapping_add(1);
        }
    }

    /// Moves this many slots of the old table to the new one, or all that are left.
    fn move_slots(&mut self, slots: usize) {
        let mut old = core::mem::take(&mut self.old);
        let left = old.len().saturating_sub(slots);
        for slot in old.drain(left..).rev().filter(|slot| *slot != FREE) {
            self.put(slot);
        }
        if left == 0 {
            self.limit = self.capacity();
            return;
        }
        if left.is_multiple_of(RELEASED_AT_ONCE) {
            old.shrink_to_fit();
        }
        self.old = old;
    }

    /// Allocates memory for this many ids and touches it. Adding them then neither grows the table
    /// nor waits for the system to provide memory.
    pub(crate) fn reserve(&mut self, ids: usize) {
        self.move_slots(self.old.len());
        while self.capacity() < ids {
            self.start_growth();
            self.move_slots(self.old.len());
        }
        // Zeroed memory may not be mapped yet. Writing to it maps it.
        for slot in core::hint::black_box(&mut self.slots) {
            *slot = core::hint::black_box(*slot);
        }
    }

    /// The home of a tag in the old table, which uses one bit less of the tag.
    pub(super) fn old_home(&self, tag: u64) -> usize {
        usize::try_from(tag >> self.shift.saturating_add(1)).unwrap_or(usize::MAX)
    }

    /// Finds the id with this tag in what is left of the old table, and returns its place. The
    /// result is kept small enough for registers, because this must not slow down lookups in an
    /// index that is not growing.
    #[cold]
    #[inline(never)]
    pub(super) fn find_old(&self, tag: u64, is_match: impl Fn(u32) -> bool) -> Option<usize> {
        let home = self.old_home(tag);
        let probe = self.old.get(home..).unwrap_or_default();
        let mut probe = probe.iter().take_while(|slot| **slot != FREE);
        let steps = probe.position(|slot| slot >> TAG_BITS == tag && is_match(handle(*slot)))?;
        Some(home.saturating_add(steps))
    }

    /// The handle in a slot of the old table.
    pub(super) fn old_handle(&self, place: usize) -> u32 {
        handle(self.old.get(place).copied().unwrap_or(FREE))
    }

    /// Removes an id that is not in the new table, so it must be in the old one.
    #[cold]
    pub(super) fn remove_old(&mut self, wanted: u64) {
        let home = self.old_home(wanted >> TAG_BITS);
        let probe = self.old.get(home..).unwrap_or_default();
        let found = probe.iter().take_while(|slot| **slot != FREE).position(|slot| *slot == wanted);
        assert!(found.is_some(), "only inserted entries are removed");
        self.close_old(home.saturating_add(found.unwrap_or(0)), wanted);
    }

    /// Frees a slot of the old table, and moves slots back that a probe would no longer reach
    /// across the gap.
    #[cold]
    #[expect(clippy::indexing_slicing, reason = "every place is below the length")]
    pub(super) fn close_old(&mut self, mut gap: usize, wanted: u64) {
        assert!(self.old.get(gap) == Some(&wanted), "a position stays valid until the next change");
        let mut place = gap;
        loop {
            place = place.wrapping_add(1);
            let slot = self.old.get(place).copied().unwrap_or(FREE);
            if slot == FREE {
                break;
            }
            // No probe wraps around here.
            if self.old_home(slot >> TAG_BITS) <= gap {
                self.old[gap] = slot;
                gap = place;
            }
        }
        self.old[gap] = FREE;
    }
}
