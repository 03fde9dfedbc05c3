//! Replays the journal of a running host: a state to begin with, and the commands after it.

use std::path::PathBuf;
use std::sync::Arc;

use pricetime_engine::{Engine, Sequence};
use pricetime_journal::{Disk, FolderError, FolderReader, JournalError, Replay, SnapshotError};

/// Reads the folder of a running host.
#[derive(Clone, Debug)]
pub(crate) struct JournalReplay {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) folder: PathBuf,
    pub(crate) markets_max: u32,
}

/// Why past commands cannot be replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The folder cannot be opened.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A snapshot cannot be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// No snapshot can be read that the journal continues.
    #[error("no readable snapshot is continued by the journal")]
    NoSnapshot,
}

impl JournalReplay {
    /// Opens the folder as it is at this moment.
    pub(crate) fn folder_reader(&self) -> Result<FolderReader, FolderError> {
        FolderReader::open(Arc::clone(&self.disk), &self.folder)
    }

    /// Returns the first command that can be replayed.
    pub(crate) fn oldest(&self) -> Result<Sequence, ReplayError> {
        let folder_reader = self.folder_reader()?;
        let first = folder_reader.first()?;
        if first.0 <= 1 {
            return Ok(Sequence(1));
        }
        let base = folder_reader.bases(first)?.into_iter().next();
        base.map(|it| Sequence(it.0.saturating_add(1))).ok_or(ReplayError::NoSnapshot)
    }

    /// Returns an engine in the newest state at or before this command. If nothing that old can be read,
    /// its state is a later one.
    pub(crate) fn engine_at(&self, sequence: Sequence) -> Result<Engine, ReplayError> {
        let folder_reader = self.folder_reader()?;
        let engine =
            folder_reader.engine_near(folder_reader.first()?, sequence, self.markets_max)?;
        engine.ok_or(ReplayError::NoSnapshot)
    }

    /// Returns a replay of the commands after the engine's state, up to `through`.
    pub(crate) fn replay(&self, engine: Engine, through: Sequence) -> Result<Replay, ReplayError> {
        Ok(Replay::of(&self.folder_reader()?, engine, through)?)
    }
}
