//! The value of one tick of a price, or of one lot of a quantity.

use core::fmt;
use core::str::FromStr;

/// The size of a tick or a lot: `mantissa × 10^exponent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Step {
    /// From 1 to [`Step::MANTISSA_MAX`].
    pub mantissa: u64,
    /// From −28 to 28.
    pub exponent: i8,
}

impl Step {
    /// The largest mantissa.
    pub const MANTISSA_MAX: u64 = 1_000_000_000;

    /// A step of one.
    pub const ONE: Self = Self { mantissa: 1, exponent: 0 };

    /// Returns `true` if both parts are within their bounds.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        1 <= self.mantissa
            && self.mantissa <= Self::MANTISSA_MAX
            && -28 <= self.exponent
            && self.exponent <= 28
    }
}

/// The error of a text that is not a valid tick or lot size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadStep;

impl FromStr for Step {
    type Err = BadStep;

    /// Parses a decimal above zero, such as `0.0001` or `25`.
    fn from_str(text: &str) -> Result<Self, BadStep> {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let is_number = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !is_number(whole) || !is_number(part) || text.ends_with('.') {
            return Err(BadStep);
        }
        let digits = format!("{whole}{part}");
        let significant = digits.trim_end_matches('0');
        let zeros = i64::try_from(digits.len().saturating_sub(significant.len()));
        let places = i64::try_from(part.len());
        let exponent = zeros.map_err(|_| BadStep)?.saturating_sub(places.map_err(|_| BadStep)?);
        let step = Self {
            mantissa: significant.parse().map_err(|_| BadStep)?,
            exponent: i8::try_from(exponent).map_err(|_| BadStep)?,
        };
        if step.is_valid() { Ok(step) } else { Err(BadStep) }
    }
}

impl fmt::Display for Step {
    /// Writes the step as a plain decimal, with all its digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = usize::from(self.exponent.min(0).unsigned_abs());
        let zeros = usize::from(self.exponent.max(0).unsigned_abs());
        let mut text = format!("{:0>1$}", self.mantissa, places.saturating_add(1));
        text.extend(core::iter::repeat_n('0', zeros));
        if places > 0 {
            text.insert(text.len().saturating_sub(places), '.');
        }
        f.pad(&text)
    }
}

impl fmt::Display for BadStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a tick or a lot is 1 to 10^9 times a power of ten from 10^-28 to 10^28")
    }
}

impl core::error::Error for BadStep {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn step_is_parsed_and_printed_as_a_decimal() {
        for (text, mantissa, exponent) in [
            ("1", 1, 0),
            ("0.0001", 1, -4),
            ("0.25", 25, -2),
            ("2500", 25, 2),
            ("12.5", 125, -1),
            ("0.0000000000000000000000000001", 1, -28),
            ("10000000000000000000000000000", 1, 28),
        ] {
            let step = Step { mantissa, exponent };
            assert_eq!(text.parse(), Ok(step), "{text}");
            assert_eq!(step.to_string(), text);
        }
        assert_eq!("01.50".parse(), Ok(Step { mantissa: 15, exponent: -1 }));
    }

    #[test]
    fn step_must_be_a_decimal_above_zero() {
        let long = "1".repeat(30);
        for text in ["", ".", "1.", ".5", "0", "0.00", "-1", "+1", "1e3", "1 ", "1.2.3", &long] {
            assert_eq!(text.parse::<Step>(), Err(BadStep), "{text}");
        }
        assert_eq!("0.00000000000000000000000000001".parse::<Step>(), Err(BadStep));
    }
}
