//! An ordered map for prices: small where they are close, indifferent to how far apart they are.
//!
//! The keys hang in a tree that takes six bits of a key per step: a node has 64 slots and a word
//! that says which of them are taken, so the next key is one bit count away and nothing is ever
//! shifted. A level of the tree at which all keys of a branch agree has no node at all. So the
//! height follows from where keys differ and not from how large they are: a book whose prices lie
//! within 4,096 ticks is two nodes high, within 262,144 three, and an order at the other end of the
//! range adds one node on top. An inner node has at least two children, so `n` keys never need more
//! than `2n - 1` nodes.

/// A map from `u64` to `u32` whose smallest keys are the closest at hand.
#[derive(Clone, Debug)]
pub(crate) struct Trie {
    /// Heads and slots apart: the heads of a whole book fit the nearest cache.
    heads: Vec<Head>,
    slots: Vec<Slots>,
    root: u32,
    /// The leaf that holds the smallest key, where most of the work is.
    front: u32,
    /// The node that was given back last. Its first slot names the one before.
    free: u32,
    len: usize,
}

/// What a node covers and what it holds.
#[derive(Clone, Copy, Debug)]
struct Head {
    /// The smallest key the node covers, and its shift: how many bits of a key lie below the six
    /// that choose a slot, zero in a leaf. The shift takes the low six bits, which no span uses.
    span: u64,
    /// Which slots are taken.
    taken: u64,
}

/// A leaf's values or an inner node's children. Slots that are not taken hold anything.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Slots([u32; 64]);

/// No node.
const NONE: u32 = u32::MAX;
/// The low six bits of a key: a leaf's slot.
const LOW: u64 = 63;

impl Head {
    /// The empty node with this shift that covers `key`.
    fn new(key: u64, shift: u64) -> Self {
        let prefix = key.wrapping_shr(narrow(shift)) & !LOW;
        Self { span: prefix.wrapping_shl(narrow(shift)) | shift, taken: 0 }
    }

    const fn is_leaf(self) -> bool {
        self.span & LOW == 0
    }

    /// The slot for `key`; 64 or more if the node does not cover the key. The shift that `span`
    /// carries does no harm: an inner node's is shifted out, a leaf's is zero.
    #[inline]
    fn slot(self, key: u64) -> u64 {
        (key ^ self.span).wrapping_shr(narrow(self.span))
    }

    #[inline]
    fn has(self, slot: u64) -> bool {
        self.taken & bit(slot) != 0
    }

    /// The taken slots after `slot`.
    #[inline]
    fn after(self, slot: u64) -> u64 {
        self.taken & (!1_u64).wrapping_shl(narrow(slot))
    }

    const fn count(self) -> u32 {
        self.taken.count_ones()
    }
}

impl Default for Trie {
    /// A map that holds nothing and has allocated nothing.
    fn default() -> Self {
        Self { heads: Vec::new(), slots: Vec::new(), root: NONE, front: NONE, free: NONE, len: 0 }
    }
}

impl Trie {
    /// How many keys it holds.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// The smallest key and its value.
    #[inline]
    pub(crate) fn first(&self) -> Option<(u64, u32)> {
        let head = *self.heads.get(at(self.front))?;
        Some(self.entry(self.front, head, head.taken))
    }

    /// The value of `key`.
    #[inline]
    pub(crate) fn get(&self, key: u64) -> Option<u32> {
        let mut node = self.front_or_root(key);
        loop {
            let head = *self.heads.get(at(node))?;
            let slot = head.slot(key);
            if slot > LOW || !head.has(slot) {
                return None;
            }
            let found = self.read(node, slot);
            if head.is_leaf() {
                return Some(found);
            }
            node = found;
        }
    }

    /// The smallest key above `key`, which need not be there itself, and its value.
    #[inline]
    pub(crate) fn after(&self, key: u64) -> Option<(u64, u32)> {
        let head = *self.heads.get(at(self.front))?;
        let slot = head.slot(key);
        if slot <= LOW && head.after(slot) != 0 {
            return Some(self.entry(self.front, head, head.after(slot)));
        }
        self.after_from_root(key)
    }

    /// Adds a key that is not there yet.
    #[inline]
    pub(crate) fn insert(&mut self, key: u64, value: u32) {
        let leaf = self.leaf_for(key);
        let slot = key & LOW;
        assert!(!self.head(leaf).has(slot), "a key has one value");
        self.write(leaf, slot, value);
        self.len = self.len.saturating_add(1);
    }

    /// Takes a key out and gives its value, if it was there.
    #[inline]
    pub(crate) fn remove(&mut self, key: u64) -> Option<u32> {
        let (mut parent, mut grandparent) = (NONE, NONE);
        let mut node = self.root;
        // Short of emptying the front leaf, its neighbours need not be known.
        if let Some(front) = self.heads.get(at(self.front))
            && front.slot(key) <= LOW
            && front.count() > 1
        {
            node = self.front;
        }
        loop {
            let head = *self.heads.get(at(node))?;
            let slot = head.slot(key);
            if slot > LOW || !head.has(slot) {
                return None;
            }
            let found = self.read(node, slot);
            if head.is_leaf() {
                self.clear_slot(node, slot);
                self.len = self.len.saturating_sub(1);
                if head.count() == 1 {
                    self.drop_leaf(node, parent, grandparent);
                }
                return Some(found);
            }
            (grandparent, parent, node) = (parent, node, found);
        }
    }

