//! The head of a node: which keys it covers and which of its slots are taken.

/// The low six bits of a key, which are its slot in a leaf.
pub(super) const LOW: u64 = 63;

/// The keys that a node covers and the slots that are taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// The smallest key that the node covers, and its shift: the number of key bits below the six
    /// that choose a slot, which is zero in a leaf. The shift is in the low six bits, which no span
    /// uses.
    pub(super) span: u64,
    /// A bit for each taken slot.
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

    /// The slot for `key`; 64 or more if the node does not cover the key. The shift in `span` does
    /// not matter: it is shifted out in an inner node and zero in a leaf.
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

    /// Returns `true` if at most one slot is taken.
    #[inline]
    pub(super) const fn is_single(self) -> bool {
        self.taken & self.taken.wrapping_sub(1) == 0
    }

    /// Returns `true` if enough slots are taken for a node: one in a leaf, two in an inner node.
    pub(super) const fn is_enough(self) -> bool {
        if self.is_leaf() { self.taken != 0 } else { !self.is_single() }
    }

    /// Returns `true` if at most three slots are taken.
    #[inline]
    pub(super) const fn is_sparse(self) -> bool {
        let mut taken = self.taken;
        taken &= taken.wrapping_sub(1);
        taken &= taken.wrapping_sub(1);
        taken &= taken.wrapping_sub(1);
        taken == 0
    }

    /// The number of taken slots before this one.
    #[inline]
    pub(super) fn rank(self, slot: u64) -> u32 {
        (self.taken & bit(slot).wrapping_sub(1)).count_ones()
    }
}

#[inline]
pub(super) fn bit(slot: u64) -> u64 {
    1_u64.wrapping_shl(narrow(slot))
}

/// The lowest of these slots.
#[inline]
pub(super) fn lowest(slots: u64) -> u64 {
    u64::from(slots.trailing_zeros())
}

/// These slots one by one, lowest first.
pub(super) fn ones(slots: u64) -> impl Iterator<Item = u64> {
    let next = |&slots: &u64| Some(slots & slots.wrapping_sub(1));
    core::iter::successors(Some(slots), next).take_while(|&slots| slots != 0).map(lowest)
}

/// The low six bits, which hold a slot or a shift.
#[inline]
pub(super) fn narrow(six: u64) -> u32 {
    u32::try_from(six & LOW).unwrap_or(0)
}
