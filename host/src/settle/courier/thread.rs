//! The courier's thread, for whoever ends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tracing::warn;

/// How long the last deliveries may take at the end.
const LAST: Duration = Duration::from_secs(5);

/// The thread.
#[derive(Debug)]
pub(crate) struct CourierThread {
    pub(super) thread: JoinHandle<()>,
    pub(super) over: Arc<AtomicBool>,
}

impl CourierThread {
    /// Ends it. What is under way may take a little while; after that nobody waits for it, and it is
    /// delivered again after the next start.
    pub(crate) fn end(self) {
        let begun = Instant::now();
        while !self.thread.is_finished() {
            if begun.elapsed() >= LAST {
                if self.over.swap(true, Ordering::AcqRel) {
                    warn!("a delivery is still under way; the next start makes it again");
                    return;
                }
                // It may be between two of them.
                std::thread::sleep(Duration::from_millis(100));
                continue;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        // A thread that panicked has said so.
        let _ = self.thread.join();
    }
}
