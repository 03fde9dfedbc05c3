//! What a node covers and which of its slots are taken.

/// The low six bits of a key: a leaf's slot.
pub(super) const LOW: u64 = 63;

/// What a node covers and what it holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// The smallest key the node covers, and its shift: how many bits of a key lie below the six
    /// that choose a slot, zero in a leaf. The shift takes the low six bits, which no span uses.
    pub(super) span: u64,
    /// Which slots are taken.
    pub(super) taken: u64,
}

impl Head {
    /// The empty node with this shift that covers `key`.
    pub(super) fn new(key: u64, shift: u64) -> Self {
        let prefix = key.wrapping_shr(narrow(shift)) & !LOW;
        Self { span: prefix.wrapping_shl(narrow(shift)) | shift, taken: 0 }
    }

    pub(super) const fn is_leaf(self) -> bool {
        self.span & LOW == 0
    }

    /// The slot for `key`; 64 or more if the node does not cover the key. The shift that `span`
    /// carries does no harm: an inner node's is shifted out, a leaf's is zero.
    #[inline]
    pub(super) fn slot(self, key: u64) -> u64 {
        (key ^ self.span).wrapping_shr(narrow(self.span))
    }

    #[inline]
    pub(super) fn has(self, slot: u64) -> bool {
        self.taken & bit(slot) != 0
    }

    /// The taken slots after `slot`.
    #[inline]
    pub(super) fn after(self, slot: u64) -> u64 {
        self.taken & (!1_u64).wrapping_shl(narrow(slot))
    }

    pub(super) const fn count(self) -> u32 {
        self.taken.count_ones()
    }

    /// Whether no more than one is taken.
    #[inline]
    pub(super) const fn is_single(self) -> bool {
        self.taken & self.taken.wrapping_sub(1) == 0
    }

    /// Whether enough is taken for a node: one key of a leaf, two children of an inner node.
    pub(super) const fn is_enough(self) -> bool {
        if self.is_leaf() { self.taken != 0 } else { !self.is_single() }
    }

    /// Whether three are taken at most.
    #[inline]
    pub(super) const fn is_sparse(self) -> bool {
        let mut taken = self.taken;
        taken &= taken.wrapping_sub(1);
        taken &= taken.wrapping_sub(1);
        taken &= taken.wrapping_sub(1);
        taken == 0
    }

    /// How many slots before this one are taken.
    #[inline]
    pub(super) fn rank(self, slot: u64) -> u32 {
        (self.taken & bit(slot).wrapping_sub(1)).count_ones()
    }
}

#[inline]
pub(super) fn bit(slot: u64) -> u64 {
    1_u64.wrapping_shl(narrow(slot))
}

/// The lowest of some slots.
#[inline]
pub(super) fn lowest(slots: u64) -> u64 {
    u64::from(slots.trailing_zeros())
}

/// Some slots one by one, from the lowest.
pub(super) fn ones(slots: u64) -> impl Iterator<Item = u64> {
    let next = |&slots: &u64| Some(slots & slots.wrapping_sub(1));
    core::iter::successors(Some(slots), next).take_while(|&slots| slots != 0).map(lowest)
}

/// The six bits of a slot or a shift.
#[inline]
pub(super) fn narrow(six: u64) -> u32 {
    u32::try_from(six & LOW).unwrap_or(0)
}
