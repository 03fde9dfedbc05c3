//! From 128-bit ids to handles, where the ids themselves live with what the handles stand for.
//!
//! A slot is eight bytes: the upper half is a tag, the top 32 bits of the id's hash; the lower half
//! is the handle. An id is looked for from its home, the slot that the top bits of its tag name,
//! and then slot by slot. At most a quarter of the slots is taken, so the first probe nearly always
//! decides, and a slot is so small that the emptiness costs little cache. Because the home can be
//! read off the tag, neither growing nor closing a gap ever has to look at an id.

/// A hash index with linear probing and no tombstones.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    /// None, or a power of two between 2^3 and 2^32.
    slots: Vec<u64>,
    len: usize,
    /// What is shifted out of a tag to get the home.
    shift: u32,
}

/// Where an id stands in the index, or would. It holds until the index next changes.
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

impl Default for Index {
    /// An index that holds nothing and has allocated nothing.
    fn default() -> Self {
        Self { slots: Vec::new(), len: 0, shift: SHIFT_MAX }
    }
}

impl Index {
    /// How many ids it knows.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// The handle of `key`. `is_it` says whether a handle is the key's: it is asked where the tag
    /// fits, which one time in 2^32 is a stranger.
    #[inline]
    pub(crate) fn find(&self, key: u128, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        self.find_spot(key, is_it).ok().map(|(handle, _)| handle)
    }

