//! The prices of one side of a book: the best few in a short sorted row, the rest in a trie.
//!
//! Levels open and close at the best price and right behind it, however many ticks are between one
//! price and the next. So the keys in the row are chosen by rank, not by distance. The row costs
//! the same in a book without gaps and in one whose prices are ten thousand ticks apart. A window
//! of ticks would move with every other order there.
//!
//! 1. Every key in the row is smaller than every key in the trie.
//! 2. The row holds at least `ROW_MIN` keys, or all keys if there are fewer.
//!
//! So the best price is the last key in the row. A full row moves its worst key to the trie, and a
//! row that has too few keys takes the first key of the trie. An operation costs at most one
//! operation on the trie. The two bounds are far enough apart that an order that is added and
//! removed again does not repeat it.
//!
//! On the public workload 85 % of levels open and close at the best price, and 96 % within four
//! ranks. Three designs were measured, in nanoseconds a message (bare loop, minima of interleaved
//! runs):
//!
//! | | dense prices | swinging prices | fixed prices |
//! |---|---|---|---|
//! | trie alone | 32 | 35 to 38 | 25.6 |
//! | window of 1,024 ticks with bitmaps, before the trie | 28 | 93 to 104 | |
//! | row, before the trie | 28 | 27 to 28 | 26.5 |
//!
//! The window is slow when prices swing, because nearly every order moves it.

use crate::trie::Trie;

/// A map from `u64` to `u32` that is fastest at its smallest keys.
#[derive(Debug, Default)]
pub(crate) struct PriceMap {
    /// The smallest keys and their values. The smallest is last, so that adding and removing it
    /// works as on a stack.
    row: Vec<(u64, u32)>,
    /// All other keys.
    rest: Trie,
}

/// The least number of keys in the row, if the map has that many.
const ROW_MIN: usize = if cfg!(tight) { 1 } else { 2 };
/// The largest number of keys in the row. Longer rows take longer to search and save hardly
/// anything.
const ROW_MAX: usize = if cfg!(tight) { 1 } else { 4 };

impl PriceMap {
    /// The number of keys.
    pub(crate) const fn len(&self) -> usize {
        self.row.len().saturating_add(self.rest.len())
    }

    /// The smallest key and its value.
    #[inline]
    pub(crate) fn first(&self) -> Option<(u64, u32)> {
        self.row.last().copied()
    }

