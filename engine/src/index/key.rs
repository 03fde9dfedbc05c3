//! The secret that decides where ids stand in an index.

use core::fmt;

/// The key of the engine's hash. It decides where ids stand in an index, and nothing else: two
/// engines with different keys give the same events, snapshots and digests.
///
/// Clients choose ids. A client that knows the key can choose ids that all collide, and then every
/// look-up of one walks past all the others: 20,000 such ids are found in seconds and make each look-up
/// take 33 µs. So an engine that holds ids of clients needs a key that was drawn at random, and the key
/// must not leave the process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IndexKey(u64, u64);

/// A factor that is odd and has no pattern: the fraction of the golden ratio.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl IndexKey {
    /// The key of an engine that was made without one. It is public, so use it only for ids that no
    /// client chooses, as in tests, benches and generated flows. Its digits are those of pi.
    pub const FIXED: Self = Self(0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344);

    /// The key made of these two numbers. The caller draws both at random.
    #[must_use]
    pub const fn new(first: u64, second: u64) -> Self {
        Self(first, second)
    }

    /// The hash of an id whose upper 32 bits are good enough to choose a place by.
    ///
    /// Both halves are mixed with the key before they are multiplied, so a client without the key
    /// knows neither operand, and cannot choose ids that make one of them zero. One product alone
    /// maps ids with equal steps to places with equal steps, and under one key in a hundred these
    /// are so few places that probes take more than five steps. The second product prevents that.
    /// SipHash would cost about 100 instructions; a whole plain command takes 470.
    #[inline]
    pub(super) fn hash(self, id: u128) -> u64 {
        folded(self.blend(id), FACTOR)
    }

    /// A number made of an id that a client without the key cannot predict.
    #[inline]
    pub(crate) fn blend(self, id: u128) -> u64 {
        let (low, high) = halves(id);
        folded(low ^ self.0, high ^ self.1)
    }
}

impl fmt::Debug for IndexKey {
    /// Leaves out the key, so that it cannot get into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IndexKey(..)")
    }
}

/// The upper half of a product and the lower one, in one.
#[inline]
fn folded(a: u64, b: u64) -> u64 {
    let (low, high) = halves(u128::from(a).wrapping_mul(u128::from(b)));
    low ^ high
}

/// The low and the high 64 bits.
#[inline]
fn halves(wide: u128) -> (u64, u64) {
    let low = u64::try_from(wide & u128::from(u64::MAX));
    let high = u64::try_from(wide >> 64);
    (low.unwrap_or(0), high.unwrap_or(0))
}
