//! The clock of locks and time limits.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A clock that never goes back and counts from some fixed moment.
pub trait Clock: Send + Sync {
    /// The time since that moment.
    fn now(&self) -> Duration;
}

/// The clock of this machine. Unlike that of the standard library, it does not stop while the machine
/// sleeps, because after a sleep no expired lock may seem valid.
#[derive(Clone, Copy, Debug, Default)]
pub struct MachineClock;

#[cfg(any(target_os = "linux", target_os = "android"))]
const CLOCK: ClockId = ClockId::Boottime;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const CLOCK: ClockId = ClockId::Monotonic;

impl Clock for MachineClock {
    fn now(&self) -> Duration {
        let now = clock_gettime(CLOCK);
        // Neither is ever negative.
        let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
        Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or(0))
    }
}
