//! Pseudorandom numbers from a seed, for workloads, tests and waits with jitter.
//!
//! Recorded seeds depend on this sequence of numbers, so it must never change.

/// A stream of numbers that depends on its seed alone (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Creates the stream of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns 64 random bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `n`, or zero if `n` is zero.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(n)) >> 64) as u64
    }

    /// Returns a number from `low` to `high`, both included.
    pub fn within(&mut self, low: u64, high: u64) -> u64 {
        let width = high.saturating_sub(low);
        low + self.below(width.saturating_add(1))
    }

    /// Returns a number from `middle - spread` to `middle + spread`, saturating at the limits of its
    /// type.
    pub fn around(&mut self, middle: i64, spread: u64) -> i64 {
        let away = self.below(spread.saturating_add(1));
        if self.chance(50) {
            middle.saturating_add_unsigned(away)
        } else {
            middle.saturating_sub_unsigned(away)
        }
    }

    /// Returns `true` with a probability of `percent` in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Returns `true` with a probability of one in `n`.
    pub fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// Returns one of these at random.
    ///
    /// # Panics
    /// Panics if `N` is zero.
    pub fn pick<T: Copy, const N: usize>(&mut self, from: [T; N]) -> T {
        from[self.below(N as u64) as usize]
    }

    /// Returns one of these at random, or `None` if there are none.
    pub fn any<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len() as u64) as usize)
    }

    /// Returns one of these at random, each with a probability proportional to its weight. Returns the
    /// first if all weights are zero.
    ///
    /// # Panics
    /// Panics if `from` is empty.
    pub fn weighted<T: Copy>(&mut self, from: &[(u64, T)]) -> T {
        let sum = from.iter().map(|(weight, _)| weight).sum();
        let mut at = self.below(sum);
        for (weight, item) in from {
            if at < *weight {
                return *item;
            }
            at -= weight;
        }
        from[0].1
    }

    /// Returns a number that is often close to the limits of the integer types that it may be used as.
    pub fn edge(&mut self) -> u64 {
        let power = 1_u64 << self.below(64);
        let near = self.below(3);
        match self.below(8) {
            0 => near,
            1 => u64::MAX - near,
            2 => (i64::MAX as u64).wrapping_sub(near),
            3 => (i64::MIN as u64).wrapping_add(near),
            4 => power.wrapping_sub(1).wrapping_add(near),
            5 => self.below(16),
            6 => self.bits() & (power - 1),
            _ => self.bits(),
        }
    }

    /// Returns the result of `make` with a probability of `percent` in a hundred, and `None` otherwise.
    pub fn maybe<T>(&mut self, percent: u64, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.chance(percent).then(|| make(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_of_a_seed_never_changes() {
        let mut random = Random::new(0);
        let first = [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f];
        assert_eq!([random.bits(), random.bits(), random.bits()], first);
        assert_eq!([random.below(100), random.within(20, 29), random.below(0)], [97, 21, 0]);
    }
}
