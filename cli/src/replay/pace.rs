//! The speed of a replay: by the times in the commands, or as fast as possible.

use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

use pricetime_engine::Timestamp;

/// The speed as a multiple of the original one; `None` is as fast as possible.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) struct Pace(Option<f64>);

/// The pacing of a running replay.
#[derive(Debug)]
pub(super) struct Pacer {
    factor: Option<f64>,
    /// The time at which the first command was executed here, and its original timestamp.
    first: Option<(Instant, Timestamp)>,
}

impl FromStr for Pace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self(None));
        }
        let factor = text.strip_suffix('x').unwrap_or(text).parse::<f64>().ok();
        let factor = factor.filter(|factor| factor.is_finite() && *factor > 0.0);
        factor
            .map(|factor| Self(Some(factor)))
            .ok_or_else(|| format!("{text:?} is not a speed: use 1x, 10x, 0.5x, or max"))
    }
}

impl Default for Pace {
    /// The original speed.
    fn default() -> Self {
        Self(Some(1.0))
    }
}

impl Pace {
    /// As fast as possible.
    pub(super) const MAX: Self = Self(None);

    /// The multiple of the original speed; `None` is as fast as possible.
    pub(in super::super) const fn factor(self) -> Option<f64> {
        self.0
    }

    pub(super) const fn begin(self) -> Pacer {
        Pacer { factor: self.0, first: None }
    }
}

impl Pacer {
    /// Returns the time to wait before a command of this timestamp, or `None` if it is due.
    #[inline]
    pub(super) fn remaining(&mut self, timestamp: Timestamp) -> Option<Duration> {
        let factor = self.factor?;
        let (started, first) = *self.first.get_or_insert_with(|| (Instant::now(), timestamp));
        let since =
            Duration::from_nanos(timestamp.0.saturating_sub(first.0)).as_secs_f64() / factor;
        // A recording may span centuries; then the wait saturates instead of overflowing.
        let due = Duration::try_from_secs_f64(since).unwrap_or(Duration::MAX);
        due.checked_sub(started.elapsed()).filter(|remaining| !remaining.is_zero())
    }

    /// Sleeps for this time.
    pub(super) fn wait(remaining: Duration) {
        thread::sleep(remaining);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_is_parsed_as_a_factor() {
        assert_eq!("max".parse(), Ok(Pace(None)));
        assert_eq!("10x".parse(), Ok(Pace(Some(10.0))));
        assert_eq!("0.5x".parse(), Ok(Pace(Some(0.5))));
        assert_eq!("2".parse(), Ok(Pace(Some(2.0))));
        for bad in ["", "x", "0x", "-1x", "NaNx", "inf", "fast"] {
            assert!(bad.parse::<Pace>().is_err(), "{bad}");
        }
    }

    #[test]
    fn first_command_is_due_immediately() {
        let mut pacer = Pace(Some(1.0)).begin();
        assert_eq!(pacer.remaining(Timestamp(1_780_000_000_000_000_000)), None);
        let remaining =
            pacer.remaining(Timestamp(1_780_000_100_000_000_000)).expect("100 seconds later");
        assert!(remaining > Duration::from_secs(90));
        assert_eq!(Pace(None).begin().remaining(Timestamp(5)), None);
    }
}
