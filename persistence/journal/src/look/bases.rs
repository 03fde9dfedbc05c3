//! States that a folder still has, with the commands that came after them.

use std::io;

use pricetime_engine::{Engine, Sequence};

use super::Look;
use crate::index_key::keyed_engine;
use crate::journal::JournalError;
use crate::local::{Loaded, SnapshotError};

impl Look {
    /// The first command that the journal still has.
    ///
    /// # Errors
    /// Where the disk refuses, and where there is no journal.
    pub fn first(&self) -> Result<Sequence, JournalError> {
        Ok(self.segments()?.first().map_or(Sequence(1), |segment| segment.first))
    }

    /// The snapshots that a journal continues which begins with this command, ascending; there need
    /// not be any.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn bases(&self, first: Sequence) -> Result<Vec<Sequence>, SnapshotError> {
        let mut known = match self.snapshots().list() {
            Err(error) if is_missing(&error) => Vec::new(),
            listed => listed?,
        };
        known.retain(|it| first.0 <= it.0.saturating_add(1));
        Ok(known)
    }

    /// One of them; none where it is damaged, or was dropped meanwhile: then another one will do.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn base(&self, sequence: Sequence) -> Result<Option<Loaded>, SnapshotError> {
        match self.snapshots().load(sequence) {
            Err(SnapshotError::Damaged { .. }) => Ok(None),
            Err(error) if is_missing(&error) => Ok(None),
            loaded => loaded.map(Some),
        }
    }
}

fn is_missing(error: &SnapshotError) -> bool {
    matches!(error, SnapshotError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
}

impl Loaded {
    /// An engine in this state; none where it is no state that an engine can have, or not the one that
    /// was saved.
    #[must_use]
    pub fn engine(&self, markets_max: u32) -> Option<Engine> {
        let mut engine = keyed_engine(markets_max);
        let sound = engine.restore(&self.snapshot).is_ok() && engine.digest() == self.digest;
        sound.then_some(engine)
    }
}
