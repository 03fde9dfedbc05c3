//! A data folder in one file.
//!
//! The file is a sequence of pieces, each an envelope of kind Archived: one for each file of the journal,
//! up to the last command that counts, then one for each snapshot, then the file `history`, then the end.
//! Journal files and snapshots are sorted by their numbers. Every piece has its own checksum, and the end
//! states how many pieces there are. So a changed, missing or truncated piece is detected before anything
//! is unpacked.
//!
//! ```text
//! piece     length of the name (2), name within the folder with `/` between its parts,
//!           length of the file (8), its bytes up to the last that is not zero
//! end       0 (2), history (16), last command (8), number of pieces (8)
//! ```
//!
//! An archive is read twice, 64 KiB at a time, so that nothing is written before all of it is known to be
//! intact. A piece leaves out the zeros at the end of its file, so it could state any length. Therefore
//! the stated lengths are checked against those in the files themselves.

use std::io::{self, Write};
use std::path::PathBuf;

use pricetime_engine::{Sequence, rules};

use super::FolderReader;
use crate::codec::{CodecError, ENVELOPE_LENGTH, Kind, NewerVersion, seal_envelope};
use crate::folder::HISTORY;
use crate::history::History;
use crate::journal::{JournalError, JournalOptions};
use crate::local::SnapshotError;

/// The contents of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed {
    /// The history of the commands.
    pub history: History,
    /// The last command.
    pub through: Sequence,
    /// The number of files.
    pub files: u64,
    /// How many later commands can be read but were left out, because a process has the folder open and
    /// they are not known to be durable yet.
    pub left_out: u64,
}

/// The reason an archive cannot be written or unpacked.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A snapshot cannot be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The journal ends before the newest snapshot.
    #[error(
        "the journal ends with command {journal}, but there is a snapshot of command {snapshot}: \
         the end of the journal is lost; restore it before you archive the folder"
    )]
    Lost {
        /// The last command of the journal.
        journal: Sequence,
        /// The last command of the snapshot.
        snapshot: Sequence,
    },
    /// Nothing was ever stored in the folder.
    #[error("this folder has no journal and no snapshot, so there is nothing to archive")]
    Empty,
    /// The archive cannot be written or read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A piece differs from what was written.
    #[error("the archive is damaged at byte {offset}: {what}; nothing was unpacked")]
    Damaged {
        /// The byte at which the piece begins.
        offset: u64,
        /// What is wrong.
        what: CodecError,
    },
    /// A newer version of the program wrote the archive.
    #[error("the archive was written by a newer version ({0}): use that version")]
    NewerVersion(
        /// What is newer.
        NewerVersion,
    ),
    /// The archive stops before its end, or continues after it.
    #[error("the archive is truncated or malformed at byte {0}; nothing was unpacked")]
    Truncated(
        /// The byte.
        u64,
    ),
    /// A piece is intact but is not a file of a data folder.
    #[error(
        "the archive holds the file {name:?} at byte {offset}, which does not belong to a data \
         folder: {what}; nothing was unpacked"
    )]
    File {
        /// The byte at which its piece begins.
        offset: u64,
        /// The name in the archive. It is empty if the name is too long.
        name: String,
        /// What is wrong.
        what: BadFile,
    },
    /// A file of the journal is longer than an archive allows.
    #[error(
        "{name} has {length} bytes, but an archive takes journal files of at most {most} bytes"
    )]
    TooLong {
        /// The file.
        name: String,
        /// The length of the file.
        length: u64,
        /// The longest length that is allowed.
        most: u64,
    },
    /// The disk has less free space than the files need.
    #[error(
        "the archive needs {needed} bytes, and {} has {free} free: name a folder on another disk, or make \
         room; nothing was unpacked",
        folder.display()
    )]
    NoSpace {
        /// The number of bytes that the files need.
        needed: u64,
        /// The number of bytes that are free.
        free: u64,
        /// The folder.
        folder: PathBuf,
    },
    /// Unpacking failed, and not all of what was written could be removed.
    #[error("{error}; but {} could not be removed ({why}): remove it", path.display())]
    NotCleanedUp {
        /// The reason unpacking failed.
        error: Box<ArchiveError>,
        /// What could not be removed.
        path: PathBuf,
        /// The reason it could not be removed.
        why: io::Error,
    },
    /// The folder to unpack into is not empty.
    #[error("the folder already holds {0}: name a folder that is empty or does not exist")]
    Occupied(
        /// The name of something in it.
        String,
    ),
}

