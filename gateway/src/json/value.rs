//! Values that JSON has no type for: decimals, steps and times.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pricetime_engine::{Step, Timestamp};
use rust_decimal::Decimal;
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

/// A decimal as text: digits, with an optional minus sign and point. It may have more digits than any
/// number type holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Amount(SmolStr);

impl Amount {
    /// The amount in this text, or `None` if the text is not a decimal.
    #[must_use]
    pub fn new(text: impl AsRef<str>) -> Option<Self> {
        let text = text.as_ref();
        is_decimal(text).then(|| Self(SmolStr::new(text)))
    }

    /// The number, or `None` if a `Decimal` cannot hold it exactly.
    #[must_use]
    pub fn decimal(&self) -> Option<Decimal> {
        Decimal::from_str_exact(&self.0).ok()
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns `true` if this text is digits, with an optional minus sign and point.
fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let all = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    all(whole) && all(part)
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(AmountVisitor)
    }
}

struct AmountVisitor;

impl Visitor<'_> for AmountVisitor {
    type Value = Amount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Amount, E> {
        let expected = &"a decimal in a string, like \"0.1425\"";
        Amount::new(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), expected))
    }
}

/// The size of a tick or a lot: a decimal like `"0.0001"`, or its two parts if they cannot be read back
/// from the decimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(
    untagged,
    expecting = "a decimal in a string, like \"0.0001\", or {\"mantissa\":1,\"exponent\":-4} is required"
)]
pub enum StepText {
    /// A decimal.
    Decimal(Amount),
    /// `mantissa × 10^exponent`.
    Parts(StepParts),
}

/// The parts of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StepParts {
    /// From 1 to 10^9.
    pub mantissa: u64,
    /// From −28 to 28.
    pub exponent: i8,
}

impl StepText {
    /// The step, or `None` if it is not valid. Of a decimal it has the shortest mantissa.
    #[must_use]
    pub fn step(&self) -> Option<Step> {
        let text = match self {
            Self::Parts(StepParts { mantissa, exponent }) => {
                let step = Step { mantissa: *mantissa, exponent: *exponent };
                return step.is_valid().then_some(step);
            }
            Self::Decimal(text) => text,
        };
        let decimal = text.decimal()?.normalize();
        let mut mantissa = u128::try_from(decimal.mantissa()).ok().filter(|units| *units != 0)?;
        let mut exponent = -i8::try_from(decimal.scale()).ok()?;
        while mantissa % 10 == 0 {
            mantissa /= 10;
            exponent += 1;
        }
        let step = Step { mantissa: u64::try_from(mantissa).ok()?, exponent };
        step.is_valid().then_some(step)
    }
}

impl fmt::Display for StepText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decimal(text) => text.fmt(f),
            Self::Parts(StepParts { mantissa, exponent }) => {
                write!(f, "{mantissa} × 10^{exponent}")
            }
        }
    }
}

impl From<Step> for StepText {
    fn from(step: Step) -> Self {
        let text = Self::Decimal(Amount(show(step).into()));
        if text.step() == Some(step) {
            return text;
        }
        Self::Parts(StepParts { mantissa: step.mantissa, exponent: step.exponent })
    }
}

/// The digits of a step.
fn show(step: Step) -> String {
    let digits = step.mantissa.to_string();
    let Some(places) = usize::try_from(-i32::from(step.exponent)).ok().filter(|n| *n > 0) else {
        return digits + &"0".repeat(usize::from(step.exponent.unsigned_abs()));
    };
    let digits = format!("{digits:0>width$}", width = places + 1);
    let (whole, part) = digits.split_at(digits.len() - places);
    format!("{whole}.{part}")
}

/// A time in UTC to the nanosecond, like `2026-11-21T10:15:00.000000000Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub Timestamp);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = UNIX_EPOCH + Duration::from_nanos(self.0.0);
        humantime::format_rfc3339_nanos(time).fmt(f)
    }
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || {
            format!(
                "{text:?} is not a time like \"2026-11-21T10:15:00Z\" or \"2026-11-21T11:15+01:00\""
            )
        };
        parse(text).map(|nanoseconds| Self(Timestamp(nanoseconds))).ok_or_else(bad)
    }
}

