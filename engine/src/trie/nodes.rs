//! The nodes of a trie, each as large as its content requires.
//!
//! A key without neighbours is a pair of 16 bytes, not a leaf of 64 slots. A node of up to four
//! taken slots takes 32 bytes, one of up to 16 takes 80. So scattered keys cost a few words each, and
//! keys that are close share slots. A node's number contains its size, so a node that outgrows its
//! size gets another number. A node that empties shrinks late, when three slots are left, so that a
//! key that is added and removed repeatedly does not make the node grow and shrink each time.

use super::head::{Head, LOW, bit, lowest, narrow, ones};
use super::pool::{CompactNode, NONE, Pool, Single, at, last};

/// All nodes of a trie. Free nodes are linked in chains, one for each size.
#[derive(Clone, Debug)]
pub(super) struct Nodes {
    /// The heads of large nodes are separate from the slots, so that those of a dense book fit in
    /// the L1 cache.
    heads: Vec<Head>,
    slots: Vec<[u32; 64]>,
    free: u32,
    /// The number of large nodes in use.
    larges: u32,
    middles: Pool<CompactNode<16>>,
    smalls: Pool<CompactNode<4>>,
    singles: Pool<Single>,
}

/// Up to this many nodes may be large whatever they hold, because they cost hardly anything and a
/// short book should be fast rather than small. Twice as many may stay large.
const UNCONDITIONAL_LARGES: u32 = if cfg!(tight) { 0 } else { 32 };

