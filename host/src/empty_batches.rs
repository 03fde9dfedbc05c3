//! Empty batches, which go from the publisher back to the core.

use std::sync::{Arc, Mutex};

use crate::batch::Batch;
use crate::status::locked;

/// A batch with room for more commands than this is not reused.
const REUSED_CAPACITY_MAX: usize = 4_096;

/// Empty batches. The core takes the one that came back last, because its memory is most likely still in
/// a cache, and because few of them then grow.
#[derive(Clone, Debug)]
pub(crate) struct EmptyBatches {
    batches: Arc<Mutex<Vec<Batch>>>,
    max: usize,
}

impl EmptyBatches {
    /// At most `max` are kept.
    pub(crate) fn new(max: usize) -> Self {
        Self { batches: Arc::default(), max }
    }

    /// Returns an empty batch: a new one if there is none, or if the publisher is just giving one back,
    /// because the core does not wait for it.
    pub(crate) fn take(&self) -> Batch {
        self.batches.try_lock().ok().and_then(|mut batches| batches.pop()).unwrap_or_default()
    }

    /// Empties a batch and keeps it, unless there are enough or it grew large while the disk stalled.
    pub(crate) fn give(&self, mut batch: Batch) {
        batch.clear();
        let mut batches = locked(&self.batches);
        if batches.len() < self.max && batch.capacity() <= REUSED_CAPACITY_MAX {
            batches.push(batch);
        }
    }
}
