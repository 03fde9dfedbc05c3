//! Waiting for what other threads and processes do.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Longer than anything that a test waits for takes, however busy the machine is.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until this holds.
///
/// # Panics
/// Where it never does.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        sleep(Duration::from_millis(2));
    }
}
