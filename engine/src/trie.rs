//! An ordered map for prices. It is small if prices are close, and copes with any distance
//! between them.
//!
//! The map is a tree that takes six bits of a key per step. A node has 64 slots and a word with one
//! bit for each taken slot, so the next key is one bit count away. A step at which all keys of a
//! branch agree has no node. So the height follows from where keys differ and not from how large
//! they are. A book whose prices are within 4,096 ticks is two nodes high, within 262,144 three,
//! and an order at the other end of the range adds one node on top. An inner node has at least two
//! children, so `n` keys never need more than `2n - 1` nodes. The size of a node follows from the
//! number of its taken slots.
//!
//! A warm trie allocates nothing. To replace any of 40,000 prices by another takes 40 ns; a
//! `BTreeMap` takes 355, a sorted vector 4,665 and a flat array 17. A price without neighbours does
//! not get a leaf of its own. 10 million orders at 10 million prices take 1,859 MiB; they took
//! about 5 GB when each had a leaf and each level had space for hidden quantities.

mod head;
mod nodes;
mod pool;
#[cfg(test)]
mod tests;

use head::{Head, LOW, bit, lowest, ones};
use nodes::Nodes;
use pool::NONE;

/// A map from `u64` to `u32` that is fastest at its smallest keys.
#[derive(Clone, Debug)]
pub(crate) struct Trie {
    nodes: Nodes,
    root: u32,
    /// The leaf with the smallest key, where most operations happen.
    front: u32,
    len: usize,
}

impl Default for Trie {
    /// An empty map without any allocation.
    fn default() -> Self {
        Self { nodes: Nodes::default(), root: NONE, front: NONE, len: 0 }
    }
}

impl Trie {
    /// The number of keys.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// The smallest key and its value.
    #[inline]
    pub(crate) fn first(&self) -> Option<(u64, u32)> {
        let head = self.nodes.get(self.front)?;
        Some(self.entry(self.front, head, head.taken))
    }

    /// The value of `key`.
    #[inline]
    pub(crate) fn get(&self, key: u64) -> Option<u32> {
        let mut node = self.front_or_root(key);
        while let Some(head) = self.nodes.large(node) {
            let slot = head.slot(key);
            if slot > LOW || !head.has(slot) {
                return None;
            }
            let found = self.nodes.read_large(node, slot);
            if head.is_leaf() {
                return Some(found);
            }
            node = found;
        }
        self.get_below(node, key)
    }

