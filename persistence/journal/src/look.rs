//! A data folder, looked at: without its lock and without writing, so also beside the process that
//! has it open, and on a damaged one.
//!
//! While a process has the folder open, only what is known to be durable counts: behind it the
//! process may have written commands that it has told nobody of. When no process has it open, every
//! command that can be read counts, because opening the folder would keep it.

mod archive;
mod bases;
mod pieces;
mod place;
mod unpack;

use core::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pricetime_engine::Sequence;

use crate::disk::{Disk, DiskFile, Lock};
use crate::folder::{self, FolderError, HISTORY, Stage};
use crate::history::History;
use crate::journal::{
    self, CutSegment, JournalError, JournalReader, JournalSight, SegmentCheck, SegmentSight,
};
use crate::local::{LocalSnapshots, SnapshotError};

pub use archive::{ArchiveError, BadFile, Packed};
pub use unpack::{check_archive, unpack};

/// A data folder that is looked at.
#[derive(Clone, Debug)]
pub struct FolderReader {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    history: History,
    stage: Stage,
}

impl FolderReader {
    /// Looks at a data folder.
    ///
    /// # Errors
    /// Where the disk refuses, where it is no data folder, and where the file that says whose it is
    /// is damaged.
    pub fn open(disk: Arc<dyn Disk>, path: &Path) -> Result<Self, FolderError> {
        let disk: Arc<dyn Disk> = Arc::new(ReadOnly(disk));
        let read = folder::read(&*disk, &path.join(HISTORY));
        if let Err(FolderError::Io { source, .. }) = &read
            && source.kind() == io::ErrorKind::NotFound
        {
            return Err(FolderError::Missing(path.to_owned()));
        }
        let (history, stage) = read?;
        Ok(Self { disk, path: path.to_owned(), history, stage })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The current history.
    #[must_use]
    pub const fn history(&self) -> History {
        self.history
    }

    /// Whether its journal has not even been made.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.stage == Stage::New
    }

    /// The histories that were given up and still lie there.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn others(&self) -> Result<Vec<History>, FolderError> {
        let names = self.disk.list(&self.path).map_err(folder::io_error("list", &self.path))?;
        let histories = names.iter().filter_map(|name| name.parse().ok());
        Ok(histories.filter(|history| *history != self.history).collect())
    }

    /// The journal. Damage in any but its last file shows only when that is read.
    ///
    /// # Errors
    /// Where the disk refuses, where there is none, and where its last file is damaged.
    pub fn journal(&self) -> Result<JournalSight, JournalError> {
        // The snapshots first: what one holds is durable, so the journal, seen later, reaches it.
        let held = match self.snapshots().list() {
            Ok(all) => all.last().copied().unwrap_or_default(),
            Err(SnapshotError::Io { doing, path, source })
                if source.kind() != io::ErrorKind::NotFound =>
            {
                return Err(JournalError::Io { doing, path, source });
            }
            // Without its snapshots a journal still says a lot by itself.
            Err(_) => Sequence(0),
        };
        let sight = journal::sight(&*self.disk, &self.journal_folder(), self.history, held)?;
        // Asked afterwards: a process that is gone by now wrote nothing that was not read.
        let in_use = self.in_use().map_err(|source| {
            let (doing, path) = ("see whether a process has opened", self.path.clone());
            JournalError::Io { doing, path, source }
        })?;
        Ok(JournalSight { in_use, ..sight })
    }

    /// Whether a process has the folder open.
    ///
    /// # Errors
    /// Fails if the disk refuses.
    pub fn in_use(&self) -> io::Result<bool> {
        folder::is_locked(&*self.disk, &self.path)
    }

    /// The files of the journal, without reading them.
    ///
    /// # Errors
    /// Where the disk refuses, and where there is none.
    pub fn segments(&self) -> Result<Vec<SegmentSight>, JournalError> {
        journal::segments(&*self.disk, &self.journal_folder())
    }

    /// Reads the commands.
    #[must_use]
    pub fn reader(&self) -> JournalReader {
        JournalReader::new(Arc::clone(&self.disk), &self.journal_folder(), self.history)
    }

    /// Reads every record of a file of the journal. `successor` is where the next file begins; the
    /// last one is read up to `through`.
    ///
    /// # Errors
    /// Where the disk refuses, and the first damage in it.
    pub fn check(
        &self,
        first: Sequence,
        successor: Option<Sequence>,
        through: Sequence,
    ) -> Result<SegmentCheck, JournalError> {
        let bounds = (successor, through);
        journal::check(&*self.disk, &self.journal_folder(), self.history, first, bounds)
    }

    /// A file of the journal as a copy has it that ends with the command `through`: nearly always
    /// one, of the last one perhaps two.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn cut(
        &self,
        first: Sequence,
        successor: Option<Sequence>,
        through: Sequence,
    ) -> Result<Vec<CutSegment>, JournalError> {
        let bounds = (successor, through);
        journal::cut(&*self.disk, &self.journal_folder(), self.history, first, bounds)
    }

    /// The snapshots, to list and to load. Saving one is refused.
    #[must_use]
    pub fn snapshots(&self) -> LocalSnapshots {
        let folder = folder::snapshots_in(&self.path, self.history);
        LocalSnapshots::seen(Arc::clone(&self.disk), &folder, self.history)
    }

    /// The bytes of the file that says whose the folder is.
    pub(crate) fn history_bytes(&self) -> Vec<u8> {
        folder::text(self.history, self.stage).into_bytes()
    }

    /// Where the journal is.
    #[must_use]
    pub fn journal_folder(&self) -> PathBuf {
        folder::journal_in(&self.path, self.history)
    }
}

/// A disk on which nothing can be changed.
struct ReadOnly(Arc<dyn Disk>);

fn refused<T>() -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::PermissionDenied, "this folder is only looked at"))
}

impl fmt::Debug for ReadOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadOnly").field(&self.0).finish()
    }
}

impl Disk for ReadOnly {
    fn create_folder(&self, _: &Path) -> io::Result<()> {
        refused()
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.0.list(folder)
    }

    fn create(&self, _: &Path) -> io::Result<Box<dyn DiskFile>> {
        refused()
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.0.open_to_read(path)
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        refused()
    }

    fn remove(&self, _: &Path) -> io::Result<()> {
        refused()
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        refused()
    }

    fn lock(&self, _: &Path) -> io::Result<Box<dyn Lock>> {
        refused()
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        self.0.is_locked(path)
    }
}
