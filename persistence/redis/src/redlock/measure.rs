//! Measures how long it takes to acquire and to release a lock.

use std::time::Duration;

use super::clock::{Clock as _, MachineClock};
use super::error::RedlockError;
use super::handle::Redlock;

/// The times of one lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockTimes {
    /// How long it took to acquire.
    pub lock: Duration,
    /// How long it took until enough nodes were free again.
    pub unlock: Duration,
}

/// Acquires and releases a lock this many times, and returns how long each took.
///
/// # Errors
/// Returns the first error.
pub fn measure_locks(
    redlock: &Redlock,
    name: &str,
    ttl: Duration,
    times: usize,
) -> Result<Vec<LockTimes>, RedlockError> {
    let mut all = Vec::with_capacity(times);
    for _ in 0..times {
        let started = MachineClock.now();
        let held = redlock.try_lock(name, ttl)?;
        let acquired = MachineClock.now();
        // If too few nodes are free, the next attempt finds out.
        let _ = held.release();
        all.push(LockTimes { lock: acquired - started, unlock: MachineClock.now() - acquired });
    }
    Ok(all)
}
