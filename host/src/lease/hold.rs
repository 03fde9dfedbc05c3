//! What the threads of a host see of its lock.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pricetime_redis::redlock::Held;

use super::LockStatus;

/// Who waits looks so often by itself.
const LOOK: Duration = Duration::from_millis(50);

/// The lock as it stands. To look at it asks nobody.
#[derive(Debug)]
pub(crate) struct Lease {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    held: Option<Held>,
    since: Instant,
    /// Whether nobody waits for it any more.
    closing: bool,
    /// Whether it is to be given back.
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

    /// Whether it is ours at this moment.
    pub(crate) fn holds(&self) -> bool {
        self.lock().holds()
    }

    /// Waits until it is ours. Says whether it is; it is not where the host ends without it.
    pub(crate) fn wait(&self) -> bool {
        let mut state = self.lock();
        loop {
            if state.holds() {
                return true;
            }
            if state.closing {
                return false;
            }
            let waited = self.changed.wait_timeout(state, LOOK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(crate) fn status(&self) -> LockStatus {
        let state = self.lock();
        LockStatus { held: state.holds(), since: state.since }
    }

    /// From now on nobody waits for it.
    pub(crate) fn close(&self) {
        self.lock().closing = true;
        self.changed.notify_all();
    }

    /// Nobody needs it any more.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// It is ours, or it is not.
    pub(super) fn set(&self, held: Option<Held>) -> Option<Held> {
        let mut state = self.lock();
        state.since = Instant::now();
        let before = std::mem::replace(&mut state.held, held);
        self.changed.notify_all();
        before
    }

    /// Waits so long at most. Says whether nobody needs it any more.
    pub(super) fn has_ended(&self, most: Duration) -> bool {
        let ended = self.changed.wait_timeout_while(self.lock(), most, |state| !state.ended);
        ended.unwrap_or_else(PoisonError::into_inner).0.ended
    }
}