/// The top two bits of a node's number are its size.
const LARGE: u32 = 0;
const MIDDLE: u32 = 1 << 30;
const SMALL: u32 = 2 << 30;
const SINGLE: u32 = 3 << 30;
/// The other bits are its number among the nodes of its size.
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
    /// The head of a node, if it is a large one.
    #[inline]
    pub(super) fn large(&self, node: u32) -> Option<Head> {
        self.heads.get(at(node)).copied()
    }

    /// The head of a node, if the number is that of a node.
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

    /// The content of a taken slot.
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

    /// The content of a taken slot of a large node.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "a node that is linked exists")]
    pub(super) fn read_large(&self, node: u32, slot: u64) -> u32 {
        self.slots[at(node)][at(narrow(slot))]
    }

    /// The value of `key`, if it is the only key in the node.
    #[inline]
    pub(super) fn value_if_only(&self, node: u32, key: u64) -> Option<u32> {
        if let Some(head) = self.large(node) {
            let right = head.is_leaf() && head.taken == bit(key) && head.slot(key) <= LOW;
            return right.then(|| self.read_large(node, key & LOW));
        }
        let single = self.singles.items.get(place(node)).filter(|_| size(node) == SINGLE)?;
        (single.key == key).then_some(single.value)
    }

    /// Replaces the content of a taken slot.
    #[expect(clippy::indexing_slicing, reason = "a node that is linked exists")]
    pub(super) fn replace(&mut self, node: u32, slot: u64, content: u32) {
        match size(node) {
            SINGLE => self.singles.items[place(node)].value = content,
            SMALL => *self.smalls.items[place(node)].slot_mut(slot) = content,
            MIDDLE => *self.middles.items[place(node)].slot_mut(slot) = content,
            _ => self.write_large(node, slot, content),
        }
    }

    /// Writes a slot of a large node and marks it as taken.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "a node that is linked exists")]
    pub(super) fn write_large(&mut self, node: u32, slot: u64, content: u32) {
        self.slots[at(node)][at(narrow(slot))] = content;
        self.heads[at(node)].taken |= bit(slot);
    }

    /// Frees a slot of a large node, unless the node should then shrink. Returns `true` if it freed
    /// the slot.
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

    /// Returns `true` if a large node stays large with these slots.
    #[inline]
    fn stays_large(&self, node: u32, rest: Head) -> bool {
        !rest.is_sparse()
            || (rest.is_enough()
                && (self.larges <= 2 * UNCONDITIONAL_LARGES || self.has_large_child(node, rest)))
    }

    /// Returns `true` if there are so few large nodes that one more costs hardly anything.
    #[inline]
    const fn has_few_larges(&self) -> bool {
        self.larges < UNCONDITIONAL_LARGES
    }

    /// Returns `true` if the lowest child of an inner node is large. Many searches pass such a node
    /// and there are few of them, so it may be large with only a few taken slots.
    fn has_large_child(&self, node: u32, head: Head) -> bool {
        !head.is_leaf() && size(self.read(node, lowest(head.taken))) == LARGE
    }

    /// Makes a leaf of one key.
    #[inline]
    pub(super) fn make_leaf(&mut self, key: u64, value: u32) -> u32 {
        if self.has_few_larges() {
            let leaf = self.make_large(Head::new(key, 0));
            self.write_large(leaf, key & LOW, value);
            return leaf;
        }
        self.make_single(key, value)
    }

    fn make_single(&mut self, key: u64, value: u32) -> u32 {
        SINGLE | self.singles.add(Single { key, value })
    }

    /// Makes an inner node with two children in these slots.
    pub(super) fn make_fork(&mut self, head: Head, one: (u64, u32), other: (u64, u32)) -> u32 {
        if self.has_few_larges() || size(other.1) == LARGE {
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
        SMALL | self.smalls.add(CompactNode { head, slots: [low.1, high.1, NONE, NONE] })
    }

    /// Fills a free slot, and returns the number that the node then has.
    #[expect(clippy::indexing_slicing, reason = "a node that is linked exists")]
    pub(super) fn insert(&mut self, node: u32, slot: u64, content: u32) -> u32 {
        match size(node) {
            SMALL if self.smalls.items[place(node)].head.is_sparse() => {
                self.smalls.items[place(node)].insert(slot, content);
                node
            }
            MIDDLE if self.middles.items[place(node)].head.count() < 16 => {
                self.middles.items[place(node)].insert(slot, content);
                node
            }
            SINGLE | SMALL | MIDDLE => self.grow(node, slot, content),
            _ => {
                self.write_large(node, slot, content);
                node
            }
        }
    }

    /// Frees a taken slot and returns the number that the node then has. At least one slot of a
    /// leaf and two of an inner node must remain.
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

    /// Moves a full node to one of the next size, with one slot more. A leaf of five keys becomes
    /// large at once, because more keys are likely to follow where keys are that close.
    fn grow(&mut self, node: u32, slot: u64, content: u32) -> u32 {
        let head = self.head(node);
        let more = Head { taken: head.taken | bit(slot), ..head };
        let may_be_large = self.has_few_larges();
        if size(node) == SINGLE && !may_be_large {
            let old = (lowest(head.taken), self.read(node, lowest(head.taken)));
            self.release(node);
            return self.make_pair(head, old, (slot, content));
        }
        let prefers_middle = !may_be_large && !head.is_leaf() && !self.has_large_child(node, head);
        let grown = if size(node) == SMALL && prefers_middle {
            let mut compact = CompactNode { head: more, slots: [NONE; 16] };
            for slot in ones(head.taken) {
                *compact.slot_mut(slot) = self.read(node, slot);
            }
            *compact.slot_mut(slot) = content;
            MIDDLE | self.middles.add(compact)
        } else {
            let large = self.make_large(head);
            for slot in ones(head.taken) {
                self.write_large(large, slot, self.read(node, slot));
            }
            self.write_large(large, slot, content);
            large
        };
        self.release(node);
        grown
    }

    /// Moves the slots that are left, at most three, to a small node, or a single key to a pair.
    fn shrink(&mut self, node: u32, rest: Head) -> u32 {
        let slot = lowest(rest.taken);
        let shrunk = if rest.is_single() {
            self.make_single(rest.span | slot, self.read(node, slot))
        } else {
            let mut compact = CompactNode { head: rest, slots: [NONE; 4] };
            for slot in ones(rest.taken) {
                *compact.slot_mut(slot) = self.read(node, slot);
            }
            SMALL | self.smalls.add(compact)
        };
        self.release(node);
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

    /// Puts a node that is no longer linked in the chain of free nodes of its size.
    #[expect(clippy::indexing_slicing, reason = "the node was linked until now")]
    pub(super) fn release(&mut self, node: u32) {
        match size(node) {
            SINGLE => self.singles.release(node & NUMBER),
            SMALL => self.smalls.release(node & NUMBER),
            MIDDLE => self.middles.release(node & NUMBER),
            _ => {
                self.larges = self.larges.saturating_sub(1);
                self.slots[at(node)][0] = core::mem::replace(&mut self.free, node);
            }
        }
    }

    /// The number of nodes of each size, from large to single, and how many of them are free.
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

    /// The bytes that all nodes take.
    #[cfg(test)]
    #[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
    pub(super) fn bytes(&self) -> usize {
        self.heads.len() * (size_of::<Head>() + size_of::<[u32; 64]>())
            + self.middles.items.len() * size_of::<CompactNode<16>>()
            + self.smalls.items.len() * size_of::<CompactNode<4>>()
            + self.singles.items.len() * size_of::<Single>()
    }
}

#[inline]
const fn size(node: u32) -> u32 {
    node & !NUMBER
}

/// The index of a node among those of its size.
#[inline]
fn place(node: u32) -> usize {
    at(node & NUMBER)
}
