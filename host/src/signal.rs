//! Wakes tasks that wait for a condition.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Wakes the tasks that wait for one condition, each time it may have become true.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    /// Whether a task may be waiting.
    awaited: AtomicBool,
    notify: Notify,
}

impl Signal {
    /// Waits until the condition holds. Checks it first, and again after each wake.
    pub(crate) async fn until(&self, holds: impl Fn() -> bool) {
        loop {
            // From here on a wake reaches this task, so none is lost between the check and the wait.
            let woken = self.notify.notified();
            self.awaited.swap(true, Ordering::SeqCst);
            if holds() {
                return;
            }
            woken.await;
        }
    }

    /// Wakes the waiting tasks. Call it after the change: then either a task sees the change, or this call
    /// sees that the task waits.
    pub(crate) fn wake(&self) {
        if self.awaited.swap(false, Ordering::SeqCst) {
            self.notify.notify_waiters();
        }
    }

    /// Does the same, and costs only one load while no task waits. For changes made by sequentially
    /// consistent operations, such as those of a crossbeam channel.
    pub(crate) fn wake_if_awaited(&self) {
        if self.awaited.load(Ordering::SeqCst) {
            self.wake();
        }
    }
}