    /// Where the search for a key begins: most keys that are asked for are in the front leaf.
    #[inline]
    fn front_or_root(&self, key: u64) -> u32 {
        match self.heads.get(at(self.front)) {
            Some(front) if front.slot(key) <= LOW => self.front,
            _ => self.root,
        }
    }

    fn after_from_root(&self, key: u64) -> Option<(u64, u32)> {
        // The deepest child passed so far that begins after the key.
        let mut later = None;
        let mut node = self.root;
        loop {
            let head = self.head(node);
            let slot = head.slot(key);
            if slot > LOW {
                if head.span > key {
                    later = Some(node);
                }
                break;
            }
            let after = head.after(slot);
            if head.is_leaf() {
                if after != 0 {
                    return Some(self.entry(node, head, after));
                }
                break;
            }
            if after != 0 {
                later = Some(self.read(node, lowest(after)));
            }
            if !head.has(slot) {
                break;
            }
            node = self.read(node, slot);
        }
        let leaf = self.leftmost(later?);
        let head = self.head(leaf);
        Some(self.entry(leaf, head, head.taken))
    }

    /// The leaf of the smallest key below a node.
    #[inline]
    fn leftmost(&self, mut node: u32) -> u32 {
        loop {
            let head = self.head(node);
            if head.is_leaf() {
                return node;
            }
            node = self.read(node, lowest(head.taken));
        }
    }

    /// The leaf that covers `key`, made and linked if there was none.
    #[inline]
    fn leaf_for(&mut self, key: u64) -> u32 {
        let mut parent = NONE;
        let mut node = self.front_or_root(key);
        while let Some(&head) = self.heads.get(at(node)) {
            let slot = head.slot(key);
            if slot > LOW {
                break;
            }
            if head.is_leaf() {
                return node;
            }
            parent = node;
            if !head.has(slot) {
                node = NONE;
                break;
            }
            node = self.read(node, slot);
        }
        self.grow_leaf(key, parent, node)
    }

    /// Makes the leaf for a key below `parent`, in the place of `node` if there is one: then a fork
    /// that covers both takes that place.
    fn grow_leaf(&mut self, key: u64, parent: u32, node: u32) -> u32 {
        let leaf = self.make(Head::new(key, 0));
        let mut top = leaf;
        if node != NONE {
            let other = self.head(node).span;
            // The step at which the two first differ.
            let bit = u64::from((key ^ other).leading_zeros() ^ 63);
            let fork = Head::new(key, bit.saturating_sub(bit % 6));
            top = self.make(fork);
            self.write(top, fork.slot(key), leaf);
            self.write(top, fork.slot(other), node);
        }
        self.link(parent, key, top);
        // Where the front is not there at all, the leaf is the first.
        if self.heads.get(at(self.front)).is_none_or(|front| key < front.span) {
            self.front = leaf;
        }
        leaf
    }

    /// Gives an empty leaf back, and its parent too if that is left with one child, which takes its
    /// place.
    fn drop_leaf(&mut self, leaf: u32, parent: u32, grandparent: u32) {
        let key = self.head(leaf).span;
        self.give_back(leaf);
        let mut rest = parent;
        if parent == NONE {
            self.root = NONE;
        } else {
            self.clear_slot(parent, self.head(parent).slot(key));
            let head = self.head(parent);
            if head.count() == 1 {
                rest = self.read(parent, lowest(head.taken));
                self.link(grandparent, key, rest);
                self.give_back(parent);
            }
        }
        if leaf == self.front {
            // What is left next to the first leaf comes right after it.
            self.front = if rest == NONE { NONE } else { self.leftmost(rest) };
        }
    }

    /// Hangs `child` below `parent`, or at the top if that is no node, where `key` belongs.
    fn link(&mut self, parent: u32, key: u64, child: u32) {
        if parent == NONE {
            self.root = child;
        } else {
            self.write(parent, self.head(parent).slot(key), child);
        }
    }

    fn make(&mut self, head: Head) -> u32 {
        let node = self.free;
        if node == NONE {
            let node = u32::try_from(self.heads.len()).unwrap_or(NONE);
            assert!(node != NONE, "there are fewer nodes than numbers");
            self.heads.push(head);
            self.slots.push(Slots([NONE; 64]));
            return node;
        }
        self.free = self.read(node, 0);
        *self.head_mut(node) = head;
        node
    }

    fn give_back(&mut self, node: u32) {
        self.write(node, 0, self.free);
        self.free = node;
    }

