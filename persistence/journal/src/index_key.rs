//! The keys of indexes that hold ids which clients choose.

use pricetime_engine::{Engine, IndexKey};
use uuid::Uuid;

/// An engine without markets under a key of its own, which is drawn from the system's randomness.
#[must_use]
pub fn keyed_engine(markets_max: u32) -> Engine {
    Engine::with_key(markets_max, index_key())
}

/// Such a key.
pub(crate) fn index_key() -> IndexKey {
    // Six bits of such a UUID are fixed, and 122 are random.
    let (first, second) = Uuid::new_v4().as_u64_pair();
    IndexKey::new(first, second)
}
