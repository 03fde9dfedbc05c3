//! How commands and snapshots are encoded as bytes.
//!
//! Commands have a hand-written encoding, field by field, because clients wait while a command is
//! encoded. Snapshots are encoded by `bincode`, record by record. Both follow an envelope of our own, so
//! either encoding can be replaced without breaking stored files. Decoding returns a value or a
//! [`CodecError`] for any bytes. It uses no more memory than a small multiple of their number.

mod command;
mod envelope;
#[cfg(test)]
pub(crate) mod golden;
mod snapshot;
mod wire;

use pricetime_engine::rules;

pub use command::{COMMAND_MAX, decode_command, encode_command};
pub(crate) use envelope::Head;
pub use envelope::{ENVELOPE_LENGTH, Envelope, Kind, open_envelope, seal_envelope};
pub use snapshot::{decode_snapshot, encode_snapshot};

/// The version of the format, which every envelope states.
pub const FORMAT: u16 = 1;

/// The reason a file counts as written by a newer version of this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NewerVersion {
    /// The format is newer.
    #[error("format {found}; this version reads format {ours}")]
    Format {
        /// The format of the file.
        found: u16,
        /// The newest format that this program reads.
        ours: u16,
    },
    /// The version of the rules is newer.
    #[error("rules version {found}; this version follows rules version {ours}")]
    Rules {
        /// The rules version of the file.
        found: u32,
        /// The rules version of this program.
        ours: u32,
    },
}

impl NewerVersion {
    /// Returns `None` unless this version of the rules is newer than ours.
    #[must_use]
    pub fn rules(found: u32) -> Option<Self> {
        (found > rules::VERSION).then_some(Self::Rules { found, ours: rules::VERSION })
    }
}

/// The reason bytes cannot be encoded or decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The bytes do not begin with the magic number.
    #[error("the file does not begin like a Pricetime file")]
    Magic,
    /// Another version of the program wrote the bytes. A higher format is a newer one.
    #[error("format {found}; this version reads format {FORMAT}")]
    Format {
        /// The format of the bytes.
        found: u16,
    },
    /// The envelope holds content of another kind.
    #[error("kind {found} instead of {expected}")]
    Kind {
        /// The kind that the caller asked for.
        expected: u16,
        /// The kind in the envelope.
        found: u16,
    },
    /// Fewer bytes are present than the envelope states.
    #[error("{stated} bytes are stated, but {present} are present")]
    Length {
        /// The number that the envelope states.
        stated: u64,
        /// The number that is present.
        present: u64,
    },
    /// The bytes differ from those that were written.
    #[error("the checksum is wrong")]
    Checksum,
    /// The bytes end within a value.
    #[error("the bytes end within a value")]
    Truncated,
    /// Bytes follow the last value.
    #[error("{left} bytes follow the last value")]
    Trailing {
        /// The number of those bytes.
        left: usize,
    },
    /// A number is not a valid value of its type.
    #[error("{found} is not a valid {of}")]
    Variant {
        /// The name of the type or field.
        of: &'static str,
        /// The number.
        found: u8,
    },
    /// The bytes of a symbol are not valid.
    #[error("the bytes are not a symbol")]
    Symbol,
    /// A record of a snapshot cannot be encoded or decoded.
    #[error("a record cannot be read: {0}")]
    Record(String),
    /// A list states more records than its bytes can hold.
    #[error("a list states {stated} records, but has bytes for {possible}")]
    Count {
        /// The number that the list states.
        stated: u64,
        /// The most that its bytes can hold.
        possible: u64,
    },
}

impl CodecError {
    /// Returns the newer format if a newer version of the program wrote the bytes.
    #[must_use]
    pub const fn newer(&self) -> Option<NewerVersion> {
        match *self {
            Self::Format { found } if found > FORMAT => {
                Some(NewerVersion::Format { found, ours: FORMAT })
            }
            Self::Format { .. }
            | Self::Magic
            | Self::Kind { .. }
            | Self::Length { .. }
            | Self::Checksum
            | Self::Truncated
            | Self::Trailing { .. }
            | Self::Variant { .. }
            | Self::Symbol
            | Self::Record(_)
            | Self::Count { .. } => None,
        }
    }
}
