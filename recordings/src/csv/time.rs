//! Times: RFC 3339, or nanoseconds since 1970.

use pricetime_engine::Timestamp;

use crate::error::Fault;
use crate::number::{append_padded, unsigned};

/// The nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;
/// The days from March 1st of year 0 to 1970.
const DAYS_TO_1970: u64 = 719_468;
/// The days of 400 years.
const DAYS_OF_ERA: u64 = 146_097;

/// Parses a time.
#[inline]
pub(super) fn parse(text: &[u8]) -> Result<Timestamp, Fault> {
    if text.get(4) != Some(&b'-') && text.iter().all(u8::is_ascii_digit) {
        return unsigned(text).map(Timestamp);
    }
    rfc_3339(text).map(Timestamp).ok_or_else(bad_time)
}

#[cold]
fn bad_time() -> Fault {
    Fault::NotNumber("a time such as 2026-11-21T10:15:00.5Z, or nanoseconds since 1970")
}

#[inline]
fn rfc_3339(text: &[u8]) -> Option<u64> {
    let (fixed, rest) = text.split_at_checked(19)?;
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, separator, h0, h1, b':', n0, n1, b':', s0, s1] =
        *fixed
    else {
        return None;
    };
    let year = two(y0, y1)? * 100 + two(y2, y3)?;
    let (month, day) = (two(m0, m1)?, two(d0, d1)?);
    let (hours, minutes, seconds) = (two(h0, h1)?, two(n0, n1)?, two(s0, s1)?);
    let is_time = b"Tt ".contains(&separator) && hours < 24 && minutes < 60 && seconds < 60;
    if !is_time || day == 0 || day > days_of(month, year)? {
        return None;
    }
    let digits = rest
        .strip_prefix(b".")
        .map_or(0, |part| 1 + part.iter().take_while(|b| b.is_ascii_digit()).count());
    let (part, zone) = rest.split_at(digits);
    let nanoseconds = match part {
        [] => 0,
        [_, digits @ ..] if (1..=9).contains(&digits.len()) => {
            unsigned(digits).ok()? * 10_u64.pow(9 - digits.len() as u32)
        }
        _ => return None,
    };
    let offset = match *zone {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h0, h1, b':', n0, n1] => {
            let (hours, minutes) = (two(h0, h1)?, two(n0, n1)?);
            let seconds = (hours < 24 && minutes < 60).then_some(hours * 3600 + minutes * 60)?;
            if sign == b'-' { seconds.cast_signed() } else { -seconds.cast_signed() }
        }
        _ => return None,
    };
    let days = days_since_1970(year, month, day)?;
    let seconds = days * 86_400 + hours * 3600 + minutes * 60 + seconds;
    seconds.checked_add_signed(offset)?.checked_mul(SECOND)?.checked_add(nanoseconds)
}

/// The number of two digits.
#[inline]
fn two(tens: u8, ones: u8) -> Option<u64> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| u64::from(tens * 10 + ones))
}

/// The days of a month; `None` if there is no such month.
#[inline]
fn days_of(month: u64, year: u64) -> Option<u64> {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => Some(28 + u64::from(is_leap)),
        4 | 6 | 9 | 11 => Some(30),
        1..=12 => Some(31),
        _ => None,
    }
}

/// The days since 1970, counted in years that begin in March, so that the leap day is the last one.
#[inline]
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    let (year, month) =
        if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400;
    (days + (153 * month + 2) / 5 + day - 1).checked_sub(DAYS_TO_1970)
}

/// Writes a time to the nanosecond.
pub(super) fn write(time: Timestamp, text: &mut Vec<u8>) {
    let (seconds, nanoseconds) = (time.0 / SECOND, time.0 % SECOND);
    let (days, second) = (seconds / 86_400 + DAYS_TO_1970, seconds % 86_400);
    let (era, day) = (days / DAYS_OF_ERA, days % DAYS_OF_ERA);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) =
        (year + era * 400 + month / 10, if month < 10 { month + 3 } else { month - 9 });
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    append_padded::<4>(text, year);
    for (separator, number) in
        [(b'-', month), (b'-', day), (b'T', hour), (b':', minute), (b':', second)]
    {
        text.push(separator);
        append_padded::<2>(text, number);
    }
    text.push(b'.');
    append_padded::<9>(text, nanoseconds);
    text.push(b'Z');
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn times_are_those_of_humantime() {
        let mut time = 1_u64;
        for step in 0..100_000_u64 {
            time = time.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step);
            // Days at the edges of months and years, too.
            let time =
                if step % 2 == 0 { time } else { time / (86_400 * SECOND) * (86_400 * SECOND) };
            let expected = humantime::format_rfc3339_nanos(UNIX_EPOCH + Duration::from_nanos(time));
            let mut text = Vec::new();
            write(Timestamp(time), &mut text);
            assert_eq!(String::from_utf8(text.clone()).unwrap(), expected.to_string());
            assert_eq!(parse(&text).ok(), Some(Timestamp(time)));
        }
    }

    #[test]
    fn time_is_rfc_3339_or_nanoseconds() {
        let quarter_past_ten = 1_795_256_100 * SECOND;
        for (text, expected) in [
            ("0", Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("2026-11-21T10:15:00Z", Some(quarter_past_ten)),
            ("2026-11-21 11:15:00.000000001+01:00", Some(quarter_past_ten + 1)),
            ("2026-11-21t04:45:00.5-05:30", Some(quarter_past_ten + SECOND / 2)),
            ("1970-01-01T00:00:00+01:00", None),
            ("1969-12-31T23:59:59Z", None),
            ("2024-02-29T00:00:00z", Some(1_709_164_800 * SECOND)),
            ("2023-02-29T00:00:00Z", None),
            ("2026-13-01T00:00:00Z", None),
            ("2026-00-01T00:00:00Z", None),
            ("2026-11-31T00:00:00Z", None),
            ("2026-11-00T00:00:00Z", None),
            ("2026-11-21T24:00:00Z", None),
            ("2026-11-21T10:15:00", None),
            ("2026-11-21T10:15:00.Z", None),
            ("2026-11-21T10:15:00.0000000001Z", None),
            ("2026-11-21T10:15:00+0100", None),
            ("2554-07-22T00:00:00Z", None),
            ("0000-01-01T00:00:00Z", None),
            ("9999-12-31T23:59:59Z", None),
            ("2026-11-21", None),
            ("", None),
        ] {
            assert_eq!(parse(text.as_bytes()).ok(), expected.map(Timestamp), "{text}");
        }
    }
}
