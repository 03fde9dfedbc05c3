//! The journal stores every command, in order, before its effects become visible.
//!
//! It is a series of files, the segments. Each is named after the first sequence in it. A record states
//! its own sequence and the one that was *known to be durable when it was written*. The second number
//! distinguishes a torn tail from damage: after a power cut, any sector at the end of the journal may be
//! missing, but never a record that a later record states to be durable.
//!
//! If the two records share a block of the disk, both may be damaged together. So the last segment also
//! has a mark, stored far from its records, that states how far the segment is durable. The mark is
//! written with the next batch, unless that batch is long enough to reach into other blocks. It is also
//! written when no command is waiting, and when the journal is closed cleanly.
//!
//! A segment is full when the next record does not fit. It is synced before its successor gets its name,
//! and the successor gets its name only when its header is durable. So only the last segment can be torn,
//! and every segment that has a name has a header.
//!
//! ```text
//! segment   0    envelope of kind Segment: history (16), first sequence (8),
//!                length of the file (8), salt (4)
//!           512  records, each beginning at a multiple of 8; then zeros
//!           -64  the mark, if it is the last one; zeros to the end
//! record    0    CRC32C of everything after it, begun with the segment's salt (4)
//!           4    length of the payload (3), kind (1): 1 command, 2 mark, 3 seal
//!           8    sequence; of a mark or seal the next command's (8)
//!           16   the sequence known to be durable when this was written (8)
//!           24   payload, filled up with zeros to a multiple of 8
//! ```

mod cut;
mod end;
#[cfg(test)]
mod golden;
mod mark;
mod reader;
mod record;
mod scan;
mod segment;
mod spare;
mod state;
mod writer;

use std::io;
use std::path::{Path, PathBuf};

use pricetime_engine::Sequence;

use crate::History;
use crate::codec::{CodecError, NewerVersion};

pub use cut::CutSegment;
pub(crate) use cut::cut;
pub use reader::{Commands, JournalReader};
pub(crate) use segment::matches_header;
pub use state::{JournalState, SegmentCheck, SegmentInfo};
pub(crate) use state::{check, segments, state};
pub use writer::Journal;

/// The options of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalOptions {
    /// The length of a new segment, from [`JournalOptions::SEGMENT_BYTES_MIN`] to
    /// [`JournalOptions::SEGMENT_BYTES_MAX`]. Values outside that range are clamped to it.
    pub segment_bytes: u64,
}

impl JournalOptions {
    /// The shortest segment: room for its header and a few of the longest records.
    pub const SEGMENT_BYTES_MIN: u64 = 2048;
    /// The longest segment. An archive that states a longer one is refused, so that a small archive
    /// cannot fill a disk.
    pub const SEGMENT_BYTES_MAX: u64 = 1 << 30;
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20 }
    }
}

/// A place in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The first sequence of the segment, which names its file.
    pub segment: Sequence,
    /// The byte offset in that file.
    pub offset: u64,
}

/// The end of a journal as it was found when the journal was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The last command, or the one before the first if there is none.
    pub last: Sequence,
    /// Whether the journal was closed cleanly.
    pub sealed: bool,
    /// The place at which unacknowledged bytes were cut off, if there were any.
    pub cut: Option<Position>,
}

/// The reason an operation on a journal failed.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file operation failed.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// The operation that failed, such as `read`.
        operation: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The folder holds no segment.
    #[error(
        "there is no journal in {}: if it was moved, put it back; if it is lost, accept the loss",
        .0.display()
    )]
    Missing(
        /// The folder.
        PathBuf,
    ),
    /// Bytes that were durable have changed or are missing.
    #[error(
        "{} is damaged at byte {offset}, where command {sequence} should be: {what}; nothing was \
         changed: restore a copy of this file, or move the journal away and accept the loss",
        file.display()
    )]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The byte from which it cannot be read.
        offset: u64,
        /// The command that should be there.
        sequence: Sequence,
        /// What is wrong.
        what: Damage,
    },
    /// A file in the folder belongs to another history.
    #[error("{} belongs to history {found}, not to {ours}: move it away", file.display())]
    OtherHistory {
        /// The file.
        file: PathBuf,
        /// The history of the file.
        found: History,
        /// The history that the caller asked for.
        ours: History,
    },
    /// A newer version of the program wrote the file.
    #[error("{} was written by a newer version ({newer}): use that version", file.display())]
    NewerVersion {
        /// The file.
        file: PathBuf,
        /// What is newer.
        newer: NewerVersion,
    },
    /// The commands were written under other rules, so this program would give them another meaning.
    #[error(
        "{} was written under version {found} of the rules, and this program follows version {ours}: \
         these commands can be replayed only by the program that wrote them; to continue with this \
         one, open the folder with that program and close it in order, so that a snapshot holds \
         them",
        file.display()
    )]
    OtherRules {
        /// The file.
        file: PathBuf,
        /// The rules version of the file.
        found: u32,
        /// The rules version of this program.
        ours: u32,
    },
    /// The file being written was removed, moved or replaced.
    #[error(
        "{} is not the file that this process has open: the data folder or its journal was removed, \
         moved or replaced; nothing more is written or acknowledged: stop what changes the folder, put \
         the folder back as it was, and start again",
        file.display()
    )]
    Replaced {
        /// The file.
        file: PathBuf,
    },
    /// The command is not the next one.
    #[error("expected command {expected}, but got command {found}")]
    NotDense {
        /// The next sequence.
        expected: Sequence,
        /// The sequence of the command.
        found: Sequence,
    },
    /// The command was dropped, or never existed.
    #[error(
        "command {asked} is no longer in {}: it begins with command {oldest}",
        folder.display()
    )]
    Gone {
        /// The folder.
        folder: PathBuf,
        /// The command that the caller asked for.
        asked: Sequence,
        /// The first command in the folder.
        oldest: Sequence,
    },
    /// An earlier write or sync failed, so the contents of the disk are unknown.
    #[error("the journal stopped after an error; start the program again: {0}")]
    Poisoned(
        /// That error.
        String,
    ),
}

/// What is wrong with a file of the journal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The header of the file cannot be read.
    #[error("the header: {0}")]
    Header(CodecError),
    /// The name of the file differs from the first sequence in its header.
    #[error("the header says that the file begins with command {0}")]
    Name(Sequence),
    /// The file is shorter than when it was created.
    #[error("the file has {present} bytes of {stated}")]
    Short {
        /// The length in its header.
        stated: u64,
        /// Its actual length.
        present: u64,
    },
    /// A record is bad, and a later record or the mark states that it was durable.
    #[error("no record can be read there, but byte {offset} says that {durable} was durable")]
    DurableUnreadable {
        /// The byte at which that later record or the mark begins.
        offset: u64,
        /// The sequence that it states to be durable.
        durable: Sequence,
    },
    /// A record before the end of the journal is bad.
    #[error("no record can be read there, but the journal continues after it")]
    Unreadable,
    /// A record states that its own command or a later one was already durable.
    #[error("the record says that command {0} was durable before it was written")]
    FalseDurable(Sequence),
    /// The file ends before the command with which the next file begins.
    #[error("the file ends there, and the next one begins with command {0}")]
    Gap(Sequence),
    /// There are bytes other than zero after the last record.
    #[error("there is data at byte {0}, after the last record of a full file")]
    TrailingData(u64),
    /// A record is intact but does not hold a command.
    #[error("the record is whole but holds no command: {0}")]
    Command(CodecError),
}

/// Adds the operation and the path to the error of a file operation.
fn io_error(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> JournalError {
    move |source| JournalError::Io { operation, path: path.to_owned(), source }
}
