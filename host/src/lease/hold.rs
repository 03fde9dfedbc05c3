//! The runner's lock as the threads of a host see it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pricetime_redis::redlock::Held;

use super::LockStatus;

/// How often a waiting thread checks the lock without being woken.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The current state of the lock. Reading it contacts no server.
#[derive(Debug)]
pub(crate) struct Lease {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    held: Option<Held>,
    since: Instant,
    /// Whether threads should stop waiting for the lock.
    closing: bool,
    /// Whether the lock is to be released.
    ended: bool,
}

impl State {
    fn holds(&self) -> bool {
        self.held.as_ref().is_some_and(Held::is_valid)
    }
}

impl Lease {
    pub(super) fn new(held: Held) -> Self {
        let (held, since) = (Some(held), Instant::now());
        let state = State { held, since, closing: false, ended: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns `true` if the lock is held at this moment.
    pub(crate) fn holds(&self) -> bool {
        self.lock().holds()
    }

    /// Waits until the lock is held. Returns `false` if the host shuts down first.
    pub(crate) fn wait(&self) -> bool {
        let mut state = self.lock();
        loop {
            if state.holds() {
                return true;
            }
            if state.closing {
                return false;
            }
            let waited = self.changed.wait_timeout(state, POLL_INTERVAL);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(crate) fn status(&self) -> LockStatus {
        let state = self.lock();
        LockStatus { held: state.holds(), since: state.since }
    }

    /// From now on, [`wait`](Self::wait) does not block.
    pub(crate) fn close(&self) {
        self.lock().closing = true;
        self.changed.notify_all();
    }

    /// Tells the renewal thread to release the lock.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// Sets whether the lock is held. Returns what was set before.
    pub(super) fn set(&self, held: Option<Held>) -> Option<Held> {
        let mut state = self.lock();
        state.since = Instant::now();
        let before = std::mem::replace(&mut state.held, held);
        self.changed.notify_all();
        before
    }

    /// Waits for at most this long. Returns `true` if the lock is to be released.
    pub(super) fn has_ended(&self, timeout: Duration) -> bool {
        let ended = self.changed.wait_timeout_while(self.lock(), timeout, |state| !state.ended);
        ended.unwrap_or_else(PoisonError::into_inner).0.ended
    }
}
