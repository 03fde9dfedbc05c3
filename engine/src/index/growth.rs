//! How the index grows: a little with every id that is added, so that no command waits for all of it.
//!
//! The new table stands beside the old one, and each id that is added moves some slots of the old one
//! over, from the back. What the old table has left is exactly the length of its vector: a slot beyond
//! that counts as free. Since a probe goes from the front to the back, what is taken away is always
//! the end of its way, and what is left stays where it is found. Only a probe that went over the end of
//! the table and on at the front would be cut, so the slots at the front that may be ends of such ways
//! are moved before all others.
//!
//! Nobody touches the new table as a whole (the system hands out zeroed pages when they are first
//! written to), nor gives the old one back as a whole: taking back 64 MiB costs the system
//! milliseconds.
//!
//! While 4.2 million orders come in, the longest command takes 1.2 ms, of which growing the arena takes 1.1.
//! It took 568 ms when one command moved the whole table. Two other designs were slower. Room for 65,536
//! orders where there are 30,000 makes the check for duplicate ids of each new order a cache miss: 65 ns a
//! message instead of 42. Segments of buckets that split one at a time bound the growth, but cost 13 ns a
//! message.

use super::{FREE, Index, SLOTS_MIN, TAG_BITS, handle};

/// How many slots of the old table are moved with each id that is added; in tests the least that ends
/// in time, so that the index hardly ever does not grow.
const MOVED: usize = if cfg!(any(test, tight)) { MOVED_MIN } else { 32 };
/// The table has to grow again when a quarter as many ids as it had slots has been added; by then all
/// of them must have been moved.
const MOVED_MIN: usize = 4;
/// How many slots of the old table are given back to the system at a time: 64 KiB.
const GIVEN_BACK: usize = if cfg!(any(test, tight)) { 64 } else { 1 << 13 };

impl Index {
    /// What has to be done before an id is added to an index that grows, or has to.
    #[cold]
    pub(super) fn grow(&mut self) {
        if self.old.is_empty() {
            self.begin();
        }
        self.advance(MOVED);
        assert!(self.len < self.room(), "growth ends before it is due again");
    }

    /// How many ids the table may hold.
    const fn room(&self) -> usize {
        // The tag names no more homes. 2^31 handles leave half of them free.
        if self.shift == 0 { usize::MAX } else { self.slots.len() / 4 }
    }

    /// Puts an empty table of twice the size in front of the old one.
    fn begin(&mut self) {
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

    /// Moves so many slots of the old table over, or all that are left.
    fn advance(&mut self, slots: usize) {
        let mut old = core::mem::take(&mut self.old);
        let left = old.len().saturating_sub(slots);
        for slot in old.drain(left..).rev().filter(|slot| *slot != FREE) {
            self.put(slot);
        }
        if left == 0 {
            self.limit = self.room();
            return;
        }
        if left.is_multiple_of(GIVEN_BACK) {
            old.shrink_to_fit();
        }
        self.old = old;
    }

    /// Makes room for so many ids, and touches it, so that adding them neither grows the table nor
    /// waits for the system to hand out its memory.
    pub(crate) fn reserve(&mut self, ids: usize) {
        self.advance(self.old.len());
        while self.room() < ids {
            self.begin();
            self.advance(self.old.len());
        }
        // Memory that is only known to be zero may not be there yet; what is written is.
        for slot in core::hint::black_box(&mut self.slots) {
            *slot = core::hint::black_box(*slot);
        }
    }

    /// Where the old table begins to look for a tag. It has one bit of it less for that.
    pub(super) fn old_home(&self, tag: u64) -> usize {
        usize::try_from(tag >> self.shift.saturating_add(1)).unwrap_or(usize::MAX)
    }

    /// Where an id with this tag stands in what is left of the old table. No more than that fits
    /// registers, and this must not slow down those who never ask.
    #[cold]
    #[inline(never)]
    pub(super) fn find_old(&self, tag: u64, is_it: impl Fn(u32) -> bool) -> Option<usize> {
        let home = self.old_home(tag);
        let way = self.old.get(home..).unwrap_or_default();
        let mut way = way.iter().take_while(|slot| **slot != FREE);
        let steps = way.position(|slot| slot >> TAG_BITS == tag && is_it(handle(*slot)))?;
        Some(home.saturating_add(steps))
    }

    /// The handle in a slot of the old table.
    pub(super) fn old_handle(&self, place: usize) -> u32 {
        handle(self.old.get(place).copied().unwrap_or(FREE))
    }

    /// Takes out what is not in the new table, so it has to be in the old one.
    #[cold]
    pub(super) fn remove_old(&mut self, wanted: u64) {
        let home = self.old_home(wanted >> TAG_BITS);
        let way = self.old.get(home..).unwrap_or_default();
        let found = way.iter().take_while(|slot| **slot != FREE).position(|slot| *slot == wanted);
        assert!(found.is_some(), "only what was inserted is removed");
        self.close_old(home.saturating_add(found.unwrap_or(0)), wanted);
    }

    /// Frees a slot of the old table and moves back what would no longer be found behind the gap.
    #[cold]
    #[expect(clippy::indexing_slicing, reason = "places are below the length")]
    pub(super) fn close_old(&mut self, mut gap: usize, wanted: u64) {
        assert!(self.old.get(gap) == Some(&wanted), "a spot holds until the next change");
        let mut place = gap;
        loop {
            place = place.wrapping_add(1);
            let slot = self.old.get(place).copied().unwrap_or(FREE);
            if slot == FREE {
                break;
            }
            // No way leads over the end here.
            if self.old_home(slot >> TAG_BITS) <= gap {
                self.old[gap] = slot;
                gap = place;
            }
        }
        self.old[gap] = FREE;
    }
}