/// The reason a piece of an archive is not a file of a data folder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFile {
    /// No file of a data folder has this name.
    #[error("a data folder has no file with this name")]
    Name,
    /// The file is repeated or out of order.
    #[error("it is there twice or out of order")]
    Order,
    /// The file is of another history than the files before it.
    #[error("it belongs to another history than the files before it")]
    OtherHistory,
    /// The file cannot have this length.
    #[error("its stated length is {stated} bytes; it must be from {least} to {most}")]
    Length {
        /// The length that the archive states.
        stated: u64,
        /// The shortest length that is possible.
        least: u64,
        /// The longest length that is possible.
        most: u64,
    },
    /// The beginning of the file cannot be read.
    #[error("its header: {0}")]
    Header(CodecError),
    /// The file begins like another file, or like one of another length.
    #[error("its header belongs to another file, or to a file of another length")]
    Other,
}

impl FolderReader {
    /// Packs the current history: the snapshots, and the journal up to
    /// [`JournalState::through`](crate::JournalState::through). Every record and every snapshot is
    /// checked, so damage is reported and not copied.
    ///
    /// # Errors
    /// Returns an error if a file operation fails, if something is damaged, if a file of the journal is
    /// longer than [`JournalOptions::SEGMENT_BYTES_MAX`], or if the archive cannot be written.
    pub fn pack(
        &self,
        out: &mut impl Write,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Packed, ArchiveError> {
        if self.is_new() {
            return Err(ArchiveError::Empty);
        }
        let own = self.history();
        let snapshots = self.snapshots();
        let known = snapshots.list()?;
        // Read after the snapshots, so that the journal reaches at least as far as they do.
        let journal = self.journal()?;
        let through = journal.through();
        if let Some(snapshot) = known.last().copied().filter(|last| *last > through) {
            return Err(ArchiveError::Lost { journal: through, snapshot });
        }
        let total = journal.segments.len() as u64 + known.len() as u64;
        let mut files = 0;
        for (at, segment) in journal.segments.iter().enumerate() {
            let successor = journal.segments.get(at + 1).map(|next| next.first);
            for cut in self.cut(segment.first, successor, through)? {
                let (length, most) = (cut.length, JournalOptions::SEGMENT_BYTES_MAX);
                if length > most {
                    return Err(ArchiveError::TooLong { name: cut.name, length, most });
                }
                piece(out, &format!("{own}/journal/{}", cut.name), cut.length, &cut.bytes)?;
                files += 1;
            }
            progress(at as u64 + 1, total);
        }
        for sequence in known {
            let checked = snapshots.load(sequence).and_then(|_| snapshots.bytes(sequence));
            let Some(bytes) = unless_removed(checked)? else { continue };
            let path = snapshots.path(sequence);
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            piece(out, &format!("{own}/snapshots/{name}"), bytes.len() as u64, &bytes)?;
            files += 1;
            progress(files.min(total), total);
        }
        let text = self.history_bytes();
        piece(out, HISTORY, text.len() as u64, &text)?;
        files += 1;
        let mut bytes = vec![0; ENVELOPE_LENGTH + 2];
        bytes.extend_from_slice(&own.0.to_le_bytes());
        bytes.extend_from_slice(&through.0.to_le_bytes());
        bytes.extend_from_slice(&files.to_le_bytes());
        seal_envelope(Kind::Archived, rules::VERSION, &mut bytes);
        out.write_all(&bytes)?;
        out.flush()?;
        Ok(Packed { history: own, through, files, left_out: journal.left_out() })
    }
}

/// Returns `None` for a snapshot that was removed since it was listed. There is a newer one then.
fn unless_removed<T>(found: Result<T, SnapshotError>) -> Result<Option<T>, SnapshotError> {
    match found {
        Err(SnapshotError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Ok(None)
        }
        found => found.map(Some),
    }
}

fn piece(out: &mut impl Write, name: &str, length: u64, bytes: &[u8]) -> io::Result<()> {
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let mut piece = vec![0; ENVELOPE_LENGTH];
    // All names are ours and short.
    piece.extend_from_slice(&u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes());
    piece.extend_from_slice(name.as_bytes());
    piece.extend_from_slice(&length.to_le_bytes());
    piece.extend_from_slice(bytes.get(..used).unwrap_or_default());
    seal_envelope(Kind::Archived, rules::VERSION, &mut piece);
    out.write_all(&piece)
}