    /// The key and the value of the lowest of some slots of a leaf.
    #[inline]
    fn entry(&self, leaf: u32, head: Head, slots: u64) -> (u64, u32) {
        let slot = lowest(slots);
        (head.span | slot, self.read(leaf, slot))
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "a node that is linked exists")]
    fn head(&self, node: u32) -> Head {
        self.heads[at(node)]
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "a node that is linked exists")]
    fn head_mut(&mut self, node: u32) -> &mut Head {
        &mut self.heads[at(node)]
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "a node that is linked exists")]
    fn read(&self, node: u32, slot: u64) -> u32 {
        self.slots[at(node)].0[at(narrow(slot))]
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "a node that is linked exists")]
    fn write(&mut self, node: u32, slot: u64, what: u32) {
        self.slots[at(node)].0[at(narrow(slot))] = what;
        self.heads[at(node)].taken |= bit(slot);
    }

    #[inline]
    fn clear_slot(&mut self, node: u32, slot: u64) {
        self.head_mut(node).taken &= !bit(slot);
    }
}

#[inline]
fn bit(slot: u64) -> u64 {
    1_u64.wrapping_shl(narrow(slot))
}

/// The lowest of some slots.
#[inline]
fn lowest(slots: u64) -> u64 {
    u64::from(slots.trailing_zeros())
}

/// The six bits of a slot or a shift.
#[inline]
fn narrow(six: u64) -> u32 {
    u32::try_from(six & LOW).unwrap_or(0)
}

/// A node or a slot as an index.
#[inline]
fn at(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests {
    use std::collections::BTreeMap;
    use std::ops::Bound::{Excluded, Unbounded};

    use super::{NONE, Trie};
    use crate::random::Random;

    /// A node's children lie in its span, below it and in order; gives how many nodes there are.
    fn nodes(trie: &Trie, node: u32) -> usize {
        let head = trie.head(node);
        assert_ne!(head.taken, 0);
        if head.is_leaf() {
            return 1;
        }
        assert!(head.count() > 1, "an inner node has two children");
        let taken = (0..64).filter(|&slot| head.has(slot));
        let below = taken.map(|slot| {
            let child = trie.read(node, slot);
            let span = trie.head(child).span;
            assert_eq!(head.slot(span), slot);
            assert!(span & 63 < head.span & 63);
            nodes(trie, child)
        });
        below.sum::<usize>() + 1
    }

    /// No node is lost or used twice, and there are not more than there should be.
    fn assert_sound(trie: &Trie) {
        let live = if trie.root == NONE { 0 } else { nodes(trie, trie.root) };
        let mut free = 0;
        let mut node = trie.free;
        while node != NONE {
            free += 1;
            node = trie.read(node, 0);
        }
        assert_eq!(live + free, trie.heads.len());
        assert!(live < 2 * trie.len().max(1));
    }

    /// A key as a book might hold it: close to others, far off, or at an end.
    fn some_key(random: &mut Random, centre: u64) -> u64 {
        let far = random.below(60);
        match random.below(8) {
            0 => random.next(),
            1 => random.next() >> far,
            2 => u64::MAX - random.below(3),
            3 => random.below(70),
            4 => centre.wrapping_add(1 << far),
            _ => centre.wrapping_add(random.below(3_000)),
        }
    }

    #[test]
    fn it_does_what_a_sorted_map_does() {
        let mut random = Random(23);
        let mut trie = Trie::default();
        let mut map = BTreeMap::new();
        let mut centre = 1 << 40;
        for step in 0..400_000_u32 {
            let key = some_key(&mut random, centre);
            assert_eq!(trie.get(key), map.get(&key).copied());
            let after = map.range((Excluded(key), Unbounded)).next();
            assert_eq!(trie.after(key), after.map(|(&key, &value)| (key, value)));
            // Growing and shrinking take turns, each down to nothing.
            if step & 0x4000 == 0 && !map.contains_key(&key) {
                trie.insert(key, step);
                map.insert(key, step);
            } else {
                let near = map.range(key..).next().map_or(key, |(&key, _)| key);
                let first = map.first_key_value().map_or(key, |(&key, _)| key);
                for key in [key, near, first] {
                    assert_eq!(trie.remove(key), map.remove(&key));
                }
            }
            let first = map.first_key_value();
            assert_eq!(trie.first(), first.map(|(&key, &value)| (key, value)));
            assert_eq!(trie.len(), map.len());
            if step % 500 == 0 {
                assert_sound(&trie);
            }
            if map.is_empty() {
                centre = random.next();
            }
        }
    }

    #[test]
    fn an_outlier_costs_two_nodes() {
        let mut trie = Trie::default();
        for key in 1 << 20..(1 << 20) + 4_096 {
            trie.insert(key, 1);
        }
        assert_eq!(trie.heads.len(), 65);
        trie.insert(u64::MAX, 2);
        assert_eq!(trie.heads.len(), 67);
        assert_eq!(trie.after((1 << 20) + 4_095), Some((u64::MAX, 2)));
        assert_eq!(trie.after(u64::MAX), None);
        assert_eq!(trie.remove(u64::MAX), Some(2));
        trie.insert(0, 3);
        assert_eq!((trie.heads.len(), trie.first()), (67, Some((0, 3))));
        assert_sound(&trie);
    }
}
