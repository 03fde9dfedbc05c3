//! The random numbers of the demo: the same sequence for a seed on every machine.

use pricetime_journal::random::Random;

/// A sequence of random numbers. The demo's digests depend on how each number is made.
#[derive(Debug)]
pub(super) struct DemoRandom(Random);

impl DemoRandom {
    /// Starts the sequence of this seed.
    pub(super) const fn new(seed: u64) -> Self {
        Self(Random::new(seed))
    }

    /// A number from zero to below `end`, or zero if `end` is zero.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        let scaled = (self.0.bits() >> 32) * u64::from(end);
        (scaled >> 32) as u32
    }

    /// A number from `low` to `high`.
    pub(super) fn within(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high - low + 1)
    }

    /// A number from `-reach` to `reach`.
    pub(super) fn around(&mut self, reach: u32) -> i64 {
        i64::from(self.below(2 * reach + 1)) - i64::from(reach)
    }

    /// Returns `true` with probability 1 in `odds`.
    pub(super) fn once_in(&mut self, odds: u32) -> bool {
        self.below(odds) == 0
    }
}