/// Parses an ISO 8601 time with `Z` or an offset. The seconds may be left out, and a date alone is its
/// first moment in UTC.
fn parse(text: &str) -> Option<u64> {
    if let Ok(time) = humantime::parse_rfc3339(text) {
        return since_1970(time, 0);
    }
    let (local, zone) =
        match text.char_indices().rev().find(|(_, it)| matches!(it, 'Z' | '+' | '-')) {
            Some((at, _)) if at > 10 => text.split_at(at),
            _ if text.len() == 10 => (text, "Z"),
            _ => return None,
        };
    let offset = match zone.split_at_checked(1)? {
        ("Z", "") => 0,
        (sign, offset) => {
            let (hours, minutes) = offset.split_once(':')?;
            let digits = |text: &str, most: i64| {
                let number = (text.len() == 2).then(|| text.parse::<u8>().ok()).flatten();
                number.map(i64::from).filter(|number| *number <= most)
            };
            let seconds = digits(hours, 23)? * 3_600 + digits(minutes, 59)? * 60;
            if sign == "-" { -seconds } else { seconds }
        }
    };
    let whole = match local.len() {
        10 => format!("{local}T00:00:00Z"),
        16 => format!("{local}:00Z"),
        _ => format!("{local}Z"),
    };
    since_1970(humantime::parse_rfc3339(&whole).ok()?, offset)
}

/// The nanoseconds since 1970 of a time that is this many seconds ahead of UTC.
fn since_1970(time: SystemTime, offset: i64) -> Option<u64> {
    let since = i128::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok()?;
    u64::try_from(since - i128::from(offset) * 1_000_000_000).ok()
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(Error::custom)
    }
}

/// Declares in a JSON Schema that a type is a string with this pattern.
#[cfg(feature = "schema")]
macro_rules! pattern {
    ($($type:ident: $pattern:literal),*) => {$(
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    )*};
}

#[cfg(feature = "schema")]
pattern! {
    Amount: r"^-?[0-9]+(\.[0-9]+)?$",
    Time: r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amount_is_a_plain_decimal() {
        for good in ["0", "-0.5", "0.1425", "007", "123456789012345678901234567890.5"] {
            assert_eq!(Amount::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "-", ".5", "5.", "+1", "1e3", " 1", "1 ", "1,5", "١", "NaN", "--1", "1.2.3"]
        {
            assert_eq!(Amount::new(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn every_step_survives_conversion_to_text() {
        for mantissa in [1, 5, 10, 25, 1_000, 123_456_789, 1_000_000_000] {
            for exponent in -28..=28 {
                let step = Step { mantissa, exponent };
                assert_eq!(StepText::from(step).step(), Some(step));
            }
        }
        let text = |text: &str| StepText::Decimal(Amount::new(text).unwrap()).step();
        assert_eq!(text("0.0001"), Some(Step { mantissa: 1, exponent: -4 }));
        assert_eq!(text("0.2500"), Some(Step { mantissa: 25, exponent: -2 }));
        assert_eq!(text("1000"), Some(Step { mantissa: 1, exponent: 3 }));
        assert_eq!([text("0"), text("-1"), text("1000000001")], [None, None, None]);
    }

    #[test]
    fn times_survive_conversion_to_text_to_the_nanosecond() {
        for nanoseconds in [0, 1, 1_780_272_000_123_456_789, u64::MAX] {
            let time = Time(Timestamp(nanoseconds));
            assert_eq!(time.to_string().parse(), Ok(time));
        }
        let whole: Time = "2026-06-01T00:00:00Z".parse().unwrap();
        assert_eq!(whole, Time(Timestamp(1_780_272_000_000_000_000)));
        for same in ["2026-06-01", "2026-06-01T00:00Z", "2026-06-01T02:00+02:00"] {
            assert_eq!(same.parse(), Ok(whole), "{same}");
        }
        for same in ["2026-05-31T19:30:00.000-04:30", "2026-06-01T00:00:00.0Z"] {
            assert_eq!(same.parse(), Ok(whole), "{same}");
        }
        for bad in [
            "2026-06-01T00:00:00",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+01:00",
            "2026-06-01T00:00:00+25:00",
            "2026-06-01T00:00:00+1:00",
            "2026-06-01T00:00:00+é:00",
            "2026-06-31",
            "2026-06-0é",
            "soon",
        ] {
            assert!(bad.parse::<Time>().is_err(), "{bad}");
        }
    }
}
