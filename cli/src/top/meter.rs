//! How fast a number grows.

use std::time::{Duration, Instant};

/// The time over which a rate is measured.
const WINDOW: Duration = Duration::from_secs(1);

/// The growth of a number in a second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Meter {
    since: Option<(Instant, u64)>,
    rate: Option<u64>,
}

impl Meter {
    /// The number at this time.
    pub(super) fn note(&mut self, number: u64, now: Instant) {
        let (then, before) = *self.since.get_or_insert((now, number));
        let passed = now.saturating_duration_since(then);
        if passed < WINDOW {
            return;
        }
        let grown = u128::from(number.saturating_sub(before)) * 1_000_000;
        let rate = grown / passed.as_micros().max(1);
        self.rate = Some(u64::try_from(rate).unwrap_or(u64::MAX));
        self.since = Some((now, number));
    }

    /// The growth in a second. `None` before it is known.
    pub(super) const fn rate(&self) -> Option<u64> {
        self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_is_measured_over_a_second_or_more() {
        let started = Instant::now();
        let mut meter = Meter::default();
        for (seconds, number, rate) in
            [(0.0, 10, None), (0.5, 20, None), (2.0, 1_010, Some(500)), (2.5, 9_999, Some(500))]
        {
            meter.note(number, started + Duration::from_secs_f64(seconds));
            assert_eq!(meter.rate(), rate);
        }
        meter.note(3, started + Duration::from_secs(9));
        assert_eq!(meter.rate(), Some(0), "a new history begins with smaller numbers");
    }
}
