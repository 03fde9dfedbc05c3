//! A lock that is ours.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::driver::{Message, Sight, Standing, State, Threads};
use super::error::RedlockError;

/// A lock that is ours as long as [`Held::is_valid`] says so. Dropped, it is given back.
///
/// It is a lease: a process that is stopped in the middle of something finds out afterwards that it
/// has lost it. What must never happen twice needs a token that is checked where it happens.
pub struct Held {
    pub(super) id: u64,
    pub(super) name: Arc<str>,
    pub(super) sight: Arc<Sight>,
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

    /// Whether it is ours at this moment.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        !self.remaining().is_zero()
    }

    /// How much longer it is ours, if it is not extended.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.left(&self.sight.look())
    }

    fn left(&self, state: &State) -> Duration {
        match state.standing {
            Standing::Held => state.until.saturating_sub(self.threads.clock.now()),
            Standing::Trying
            | Standing::Refused { .. }
            | Standing::Lost
            | Standing::Released { .. }
            | Standing::Ended => Duration::ZERO,
        }
    }

    /// Makes it ours for a whole time to live from now on. Says how much that is.
    ///
    /// # Errors
    /// [`RedlockError::NotExtended`] where too few nodes agreed; it is then ours for as long as
    /// before. [`RedlockError::Lost`] where it is not ours any more.
    pub fn extend(&self) -> Result<Duration, RedlockError> {
        let before = self.sight.look().answers;
        self.threads.send(Message::Extend(self.id))?;
        let answered = |state: &State| state.answers != before || state.standing != Standing::Held;
        let state = self.sight.wait(answered);
        let left = self.left(&state);
        match state.standing {
            Standing::Held if state.extended && !left.is_zero() => Ok(left),
            Standing::Held if !left.is_zero() => {
                Err(RedlockError::NotExtended(self.name.to_string()))
            }
            Standing::Ended => Err(RedlockError::Ended),
            Standing::Held
            | Standing::Trying
            | Standing::Refused { .. }
            | Standing::Lost
            | Standing::Released { .. } => Err(RedlockError::Lost(self.name.to_string())),
        }
    }

    /// From now on it extends itself whenever a third of its time to live has passed, until it is
    /// dropped or lost.
    ///
    /// # Errors
    /// [`RedlockError::Ended`] where the threads have ended.
    pub fn keep(&self) -> Result<(), RedlockError> {
        self.threads.send(Message::Keep(self.id))
    }

    /// Waits until it is not ours any more, but not longer than this. Says whether it is lost.
    #[must_use]
    pub fn wait_lost(&self, most: Duration) -> bool {
        let end = self.threads.clock.now() + most;
        loop {
            let left = self.remaining();
            let rest = end.saturating_sub(self.threads.clock.now());
            if left.is_zero() || rest.is_zero() {
                return left.is_zero();
            }
            // It may be extended meanwhile, so at the end of what was left it looks again.
            self.sight.wait_for(left.min(rest), |state| state.standing != Standing::Held);
        }
    }

    /// Gives it back. Says whether enough nodes are known to be free for somebody else to have it at
    /// once; the others are freed when they answer, or the value expires there.
    #[must_use]
    pub fn release(self) -> bool {
        if self.threads.send(Message::Release(self.id)).is_err() {
            return false;
        }
        let state = self.sight.wait(|state| state.standing != Standing::Held);
        matches!(state.standing, Standing::Released { free: true })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Without the driver it expires.
        drop(self.threads.send(Message::Release(self.id)));
    }
}
