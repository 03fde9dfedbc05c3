//! From 128-bit ids to handles, where the ids themselves live with what the handles stand for.
//!
//! A slot is eight bytes: the upper half is a tag, the top 32 bits of the id's hash; the lower half
//! is the handle. An id is looked for from its home, the slot that the top bits of its tag name,
//! and then slot by slot. At most a quarter of the slots is taken, so the first probe nearly always
//! decides, and a slot is so small that the emptiness costs little cache. Because the home can be
//! read off the tag, neither growing nor closing a gap ever has to look at an id.
//!
//! It grows step by step (`growth.rs`). While it does, an id is in one of two tables; while it does
//! not, that costs nothing but a look at whether it does, where an id was not found.

mod growth;
mod key;
#[cfg(test)]
mod tests;

pub use key::IndexKey;

/// A hash index with linear probing and no tombstones.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    key: IndexKey,
    /// None, or a power of two between 2^3 and 2^32.
    slots: Vec<u64>,
    len: usize,
    /// What is shifted out of a tag to get the home.
    shift: u32,
    /// From how many ids on adding one is more than filling a slot: a quarter of the slots, or none
    /// while the index grows.
    limit: usize,
    /// While the index grows, what has not been moved yet of the table before, which had half as many
    /// slots. It is emptied from the back.
    old: Vec<u64>,
}

/// Where an id stands in the index, or would. It holds until the index next changes. Which table it
/// means need not be said: no two ids have the same tag and handle, and what is added is new.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    tag: u64,
    place: usize,
}

/// A free slot. Zero, so that the system can hand out a large table without touching it.
const FREE: u64 = 0;
/// Set in every slot that is taken, so that tag 0 with handle 0 differs from a free slot.
const TAKEN: u64 = 1 << 31;
/// The handle's bits of a slot.
const HANDLE: u64 = TAKEN - 1;
/// The tag's width.
const TAG_BITS: u32 = 32;
/// The first table has 2^3 slots: one cache line.
const SLOTS_MIN: usize = 8;
const SHIFT_MAX: u32 = TAG_BITS - 3;

impl Index {
    /// An index that holds nothing and has allocated nothing.
    pub(crate) const fn new(key: IndexKey) -> Self {
        Self { key, slots: Vec::new(), len: 0, shift: SHIFT_MAX, limit: 0, old: Vec::new() }
    }

    /// How many ids it knows.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// The handle of `id`. `is_it` says whether a handle is the id's: it is asked where the tag
    /// fits, which one time in 2^32 is a stranger.
    #[inline]
    pub(crate) fn find(&self, id: u128, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        self.find_spot(id, is_it).ok().map(|(handle, _)| handle)
    }

    /// The handle of `id` and where it stands, or where `id` would stand.
    #[inline(always)]
    pub(crate) fn find_spot(
        &self,
        id: u128,
        is_it: impl Fn(u32) -> bool,
    ) -> Result<(u32, Spot), Spot> {
        let tag = self.tag(id);
        let mut place = self.home(tag);
        loop {
            let spot = Spot { tag, place };
            // An index that has no slots yet ends here.
            let slot = self.slots.get(place).copied().unwrap_or(FREE);
            if slot == FREE {
                if self.old.is_empty() {
                    return Err(spot);
                }
                return match self.find_old(tag, is_it) {
                    Some(place) => Ok((self.old_handle(place), Spot { tag, place })),
                    None => Err(spot),
                };
            }
            if slot >> TAG_BITS == tag {
                let handle = handle(slot);
                if is_it(handle) {
                    return Ok((handle, spot));
                }
            }
            place = self.next(place);
        }
    }

    /// Adds `id`, which is not there yet, with a handle below 2^31.
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

    /// Adds the id that was looked for in vain, with a handle below 2^31.
    #[inline]
    pub(crate) fn insert_at(&mut self, spot: Spot, handle: u32) {
        assert!(u64::from(handle) <= HANDLE, "a handle is below 2^31");
        let entry = entry(spot.tag, handle);
        if self.len >= self.limit {
            self.grow();
            self.put(entry);
        } else if let Some(slot) = self.slots.get_mut(spot.place) {
            assert!(*slot == FREE, "a spot holds until the next change");
            *slot = entry;
        }
        self.len = self.len.saturating_add(1);
    }

    /// Takes out the id that was found there with this handle.
    #[inline]
    pub(crate) fn remove_at(&mut self, spot: Spot, handle: u32) {
        let wanted = entry(spot.tag, handle);
        self.len = self.len.saturating_sub(1);
        if self.slots.get(spot.place) == Some(&wanted) {
            self.close(spot.place);
        } else {
            self.close_old(spot.place, wanted);
        }
    }

    /// Takes out `id`, which is there with this handle.
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

    /// Writes a slot where its probe first finds room; at most half of the table is taken.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "places are below the length")]
    fn put(&mut self, slot: u64) {
        let mut place = self.home(slot >> TAG_BITS);
        while self.slots[place] != FREE {
            place = self.next(place);
        }
        self.slots[place] = slot;
    }

    /// Frees a slot and moves back what would no longer be found behind the gap.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "places are below the length")]
    fn close(&mut self, mut gap: usize) {
        let mut place = gap;
        loop {
            place = self.next(place);
            let slot = self.slots[place];
            if slot == FREE {
                break;
            }
            // It may move back to the gap unless its home lies between the two.
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

    /// How many steps `to` is behind `from`.
    #[inline]
    const fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & self.mask()
    }
}

#[inline]
fn handle(slot: u64) -> u32 {
    u32::try_from(slot & HANDLE).unwrap_or(0)
}

/// What stands in a slot for a tag with this handle.
#[inline]
fn entry(tag: u64, handle: u32) -> u64 {
    tag << TAG_BITS | TAKEN | u64::from(handle)
}
