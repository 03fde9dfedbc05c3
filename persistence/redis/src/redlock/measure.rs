//! How long it takes to have a lock and to give it back.

use std::time::Duration;

use super::clock::{Clock as _, MachineClock};
use super::error::RedlockError;
use super::handle::Redlock;

/// What one lock took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockTimes {
    /// Until it was ours.
    pub lock: Duration,
    /// Until enough nodes were free again.
    pub unlock: Duration,
}

/// Takes a lock and gives it back, so many times, and says how long each took.
///
/// # Errors
/// The first one.
pub fn measure_locks(
    redlock: &Redlock,
    name: &str,
    ttl: Duration,
    times: usize,
) -> Result<Vec<LockTimes>, RedlockError> {
    let mut all = Vec::with_capacity(times);
    for _ in 0..times {
        let begun = MachineClock.now();
        let held = redlock.try_lock(name, ttl)?;
        let had = MachineClock.now();
        // Where it is not free everywhere the next one finds out.
        let _ = held.release();
        all.push(LockTimes { lock: had - begun, unlock: MachineClock.now() - had });
    }
    Ok(all)
}
