//! The snapshots that a replay of the journal can start from.

use std::io;

use pricetime_engine::{Engine, EngineSnapshot, Sequence};

use super::FolderReader;
use crate::index_key::keyed_engine;
use crate::journal::JournalError;
use crate::local::{LoadedSnapshot, SnapshotError};

impl FolderReader {
    /// Returns the first command that is still in the journal.
    ///
    /// # Errors
    /// Returns an error if there is no journal or if a file operation fails.
    pub fn first(&self) -> Result<Sequence, JournalError> {
        Ok(self.segments()?.first().map_or(Sequence(1), |segment| segment.first))
    }

    /// Returns the snapshots that a journal which begins with the command `first` continues, in ascending
    /// order. There may be none.
    ///
    /// # Errors
    /// Returns an error if a file operation fails.
    pub fn bases(&self, first: Sequence) -> Result<Vec<Sequence>, SnapshotError> {
        let mut known = match self.snapshots().list() {
            Err(error) if is_missing(&error) => Vec::new(),
            listed => listed?,
        };
        known.retain(|it| first.0 <= it.0.saturating_add(1));
        Ok(known)
    }

    /// Loads one of these snapshots. Returns `None` if it is damaged or was removed since it was listed.
    /// The caller can then use another one.
    ///
    /// # Errors
    /// Returns an error if a file operation fails.
    pub fn base(&self, sequence: Sequence) -> Result<Option<LoadedSnapshot>, SnapshotError> {
        match self.snapshots().load(sequence) {
            Err(SnapshotError::Damaged { .. }) => Ok(None),
            Err(error) if is_missing(&error) => Ok(None),
            loaded => loaded.map(Some),
        }
    }

    /// Returns an engine in the newest state up to the command `most` that `fits`: that of a snapshot, or
    /// the empty one if the journal begins with its first command. Returns `None` if there is neither.
    /// `first` is the first command of the journal.
    ///
    /// # Errors
    /// Returns an error if a file operation fails.
    pub fn engine_before(
        &self,
        first: Sequence,
        most: Sequence,
        markets_max: u32,
        fits: impl Fn(&EngineSnapshot) -> bool,
    ) -> Result<Option<Engine>, SnapshotError> {
        let known = self.bases(first)?.into_iter().rev().filter(|it| *it <= most);
        let found = self.restored(known, markets_max, fits)?;
        Ok(found.or_else(|| (first.0 <= 1).then(|| keyed_engine(markets_max))))
    }

    /// Returns an engine in the newest state up to the command `sequence`, or in the oldest state after
    /// it if nothing older can be read. `first` is the first command of the journal.
    ///
    /// # Errors
    /// Returns an error if a file operation fails.
    pub fn engine_near(
        &self,
        first: Sequence,
        sequence: Sequence,
        markets_max: u32,
    ) -> Result<Option<Engine>, SnapshotError> {
        match self.engine_before(first, sequence, markets_max, |_| true)? {
            None => self.restored(self.bases(first)?, markets_max, |_| true),
            found => Ok(found),
        }
    }

    /// Returns the engine of the first of these snapshots that fits and can be restored.
    fn restored(
        &self,
        bases: impl IntoIterator<Item = Sequence>,
        markets_max: u32,
        fits: impl Fn(&EngineSnapshot) -> bool,
    ) -> Result<Option<Engine>, SnapshotError> {
        for base in bases {
            let loaded = self.base(base)?.filter(|it| fits(&it.snapshot));
            if let Some(engine) = loaded.and_then(|it| it.engine(markets_max)) {
                return Ok(Some(engine));
            }
        }
        Ok(None)
    }
}

fn is_missing(error: &SnapshotError) -> bool {
    matches!(error, SnapshotError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
}

impl LoadedSnapshot {
    /// Returns an engine in this state. Returns `None` if no engine can have this state, or if it is not
    /// the one that was saved.
    #[must_use]
    pub fn engine(&self, markets_max: u32) -> Option<Engine> {
        let mut engine = keyed_engine(markets_max);
        let sound = engine.restore(&self.snapshot).is_ok() && engine.digest() == self.digest;
        sound.then_some(engine)
    }
}
