//! A priority queue from which any entry can be removed.

/// A heap of handles by key, smallest first, that stores the position of each handle.
///
/// The order of equal keys depends on earlier operations, so keys must be unique wherever their
/// order matters.
#[derive(Clone, Debug)]
pub(crate) struct Heap<K> {
    /// No entry is smaller than its parent. With four children per parent the tree is half as high
    /// as a binary one, and the children are adjacent in memory.
    entries: Vec<(K, u32)>,
    /// The position of each handle in `entries`.
    places: Vec<u32>,
}

/// The position of a handle that is not in the heap.
const ABSENT: u32 = u32::MAX;
const CHILDREN: usize = 4;

impl<K> Default for Heap<K> {
    /// An empty heap without any allocation.
    fn default() -> Self {
        Self { entries: Vec::new(), places: Vec::new() }
    }
}

impl<K: Copy + Ord> Heap<K> {
    /// The number of handles.
    pub(crate) const fn len(&self) -> usize {
        self.entries.len()
    }

    /// The smallest key and its handle.
    #[inline]
    pub(crate) fn first(&self) -> Option<(K, u32)> {
        self.entries.first().copied()
    }

    /// The key of a handle.
    pub(crate) fn key(&self, handle: u32) -> Option<K> {
        let place = self.place(handle)?;
        self.entries.get(place).map(|&(key, _)| key)
    }

    /// Adds a handle, which must not be in the heap.
    pub(crate) fn insert(&mut self, handle: u32, key: K) {
        assert!(self.place(handle).is_none(), "each handle has one key");
        let room = at(handle).saturating_add(1);
        if self.places.len() < room {
            self.places.resize(room, ABSENT);
        }
        self.entries.push((key, handle));
        self.sift_up(self.entries.len().saturating_sub(1), (key, handle));
    }

    /// Sets the key of a handle, and adds the handle if it is not in the heap.
    pub(crate) fn set(&mut self, handle: u32, key: K) {
        match self.place(handle).and_then(|place| Some((place, self.entries.get(place)?.0))) {
            Some((place, old)) => self.sift(place, old, (key, handle)),
            None => self.insert(handle, key),
        }
    }

    /// Removes a handle and returns its key, if the handle is in the heap.
    #[expect(clippy::indexing_slicing, reason = "a stored position is inside the heap")]
    pub(crate) fn remove(&mut self, handle: u32) -> Option<K> {
        let place = self.place(handle)?;
        let (key, _) = self.entries[place];
        self.places[at(handle)] = ABSENT;
        // The last entry takes the empty position, unless it is the one that was removed.
        let last = self.entries.pop()?;
        if place < self.entries.len() {
            self.sift(place, key, last);
        }
        Some(key)
    }

    /// Returns `true` if the heap is in order and every handle is at its stored position.
    pub(crate) fn check(&self) -> bool {
        let known = self.places.iter().filter(|&&place| place != ABSENT).count();
        let sound = |(place, &(key, handle)): (usize, &(K, u32))| {
            let parent = self.entries.get(parent(place));
            self.place(handle) == Some(place)
                && (place == 0 || parent.is_some_and(|&(above, _)| above <= key))
        };
        known == self.entries.len() && self.entries.iter().enumerate().all(sound)
    }

    fn place(&self, handle: u32) -> Option<usize> {
        let place = *self.places.get(at(handle))?;
        (place != ABSENT).then(|| at(place))
    }

    /// Puts an entry at a position whose key was `old`. No key above it is larger than `old`, and
    /// none below is smaller, so the entry can only have to move in one direction.
    fn sift(&mut self, place: usize, old: K, entry: (K, u32)) {
        if entry.0 < old {
            self.sift_up(place, entry);
        } else {
            self.sift_down(place, entry);
        }
    }

    /// Puts an entry at a free position, or further up while its parent is larger.
    #[expect(clippy::indexing_slicing, reason = "a parent comes before its children")]
    fn sift_up(&mut self, mut place: usize, entry: (K, u32)) {
        while place > 0 {
            let above = parent(place);
            if self.entries[above].0 <= entry.0 {
                break;
            }
            self.write(place, self.entries[above]);
            place = above;
        }
        self.write(place, entry);
    }

