//! Limits a log message to one line a minute.

use std::time::{Duration, Instant};

/// The shortest time between two lines.
const INTERVAL: Duration = Duration::from_secs(60);

/// Counts what happens between two log lines.
#[derive(Debug, Default)]
pub(super) struct LogLimiter {
    logged: Option<Instant>,
    suppressed: u64,
}

impl LogLimiter {
    /// Counts `count` more occurrences. If a line may be logged now, returns how many earlier ones were
    /// not logged.
    pub(super) fn add(&mut self, count: u64, now: Instant) -> Option<u64> {
        if count == 0 {
            return None;
        }
        if self.logged.is_some_and(|logged| now.saturating_duration_since(logged) < INTERVAL) {
            self.suppressed += count;
            return None;
        }
        self.logged = Some(now);
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_is_logged_once_a_minute_and_counts_the_suppressed_ones() {
        let (mut log_limiter, begun) = (LogLimiter::default(), Instant::now());
        let mut at =
            |second: u32, count| log_limiter.add(count, begun + Duration::from_secs(1) * second);
        assert_eq!(at(0, 0), None);
        assert_eq!(at(1, 3), Some(0));
        assert_eq!(at(2, 1), None);
        assert_eq!(at(60, 2), None);
        assert_eq!(at(62, 0), None);
        assert_eq!(at(63, 1), Some(3));
        assert_eq!(at(64, 1), None);
        assert_eq!(at(200, 1), Some(1));
    }
}