    /// The handle of `key` and where it stands, or where `key` would stand.
    #[inline(always)]
    pub(crate) fn find_spot(
        &self,
        key: u128,
        is_it: impl Fn(u32) -> bool,
    ) -> Result<(u32, Spot), Spot> {
        let tag = tag(key);
        let mut place = self.home(tag);
        loop {
            let spot = Spot { tag, place };
            // An index that has no slots yet ends here.
            let slot = self.slots.get(place).copied().unwrap_or(FREE);
            if slot == FREE {
                return Err(spot);
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

    /// Adds `key`, which is not there yet, with a handle below 2^31.
    #[inline]
    pub(crate) fn insert(&mut self, key: u128, handle: u32) {
        let handle = u64::from(handle);
        assert!(handle <= HANDLE, "a handle is below 2^31");
        self.len = self.len.saturating_add(1);
        if self.len > self.slots.len() / 4 {
            self.grow();
        }
        self.put(tag(key) << TAG_BITS | TAKEN | handle);
    }

    /// Adds the key that was looked for in vain, with a handle below 2^31.
    #[inline]
    pub(crate) fn insert_at(&mut self, spot: Spot, handle: u32) {
        let handle = u64::from(handle);
        assert!(handle <= HANDLE, "a handle is below 2^31");
        let entry = spot.tag << TAG_BITS | TAKEN | handle;
        self.len = self.len.saturating_add(1);
        if self.len > self.slots.len() / 4 {
            self.grow();
            self.put(entry);
        } else if let Some(slot) = self.slots.get_mut(spot.place) {
            assert!(*slot == FREE, "a spot holds until the next change");
            *slot = entry;
        }
    }

    /// Takes out the key that was found there with this handle.
    #[inline]
    pub(crate) fn remove_at(&mut self, spot: Spot, handle: u32) {
        let wanted = spot.tag << TAG_BITS | TAKEN | u64::from(handle);
        assert!(self.slots.get(spot.place) == Some(&wanted), "a spot holds until the next change");
        self.close(spot.place);
        self.len = self.len.saturating_sub(1);
    }

    /// Takes out `key`, which is there with this handle.
    #[inline]
    pub(crate) fn remove(&mut self, key: u128, handle: u32) {
        let tag = tag(key);
        let wanted = tag << TAG_BITS | TAKEN | u64::from(handle);
        let mut place = self.home(tag);
        loop {
            let slot = self.slots.get(place).copied().unwrap_or(FREE);
            assert!(slot != FREE, "only what was inserted is removed");
            if slot == wanted {
                break;
            }
            place = self.next(place);
        }
        self.close(place);
        self.len = self.len.saturating_sub(1);
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

    /// Makes room for so many ids, and touches it, so that adding them neither grows the table nor
    /// waits for the system to hand out its memory.
    pub(crate) fn reserve(&mut self, ids: usize) {
        while self.slots.len() / 4 < ids && (self.slots.is_empty() || self.shift != 0) {
            self.grow();
        }
        // Memory that is only known to be zero may not be there yet; what is written is.
        for slot in core::hint::black_box(&mut self.slots) {
            *slot = core::hint::black_box(*slot);
        }
    }

    /// Doubles the table. The homes keep their order, so both tables are walked front to back.
    #[cold]
    fn grow(&mut self) {
        let slots = match self.slots.len() {
            0 => SLOTS_MIN,
            // The tag names no more homes. 2^31 handles leave half of them free.
            _ if self.shift == 0 => return,
            len => {
                self.shift = self.shift.saturating_sub(1);
                len.saturating_mul(2)
            }
        };
        let old = core::mem::replace(&mut self.slots, vec![FREE; slots]);
        for slot in old {
            if slot != FREE {
                self.put(slot);
            }
        }
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

/// The top 32 bits of the key's hash. Each half is multiplied out to 128 bits and folded, so that
/// every bit of it, high or low, moves the tag; neither product can blot out the other. The factors
/// are odd with no pattern: the golden ratio's fraction and that of the root of three.
#[inline]
fn tag(key: u128) -> u64 {
    let low = halves(u128::from(halves(key).0).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let high = halves(u128::from(halves(key).1).wrapping_mul(0xbb67_ae85_84ca_a73b));
    (low.0 ^ low.1 ^ high.0 ^ high.1) >> TAG_BITS
}

/// The low and the high 64 bits.
#[inline]
fn halves(wide: u128) -> (u64, u64) {
    let low = u64::try_from(wide & u128::from(u64::MAX));
    let high = u64::try_from(wide >> 64);
    (low.unwrap_or(0), high.unwrap_or(0))
}

#[inline]
fn handle(slot: u64) -> u32 {
    u32::try_from(slot & HANDLE).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Index, SLOTS_MIN};
    use crate::random::Random;

    /// Every slot is reachable from its home, and the table is at most a quarter full.
    fn assert_sound(index: &Index) {
        let taken = index.slots.iter().filter(|&&slot| slot != 0).count();
        assert_eq!(taken, index.len());
        assert!(index.slots.is_empty() || taken <= index.slots.len() / 4);
        for (place, &slot) in index.slots.iter().enumerate() {
            let mut probe = index.home(slot >> 32);
            while slot != 0 && probe != place {
                assert_ne!(index.slots.get(probe), Some(&0), "a gap before {place}");
                probe = index.next(probe);
            }
        }
    }

    #[test]
    fn it_does_what_a_map_does() {
        let mut random = Random(23);
        let mut index = Index::default();
        let mut map = BTreeMap::new();
        let mut keys = vec![0_u128; 3_000];
        for step in 0..400_000_u64 {
            // The range wanders, so that the table empties and fills again.
            let range = if step & 0x1_0000 == 0 { 3_000 } else { 40 };
            let handle = u32::try_from(random.below(range)).unwrap();
            let known = keys.get_mut(usize::try_from(handle).unwrap()).unwrap();
            let key = if random.below(2) == 0 { u128::from(random.below(5_000)) } else { *known };
            let found = index.find(key, |handle| map.get(&key) == Some(&handle));
            assert_eq!(found, map.get(&key).copied());
            let spot = index.find_spot(key, |handle| map.get(&key) == Some(&handle));
            assert_eq!(spot.map(|(handle, _)| handle).ok(), found);
            match spot {
                Ok((handle, spot)) => {
                    match step % 2 {
                        0 => index.remove(key, handle),
                        _ => index.remove_at(spot, handle),
                    }
                    map.remove(&key);
                }
                Err(_) if map.get(known) == Some(&handle) => {}
                Err(spot) => {
                    match step % 2 {
                        0 => index.insert(key, handle),
                        _ => index.insert_at(spot, handle),
                    }
                    map.insert(key, handle);
                    *known = key;
                }
            }
            if step % 1_000 == 0 {
                assert_sound(&index);
            }
        }
        assert!(map.len() > 10, "the walk filled the map");
    }

    #[test]
    fn one_tag_for_all_still_works() {
        let mut index = Index::default();
        for handle in 0..100 {
            index.insert(7, handle);
        }
        assert_sound(&index);
        assert_eq!(index.find(7, |handle| handle == 63), Some(63));
        for handle in (0..100).rev() {
            index.remove(7, handle);
            assert_sound(&index);
        }
        assert_eq!(index.find(7, |_| true), None);
    }

    #[test]
    fn ids_of_every_kind_spread() {
        let mut random = Random(42);
        let kinds: [&dyn Fn(u128, u64, u64) -> u128; 8] = [
            &|n, _, _| n,
            &|n, _, _| n << 40,
            &|n, _, _| n << 64,
            &|n, _, _| n << 104,
            &|n, _, _| n << 64 | n,
            &|n, _, _| n.wrapping_mul(1_000) | 0xabcd << 112,
            // UUIDs, version 4 and version 7 with 16 ids in a millisecond.
            &|_, a, b| u128::from(a) << 64 | u128::from(b),
            &|n, a, b| {
                (1_780_000_000_000 + n / 16) << 80 | u128::from(a >> 52) << 64 | u128::from(b)
            },
        ];
        for (kind, key) in kinds.iter().enumerate() {
            let mut index = Index::default();
            for handle in 0..1 << 16 {
                index.insert(key(u128::from(handle), random.next(), random.next()), handle);
            }
            assert!(index.slots.len() > SLOTS_MIN);
            // The steps from home to place, over all ids: a sixth each at a quarter full.
            let steps: usize = (index.slots.iter().enumerate())
                .filter(|&(_, &slot)| slot != 0)
                .map(|(place, &slot)| index.distance(index.home(slot >> 32), place))
                .sum();
            assert!(steps < (1 << 16) / 4, "kind {kind}: {steps} steps");
        }
    }
}