    /// Puts an entry at a free position, or further down while a child is smaller.
    #[expect(clippy::indexing_slicing, reason = "the range ends at the last entry")]
    fn sift_down(&mut self, mut place: usize, entry: (K, u32)) {
        loop {
            let begin = place.saturating_mul(CHILDREN).saturating_add(1);
            let end = begin.saturating_add(CHILDREN).min(self.entries.len());
            let children = begin..end;
            let Some(least) = children.min_by_key(|&child| self.entries[child].0) else {
                break;
            };
            if entry.0 <= self.entries[least].0 {
                break;
            }
            self.write(place, self.entries[least]);
            place = least;
        }
        self.write(place, entry);
    }

    /// The only function that moves an entry, so that the stored positions stay correct.
    #[expect(clippy::indexing_slicing, reason = "the insert made room in both")]
    fn write(&mut self, place: usize, entry: (K, u32)) {
        self.entries[place] = entry;
        self.places[at(entry.1)] = u32::try_from(place).unwrap_or(ABSENT);
    }
}

const fn parent(place: usize) -> usize {
    place.saturating_sub(1) / CHILDREN
}

/// Converts a handle or a position to an index.
fn at(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::Heap;
    use crate::random::Random;

    /// A heap under test and standard collections with the same content, keyed like the expiries.
    #[derive(Default)]
    struct Pair {
        heap: Heap<(u32, u32)>,
        keys: BTreeMap<u32, (u32, u32)>,
        order: BTreeSet<((u32, u32), u32)>,
    }

    impl Pair {
        /// Changes one handle; `number` makes its key unique.
        fn step(&mut self, random: &mut Random, handle: u32, number: u32) {
            let key = (random.small(50), number);
            let old = self.keys.get(&handle).copied();
            assert_eq!(self.heap.key(handle), old);
            if let Some(old) = old {
                self.order.remove(&(old, handle));
                if random.small(2) == 0 {
                    assert_eq!(self.heap.remove(handle), Some(old));
                    self.keys.remove(&handle);
                    return;
                }
                if random.small(2) == 0 {
                    assert_eq!(self.heap.remove(handle), Some(old));
                }
                self.heap.set(handle, key);
            } else {
                assert_eq!(self.heap.remove(handle), None);
                self.heap.insert(handle, key);
            }
            self.keys.insert(handle, key);
            self.order.insert((key, handle));
        }
    }

    #[test]
    fn heap_behaves_like_a_sorted_set() {
        let mut random = Random(23);
        let mut pair = Pair::default();
        for number in 0..300_000 {
            // The range varies, so that the heap empties and fills again.
            let range = if number & 0x8000 == 0 { 2_000 } else { 10 };
            let handle = random.small(range);
            pair.step(&mut random, handle, number);
            assert_eq!(pair.heap.first(), pair.order.first().copied());
            assert_eq!(pair.heap.len(), pair.order.len());
            if number % 1_000 == 0 {
                assert!(pair.heap.check());
            }
        }
        assert!(pair.heap.len() > 100, "the walk filled the heap");
        while let Some((key, handle)) = pair.heap.first() {
            assert_eq!(pair.order.pop_first(), Some((key, handle)));
            assert_eq!(pair.heap.remove(handle), Some(key));
        }
        assert!(pair.heap.len() == 0 && pair.order.is_empty() && pair.heap.check());
    }

    #[test]
    fn check_detects_a_broken_heap() {
        let mut heap = Heap::default();
        heap.insert(0, 1);
        heap.insert(1, 2);
        let mut unordered = heap.clone();
        unordered.entries.swap(0, 1);
        unordered.places.swap(0, 1);
        let mut misplaced = heap.clone();
        misplaced.places.swap(0, 1);
        let mut leftover = heap.clone();
        leftover.places.push(0);
        assert!(heap.check() && !unordered.check() && !misplaced.check() && !leftover.check());
    }
}
