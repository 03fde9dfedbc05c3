//! A data folder in one file.
//!
//! The file is a row of pieces, each an envelope of kind Archived: one for each file of the journal,
//! up to the last command that counts, then one for each snapshot, then the file `history`, then the end.
//! The first two are sorted by their numbers. Every piece has its own checksum, and the end says how many
//! there are; so a changed, missing or cut off piece is seen before anything is unpacked.
//!
//! ```text
//! piece     length of the name (2), name within the folder with `/` between its parts,
//!           length of the file (8), its bytes up to the last that is not zero
//! end       0 (2), history (16), last command (8), number of pieces (8)
//! ```
//!
//! An archive is read twice, 64 KiB at a time: nothing is written before all of it is known to be whole. A
//! piece leaves out the zeros at the end of its file, so it could state any length. Therefore the stated
//! lengths are checked against what the files say about themselves.

use std::io::{self, Write};
use std::path::PathBuf;

use pricetime_engine::{Sequence, rules};

use super::FolderReader;
use crate::codec::{CodecError, ENVELOPE_LENGTH, Kind, Newer, seal_envelope};
use crate::folder::HISTORY;
use crate::history::History;
use crate::journal::{JournalError, JournalOptions};
use crate::local::SnapshotError;

/// What an archive holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Whose commands.
    pub history: History,
    /// The last of them.
    pub through: Sequence,
    /// How many files.
    pub files: u64,
    /// How many later commands can be read and were left out, because a process has the folder open
    /// and has not said yet that they are durable.
    pub left_out: u64,
}

/// Why there is no archive, or why it cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A snapshot.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The journal ends before the newest snapshot.
    #[error(
        "the journal ends with command {journal}, but there is a snapshot of command {snapshot}: the \
         end of the journal is lost; put it back before you pack the folder"
    )]
    Lost {
        /// The journal's last command.
        journal: Sequence,
        /// The snapshot's.
        snapshot: Sequence,
    },
    /// Nothing was ever kept in the folder.
    #[error("nothing has ever been kept in this folder, there is nothing to pack")]
    Empty,
    /// The archive cannot be written or read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A piece is not what was written.
    #[error("the archive is damaged at byte {offset}: {what}; nothing was unpacked")]
    Damaged {
        /// Where the piece begins.
        offset: u64,
        /// What is wrong.
        what: CodecError,
    },
    /// A newer version packed it.
    #[error("the archive was written by a newer version ({0}): use that version")]
    Newer(
        /// Which version.
        Newer,
    ),
    /// It ends before its end, or goes on behind it.
    #[error("the archive is cut off or was put together wrongly at byte {0}; nothing was unpacked")]
    Cut(
        /// Where.
        u64,
    ),
    /// A piece is whole, and is no file of a data folder.
    #[error(
        "the archive holds the file {name:?} at byte {offset}, which is no part of a data folder: {what}; \
         nothing was unpacked"
    )]
    File {
        /// Where its piece begins.
        offset: u64,
        /// The name that the archive gives it; empty if that is too long for one.
        name: String,
        /// What is wrong.
        what: BadFile,
    },
    /// A file of the journal is longer than an archive holds.
    #[error(
        "{name} has {length} bytes, and an archive takes files of the journal up to {most} bytes"
    )]
    Long {
        /// The file.
        name: String,
        /// Its length.
        length: u64,
        /// The longest.
        most: u64,
    },
    /// The disk has less room than the files need.
    #[error(
        "the archive needs {needed} bytes, and {} has {free} free: name a folder on another disk, or make \
         room; nothing was unpacked",
        folder.display()
    )]
    Room {
        /// How much they need.
        needed: u64,
        /// How much is free.
        free: u64,
        /// The folder.
        folder: PathBuf,
    },
    /// Unpacking failed, and not all of what was written could be removed.
    #[error("{error}; but {} could not be removed ({why}): remove it", path.display())]
    Left {
        /// Why it failed.
        error: Box<ArchiveError>,
        /// What is left.
        path: PathBuf,
        /// Why it could not be removed.
        why: io::Error,
    },
    /// The folder to unpack into is in use.
    #[error("the folder holds {0} already: name an empty or a new one")]
    Occupied(
        /// Something in it.
        String,
    ),
}

/// Why a piece of an archive is no file of a data folder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFile {
    /// No file has this name.
    #[error("no file there has this name")]
    Name,
    /// A file that has come already, or one that comes behind a later one.
    #[error("it comes twice, or not in its place")]
    Order,
    /// It is of another history than the files before it.
    #[error("it is of another history than the files before it")]
    OtherHistory,
    /// A length that it cannot have.
    #[error("its length is stated as {stated} bytes; it has from {least} to {most}")]
    Length {
        /// What the archive states.
        stated: u64,
        /// The least that is possible.
        least: u64,
        /// The most.
        most: u64,
    },
    /// What it begins with cannot be read.
    #[error("its beginning: {0}")]
    Header(CodecError),
    /// It begins as another file does.
    #[error("what it begins with belongs to another file, or to one of another length")]
    Other,
}

impl FolderReader {
    /// Packs the current history: the snapshots, and the journal up to
    /// [`JournalSight::through`](crate::JournalSight::through).
    /// Every record and every snapshot is checked on the way, so damage is not copied but told of.
    ///
    /// # Errors
    /// Returns an error if the disk refuses, if something is damaged, if a file of the journal is longer
    /// than [`JournalOptions::SEGMENT_BYTES_MAX`], and if the archive cannot be written.
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
        // Seen after the snapshots, so that it reaches at least as far as they do.
        let journal = self.journal()?;
        let through = journal.through();
        if let Some(snapshot) = known.last().copied().filter(|last| *last > through) {
            return Err(ArchiveError::Lost { journal: through, snapshot });
        }
        let of = journal.segments.len() as u64 + known.len() as u64;
        let mut files = 0;
        for (at, segment) in journal.segments.iter().enumerate() {
            let successor = journal.segments.get(at + 1).map(|next| next.first);
            for cut in self.cut(segment.first, successor, through)? {
                let (length, most) = (cut.length, JournalOptions::SEGMENT_BYTES_MAX);
                if length > most {
                    return Err(ArchiveError::Long { name: cut.name, length, most });
                }
                piece(out, &format!("{own}/journal/{}", cut.name), cut.length, &cut.bytes)?;
                files += 1;
            }
            progress(at as u64 + 1, of);
        }
        for sequence in known {
            let checked = snapshots.load(sequence).and_then(|_| snapshots.bytes(sequence));
            let Some(bytes) = present(checked)? else { continue };
            let path = snapshots.path(sequence);
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            piece(out, &format!("{own}/snapshots/{name}"), bytes.len() as u64, &bytes)?;
            files += 1;
            progress(files.min(of), of);
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

/// A snapshot that was dropped since it was listed is not missed: there is a newer one.
fn present<T>(found: Result<T, SnapshotError>) -> Result<Option<T>, SnapshotError> {
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
    // Names are ours and short.
    piece.extend_from_slice(&u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes());
    piece.extend_from_slice(name.as_bytes());
    piece.extend_from_slice(&length.to_le_bytes());
    piece.extend_from_slice(bytes.get(..used).unwrap_or_default());
    seal_envelope(Kind::Archived, rules::VERSION, &mut piece);
    out.write_all(&piece)
}
