//! How values serialize that have no form of their own.

use std::time::Instant;

use serde::{Serialize, Serializer};

/// Writes an error as its text.
pub(crate) fn as_text<S: Serializer>(
    error: &Option<impl ToString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    error.as_ref().map(ToString::to_string).serialize(serializer)
}

/// Writes how many seconds ago this was.
pub(crate) fn as_seconds<S: Serializer>(since: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(since.elapsed().as_secs())
}
