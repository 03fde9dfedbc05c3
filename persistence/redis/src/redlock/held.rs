//! A lock that is ours.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::driver::{LeaseStatus, LeaseView, Message, State, Threads};
use super::error::RedlockError;

/// A lock that is ours as long as [`Held::is_valid`] returns `true`. Dropping it releases it.
///
/// It is a lease: a process that is paused finds out only afterwards that it has lost the lock. If
/// something must never happen twice, it needs a fencing token that is checked where it happens.
pub struct Held {
    pub(super) id: u64,
    pub(super) name: Arc<str>,
    pub(super) view: Arc<LeaseView>,
    pub(super) threads: Arc<Threads>,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, remaining) = (&self.name, self.remaining());
        f.debug_struct("Held").field("name", name).field("remaining", &remaining).finish()
    }
}

impl Held {
    /// The name of the lock: its key.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns `true` if it is ours at this moment.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        !self.remaining().is_zero()
    }

    /// How much longer it is ours, if it is not extended.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.left(&self.view.lock_state())
    }

    fn left(&self, state: &State) -> Duration {
        match state.status {
            LeaseStatus::Held => state.until.saturating_sub(self.threads.clock.now()),
            LeaseStatus::Trying
            | LeaseStatus::Refused { .. }
            | LeaseStatus::Lost
            | LeaseStatus::Released { .. }
            | LeaseStatus::Ended => Duration::ZERO,
        }
    }

    /// Extends the lock to a whole time to live from now on. Returns how long it is ours.
    ///
    /// # Errors
    /// Returns [`RedlockError::NotExtended`] if too few nodes agreed; the lock is then ours for as long
    /// as before. Returns [`RedlockError::Lost`] if it is no longer ours, and [`RedlockError::Ended`] if
    /// the threads have ended.
    pub fn extend(&self) -> Result<Duration, RedlockError> {
        let before = self.view.lock_state().answers;
        self.threads.send(Message::Extend(self.id))?;
        let answered = |state: &State| state.answers != before || state.status != LeaseStatus::Held;
        let state = self.view.wait(answered);
        let left = self.left(&state);
        match state.status {
            LeaseStatus::Held if state.extended && !left.is_zero() => Ok(left),
            LeaseStatus::Held if !left.is_zero() => {
                Err(RedlockError::NotExtended(self.name.to_string()))
            }
            LeaseStatus::Ended => Err(RedlockError::Ended),
            LeaseStatus::Held
            | LeaseStatus::Trying
            | LeaseStatus::Refused { .. }
            | LeaseStatus::Lost
            | LeaseStatus::Released { .. } => Err(RedlockError::Lost(self.name.to_string())),
        }
    }

    /// Makes the lock extend itself from now on, each time a third of its time to live has passed, until
    /// it is dropped or lost.
    ///
    /// # Errors
    /// Returns [`RedlockError::Ended`] if the threads have ended.
    pub fn keep(&self) -> Result<(), RedlockError> {
        self.threads.send(Message::Keep(self.id))
    }

    /// Waits until the lock is no longer ours, but not longer than `timeout`. Returns `true` if it is lost.
    #[must_use]
    pub fn wait_lost(&self, timeout: Duration) -> bool {
        let end = self.threads.clock.now() + timeout;
        loop {
            let left = self.remaining();
            let rest = end.saturating_sub(self.threads.clock.now());
            if left.is_zero() || rest.is_zero() {
                return left.is_zero();
            }
            // The lock may be extended in the meantime, so this checks again when the remaining time is
            // over.
            self.view.wait_for(left.min(rest), |state| state.status != LeaseStatus::Held);
        }
    }

    /// Releases the lock. Returns `true` if enough nodes are known to be free that another client can
    /// have it at once. The other nodes are freed when they answer, or when the value expires there.
    #[must_use]
    pub fn release(self) -> bool {
        if self.threads.send(Message::Release(self.id)).is_err() {
            return false;
        }
        let state = self.view.wait(|state| state.status != LeaseStatus::Held);
        matches!(state.status, LeaseStatus::Released { free: true })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Without the driver the lock expires.
        drop(self.threads.send(Message::Release(self.id)));
    }
}
