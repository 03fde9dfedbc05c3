//! The journal: every command, in order, before anybody hears what it did.
//!
//! It is a row of files, each called after the first sequence in it. A record states its own
//! sequence and the one that was *known to be durable when it was written*. That second number is
//! what tells a torn tail from damage: after a power cut the end of the journal may be missing in
//! any of its sectors, but never a record of which a later one says that it was durable.
//!
//! The later record may be damaged along with the earlier one if they share a block of the disk. So
//! the last segment also has a mark, which stands far behind its records and says how far it is
//! durable. It is written with the next batch unless that is long enough to reach into other blocks,
//! when nothing waits, and at an orderly close.
//!
//! A segment is full when the next record does not fit. It is synced before its successor comes to
//! be, and the successor gets its name only when its header is durable; so of all segments only the
//! last can be torn, and a segment that has a name has a header.
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
mod sight;
mod spare;
mod writer;

use std::io;
use std::path::{Path, PathBuf};

use pricetime_engine::Sequence;

use crate::History;
use crate::codec::{CodecError, Newer};

pub use cut::CutSegment;
pub(crate) use cut::cut;
pub use reader::{Commands, JournalReader};
pub(crate) use segment::begins;
pub use sight::{JournalSight, SegmentCheck, SegmentSight};
pub(crate) use sight::{check, segments, sight};
pub use writer::Journal;

/// How a journal is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalOptions {
    /// How long a new segment is, from [`JournalOptions::SEGMENT_BYTES_MIN`] to
    /// [`JournalOptions::SEGMENT_BYTES_MAX`]; what is less or more counts as that.
    pub segment_bytes: u64,
}

impl JournalOptions {
    /// The shortest segment: its header and a few of the longest records.
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
    /// The byte in that file.
    pub offset: u64,
}

/// What was found at the end of a journal when it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The last command, or the one before the first if there is none.
    pub last: Sequence,
    /// Whether it was closed in order.
    pub sealed: bool,
    /// Where unacknowledged bytes were cut off, if there were any.
    pub cut: Option<Position>,
}

/// Why a journal cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk refused something.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is no segment.
    #[error(
        "there is no journal in {}: if it was moved, put it back; if it is lost, accept the loss",
        .0.display()
    )]
    Missing(
        /// The folder.
        PathBuf,
    ),
    /// Bytes that were durable are not what they were.
    #[error(
        "{} is damaged at byte {offset}, where command {sequence} should stand: {what}; nothing \
         was changed: put back a copy of this file, or move the journal away and accept the loss",
        file.display()
    )]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The byte at which it can no longer be read.
        offset: u64,
        /// The command that should stand there.
        sequence: Sequence,
        /// What is wrong.
        what: Damage,
    },
    /// A file of another history lies among ours.
    #[error("{} belongs to history {found}, not to {ours}: move it away", file.display())]
    OtherHistory {
        /// The file.
        file: PathBuf,
        /// Its history.
        found: History,
        /// The one that was asked for.
        ours: History,
    },
    /// A file of a newer version.
    #[error("{} was written by a newer version ({newer}): use that version", file.display())]
    Newer {
        /// The file.
        file: PathBuf,
        /// Which version.
        newer: Newer,
    },
    /// Commands that would mean something else under this program's rules.
    #[error(
        "{} was written under version {found} of the rules, and this program follows version {ours}: \
         these commands can be replayed only by the program that wrote them; to go on with this one, \
         open the folder with that program and close it in order, so that a snapshot holds them",
        file.display()
    )]
    OtherRules {
        /// The file.
        file: PathBuf,
        /// Its version.
        found: u32,
        /// Ours.
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
    /// A command that is not the next one.
    #[error("command {found} was to follow, and not {expected}")]
    NotDense {
        /// The number that is next.
        expected: Sequence,
        /// The number that came.
        found: Sequence,
    },
    /// Commands that were dropped, or never there.
    #[error("command {asked} is gone from {}: it begins with {oldest}", folder.display())]
    Gone {
        /// The folder.
        folder: PathBuf,
        /// What was asked for.
        asked: Sequence,
        /// The first that is there.
        oldest: Sequence,
    },
    /// An earlier write or sync failed, so nobody knows what the disk holds.
    #[error("the journal stopped after an error, start the program again: {0}")]
    Poisoned(
        /// That error.
        String,
    ),
}

/// What is wrong with a file of the journal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Its header cannot be read.
    #[error("the header: {0}")]
    Header(CodecError),
    /// Its name does not say what its header says.
    #[error("the header says that the file begins with command {0}")]
    Name(Sequence),
    /// It is shorter than it was made.
    #[error("the file has {present} bytes of {stated}")]
    Short {
        /// How long it was made.
        stated: u64,
        /// How long it is.
        present: u64,
    },
    /// A bad record, of which a later one says that it was durable.
    #[error("no record can be read there, but byte {offset} says that {durable} was durable")]
    Denied {
        /// Where the later one stands.
        offset: u64,
        /// What it says.
        durable: Sequence,
    },
    /// A bad record before the end of the journal.
    #[error("no record can be read there, though the journal goes on")]
    Unreadable,
    /// A record that calls durable what is not before it.
    #[error("the record says that command {0} was durable before it was written")]
    Claim(Sequence),
    /// The file ends before the next one begins.
    #[error("the file ends there, and the next one begins with command {0}")]
    Hole(Sequence),
    /// Something stands where nothing was written.
    #[error("behind the last record of a full file something stands at byte {0}")]
    Rest(u64),
    /// A whole record that holds no command.
    #[error("the record is whole but holds no command: {0}")]
    Command(CodecError),
}

/// Names what was being done to which path when the disk refused.
fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> JournalError {
    move |source| JournalError::Io { doing, path: path.to_owned(), source }
}
