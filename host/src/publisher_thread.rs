//! The publisher thread, and the way there from the journal thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::batch::Batch;
use crate::publisher::Publisher;

/// The most commands of a batch that the journal thread publishes by itself.
const PUBLISHED_AT_ONCE_MAX: usize = 16;

/// The publisher has ended, because it panicked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PublisherEnded;

/// The way of a durable batch to its publication, for the journal thread.
pub(crate) struct ToPublisher {
    sender: Sender<Batch>,
    publisher: Arc<Mutex<Publisher>>,
    /// How many batches have been sent and are not yet published.
    unpublished: Arc<AtomicUsize>,
    /// Whether publishing may wait for the lock of the host. The journal does not wait for that.
    has_lock: bool,
}

impl ToPublisher {
    /// Passes a batch on. A small one is published at once, on this thread, if none is ahead of it and none
    /// behind it (`is_last`): waking the other thread takes longer.
    pub(crate) fn pass(&self, batch: Batch, is_last: bool) -> Result<(), PublisherEnded> {
        let is_small = batch.len() <= PUBLISHED_AT_ONCE_MAX && !self.has_lock;
        // Only this thread adds to the count. At zero, the other thread has nothing to publish.
        if is_small && is_last && self.unpublished.load(Ordering::Acquire) == 0 {
            let mut publisher = self.publisher.lock().map_err(|_| PublisherEnded)?;
            let publish = AssertUnwindSafe(|| publisher.publish(batch, true));
            return catch_unwind(publish).map_err(|_| PublisherEnded);
        }
        self.unpublished.fetch_add(1, Ordering::Relaxed);
        self.sender.send(batch).map_err(|_| PublisherEnded)
    }
}

/// Publishes the batches that the journal thread does not publish by itself.
pub(crate) struct PublisherThread {
    publisher: Arc<Mutex<Publisher>>,
    durable: Receiver<Batch>,
    unpublished: Arc<AtomicUsize>,
}

impl PublisherThread {
    /// Returns the thread's work, and the way there. At most `batches` batches wait for it.
    pub(crate) fn new(publisher: Publisher, batches: usize) -> (ToPublisher, Self) {
        let has_lock = publisher.shared.lease.is_some();
        let (sender, durable) = bounded(batches);
        let (publisher, unpublished) = (Arc::new(Mutex::new(publisher)), Arc::default());
        let way = ToPublisher {
            sender,
            publisher: Arc::clone(&publisher),
            unpublished: Arc::clone(&unpublished),
            has_lock,
        };
        (way, Self { publisher, durable, unpublished })
    }

    /// Works until nothing more becomes durable. If the journal thread panicked while it published, the state
    /// may be half of a batch ahead, so nothing more leaves.
    pub(crate) fn run(self) {
        for batch in &self.durable {
            let Ok(mut publisher) = self.publisher.lock() else { return };
            publisher.publish(batch, self.durable.is_empty());
            drop(publisher);
            self.unpublished.fetch_sub(1, Ordering::Release);
        }
        if let Ok(mut publisher) = self.publisher.lock() {
            publisher.end();
        }
    }
}
