//! The nodes of a trie, as large as what they hold asks for.
//!
//! A key that has no other near it is a pair of 16 bytes and not a leaf of 64 slots; a node of up to
//! four takes 32 bytes, one of up to 16 takes 80. So keys that are scattered cost a few words each,
//! and keys that are close share slots. A node's number says its size, and a node that outgrows it
//! gets another number. One that empties shrinks late, at three that are left, so that no key that
//! comes and goes makes a node grow and shrink every time.

use super::head::{Head, LOW, bit, lowest, narrow, ones};
use super::pool::{Few, NONE, Pool, Single, at, last};

/// All nodes of a trie. Those that were given back stand in chains, one for each size.
#[derive(Clone, Debug)]
pub(super) struct Nodes {
    /// The large nodes' heads and slots apart: the heads of a dense book fit the nearest cache.
    heads: Vec<Head>,
    slots: Vec<[u32; 64]>,
    free: u32,
    /// How many of them are linked.
    larges: u32,
    middles: Pool<Few<16>>,
    smalls: Pool<Few<4>>,
    singles: Pool<Single>,
}

/// So many large nodes cost next to nothing: a short book is quick rather than small. Twice as many
/// may stay.
const FREELY: u32 = if cfg!(tight) { 0 } else { 32 };

/// The top bits of a node's number are its size.
const LARGE: u32 = 0;
const MIDDLE: u32 = 1 << 30;
const SMALL: u32 = 2 << 30;
const SINGLE: u32 = 3 << 30;
/// The other bits are its number among those of its size.
const NUMBER: u32 = MIDDLE - 1;

impl Default for Nodes {
    fn default() -> Self {
        Self {
            heads: Vec::new(),
            slots: Vec::new(),
            free: NONE,
            larges: 0,
            middles: Pool::default(),
            smalls: Pool::default(),
            singles: Pool::default(),
        }
    }
}

impl Nodes {
    /// The head of a large node.
    #[inline]
    pub(super) fn large(&self, node: u32) -> Option<Head> {
        self.heads.get(at(node)).copied()
    }

    /// The head of a node, if it is one.
    #[inline]
    pub(super) fn get(&self, node: u32) -> Option<Head> {
        let large = self.large(node);
        if large.is_some() { large } else { self.get_other(node) }
    }

    #[inline]
    fn get_other(&self, node: u32) -> Option<Head> {
        match size(node) {
            SINGLE => self.singles.items.get(place(node)).map(|single| single.head()),
            SMALL => self.smalls.items.get(place(node)).map(|small| small.head),
            _ => self.middles.items.get(place(node)).map(|middle| middle.head),
        }
    }

    /// The head of a node that exists.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "a node that is linked exists")]
    pub(super) fn head(&self, node: u32) -> Head {
        if size(node) == LARGE { self.heads[at(node)] } else { self.head_other(node) }
    }

    #[expect(clippy::indexing_slicing, reason = "a node that is linked exists")]
    fn head_other(&self, node: u32) -> Head {
        match size(node) {
            SINGLE => self.singles.items[place(node)].head(),
            SMALL => self.smalls.items[place(node)].head,
            _ => self.middles.items[place(node)].head,
        }
    }

    /// What is in a slot that is taken.
    #[inline]
    pub(super) fn read(&self, node: u32, slot: u64) -> u32 {
        if size(node) == LARGE { self.read_large(node, slot) } else { self.read_other(node, slot) }
    }

    #[expect(clippy::indexing_slicing, reason = "a node that is linked exists")]
    fn read_other(&self, node: u32, slot: u64) -> u32 {
        match size(node) {
            MIDDLE => self.middles.items[place(node)].read(slot),
            SMALL => self.smalls.items[place(node)].read(slot),
            _ => self.singles.items[place(node)].value,
        }
    }

    /// What is in a slot of a large node that is taken.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "a node that is linked exists")]
    pub(super) fn read_large(&self, node: u32, slot: u64) -> u32 {
        self.slots[at(node)][at(narrow(slot))]
    }

    /// The value of `key`, if that is all the node holds.
    #[inline]
    pub(super) fn only(&self, node: u32, key: u64) -> Option<u32> {
        if let Some(head) = self.large(node) {
            let right = head.is_leaf() && head.taken == bit(key) && head.slot(key) <= LOW;
            return right.then(|| self.read_large(node, key & LOW));
        }
        let single = self.singles.items.get(place(node)).filter(|_| size(node) == SINGLE)?;
        (single.key == key).then_some(single.value)
    }

