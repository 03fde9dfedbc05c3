//! The secret key that decides where ids are stored in an index.

use core::fmt;

/// The secret key of the engine's hash. It decides where ids are stored in an index, and nothing
/// else: engines with different keys give the same events, snapshots and digests.
///
/// Clients choose ids. A client that knows the key can choose ids that all collide; then a lookup
/// of one of them probes all the others. It takes seconds to find 20,000 such ids, and each lookup
/// then takes 33 µs. So an engine that holds ids chosen by clients needs a key drawn at random, and
/// the key must not leave the process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IndexKey(u64, u64);

/// An odd factor without a pattern: the fractional part of the golden ratio.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl IndexKey {
    /// The key of an engine created without one. It is public, so use it only if no client chooses
    /// ids, as in tests, benches and generated workloads. Its digits are those of pi.
    pub const FIXED: Self = Self(0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344);

    /// Creates a key from two numbers, which the caller must draw at random.
    #[must_use]
    pub const fn new(first: u64, second: u64) -> Self {
        Self(first, second)
    }

    /// The hash of an id. Its upper 32 bits are good enough to choose a slot.
    ///
    /// Both halves are mixed with the key before they are multiplied. So a client without the key
    /// knows neither operand, and cannot choose ids that make one of them zero. One product alone
    /// maps ids with equal steps to places with equal steps; under one key in a hundred these
    /// places are so few that probes take more than five steps. The second product prevents that.
    /// SipHash would cost about 100 instructions; a whole plain command takes 470.
    #[inline]
    pub(super) fn hash(self, id: u128) -> u64 {
        fold_product(self.mix(id), FACTOR)
    }

    /// Mixes an id with the key into a number that a client without the key cannot predict.
    #[inline]
    pub(crate) fn mix(self, id: u128) -> u64 {
        let (low, high) = halves(id);
        fold_product(low ^ self.0, high ^ self.1)
    }
}

impl fmt::Debug for IndexKey {
    /// Omits the key, so that it cannot get into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IndexKey(..)")
    }
}

/// The two halves of a product, combined by XOR.
#[inline]
fn fold_product(a: u64, b: u64) -> u64 {
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
