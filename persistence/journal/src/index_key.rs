//! Random keys for hash indexes over ids that clients choose.

use pricetime_engine::{Engine, IndexKey};
use uuid::Uuid;

/// Creates an engine without markets, with a random key from the operating system.
#[must_use]
pub fn keyed_engine(markets_max: u32) -> Engine {
    Engine::with_key(markets_max, index_key())
}

/// Returns a random key.
pub(crate) fn index_key() -> IndexKey {
    // In a random UUID, six bits are fixed and 122 are random.
    let (first, second) = Uuid::new_v4().as_u64_pair();
    IndexKey::new(first, second)
}
