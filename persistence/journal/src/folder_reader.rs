//! Reads a data folder without its lock and without writing. So it also works while a process has the
//! folder open, and on a damaged folder.
//!
//! While a process has the folder open, only what is known to be durable counts, because the process may
//! have written later commands that it has not acknowledged. If no process has it open, every command
//! that can be read counts, because opening the folder would keep it.

mod archive;
mod archived_file;
mod bases;
mod pieces;
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
    self, CutSegment, JournalError, JournalReader, JournalState, SegmentCheck, SegmentInfo,
};
use crate::local::{LocalSnapshots, SnapshotError};

pub use archive::{ArchiveError, BadFile, Packed};
pub use unpack::{check_archive, unpack};

/// A data folder that is open only for reading.
#[derive(Clone, Debug)]
pub struct FolderReader {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    history: History,
    stage: Stage,
}

impl FolderReader {
    /// Opens a data folder only for reading.
    ///
    /// # Errors
    /// Returns [`FolderError::Missing`] if it is not a data folder. Returns [`FolderError::Damaged`] or
    /// [`FolderError::NewerVersion`] if the file `history` cannot be used, and [`FolderError::Io`] if a file
    /// operation fails.
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

    /// Returns `true` if its journal was not created yet.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.stage == Stage::New
    }

    /// Returns the earlier histories that are still in the folder.
    ///
    /// # Errors
    /// Returns an error if a file operation fails.
    pub fn others(&self) -> Result<Vec<History>, FolderError> {
        let names = self.disk.list(&self.path).map_err(folder::io_error("list", &self.path))?;
        let histories = names.iter().filter_map(|name| name.parse().ok());
        Ok(histories.filter(|history| *history != self.history).collect())
    }

    /// Reads the end of the journal. Damage in any but its last file shows only when that file is read.
    ///
    /// # Errors
    /// Returns an error if there is no journal, if its last file is damaged, or if a file operation
    /// fails.
    pub fn journal(&self) -> Result<JournalState, JournalError> {
        // The snapshots are listed first. They hold only durable commands, so the journal, which is read
        // later, reaches them.
        let held = match self.snapshots().list() {
            Ok(all) => all.last().copied().unwrap_or_default(),
            Err(SnapshotError::Io { operation, path, source })
                if source.kind() != io::ErrorKind::NotFound =>
            {
                return Err(JournalError::Io { operation, path, source });
            }
            // A journal without snapshots can still be read.
            Err(_) => Sequence(0),
        };
        let state = journal::state(&*self.disk, &self.journal_folder(), self.history, held)?;
        // Checked afterwards. Otherwise a process could open the folder in between, and commands that it
        // has not made durable would count.
        let in_use = self.in_use().map_err(|source| {
            let (operation, path) = ("check whether a process has opened", self.path.clone());
            JournalError::Io { operation, path, source }
        })?;
        Ok(JournalState { in_use, ..state })
    }

    /// Returns `true` if a process has the folder open.
    ///
    /// # Errors
    /// Returns an error if a file operation fails.
    pub fn in_use(&self) -> io::Result<bool> {
        folder::is_locked(&*self.disk, &self.path)
    }

    /// Lists the files of the journal without reading them.
    ///
    /// # Errors
    /// Returns an error if there is no journal or if a file operation fails.
    pub fn segments(&self) -> Result<Vec<SegmentInfo>, JournalError> {
        journal::segments(&*self.disk, &self.journal_folder())
    }

    /// Returns a reader of the commands.
    #[must_use]
    pub fn reader(&self) -> JournalReader {
        JournalReader::new(Arc::clone(&self.disk), &self.journal_folder(), self.history)
    }

    /// Reads every record of a file of the journal. `successor` is the first command of the next file.
    /// The last file is read up to `through`.
    ///
    /// # Errors
    /// Returns the first damage in the file, or an error if a file operation fails.
    pub fn check(
        &self,
        first: Sequence,
        successor: Option<Sequence>,
        through: Sequence,
    ) -> Result<SegmentCheck, JournalError> {
        let bounds = (successor, through);
        journal::check(&*self.disk, &self.journal_folder(), self.history, first, bounds)
    }

    /// Returns a file of the journal as it is in a copy that ends with the command `through`. That is one
    /// file, or two for the last one if it has no room for the seal.
    ///
    /// # Errors
    /// Same as for [`check`](Self::check).
    pub fn cut(
        &self,
        first: Sequence,
        successor: Option<Sequence>,
        through: Sequence,
    ) -> Result<Vec<CutSegment>, JournalError> {
        let bounds = (successor, through);
        journal::cut(&*self.disk, &self.journal_folder(), self.history, first, bounds)
    }

    /// Returns the snapshots, to list and to load them. Saving one fails.
    #[must_use]
    pub fn snapshots(&self) -> LocalSnapshots {
        let folder = folder::snapshots_in(&self.path, self.history);
        LocalSnapshots::open_read_only(Arc::clone(&self.disk), &folder, self.history)
    }

    /// Returns the bytes of the file `history`.
    pub(crate) fn history_bytes(&self) -> Vec<u8> {
        folder::text(self.history, self.stage).into_bytes()
    }

    /// The folder of the journal.
    #[must_use]
    pub fn journal_folder(&self) -> PathBuf {
        folder::journal_in(&self.path, self.history)
    }
}

/// A disk that cannot be changed.
struct ReadOnly(Arc<dyn Disk>);

fn read_only_error<T>() -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::PermissionDenied, "this folder is opened for reading only"))
}

impl fmt::Debug for ReadOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadOnly").field(&self.0).finish()
    }
}

impl Disk for ReadOnly {
    fn create_folder(&self, _: &Path) -> io::Result<()> {
        read_only_error()
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.0.list(folder)
    }

    fn create(&self, _: &Path) -> io::Result<Box<dyn DiskFile>> {
        read_only_error()
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.0.open_to_read(path)
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        read_only_error()
    }

    fn remove(&self, _: &Path) -> io::Result<()> {
        read_only_error()
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        read_only_error()
    }

    fn lock(&self, _: &Path) -> io::Result<Box<dyn Lock>> {
        read_only_error()
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        self.0.is_locked(path)
    }
}
