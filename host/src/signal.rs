//! Wakes tasks that wait for a condition.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Wakes the tasks that wait for one condition each time that it may have come true.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    /// Whether a task may be waiting.
    awaited: AtomicBool,
    notify: Notify,
}

impl Signal {
    /// Waits until the condition holds. It is looked at first, and again at each wake.
    pub(crate) async fn until(&self, holds: impl Fn() -> bool) {
        loop {
            // From here on this task is woken, so nothing is missed between the look and the wait.
            let woken = self.notify.notified();
            self.awaited.swap(true, Ordering::SeqCst);
            if holds() {
                return;
            }
            woken.await;
        }
    }

    /// Wakes the tasks that wait. To be called after the change: either a task sees the change, or
    /// this sees that the task waits.
    pub(crate) fn wake(&self) {
        if self.awaited.swap(false, Ordering::SeqCst) {
            self.notify.notify_waiters();
        }
    }

    /// Does the same, and costs one load while no task waits. For changes made by operations that are
    /// sequentially consistent, as those of a crossbeam channel are.
    pub(crate) fn wake_if_awaited(&self) {
        if self.awaited.load(Ordering::SeqCst) {
            self.wake();
        }
    }
}