    /// Replaces what is in a slot that is taken.
    #[expect(clippy::indexing_slicing, reason = "a node that is linked exists")]
    pub(super) fn replace(&mut self, node: u32, slot: u64, what: u32) {
        match size(node) {
            SINGLE => self.singles.items[place(node)].value = what,
            SMALL => *self.smalls.items[place(node)].slot_mut(slot) = what,
            MIDDLE => *self.middles.items[place(node)].slot_mut(slot) = what,
            _ => self.write_large(node, slot, what),
        }
    }

    /// Takes a slot of a large node.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "a node that is linked exists")]
    pub(super) fn write_large(&mut self, node: u32, slot: u64, what: u32) {
        self.slots[at(node)][at(narrow(slot))] = what;
        self.heads[at(node)].taken |= bit(slot);
    }

    /// Frees a slot of a large node, unless that should shrink then. Says whether it did.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "a node that is linked exists")]
    pub(super) fn clear_large(&mut self, node: u32, slot: u64) -> bool {
        let head = self.heads[at(node)];
        let rest = Head { taken: head.taken & !bit(slot), ..head };
        let stays = self.stays_large(node, rest);
        if stays {
            self.heads[at(node)] = rest;
        }
        stays
    }

    /// Whether a large node stays one with so much left in it.
    #[inline]
    fn stays_large(&self, node: u32, rest: Head) -> bool {
        !rest.is_sparse()
            || (rest.is_enough() && (self.larges <= 2 * FREELY || self.is_tall(node, rest)))
    }

    /// Whether large nodes are so few that one more costs next to nothing.
    #[inline]
    const fn is_short(&self) -> bool {
        self.larges < FREELY
    }

    /// Whether an inner node stands on a large one: then many a search passes it and there are few
    /// of its kind, so it may be large with hardly anything in it.
    fn is_tall(&self, node: u32, head: Head) -> bool {
        !head.is_leaf() && size(self.read(node, lowest(head.taken))) == LARGE
    }

    /// Makes a leaf of one key.
    #[inline]
    pub(super) fn make_leaf(&mut self, key: u64, value: u32) -> u32 {
        if self.is_short() {
            let leaf = self.make_large(Head::new(key, 0));
            self.write_large(leaf, key & LOW, value);
            return leaf;
        }
        self.make_single(key, value)
    }

    fn make_single(&mut self, key: u64, value: u32) -> u32 {
        SINGLE | self.singles.add(Single { key, value })
    }

    /// Makes an inner node of two children, in these two of its slots.
    pub(super) fn make_fork(&mut self, head: Head, one: (u64, u32), other: (u64, u32)) -> u32 {
        if self.is_short() || size(other.1) == LARGE {
            let fork = self.make_large(head);
            self.write_large(fork, one.0, one.1);
            self.write_large(fork, other.0, other.1);
            return fork;
        }
        self.make_pair(head, one, other)
    }

    fn make_pair(&mut self, head: Head, one: (u64, u32), other: (u64, u32)) -> u32 {
        let (low, high) = if one.0 < other.0 { (one, other) } else { (other, one) };
        let head = Head { taken: bit(low.0) | bit(high.0), ..head };
        SMALL | self.smalls.add(Few { head, slots: [low.1, high.1, NONE, NONE] })
    }

    /// Takes a slot that is free, and gives the number that the node has then.
    #[expect(clippy::indexing_slicing, reason = "a node that is linked exists")]
    pub(super) fn insert(&mut self, node: u32, slot: u64, what: u32) -> u32 {
        match size(node) {
            SMALL if self.smalls.items[place(node)].head.is_sparse() => {
                self.smalls.items[place(node)].insert(slot, what);
                node
            }
            MIDDLE if self.middles.items[place(node)].head.count() < 16 => {
                self.middles.items[place(node)].insert(slot, what);
                node
            }
            SINGLE | SMALL | MIDDLE => self.grow(node, slot, what),
            _ => {
                self.write_large(node, slot, what);
                node
            }
        }
    }

