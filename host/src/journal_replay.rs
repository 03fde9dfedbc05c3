//! What the folder still tells: a state to begin with, and the commands after it.

use std::path::PathBuf;
use std::sync::Arc;

use pricetime_engine::{Engine, Sequence};
use pricetime_journal::{Disk, FolderError, FolderReader, JournalError, Replay, SnapshotError};

/// The folder of a running host, looked at.
#[derive(Clone, Debug)]
pub(crate) struct JournalReplay {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) folder: PathBuf,
    pub(crate) markets_max: u32,
}

/// Why the past cannot be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A snapshot.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// Nothing that the journal continues can be read.
    #[error("no snapshot can be read that the journal continues")]
    Nothing,
}

impl JournalReplay {
    /// The folder as it is at this moment.
    pub(crate) fn look(&self) -> Result<FolderReader, FolderError> {
        FolderReader::open(Arc::clone(&self.disk), &self.folder)
    }

    /// The first command that can be told again.
    pub(crate) fn oldest(&self) -> Result<Sequence, ReplayError> {
        let look = self.look()?;
        let first = look.first()?;
        if first.0 <= 1 {
            return Ok(Sequence(1));
        }
        let base = look.bases(first)?.into_iter().next();
        base.map(|it| Sequence(it.0.saturating_add(1))).ok_or(ReplayError::Nothing)
    }

    /// An engine as it was at or before this command, as near as may be; after it where nothing older
    /// can be read any more.
    pub(crate) fn engine_at(&self, sequence: Sequence) -> Result<Engine, ReplayError> {
        let look = self.look()?;
        let engine = look.engine_near(look.first()?, sequence, self.markets_max)?;
        engine.ok_or(ReplayError::Nothing)
    }

    /// The commands after the state of an engine, as far as they are durable.
    pub(crate) fn replay(&self, engine: Engine, through: Sequence) -> Result<Replay, ReplayError> {
        Ok(Replay::of(&self.look()?, engine, through)?)
    }
}
