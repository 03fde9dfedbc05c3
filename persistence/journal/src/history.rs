//! The identity of a command log.

use core::fmt;
use core::str::FromStr;

use uuid::Uuid;

/// Identifies the command log that something belongs to. Sequences, epochs and trade numbers have a
/// meaning only within one history. Files of two histories are never mixed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct History(pub u128);

/// The error for a text that is not a [`History`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a history is a UUID: 32 hexadecimal digits, with or without hyphens")]
pub struct BadHistory;

impl History {
    /// Returns a new random history. It is practically certain to be unique.
    #[must_use]
    pub fn fresh() -> Self {
        Self(Uuid::new_v4().as_u128())
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Uuid::from_u128(self.0).hyphenated().fmt(f)
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "History({self})")
    }
}

impl FromStr for History {
    type Err = BadHistory;

    fn from_str(text: &str) -> Result<Self, BadHistory> {
        Uuid::try_parse(text).map(|uuid| Self(uuid.as_u128())).map_err(|_| BadHistory)
    }
}