    /// Frees a slot that is taken, not the only one, and gives the number that the node has then. An
    /// inner node keeps two.
    #[expect(clippy::indexing_slicing, reason = "a node that is linked exists")]
    pub(super) fn remove(&mut self, node: u32, slot: u64) -> u32 {
        let head = self.head(node);
        let rest = Head { taken: head.taken & !bit(slot), ..head };
        match size(node) {
            SMALL if !rest.is_single() => self.smalls.items[place(node)].remove(slot),
            MIDDLE if !rest.is_sparse() => self.middles.items[place(node)].remove(slot),
            SMALL | MIDDLE => return self.shrink(node, rest),
            _ if self.stays_large(node, rest) => self.heads[at(node)] = rest,
            _ => return self.shrink(node, rest),
        }
        node
    }

    /// Moves a node that is full to one of the next size with room for one slot more. A leaf of five
    /// is large at once: where keys are that close, more will come.
    fn grow(&mut self, node: u32, slot: u64, what: u32) -> u32 {
        let head = self.head(node);
        let more = Head { taken: head.taken | bit(slot), ..head };
        let freely = self.is_short();
        if size(node) == SINGLE && !freely {
            let old = (lowest(head.taken), self.read(node, lowest(head.taken)));
            self.give_back(node);
            return self.make_pair(head, old, (slot, what));
        }
        let thrifty = !freely && !head.is_leaf() && !self.is_tall(node, head);
        let grown = if size(node) == SMALL && thrifty {
            let mut few = Few { head: more, slots: [NONE; 16] };
            for slot in ones(head.taken) {
                *few.slot_mut(slot) = self.read(node, slot);
            }
            *few.slot_mut(slot) = what;
            MIDDLE | self.middles.add(few)
        } else {
            let large = self.make_large(head);
            for slot in ones(head.taken) {
                self.write_large(large, slot, self.read(node, slot));
            }
            self.write_large(large, slot, what);
            large
        };
        self.give_back(node);
        grown
    }

    /// Moves what is left of a node, three slots at most, to a small one, or a single key to a pair.
    fn shrink(&mut self, node: u32, rest: Head) -> u32 {
        let slot = lowest(rest.taken);
        let shrunk = if rest.is_single() {
            self.make_single(rest.span | slot, self.read(node, slot))
        } else {
            let mut few = Few { head: rest, slots: [NONE; 4] };
            for slot in ones(rest.taken) {
                *few.slot_mut(slot) = self.read(node, slot);
            }
            SMALL | self.smalls.add(few)
        };
        self.give_back(node);
        shrunk
    }

    #[expect(clippy::indexing_slicing, reason = "a node in a chain exists")]
    fn make_large(&mut self, head: Head) -> u32 {
        self.larges = self.larges.saturating_add(1);
        let node = self.free;
        if node == NONE {
            self.heads.push(head);
            self.slots.push([NONE; 64]);
            return last(self.heads.len());
        }
        self.free = self.slots[at(node)][0];
        self.heads[at(node)] = head;
        node
    }

    /// Keeps a node that is no longer linked for the next of its size.
    #[expect(clippy::indexing_slicing, reason = "the node existed")]
    pub(super) fn give_back(&mut self, node: u32) {
        match size(node) {
            SINGLE => self.singles.give_back(node & NUMBER),
            SMALL => self.smalls.give_back(node & NUMBER),
            MIDDLE => self.middles.give_back(node & NUMBER),
            _ => {
                self.larges = self.larges.saturating_sub(1);
                self.slots[at(node)][0] = core::mem::replace(&mut self.free, node);
            }
        }
    }

    /// How many nodes there are of each size, from large to single, and how many of them are free.
    #[cfg(test)]
    pub(super) fn census(&self) -> [(usize, usize); 4] {
        let step = |&node: &u32| Some(*self.slots.get(at(node))?.first()?);
        let free = core::iter::successors(Some(self.free), step).filter(|&node| node != NONE);
        [
            (self.heads.len(), free.count()),
            self.middles.census(),
            self.smalls.census(),
            self.singles.census(),
        ]
    }

    /// How many bytes they take, all in all.
    #[cfg(test)]
    #[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
    pub(super) fn bytes(&self) -> usize {
        self.heads.len() * (size_of::<Head>() + size_of::<[u32; 64]>())
            + self.middles.items.len() * size_of::<Few<16>>()
            + self.smalls.items.len() * size_of::<Few<4>>()
            + self.singles.items.len() * size_of::<Single>()
    }
}

#[inline]
const fn size(node: u32) -> u32 {
    node & !NUMBER
}

/// Where a node stands among those of its size.
#[inline]
fn place(node: u32) -> usize {
    at(node & NUMBER)
}
