//! Prices and quantities as exact decimals in the units of a market.

use pricetime_engine::{MarketSpec, Price, Quantity, Step};

use super::fault::{BetweenSteps, CsvFault};
use crate::error::Fault;
use crate::number::rounded_decimal;

const DECIMAL: Fault = Fault::NotNumber("a decimal number");

#[cold]
fn range() -> Fault {
    Fault::OutOfRange("a number that fits in 64 bits of ticks or lots")
}

/// The units of a market.
#[derive(Clone, Debug)]
pub(super) struct Units {
    /// A spec that has these steps.
    pub(super) spec: MarketSpec,
    /// `false` if no row added the market.
    is_added: bool,
}

/// A number of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Steps {
    Exactly(u64),
    /// Between this number and the next one.
    Above(u64),
}

impl Units {
    /// The units of a spec. A step that the engine refuses counts as one.
    pub(super) fn of(spec: &MarketSpec) -> Self {
        let valid = |step: Step| if step.is_valid() { step } else { Step::ONE };
        let spec = MarketSpec { tick: valid(spec.tick), lot: valid(spec.lot), ..*spec };
        Self { spec, is_added: true }
    }

    /// The units of a market that was not added: ticks and lots. The engine refuses its commands.
    pub(super) fn unknown(symbol: pricetime_engine::Symbol) -> Self {
        Self { spec: MarketSpec::new(symbol, Step::ONE, Step::ONE), is_added: false }
    }

    /// Parses a price.
    #[inline]
    pub(super) fn price(&self, text: &[u8]) -> Result<Price, Fault> {
        let digits = text.strip_prefix(b"-");
        let signed = |steps: u64| match digits {
            Some(_) => 0_i64.checked_sub_unsigned(steps),
            None => i64::try_from(steps).ok(),
        };
        match steps(digits.unwrap_or(text), self.spec.tick)? {
            Steps::Exactly(steps) => signed(steps).map(Price).ok_or_else(range),
            Steps::Above(steps) => {
                let next = steps.checked_add(1).and_then(signed).ok_or_else(range)?;
                let edge = signed(steps).ok_or_else(range)?;
                let around = [edge.min(next), edge.max(next)];
                let [below, above] = around.map(|price| self.spec.show_price(Price(price)));
                Err(self.between("tick", self.spec.tick, below, above))
            }
        }
    }

    /// Parses a quantity.
    #[inline]
    pub(super) fn quantity(&self, text: &[u8]) -> Result<Quantity, Fault> {
        match steps(text, self.spec.lot)? {
            Steps::Exactly(steps) => Ok(Quantity(steps)),
            Steps::Above(steps) => {
                let next = steps.checked_add(1).ok_or_else(range)?;
                let [below, above] = [steps, next].map(|it| self.spec.show_quantity(Quantity(it)));
                Err(self.between("lot", self.spec.lot, below, above))
            }
        }
    }

    #[cold]
    fn between(&self, kind: &'static str, step: Step, below: String, above: String) -> Fault {
        let (step, is_added) = (step.to_string(), self.is_added);
        CsvFault::BetweenSteps(Box::new(BetweenSteps { kind, step, below, above, is_added })).into()
    }
}

/// Parses a decimal without a sign as a number of steps.
#[inline]
fn steps(text: &[u8], step: Step) -> Result<Steps, Fault> {
    if step.mantissa == 1
        && let Ok(places @ 0..=18) = u8::try_from(-i16::from(step.exponent))
        && text.iter().rev().position(|b| *b == b'.').unwrap_or(0) <= usize::from(places)
        && let Ok(steps) = rounded_decimal(text, places)
    {
        return Ok(Steps::Exactly(steps));
    }
    long_steps(text, step)
}

