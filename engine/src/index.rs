//! A hash index from 128-bit ids to handles. It does not store the ids: they are in the records
//! that the handles point to.
//!
//! A slot has eight bytes. The upper half is a tag, the top 32 bits of the id's hash; the lower
//! half is the handle. A lookup starts at the id's home, the slot that the top bits of its tag
//! select, and probes slot by slot. At most a quarter of the slots is taken, so the first probe
//! nearly always decides. Slots are so small that the empty ones cost little cache. The home
//! follows from the tag, so neither growing the table nor closing a gap needs to read an id.
//!
//! The index grows step by step (`growth.rs`). While it grows, an id is in one of two tables. At
//! all other times this costs only one check, after a lookup that finds nothing.

mod growth;
mod key;
#[cfg(test)]
mod tests;

pub use key::IndexKey;

/// A hash index with linear probing and no tombstones.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    key: IndexKey,
    /// Empty, or a power of two between 2^3 and 2^32 slots.
    slots: Vec<u64>,
    len: usize,
    /// How far a tag is shifted to the right to get its home.
    shift: u32,
    /// The number of ids from which an insert has to grow the table first: a quarter of the slots,
    /// or zero while the index grows.
    limit: usize,
    /// While the index grows, the slots of the previous table that have not been moved yet. That
    /// table had half as many slots. It is emptied from the back.
    old: Vec<u64>,
}

/// The position of an id in the index, or the position where it would be inserted. It is valid
/// until the index next changes. It does not name its table, because no two ids have the same tag
/// and handle, and because an insert always goes into the new table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    tag: u64,
    place: usize,
}

/// A free slot. It is zero, so that the system can provide a large table without touching it.
const FREE: u64 = 0;
/// Set in every taken slot, so that tag 0 with handle 0 differs from a free slot.
const TAKEN: u64 = 1 << 31;
/// The bits of a slot that hold the handle.
const HANDLE: u64 = TAKEN - 1;
/// The width of a tag.
const TAG_BITS: u32 = 32;
/// The first table has 2^3 slots: one cache line.
const SLOTS_MIN: usize = 8;
const SHIFT_MAX: u32 = TAG_BITS - 3;

impl Index {
    /// Creates an empty index without any allocation.
    pub(crate) const fn new(key: IndexKey) -> Self {
        Self { key, slots: Vec::new(), len: 0, shift: SHIFT_MAX, limit: 0, old: Vec::new() }
    }

    /// The number of ids in the index.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Returns the handle of `id`. `is_match` returns `true` if a handle belongs to `id`. It is called
    /// only when the tag matches; for one in 2^32 other ids the tag matches by chance.
    #[inline]
    pub(crate) fn find(&self, id: u128, is_match: impl Fn(u32) -> bool) -> Option<u32> {
        self.find_position(id, is_match).ok().map(|(handle, _)| handle)
    }

    /// Returns the handle of `id` and its position, or the position where `id` would be inserted.
    #[inline(always)]
    pub(crate) fn find_position(
        &self,
        id: u128,
        is_match: impl Fn(u32) -> bool,
    ) -> Result<(u32, Position), Position> {
        let tag = self.tag(id);
        let mut place = self.home(tag);
        loop {
            let position = Position { tag, place };
            // If the index has no slots yet, the probe ends here.
            let slot = self.slots.get(place).copied().unwrap_or(FREE);
            if slot == FREE {
                if self.old.is_empty() {
                    return Err(position);
                }
                return match self.find_old(tag, is_match) {
                    Some(place) => Ok((self.old_handle(place), Position { tag, place })),
                    None => Err(position),
                };
            }
            if slot >> TAG_BITS == tag {
                let handle = handle(slot);
                if is_match(handle) {
                    return Ok((handle, position));
                }
            }
            place = self.next(place);
        }
    }

    /// Inserts `id`, which must not be in the index, with a handle below 2^31.
    #[inline]
    pub(crate) fn insert(&mut self, id: u128, handle: u32) {
        assert!(u64::from(handle) <= HANDLE, "a handle is below 2^31");
        let entry = entry(self.tag(id), handle);
        if self.len >= self.limit {
            self.grow();
        }
        self.put(entry);
        self.len = self.len.saturating_add(1);
    }

    /// Inserts an id at the position that a failed lookup returned, with a handle below 2^31.
    #[inline]
    pub(crate) fn insert_at(&mut self, position: Position, handle: u32) {
        assert!(u64::from(handle) <= HANDLE, "a handle is below 2^31");
        let entry = entry(position.tag, handle);
        if self.len >= self.limit {
            self.grow();
            self.put(entry);
        } else if let Some(slot) = self.slots.get_mut(position.place) {
            assert!(*slot == FREE, "a position stays valid until the next change");
            *slot = entry;
        }
        self.len = self.len.saturating_add(1);
    }

    /// Removes the id that a lookup found at this position with this handle.
    #[inline]
    pub(crate) fn remove_at(&mut self, position: Position, handle: u32) {
        let wanted = entry(position.tag, handle);
        self.len = self.len.saturating_sub(1);
        if self.slots.get(position.place) == Some(&wanted) {
            self.close(position.place);
        } else {
            self.close_old(position.place, wanted);
        }
    }

    /// Removes `id`, which must be in the index with this handle.
    #[inline]
    pub(crate) fn remove(&mut self, id: u128, handle: u32) {
        let tag = self.tag(id);
        let wanted = entry(tag, handle);
        let mut place = self.home(tag);
        self.len = self.len.saturating_sub(1);
        loop {
            match self.slots.get(place).copied().unwrap_or(FREE) {
                FREE => return self.remove_old(wanted),
                slot if slot == wanted => return self.close(place),
                _ => place = self.next(place),
            }
        }
    }

    /// Writes a slot to the first free place of its probe. At most half of the table is taken.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "every place is below the length")]
    fn put(&mut self, slot: u64) {
        let mut place = self.home(slot >> TAG_BITS);
        while self.slots[place] != FREE {
            place = self.next(place);
        }
        self.slots[place] = slot;
    }

    /// Frees a slot, and moves slots back that a probe would no longer reach across the gap.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "every place is below the length")]
    fn close(&mut self, mut gap: usize) {
        let mut place = gap;
        loop {
            place = self.next(place);
            let slot = self.slots[place];
            if slot == FREE {
                break;
            }
            // A slot may move back to the gap unless its home is between the two.
            let home = self.home(slot >> TAG_BITS);
            if self.distance(home, place) >= self.distance(gap, place) {
                self.slots[gap] = slot;
                gap = place;
            }
        }
        self.slots[gap] = FREE;
    }

    /// The top 32 bits of the id's hash.
    #[inline]
    fn tag(&self, id: u128) -> u64 {
        self.key.hash(id) >> TAG_BITS
    }

    #[inline]
    fn home(&self, tag: u64) -> usize {
        usize::try_from(tag >> self.shift).unwrap_or(usize::MAX)
    }

    #[inline]
    const fn mask(&self) -> usize {
        self.slots.len().wrapping_sub(1)
    }

    #[inline]
    const fn next(&self, place: usize) -> usize {
        place.wrapping_add(1) & self.mask()
    }

    /// The number of steps from `from` forward to `to`.
    #[inline]
    const fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & self.mask()
    }
}

#[inline]
fn handle(slot: u64) -> u32 {
    u32::try_from(slot & HANDLE).unwrap_or(0)
}

/// The slot for a tag with this handle.
#[inline]
fn entry(tag: u64, handle: u32) -> u64 {
    tag << TAG_BITS | TAKEN | u64::from(handle)
}
