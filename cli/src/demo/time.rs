//! Simulated time as a calendar date.

use core::fmt;

use pricetime_engine::Timestamp;

/// Nanoseconds in a second.
pub(super) const SECOND: u64 = 1_000_000_000;

/// The start of the simulation: 2026-06-01 00:00:00 UTC.
pub(super) const START: Timestamp = Timestamp(1_780_272_000 * SECOND);

/// A date and time in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Utc {
    year: u64,
    month: u64,
    day: u64,
    second: u64,
}

impl Utc {
    /// Converts a timestamp, which counts from 1970.
    pub(super) const fn of(time: Timestamp) -> Self {
        let seconds = time.0 / SECOND;
        // Days are counted from 1 March of year 0, so that a leap day ends its year. 400 years have 146,097
        // days. From March on, every five months have 153 days.
        let days = seconds / 86_400 + 719_468;
        let (era, day) = (days / 146_097, days % 146_097);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let late = month >= 10;
        Self {
            year: 400 * era + year + late as u64,
            month: if late { month - 9 } else { month + 3 },
            day: day - (153 * month + 2) / 5 + 1,
            second: seconds % 86_400,
        }
    }

    /// The seconds since midnight.
    pub(super) const fn second_of_day(self) -> u64 {
        self.second
    }
}

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hour, minute, second) = (self.second / 3_600, self.second / 60 % 60, self.second % 60);
        let Self { year, month, day, .. } = self;
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::{SECOND, START, Timestamp, Utc};

    #[test]
    fn dates_match_the_calendar() {
        let show = |seconds: u64| Utc::of(Timestamp(seconds * SECOND)).to_string();
        assert_eq!(show(0), "1970-01-01 00:00:00");
        assert_eq!(show(951_782_400 - 1), "2000-02-28 23:59:59");
        assert_eq!(show(951_782_400), "2000-02-29 00:00:00");
        assert_eq!(show(951_868_800), "2000-03-01 00:00:00");
        assert_eq!(show(1_709_164_800), "2024-02-29 00:00:00");
        assert_eq!(show(4_107_542_399), "2100-02-28 23:59:59");
        assert_eq!(show(4_107_542_400), "2100-03-01 00:00:00");
        assert_eq!(Utc::of(START).to_string(), "2026-06-01 00:00:00");
    }
}
