//! Waits for other threads and processes.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Longer than anything that a test waits for, even on a busy machine.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// Waits until this condition holds.
///
/// # Panics
/// Panics if it does not hold within [`TIMEOUT`].
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < TIMEOUT, "never: {what}");
        sleep(Duration::from_millis(2));
    }
}
