//! The snapshot thread: writes local snapshots while all other threads continue.
//!
//! It writes a snapshot when an epoch has closed and it is idle, and one at the end.
//!
//! The thread receives the pages of the image as they are, 64 orders each. A page is copied only if it
//! changes while this thread has it. Copying all orders at once delayed every other thread, and so did a
//! niceness of 19 and a sync after each piece of the file.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use pricetime_engine::Sequence;
use pricetime_journal::image::FrozenImage;
use pricetime_journal::{LocalSnapshots, SnapshotError};
use tracing::{error, info};

use crate::status::Shared;

/// The niceness of this thread. At 19, other threads waited longest for what this thread held in the
/// allocator and in the kernel.
const NICE: i32 = 5;

/// Writes and keeps snapshots.
pub(crate) struct SnapshotThread {
    pub(crate) snapshots: LocalSnapshots,
    pub(crate) incoming: Receiver<FrozenImage>,
    /// To the journal thread: the sequence below which the journal may be dropped. `None` if all of it is
    /// kept.
    pub(crate) floors: Option<Sender<Sequence>>,
    pub(crate) shared: Arc<Shared>,
}

impl SnapshotThread {
    /// Works until no more states arrive. A failed snapshot is logged, counted and shown in the status. The
    /// next state is the next attempt. Until then the journal alone is enough to recover.
    pub(crate) fn run(mut self) {
        // Matching and durability take precedence. If the system refuses, the priority stays as it was.
        let _ = rustix::process::nice(NICE);
        while let Ok(state) = self.incoming.recv() {
            let why = self.save(state).err().map(Arc::new);
            if why.is_some() {
                metrics::counter!("pricetime_snapshot_errors_total").increment(1);
            }
            // Logged once for a series of failures, because each names another file.
            match (self.shared.set_snapshot_failure(why.clone()), why) {
                (None, Some(why)) => error!(
                    "snapshots fail: {why}; matching continues, and the next epoch tries again; \
                     until then a start takes longer and the journal grows"
                ),
                (Some(_), None) => info!("snapshots are written again"),
                (None, None) | (Some(_), Some(_)) => {}
            }
        }
    }

    fn save(&mut self, state: FrozenImage) -> Result<(), SnapshotError> {
        let consumed_through = self.shared.consumed_through();
        let sequence = self.snapshots.save_keeping(&state.into_snapshot(), consumed_through)?;
        self.shared.set_snapshot(sequence);
        if let Some(floors) = &self.floors
            && let Some(oldest) = self.snapshots.list()?.first()
        {
            // If the queue is full, the next snapshot sends a newer value.
            let _ = floors.try_send(Sequence(oldest.0.saturating_add(1)));
        }
        Ok(())
    }
}