    /// All keys with their values, smallest first.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (u64, u32)> {
        self.row.iter().rev().copied().chain(self.rest.entries())
    }

    /// The value of `key`.
    #[inline]
    pub(crate) fn get(&self, key: u64) -> Option<u32> {
        if self.row.first().is_none_or(|&(worst, _)| worst < key) {
            return self.rest.get(key);
        }
        let found = self.row.iter().rfind(|&&(near, _)| near >= key);
        found.filter(|&&(near, _)| near == key).map(|&(_, value)| value)
    }

    /// Adds a key, which must not be in the map.
    #[inline]
    pub(crate) fn insert(&mut self, key: u64, value: u32) {
        let at = self.place(key);
        assert!(self.row.get(at).is_none_or(|&(found, _)| found != key), "a key has one value");
        if at == 0 && (self.row.len() == ROW_MAX || self.rest.len() > 0) {
            self.rest.insert(key, value);
        } else if self.row.len() < ROW_MAX {
            self.row.insert(at, (key, value));
        } else {
            self.insert_full(at, key, value);
        }
    }

    /// Removes a key and returns its value, if the key is in the map.
    #[inline]
    pub(crate) fn remove(&mut self, key: u64) -> Option<u32> {
        let at = self.place(key);
        match self.row.get(at) {
            Some(&(found, value)) if found == key => {
                // Removing the last key moves no other.
                if at.wrapping_add(1) == self.row.len() {
                    self.row.pop();
                } else {
                    self.row.remove(at);
                }
                if self.row.len() < ROW_MIN && self.rest.len() > 0 {
                    self.refill();
                }
                Some(value)
            }
            _ if at == 0 => self.rest.remove(key),
            _ => None,
        }
    }

    /// The number of larger keys in the row, which is the position of `key` in it, or where it
    /// would be.
    #[inline]
    fn place(&self, key: u64) -> usize {
        let larger = self.row.iter().rposition(|&(other, _)| other > key);
        larger.map_or(0, |at| at.wrapping_add(1))
    }

    /// Inserts into a full row at any position but the worst, and moves the worst key to the trie.
    #[cold]
    fn insert_full(&mut self, at: usize, key: u64, value: u32) {
        let (worst, of_worst) = self.row.remove(0);
        self.rest.insert(worst, of_worst);
        self.row.insert(at.wrapping_sub(1), (key, value));
    }

    /// Moves the trie's first key to the row.
    #[cold]
    fn refill(&mut self) {
        if let Some((key, value)) = self.rest.first() {
            self.rest.remove(key);
            self.row.insert(0, (key, value));
        }
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests {
    use std::collections::BTreeMap;

    use super::{PriceMap, ROW_MAX, ROW_MIN};
    use crate::random::Random;

    /// Checks that row and trie hold the keys that they should, and that no key is lost.
    fn assert_sound(prices: &PriceMap, map: &BTreeMap<u64, u32>) {
        assert_eq!(prices.len(), map.len());
        assert!(prices.row.len() <= ROW_MAX);
        assert!(prices.row.len() >= ROW_MIN || prices.rest.len() == 0);
        assert!(prices.entries().eq(map.iter().map(|(&key, &value)| (key, value))));
    }

    /// A key as a book might hold it: mostly close to the best, sometimes far away or at an end.
    fn some_key(random: &mut Random, best: u64) -> u64 {
        let far = random.below(64);
        match random.below(16) {
            0 => random.next() >> far,
            1 => u64::MAX - random.below(20),
            2 => random.below(20),
            3..6 => best.wrapping_add(1 << far),
            6..9 => best.wrapping_sub(random.below(50)),
            _ => best.wrapping_add(random.below(50)),
        }
    }

    #[test]
    fn price_map_behaves_like_a_sorted_map() {
        let mut random = Random(23);
        let mut prices = PriceMap::default();
        let mut map = BTreeMap::new();
        let mut centre = 1 << 40;
        for step in 0..400_000_u32 {
            let best = map.first_key_value().map_or(centre, |(&key, _)| key);
            let key = some_key(&mut random, if step & 1 == 0 { best } else { centre });
            assert_eq!(prices.get(key), map.get(&key).copied());
            // Phases of growth, of constant size and of shrinking alternate; each shrinking phase
            // empties the map.
            let grows = match step >> 10 & 3 {
                0 => 7,
                1 | 2 => 4,
                _ => 1,
            };
            let grows = random.below(8) < grows;
            if grows && !map.contains_key(&key) {
                prices.insert(key, step);
                map.insert(key, step);
            } else if !grows {
                let near = map.range(key..).next().map_or(key, |(&key, _)| key);
                let gone = if random.below(3) == 0 { near } else { best };
                assert_eq!(prices.remove(gone), map.remove(&gone));
                assert_eq!(prices.remove(gone), None);
            }
            let first = map.first_key_value();
            assert_eq!(prices.first(), first.map(|(&key, &value)| (key, value)));
            if step % 8 == 0 || map.len() < 40 {
                assert_sound(&prices, &map);
            }
            if map.is_empty() {
                centre = match random.below(4) {
                    0 => 10,
                    1 => u64::MAX - 10,
                    _ => random.next(),
                };
            }
        }
    }

    #[test]
    #[cfg(not(tight))]
    fn order_that_comes_and_goes_does_not_touch_the_trie() {
        let mut prices = PriceMap::default();
        for key in (1..=100).rev() {
            prices.insert(key, 1);
        }
        for best in 1..60 {
            // The first pass may move a key between row and trie. Later passes reach neither bound.
            prices.insert(0, 2);
            assert_eq!(prices.remove(0), Some(2));
            let before = (prices.row.len(), prices.rest.len());
            for _ in 0..3 {
                prices.insert(0, 2);
                assert_eq!((prices.row.len(), prices.rest.len()), (before.0 + 1, before.1));
                assert_eq!(prices.remove(0), Some(2));
                assert_eq!((prices.row.len(), prices.rest.len()), before);
            }
            assert_eq!(prices.remove(best), Some(1));
        }
    }
}