    /// All keys with their values, smallest first.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (u64, u32)> {
        let first = self.nodes.get(self.front).map(|head| (self.front, head, head.taken));
        let leaves = core::iter::successors(first, |(_, head, _)| self.leaf_after(head.span | LOW));
        leaves.flat_map(move |(leaf, head, slots)| {
            ones(slots).map(move |slot| (head.span | slot, self.nodes.read(leaf, slot)))
        })
    }

    /// Adds a key, which must not be in the map.
    #[inline]
    pub(crate) fn insert(&mut self, key: u64, value: u32) {
        self.len = self.len.saturating_add(1);
        let (mut parent, mut node) = (NONE, self.front_or_root(key));
        // A large node changes in place, so its ancestors need not be known.
        while let Some(head) = self.nodes.large(node) {
            let slot = head.slot(key);
            if slot > LOW {
                break;
            }
            if head.has(slot) {
                assert!(!head.is_leaf(), "a key has one value");
                (parent, node) = (node, self.nodes.read_large(node, slot));
            } else if head.is_leaf() {
                return self.nodes.write_large(node, slot, value);
            } else {
                let leaf = self.nodes.make_leaf(key, value);
                self.nodes.write_large(node, slot, leaf);
                return self.update_front(key, leaf);
            }
        }
        self.insert_below(parent, node, key, value);
    }

    /// Removes a key and returns its value, if the key is in the map.
    #[inline]
    pub(crate) fn remove(&mut self, key: u64) -> Option<u32> {
        if let Some(head) = self.nodes.large(self.front) {
            let slot = head.slot(key);
            if slot <= LOW && head.has(slot) {
                let value = self.nodes.read_large(self.front, slot);
                if self.nodes.clear_large(self.front, slot) {
                    self.len = self.len.saturating_sub(1);
                    return Some(value);
                }
            }
        }
        let mut path = (NONE, NONE, self.root);
        while let Some(head) = self.nodes.large(path.2) {
            let slot = head.slot(key);
            if slot > LOW || !head.has(slot) {
                return None;
            }
            let found = self.nodes.read_large(path.2, slot);
            if !head.is_leaf() {
                path = (path.1, path.2, found);
            } else if self.nodes.clear_large(path.2, slot) {
                self.len = self.len.saturating_sub(1);
                return Some(found);
            } else {
                break;
            }
        }
        // If a large node loses a leaf of one key and stays large, its ancestors do not change.
        let (_, parent, leaf) = path;
        if let Some(value) = self.nodes.value_if_only(leaf, key)
            && let Some(head) = self.nodes.large(parent)
            && self.nodes.clear_large(parent, head.slot(key))
        {
            self.nodes.release(leaf);
            self.len = self.len.saturating_sub(1);
            if leaf == self.front {
                self.front = self.leftmost(parent);
            }
            return Some(value);
        }
        self.remove_below(path, key)
    }

    /// The node where the search for a key begins. Most searches are for keys in the front leaf.
    #[inline]
    fn front_or_root(&self, key: u64) -> u32 {
        match self.nodes.large(self.front) {
            Some(front) if front.slot(key) <= LOW => self.front,
            _ => self.root,
        }
    }

    fn get_below(&self, mut node: u32, key: u64) -> Option<u32> {
        loop {
            let head = self.nodes.get(node)?;
            let slot = head.slot(key);
            if slot > LOW || !head.has(slot) {
                return None;
            }
            let found = self.nodes.read(node, slot);
            if head.is_leaf() {
                return Some(found);
            }
            node = found;
        }
    }

    /// The leaf with the smallest key above `key`, and its slots above it.
    fn leaf_after(&self, key: u64) -> Option<(u32, Head, u64)> {
        // The deepest child passed so far that begins after the key.
        let mut later = None;
        let mut node = self.root;
        loop {
            let head = self.nodes.head(node);
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
                    return Some((node, head, after));
                }
                break;
            }
            if after != 0 {
                later = Some(self.nodes.read(node, lowest(after)));
            }
            if !head.has(slot) {
                break;
            }
            node = self.nodes.read(node, slot);
        }
        let leaf = self.leftmost(later?);
        let head = self.nodes.head(leaf);
        Some((leaf, head, head.taken))
    }

    /// The leaf with the smallest key below a node.
    fn leftmost(&self, mut node: u32) -> u32 {
        loop {
            let head = self.nodes.head(node);
            if head.is_leaf() {
                return node;
            }
            node = self.nodes.read(node, lowest(head.taken));
        }
    }

    /// Adds a key below `node`, a child of `parent`.
    fn insert_below(&mut self, mut parent: u32, mut node: u32, key: u64, value: u32) {
        while let Some(head) = self.nodes.get(node) {
            let slot = head.slot(key);
            if slot > LOW {
                let leaf = self.nodes.make_leaf(key, value);
                let fork = self.fork(key, leaf, head.span, node);
                self.link(parent, key, fork);
                return self.update_front(key, leaf);
            }
            if head.is_leaf() {
                assert!(!head.has(slot), "a key has one value");
                let grown = self.nodes.insert(node, slot, value);
                if node == self.front {
                    self.front = grown;
                }
                return self.relink(parent, key, node, grown);
            }
            if !head.has(slot) {
                let leaf = self.nodes.make_leaf(key, value);
                let grown = self.nodes.insert(node, slot, leaf);
                self.relink(parent, key, node, grown);
                return self.update_front(key, leaf);
            }
            parent = node;
            node = self.nodes.read(node, slot);
        }
        self.root = self.nodes.make_leaf(key, value);
        self.front = self.root;
    }

    /// Makes the parent of a new leaf for `key` and of a node that does not cover `key`.
    fn fork(&mut self, key: u64, leaf: u32, span: u64, other: u32) -> u32 {
        // The step at which the two first differ.
        let highest = u64::from((key ^ span).leading_zeros() ^ 63);
        let head = Head::new(key, highest.saturating_sub(highest % 6));
        self.nodes.make_fork(head, (head.slot(key), leaf), (head.slot(span), other))
    }

    /// Makes a new leaf the front if its key is the smallest.
    fn update_front(&mut self, key: u64, leaf: u32) {
        if key < self.nodes.head(self.front).span {
            self.front = leaf;
        }
    }

    /// Removes a key from below `node`, a child of `parent`, which is a child of `grandparent`.
    fn remove_below(
        &mut self,
        (mut grandparent, mut parent, mut node): (u32, u32, u32),
        key: u64,
    ) -> Option<u32> {
        loop {
            let head = self.nodes.get(node)?;
            let slot = head.slot(key);
            if slot > LOW || !head.has(slot) {
                return None;
            }
            let found = self.nodes.read(node, slot);
            if !head.is_leaf() {
                (grandparent, parent, node) = (parent, node, found);
                continue;
            }
            self.len = self.len.saturating_sub(1);
            if head.is_single() {
                self.drop_leaf(key, node, parent, grandparent);
            } else {
                let rest = self.nodes.remove(node, slot);
                if node == self.front {
                    self.front = rest;
                }
                self.relink(parent, key, node, rest);
            }
            return Some(found);
        }
    }

    /// Frees a leaf of one key. If its parent is left with one child, the parent is freed too, and
    /// the child takes its place.
    fn drop_leaf(&mut self, key: u64, leaf: u32, parent: u32, grandparent: u32) {
        self.nodes.release(leaf);
        let mut rest = NONE;
        if parent == NONE {
            self.root = NONE;
        } else {
            let head = self.nodes.head(parent);
            let slot = head.slot(key);
            let others = head.taken & !bit(slot);
            if (Head { taken: others, ..head }).is_single() {
                rest = self.nodes.read(parent, lowest(others));
                self.nodes.release(parent);
            } else {
                rest = self.nodes.remove(parent, slot);
            }
            self.relink(grandparent, key, parent, rest);
        }
        if leaf == self.front {
            // The next leaf is the leftmost one of what is left.
            self.front = if rest == NONE { NONE } else { self.leftmost(rest) };
        }
    }

    /// Links `replacement` in the place of `node`, if it is another node.
    #[inline]
    fn relink(&mut self, parent: u32, key: u64, node: u32, replacement: u32) {
        if node != replacement {
            self.link(parent, key, replacement);
        }
    }

    /// Links `child` below `parent` in the slot of `key`, or as the root if there is no parent.
    fn link(&mut self, parent: u32, key: u64, child: u32) {
        if parent == NONE {
            self.root = child;
        } else {
            let slot = self.nodes.head(parent).slot(key);
            self.nodes.replace(parent, slot, child);
        }
    }

    /// The key and value of the lowest of these slots of a leaf.
    #[inline]
    fn entry(&self, leaf: u32, head: Head, slots: u64) -> (u64, u32) {
        let slot = lowest(slots);
        (head.span | slot, self.nodes.read(leaf, slot))
    }
}