/// As [`steps`], for steps and decimals of any length: a long division, digit by digit.
fn long_steps(text: &[u8], step: Step) -> Result<Steps, Fault> {
    let dot = text.iter().position(|b| *b == b'.');
    let (whole, part) = text.split_at(dot.unwrap_or(text.len()));
    let part = part.get(1..).unwrap_or_default();
    let mut digits = whole.iter().chain(part).map(|b| b.wrapping_sub(b'0'));
    if whole.is_empty() || dot.is_some() && part.is_empty() || !digits.clone().all(|it| it <= 9) {
        return Err(DECIMAL);
    }
    // The decimal divided by the power of ten in the step has this many digits before its point.
    let count = whole.len() as i64 - i64::from(step.exponent);
    let (mut quotient, mut rest) = (0_u64, 0_u64);
    for _ in 0..count {
        rest = rest * 10 + u64::from(digits.next().unwrap_or(0));
        let digit = rest / step.mantissa;
        rest %= step.mantissa;
        quotient =
            quotient.checked_mul(10).and_then(|it| it.checked_add(digit)).ok_or_else(range)?;
    }
    let is_exact = rest == 0 && digits.all(|digit| digit == 0);
    Ok(if is_exact { Steps::Exactly(quotient) } else { Steps::Above(quotient) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(tick: Step, lot: Step) -> Units {
        Units::of(&MarketSpec::new("X".parse().unwrap(), tick, lot))
    }

    #[test]
    fn decimal_is_a_whole_number_of_steps_or_refused() {
        let (quarter, ten) =
            (Step { mantissa: 25, exponent: -2 }, Step { mantissa: 1, exponent: 1 });
        let units = units(quarter, ten);
        let number = "is not a decimal number";
        let range = "is not a number that fits in 64 bits of ticks or lots";
        for (text, price, quantity) in [
            ("0", "0", "0"),
            ("10.50", "42", "is not a multiple of the lot 10 (nearest: 10, 20)"),
            ("-2.5", "-10", number),
            ("-0.3", "is not a multiple of the tick 0.25 (nearest: -0.50, -0.25)", number),
            (
                "0.1",
                "is not a multiple of the tick 0.25 (nearest: 0.00, 0.25)",
                "is not a multiple of the lot 10 (nearest: 0, 10)",
            ),
            ("30.000", "120", "3"),
            (
                "2305843009213693951.75",
                "9223372036854775807",
                "is not a multiple of the lot 10 (nearest: 2305843009213693950, 2305843009213693960)",
            ),
            ("-2305843009213693952", "-9223372036854775808", number),
            (
                "2305843009213693952",
                range,
                "is not a multiple of the lot 10 (nearest: 2305843009213693950, 2305843009213693960)",
            ),
            ("184467440737095516150", range, "18446744073709551615"),
            ("184467440737095516160", range, range),
            ("", number, number),
            (".5", number, number),
            ("5.", number, number),
            ("1.2.3", number, number),
            ("1e3", number, number),
            ("1,5", number, number),
            ("+1", number, number),
        ] {
            let found = units.price(text.as_bytes());
            assert_eq!(
                found.map_or_else(|it| it.to_string(), |it| it.to_string()),
                price,
                "{text}"
            );
            let found = units.quantity(text.as_bytes());
            assert_eq!(
                found.map_or_else(|it| it.to_string(), |it| it.to_string()),
                quantity,
                "{text}"
            );
        }
    }

    #[test]
    fn every_price_and_quantity_survives_its_text() {
        for mantissa in [1, 5, 25, 999_999_999, Step::MANTISSA_MAX] {
            for exponent in -28..=28 {
                let step = Step { mantissa, exponent };
                let units = units(step, step);
                for steps in [0, 1, 9, 10, 1_425, u64::MAX / 2, u64::MAX] {
                    let text = units.spec.show_quantity(Quantity(steps));
                    assert_eq!(
                        units.quantity(text.as_bytes()).ok(),
                        Some(Quantity(steps)),
                        "{text}"
                    );
                    let price = Price(steps.cast_signed());
                    let text = units.spec.show_price(price);
                    assert_eq!(units.price(text.as_bytes()).ok(), Some(price), "{text}");
                }
                let text = units.spec.show_price(Price(i64::MIN));
                assert_eq!(units.price(text.as_bytes()).ok(), Some(Price(i64::MIN)), "{text}");
            }
        }
    }
}
