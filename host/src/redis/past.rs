//! What the folder still tells: a state to begin with, and the commands after it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use pricetime_engine::{Engine, Sequence};
use pricetime_persistence::{
    Commands, Disk, FolderError, JournalError, LocalSnapshots, Look, SnapshotError,
};

/// The folder of a running host, looked at.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) folder: PathBuf,
    pub(super) markets_max: u32,
}

/// Why the past cannot be told.
#[derive(Debug, thiserror::Error)]
pub(super) enum PastError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// Nothing that the journal continues can be read.
    #[error("no snapshot can be read that the journal continues")]
    Nothing,
}

impl Past {
    fn look(&self) -> Result<Look, PastError> {
        Ok(Look::open(Arc::clone(&self.disk), &self.folder)?)
    }

    /// The first command that can be told again.
    pub(super) fn oldest(&self) -> Result<Sequence, PastError> {
        let look = self.look()?;
        let journal = first_of(&look)?;
        if journal.0 <= 1 {
            return Ok(Sequence(1));
        }
        let snapshots = listed(&look.snapshots())?;
        let base = snapshots.into_iter().find(|it| reaches(*it, journal));
        base.map(|it| Sequence(it.0.saturating_add(1))).ok_or(PastError::Nothing)
    }

    /// An engine as it was at or before this command, as near as may be; after it where nothing older
    /// can be read any more.
    pub(super) fn engine_at(&self, sequence: Sequence) -> Result<Engine, PastError> {
        let look = self.look()?;
        let snapshots = look.snapshots();
        let journal = first_of(&look)?;
        let mut known = listed(&snapshots)?;
        known.retain(|it| reaches(*it, journal));
        let later = known.split_off(known.partition_point(|it| *it <= sequence));
        for base in known.into_iter().rev() {
            if let Some(engine) = self.restored(&snapshots, base)? {
                return Ok(engine);
            }
        }
        if journal.0 <= 1 {
            return Ok(Engine::new(self.markets_max));
        }
        for base in later {
            if let Some(engine) = self.restored(&snapshots, base)? {
                return Ok(engine);
            }
        }
        Err(PastError::Nothing)
    }

    /// The engine of a snapshot. None where that is damaged, or was dropped meanwhile.
    fn restored(
        &self,
        snapshots: &LocalSnapshots,
        base: Sequence,
    ) -> Result<Option<Engine>, PastError> {
        let loaded = match snapshots.load(base) {
            Ok(loaded) => loaded,
            Err(SnapshotError::Damaged { .. }) => return Ok(None),
            Err(SnapshotError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let mut engine = Engine::new(self.markets_max);
        let whole = engine.restore(&loaded.snapshot).is_ok() && engine.digest() == loaded.digest;
        Ok(whole.then_some(engine))
    }

    /// The commands of a stretch that is durable.
    pub(super) fn read(&self, from: u64, through: Sequence) -> Result<Commands, PastError> {
        Ok(self.look()?.reader().read(Sequence(from), through)?)
    }
}

/// Whether the journal that begins with this command continues this state.
fn reaches(base: Sequence, journal: Sequence) -> bool {
    journal.0 <= base.0.saturating_add(1)
}

fn first_of(look: &Look) -> Result<Sequence, PastError> {
    Ok(look.segments()?.first().map_or(Sequence(1), |segment| segment.first))
}

/// The snapshots, ascending; there need not be any.
fn listed(snapshots: &LocalSnapshots) -> Result<Vec<Sequence>, PastError> {
    match snapshots.list() {
        Err(SnapshotError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Ok(Vec::new())
        }
        listed => Ok(listed?),
    }
}
