//! How things are spelled as bytes.
//!
//! Commands are spelled by hand, field by field, because every command goes this way while somebody
//! waits. Snapshots are spelled by `bincode`, record by record. Both stand behind an envelope that
//! is ours, so either can be replaced without breaking what is stored. Whatever the bytes are,
//! reading them gives a value or a [`CodecError`], and takes no more memory than a small multiple of
//! their number.

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

/// The version of everything that this crate writes.
pub const FORMAT: u16 = 1;

/// What makes a file that of a newer version of this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Newer {
    /// Its format.
    #[error("format {found}; this version reads format {ours}")]
    Format {
        /// Its format.
        found: u16,
        /// The newest format that can be read.
        ours: u16,
    },
    /// The version of its rules.
    #[error("rules version {found}; this version follows rules version {ours}")]
    Rules {
        /// Its version.
        found: u32,
        /// The version that this program follows.
        ours: u32,
    },
}

impl Newer {
    /// Returns `None` unless this version of the rules is newer than ours.
    #[must_use]
    pub fn rules(found: u32) -> Option<Self> {
        (found > rules::VERSION).then_some(Self::Rules { found, ours: rules::VERSION })
    }
}

/// Why bytes are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The bytes do not begin as ours do.
    #[error("the file does not begin like one of Pricetime's")]
    Magic,
    /// Written by another version of the program: one with a higher format is newer.
    #[error("format {found}; this version reads format {FORMAT}")]
    Format {
        /// Its format.
        found: u16,
    },
    /// Something else is in the envelope.
    #[error("kind {found} instead of {expected}")]
    Kind {
        /// The kind that was asked for.
        expected: u16,
        /// The kind that is there.
        found: u16,
    },
    /// Another number of bytes than the envelope states.
    #[error("{stated} bytes are stated, {present} are there")]
    Length {
        /// What the envelope states.
        stated: u64,
        /// What is there.
        present: u64,
    },
    /// Some bits are not those that were written.
    #[error("the checksum is wrong")]
    Checksum,
    /// The bytes end within a value.
    #[error("the bytes end within a value")]
    Cut,
    /// Bytes are left over.
    #[error("{left} bytes follow the last value")]
    Trailing {
        /// How many.
        left: usize,
    },
    /// A number that stands for no variant.
    #[error("{found} is no {of}")]
    Variant {
        /// Of what.
        of: &'static str,
        /// The number.
        found: u8,
    },
    /// A symbol that is none.
    #[error("bytes that are no symbol")]
    Symbol,
    /// A record of a snapshot that cannot be read.
    #[error("a record cannot be read: {0}")]
    Record(String),
    /// A list that states more records than its bytes can hold.
    #[error("a list states {stated} records and has bytes for {possible}")]
    Count {
        /// What it states.
        stated: u64,
        /// How many there can be at most.
        possible: u64,
    },
}

impl CodecError {
    /// Returns what a newer version wrote, if that is what is wrong.
    #[must_use]
    pub const fn newer(&self) -> Option<Newer> {
        match *self {
            Self::Format { found } if found > FORMAT => Some(Newer::Format { found, ours: FORMAT }),
            Self::Format { .. }
            | Self::Magic
            | Self::Kind { .. }
            | Self::Length { .. }
            | Self::Checksum
            | Self::Cut
            | Self::Trailing { .. }
            | Self::Variant { .. }
            | Self::Symbol
            | Self::Record(_)
            | Self::Count { .. } => None,
        }
    }
}
