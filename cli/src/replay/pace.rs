//! How fast a replay goes: by the times in the commands, or as fast as it can.

use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

use pricetime_engine::Timestamp;

/// How many times as fast as it happened; nothing is as fast as possible.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pace(Option<f64>);

/// A replay that keeps a pace.
#[derive(Debug)]
pub(super) struct Keeping {
    factor: Option<f64>,
    /// When the first command was carried out, and when it had happened.
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
            .ok_or_else(|| format!("{text:?} is no speed: 1x, 10x, 0.5x, or max"))
    }
}

impl Pace {
    pub(super) const fn begin(self) -> Keeping {
        Keeping { factor: self.0, first: None }
    }
}

impl Keeping {
    /// How long to wait before what happened then; nothing where it is due.
    #[inline]
    pub(super) fn left(&mut self, then: Timestamp) -> Option<Duration> {
        let factor = self.factor?;
        let (begun, first) = *self.first.get_or_insert_with(|| (Instant::now(), then));
        let since = Duration::from_nanos(then.0.saturating_sub(first.0)).as_secs_f64() / factor;
        // A recording of centuries waits a century for its next command.
        let due = Duration::try_from_secs_f64(since).unwrap_or(Duration::MAX);
        due.checked_sub(begun.elapsed()).filter(|left| !left.is_zero())
    }

    /// Waits.
    pub(super) fn wait(left: Duration) {
        thread::sleep(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_a_factor() {
        assert_eq!("max".parse(), Ok(Pace(None)));
        assert_eq!("10x".parse(), Ok(Pace(Some(10.0))));
        assert_eq!("0.5x".parse(), Ok(Pace(Some(0.5))));
        assert_eq!("2".parse(), Ok(Pace(Some(2.0))));
        for bad in ["", "x", "0x", "-1x", "NaNx", "inf", "fast"] {
            assert!(bad.parse::<Pace>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_first_command_is_due_at_once() {
        let mut keeping = Pace(Some(1.0)).begin();
        assert_eq!(keeping.left(Timestamp(1_780_000_000_000_000_000)), None);
        let left = keeping.left(Timestamp(1_780_000_100_000_000_000)).expect("100 seconds later");
        assert!(left > Duration::from_secs(90));
        assert_eq!(Pace(None).begin().left(Timestamp(5)), None);
    }
}
