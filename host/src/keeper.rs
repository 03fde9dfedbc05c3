//! The keeper's thread: writes local snapshots, while everybody else goes on.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use pricetime_engine::{EngineSnapshot, Sequence};
use pricetime_persistence::{LocalSnapshots, SnapshotError};

use crate::status::Shared;

/// Keeps snapshots.
pub(crate) struct Keeper {
    pub(crate) snapshots: LocalSnapshots,
    pub(crate) incoming: Receiver<EngineSnapshot>,
    /// To the journal: below what it may be dropped. None where it is kept whole.
    pub(crate) floors: Option<Sender<Sequence>>,
    pub(crate) shared: Arc<Shared>,
}

impl Keeper {
    /// Works until there are no more states to come. A snapshot that cannot be written is told of in
    /// the status and tried again with the next state: the journal alone is enough to come back.
    pub(crate) fn run(self) {
        for state in &self.incoming {
            match self.keep(&state) {
                Ok(()) => self.shared.set_snapshot_failure(None),
                Err(error) => self.shared.set_snapshot_failure(Some(error.to_string())),
            }
        }
    }

    fn keep(&self, state: &EngineSnapshot) -> Result<(), SnapshotError> {
        let sequence = self.snapshots.save(state)?;
        self.shared.set_snapshot(sequence);
        if let Some(floors) = &self.floors
            && let Some(oldest) = self.snapshots.list()?.first()
        {
            // Where the journal has not come to it yet, the next one says it again.
            let _ = floors.try_send(Sequence(oldest.0.saturating_add(1)));
        }
        Ok(())
    }
}
