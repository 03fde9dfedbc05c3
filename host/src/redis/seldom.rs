//! Limits a log message to one line a minute.

use std::time::{Duration, Instant};

/// The shortest time between two lines.
const APART: Duration = Duration::from_secs(60);

/// Counts what happens between two log lines.
#[derive(Debug, Default)]
pub(super) struct Seldom {
    said: Option<Instant>,
    unsaid: u64,
}

impl Seldom {
    /// Counts `many` more occurrences. If a line may be logged now, returns how many earlier ones were
    /// not logged.
    pub(super) fn add(&mut self, many: u64, now: Instant) -> Option<u64> {
        if many == 0 {
            return None;
        }
        if self.said.is_some_and(|said| now.saturating_duration_since(said) < APART) {
            self.unsaid += many;
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_is_logged_once_a_minute_and_counts_the_suppressed_ones() {
        let (mut seldom, begun) = (Seldom::default(), Instant::now());
        let mut at = |second: u32, many| seldom.add(many, begun + Duration::from_secs(1) * second);
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
