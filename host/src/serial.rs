//! Serialization of values that have no form of their own.

use std::time::Instant;

use serde::{Serialize, Serializer};

/// Serializes an error as its text.
pub(crate) fn as_text<S: Serializer>(
    error: &Option<impl ToString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    error.as_ref().map(ToString::to_string).serialize(serializer)
}

/// Serializes a point in time as the number of seconds since then.
pub(crate) fn as_seconds<S: Serializer>(since: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(since.elapsed().as_secs())
}
