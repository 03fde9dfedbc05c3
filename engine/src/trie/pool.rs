//! The nodes that are not large, and their pools.

use super::head::{Head, LOW, bit};

/// No node.
pub(super) const NONE: u32 = u32::MAX;

/// A leaf's values or an inner node's children, for the taken slots only.
#[derive(Clone, Copy, Debug)]
pub(super) struct CompactNode<const N: usize> {
    pub(super) head: Head,
    pub(super) slots: [u32; N],
}

/// A leaf of one key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Single {
    pub(super) key: u64,
    pub(super) value: u32,
}

impl Single {
    #[inline]
    pub(super) fn head(&self) -> Head {
        Head { span: self.key & !LOW, taken: bit(self.key) }
    }
}

#[expect(clippy::indexing_slicing, reason = "a rank is below the number of taken slots")]
impl<const N: usize> CompactNode<N> {
    #[inline]
    pub(super) fn read(&self, slot: u64) -> u32 {
        self.slots[at(self.head.rank(slot))]
    }

    pub(super) fn slot_mut(&mut self, slot: u64) -> &mut u32 {
        &mut self.slots[at(self.head.rank(slot))]
    }

    /// Fills a free slot. The node must not be full.
    pub(super) fn insert(&mut self, slot: u64, content: u32) {
        let rank = at(self.head.rank(slot));
        let (mut before, mut new) = (NONE, [NONE; N]);
        // All slots are written in the same way, which is faster than moving a few.
        for ((at, old), new) in self.slots.iter().enumerate().zip(&mut new) {
            *new = if at < rank { *old } else { before };
            before = *old;
        }
        self.slots = new;
        self.slots[rank] = content;
        self.head.taken |= bit(slot);
    }

    pub(super) fn remove(&mut self, slot: u64) {
        let rank = at(self.head.rank(slot));
        let (mut after, mut new) = (NONE, [NONE; N]);
        for ((at, old), new) in self.slots.iter().enumerate().zip(&mut new).rev() {
            *new = if at < rank { *old } else { after };
            after = *old;
        }
        self.slots = new;
        self.head.taken &= !bit(slot);
    }
}

/// The nodes of one size. Free nodes are linked to each other.
#[derive(Clone, Debug)]
pub(super) struct Pool<T> {
    pub(super) items: Vec<T>,
    free: u32,
}

/// A node that can hold the number of the next free node while it is free.
pub(super) trait Link {
    fn link(&mut self) -> &mut u32;
}

impl<const N: usize> Link for CompactNode<N> {
    fn link(&mut self) -> &mut u32 {
        &mut self.slots[0]
    }
}

impl Link for Single {
    fn link(&mut self) -> &mut u32 {
        &mut self.value
    }
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self { items: Vec::new(), free: NONE }
    }
}

impl<T: Link> Pool<T> {
    pub(super) fn add(&mut self, item: T) -> u32 {
        let number = self.free;
        if let Some(free) = self.items.get_mut(at(number)) {
            self.free = *free.link();
            *free = item;
            return number;
        }
        self.items.push(item);
        last(self.items.len())
    }

    pub(super) fn release(&mut self, number: u32) {
        if let Some(item) = self.items.get_mut(at(number)) {
            *item.link() = core::mem::replace(&mut self.free, number);
        }
    }

    #[cfg(test)]
    pub(super) fn census(&self) -> (usize, usize)
    where
        T: Copy,
    {
        let step = |&number: &u32| self.items.get(at(number)).map(|item| *{ *item }.link());
        let free = core::iter::successors(Some(self.free), step).filter(|&free| free != NONE);
        (self.items.len(), free.count())
    }
}

/// The number of the last of `len` nodes.
pub(super) fn last(len: usize) -> u32 {
    let number = u32::try_from(len.wrapping_sub(1)).unwrap_or(NONE);
    assert!(number < 1 << 30, "there are fewer nodes than numbers");
    number
}

/// Converts the number of a node or a slot to an index.
#[inline]
pub(super) fn at(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
