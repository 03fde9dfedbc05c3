//! Exact conversion between decimals and ticks or lots. A decimal that is not exact is refused;
//! nothing here rounds.

use core::fmt;

use rust_decimal::Decimal;

use crate::market::MarketSpec;
use crate::quantity::{Notional, Price, Quantity};
use crate::step::Step;

/// Why a decimal is not a price or quantity of a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadDecimal {
    /// The text is not a decimal number.
    NotDecimal,
    /// The price is not a whole number of ticks.
    PriceNotOnTick,
    /// The quantity is not a whole number of lots.
    QuantityNotOnLot,
    /// The number is outside the range of its type, or it is a negative quantity.
    OutOfRange,
}

impl fmt::Display for BadDecimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotDecimal => "the text is not a decimal number",
            Self::PriceNotOnTick => "the price is not a whole number of the market's ticks",
            Self::QuantityNotOnLot => "the quantity is not a whole number of the market's lots",
            Self::OutOfRange => "the number is out of range",
        })
    }
}

impl core::error::Error for BadDecimal {}

impl MarketSpec {
    /// Converts a decimal, or a text such as `"0.1425"`, to a price in ticks.
    ///
    /// # Errors
    /// Returns [`BadDecimal`] if it is not a decimal, is between two ticks, or is out of range.
    pub fn price(&self, price: impl TryInto<Decimal>) -> Result<Price, BadDecimal> {
        let price = price.try_into().map_err(|_| BadDecimal::NotDecimal)?;
        let ticks = steps(price, self.tick).ok_or(BadDecimal::PriceNotOnTick)?;
        i64::try_from(ticks).map(Price).map_err(|_| BadDecimal::OutOfRange)
    }

    /// Converts a decimal, or a text such as `"12.50"`, to a quantity in lots.
    ///
    /// # Errors
    /// Returns [`BadDecimal`] if it is not a decimal, is between two lots, is negative, or is out
    /// of range.
    pub fn quantity(&self, quantity: impl TryInto<Decimal>) -> Result<Quantity, BadDecimal> {
        let quantity = quantity.try_into().map_err(|_| BadDecimal::NotDecimal)?;
        let lots = steps(quantity, self.lot).ok_or(BadDecimal::QuantityNotOnLot)?;
        u64::try_from(lots).map(Quantity).map_err(|_| BadDecimal::OutOfRange)
    }

    /// Returns the prices next to a decimal that is between two ticks, for an error message.
    /// Returns `None` if they are out of range.
    #[must_use]
    pub fn prices_around(&self, price: Decimal) -> Option<(Price, Price)> {
        let below = i64::try_from(floor_steps(price, self.tick)?).ok()?;
        Some((Price(below), Price(below.checked_add(1)?)))
    }

    /// Returns the quantities next to a decimal that is between two lots, for an error message.
    /// Returns `None` if they are out of range.
    #[must_use]
    pub fn quantities_around(&self, quantity: Decimal) -> Option<(Quantity, Quantity)> {
        let below = u64::try_from(floor_steps(quantity, self.lot)?).ok()?;
        Some((Quantity(below), Quantity(below.checked_add(1)?)))
    }

    /// Returns a price, a quantity or a notional of this market as an exact decimal, to print.
    ///
    /// ```
    /// use pricetime_engine::{MarketSpec, Price, Quantity};
    ///
    /// let spec = MarketSpec::new("SUN/EUR".parse()?, "0.0001".parse()?, "0.01".parse()?);
    /// let (price, quantity) = (Price(1_425), Quantity(300));
    /// assert_eq!(format!("{} at {}", spec.show(quantity), spec.show(price)), "3.00 at 0.1425");
    /// assert_eq!(spec.show(price.times(quantity)).to_string(), "0.427500");
    /// assert_eq!(format!("{:>9}", spec.show(Price(-5))), "  -0.0005");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn show(&self, amount: impl Amount) -> DisplayAmount {
        amount.shown(self)
    }

    /// Returns a price as text, as [`show`](Self::show) prints it.
    #[must_use]
    pub fn show_price(&self, price: Price) -> String {
        self.show(price).to_string()
    }

    /// Returns a quantity as text, as [`show`](Self::show) prints it.
    #[must_use]
    pub fn show_quantity(&self, quantity: Quantity) -> String {
        self.show(quantity).to_string()
    }

    /// Returns a number of lots as a decimal text. It can be negative, as for a difference of
    /// quantities.
    #[must_use]
    pub fn show_lots(&self, lots: i128) -> String {
        DisplayAmount { count: lots, sizes: [self.lot, Step::ONE] }.to_string()
    }

    /// Returns a notional as text, as [`show`](Self::show) prints it. It can have more digits than
    /// a `Decimal` holds.
    #[must_use]
    pub fn show_notional(&self, notional: Notional) -> String {
        self.show(notional).to_string()
    }
}

/// An amount that a market counts in its own steps: prices in ticks, quantities in lots, notionals
/// in both.
pub trait Amount {
    /// Returns this amount as a decimal that can be printed.
    fn shown(self, spec: &MarketSpec) -> DisplayAmount;
}

impl Amount for Price {
    fn shown(self, spec: &MarketSpec) -> DisplayAmount {
        DisplayAmount { count: i128::from(self.0), sizes: [spec.tick, Step::ONE] }
    }
}

impl Amount for Quantity {
    fn shown(self, spec: &MarketSpec) -> DisplayAmount {
        DisplayAmount { count: i128::from(self.0), sizes: [spec.lot, Step::ONE] }
    }
}

impl Amount for Notional {
    fn shown(self, spec: &MarketSpec) -> DisplayAmount {
        DisplayAmount { count: self.0, sizes: [spec.tick, spec.lot] }
    }
}

/// An exact decimal to print, with as many decimal places as the steps of its market have. Width,
/// fill and sign of a format apply. A precision is ignored, because nothing here rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "this does nothing unless it is printed"]
pub struct DisplayAmount {
    count: i128,
    /// The size of one unit of `count` is the product of these.
    sizes: [Step; 2],
}

impl DisplayAmount {
    /// Appends the text, as a format without width prints it.
    pub fn append_to(&self, text: &mut Vec<u8>) {
        if self.count < 0 {
            text.push(b'-');
        }
        let count = self.count.unsigned_abs();
        let short = short_digits(count, self.sizes);
        if let Some(digits) = short.as_ref().and_then(|(buffer, first)| buffer.get(*first..)) {
            text.extend_from_slice(digits);
        } else {
            text.extend_from_slice(digits(count, self.sizes).as_bytes());
        }
    }
}

impl fmt::Display for DisplayAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (is_positive, count) = (self.count >= 0, self.count.unsigned_abs());
        if let Some((buffer, first)) = short_digits(count, self.sizes)
            && let Some(text) = buffer.get(first..).and_then(|text| str::from_utf8(text).ok())
        {
            return f.pad_integral(is_positive, "", text);
        }
        f.pad_integral(is_positive, "", &digits(count, self.sizes))
    }
}

/// The number of steps in a decimal; `None` if it is not a whole number of them. A number beyond
/// the range of `i128` saturates.
fn steps(decimal: Decimal, step: Step) -> Option<i128> {
    if !step.is_valid() {
        return None;
    }
    let decimal = decimal.normalize();
    let mantissa = i128::from(step.mantissa);
    // decimal = units × 10^−scale, and a step is mantissa × 10^exponent.
    let shift = i64::from(decimal.scale()).saturating_add(i64::from(step.exponent));
    let power = 10_i128.checked_pow(u32::try_from(shift.unsigned_abs()).ok()?);
    let units = decimal.mantissa();
    if shift > 0 {
        let divisor = power.and_then(|p| p.checked_mul(mantissa));
        return divide(units, divisor);
    }
    // units × 10^−shift / mantissa. If the product does not fit, only divisibility matters.
    let Some(scaled) = power.and_then(|p| units.checked_mul(p)) else {
        let exact = units == 0 || is_multiple(units, shift.unsigned_abs(), step.mantissa);
        return exact.then_some(if units < 0 { i128::MIN } else { i128::MAX });
    };
    divide(scaled, Some(mantissa))
}

/// The number of whole steps below a decimal; `None` if it does not fit in an `i128`.
fn floor_steps(decimal: Decimal, step: Step) -> Option<i128> {
    let decimal = decimal.normalize();
    let shift = i64::from(decimal.scale()).saturating_add(i64::from(step.exponent));
    let power = 10_i128.checked_pow(u32::try_from(shift.unsigned_abs()).ok()?)?;
    let (units, size) = (decimal.mantissa(), i128::from(step.mantissa));
    if shift > 0 {
        return units.checked_div_euclid(power.checked_mul(size)?);
    }
    units.checked_mul(power)?.checked_div_euclid(size)
}

/// The exact quotient. A divisor beyond `i128` divides only zero.
fn divide(units: i128, divisor: Option<i128>) -> Option<i128> {
    match divisor {
        Some(divisor) => (units.checked_rem(divisor)? == 0).then(|| units.checked_div(divisor))?,
        None => (units == 0).then_some(0),
    }
}

/// Returns `true` if `units × 10^zeros` is a multiple of `mantissa`. Computes with remainders only.
fn is_multiple(units: i128, zeros: u64, mantissa: u64) -> bool {
    let modulus = u128::from(mantissa);
    let start = units.unsigned_abs().checked_rem(modulus).unwrap_or_default();
    let times_ten =
        |rest: u128, _| rest.saturating_mul(10).checked_rem(modulus).unwrap_or_default();
    (0..zeros).fold(start, times_ten) == 0
}

/// The longest text of [`short_digits`]: 20 digits and a point.
const SHORT: usize = 21;

/// Like [`digits`], for numbers that fit in a `u64` and have at most 19 decimal places, as nearly all
/// have. The text ends with the buffer and begins at the position beside it.
fn short_digits(count: u128, sizes: [Step; 2]) -> Option<([u8; SHORT], usize)> {
    let (mut rest, mut exponent) = (u64::try_from(count).ok()?, 0_i8);
    for step in sizes {
        rest = rest.checked_mul(step.mantissa.min(Step::MANTISSA_MAX))?;
        exponent = exponent.checked_add(step.exponent)?;
    }
    let places = usize::try_from(exponent.checked_neg()?).ok().filter(|places| *places <= 19)?;
    let (mut buffer, mut first) = ([b'0'; SHORT], SHORT);
    for (at, byte) in buffer.iter_mut().rev().enumerate() {
        if at == places && places != 0 {
            *byte = b'.';
        } else {
            let digit = u8::try_from(rest.wrapping_rem(10)).unwrap_or_default();
            *byte = b'0'.saturating_add(digit);
            rest = rest.wrapping_div(10);
        }
        first = first.saturating_sub(1);
        let has_whole = places == 0 || at > places;
        if rest == 0 && has_whole {
            break;
        }
    }
    Some((buffer, first))
}

/// `count` times the product of the steps, with all digits.
fn digits(count: u128, sizes: [Step; 2]) -> String {
    // Little-endian decimal digits.
    let mut digits: Vec<u64> = Vec::new();
    let mut rest = count;
    while rest != 0 {
        digits.push(u64::try_from(rest.wrapping_rem(10)).unwrap_or_default());
        rest = rest.wrapping_div(10);
    }
    let mut exponent = 0_i64;
    for step in sizes {
        multiply(&mut digits, step.mantissa.min(Step::MANTISSA_MAX));
        exponent = exponent.saturating_add(i64::from(step.exponent));
    }
    let zeros = usize::try_from(exponent).unwrap_or_default();
    digits.splice(..0, core::iter::repeat_n(0, zeros));
    let places = usize::try_from(exponent.saturating_neg()).unwrap_or_default();
    let least = places.saturating_add(1);
    if digits.len() < least {
        digits.resize(least, 0);
    }
    let mut text = String::with_capacity(digits.len().saturating_add(1));
    for (place, digit) in digits.iter().enumerate().rev() {
        let digit = u32::try_from(*digit).ok().and_then(|d| char::from_digit(d, 10));
        text.push(digit.unwrap_or('?'));
        if place == places && place != 0 {
            text.push('.');
        }
    }
    text
}

/// Multiplies a number given as little-endian decimal digits.
fn multiply(digits: &mut Vec<u64>, factor: u64) {
    let mut carry = 0_u64;
    for digit in digits.iter_mut() {
        // At most 9 × 10^9 plus a carry below 10^10.
        let sum = digit.saturating_mul(factor).saturating_add(carry);
        *digit = sum.wrapping_rem(10);
        carry = sum.wrapping_div(10);
    }
    while carry != 0 {
        digits.push(carry.wrapping_rem(10));
        carry = carry.wrapping_div(10);
    }
    while digits.last() == Some(&0) {
        digits.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::{Fees, Limits, Pricing, Symbol, Terms};

    fn spec(tick: Step, lot: Step) -> MarketSpec {
        MarketSpec {
            symbol: Symbol::new("X").unwrap(),
            tick,
            lot,
            pricing: Pricing::Maker,
            quantity_max: Quantity(1),
            limits: Limits::default(),
            terms: Terms {
                price_min: Price(0),
                price_max: Price(0),
                protection_ticks: None,
                reference: None,
                fees: Fees::default(),
            },
        }
    }

    fn step(mantissa: u64, exponent: i8) -> Step {
        Step { mantissa, exponent }
    }

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn value_between_two_steps_has_a_step_on_each_side() {
        let spec = spec(step(25, -4), step(5, 1));
        for (text, below) in [("0.0026", 1), ("-0.0026", -2), ("-0.0001", -1), ("1", 400)] {
            let around = (Price(below), Price(below + 1));
            assert_eq!(spec.prices_around(decimal(text)), Some(around), "{text}");
        }
        let around = Some((Quantity(2), Quantity(3)));
        assert_eq!(spec.quantities_around(decimal("149.99")), around);
        assert_eq!(spec.quantities_around(decimal("-1")), None);
        assert_eq!(spec.prices_around(decimal("79228162514264337593543950335")), None);
    }

    #[test]
    fn decimal_on_the_tick_converts_in_both_directions() {
        let spec = spec(step(25, -4), step(5, 1));
        for (text, ticks) in [("0.0025", 1), ("-1.0", -400), ("0", 0), ("12.3450", 4938)] {
            let price = spec.price(decimal(text)).unwrap();
            assert_eq!(price, Price(ticks));
            assert_eq!(decimal(&spec.show_price(price)), decimal(text));
        }
        assert_eq!(spec.quantity(decimal("150")), Ok(Quantity(3)));
        assert_eq!(spec.show_quantity(Quantity(3)), "150");
        assert_eq!(spec.price("-1.0"), Ok(Price(-400)));
        assert_eq!(spec.quantity("150"), Ok(Quantity(3)));
        assert_eq!(spec.price("one"), Err(BadDecimal::NotDecimal));
    }

    #[test]
    fn decimal_between_two_ticks_is_refused() {
        let spec = spec(step(25, -4), step(5, 1));
        assert_eq!(spec.price(decimal("0.0001")), Err(BadDecimal::PriceNotOnTick));
        assert_eq!(spec.price(decimal("0.00250001")), Err(BadDecimal::PriceNotOnTick));
        assert_eq!(spec.quantity(decimal("149")), Err(BadDecimal::QuantityNotOnLot));
        assert_eq!(spec.quantity(decimal("-50")), Err(BadDecimal::OutOfRange));
        let small = self::spec(step(1, -28), step(3, -28));
        assert_eq!(small.price(Decimal::MAX), Err(BadDecimal::OutOfRange));
        assert_eq!(small.quantity(Decimal::MAX), Err(BadDecimal::OutOfRange));
        assert_eq!(
            small.quantity(decimal("79000000000000000000000000000")),
            Err(BadDecimal::QuantityNotOnLot)
        );
        let large = self::spec(step(1, 28), step(1, 28));
        assert_eq!(large.price(decimal("0.1")), Err(BadDecimal::PriceNotOnTick));
    }

    #[test]
    fn short_digits_are_those_of_the_general_way() {
        let counts = [0, 1, 9, 10, 1_425, 999_999, u64::MAX.into(), u128::MAX];
        let mut found = 0;
        for mantissa in [1, 5, 25, 1_000_000_000] {
            for exponent in -28..=2 {
                for count in counts {
                    for other in [step(1, 0), step(25, -2)] {
                        let sizes = [step(mantissa, exponent), other];
                        let Some((buffer, first)) = short_digits(count, sizes) else { continue };
                        let text = str::from_utf8(buffer.get(first..).unwrap()).unwrap();
                        assert_eq!(text, digits(count, sizes), "{count} {sizes:?}");
                        found += 1;
                    }
                }
            }
        }
        assert!(found > 400, "{found}");
        for count in [0, 7, -1_425, i128::MAX, i128::MIN] {
            let (amount, mut text) = (DisplayAmount { count, sizes: [step(5, -3); 2] }, Vec::new());
            amount.append_to(&mut text);
            assert_eq!(String::from_utf8(text).unwrap(), amount.to_string());
        }
    }

    #[test]
    fn notional_prints_all_its_digits() {
        let spec = spec(step(1, -4), step(1, -2));
        assert_eq!(spec.show_notional(Notional(1_234_567)), "1.234567");
        assert_eq!(spec.show_notional(Notional(-5)), "-0.000005");
        assert_eq!(spec.show_notional(Notional(0)), "0.000000");
        let wide = self::spec(step(999_999_999, 28), step(1_000_000_000, 0));
        let text = wide.show_notional(Notional(i128::MAX));
        assert_eq!(text.len(), 85);
        assert!(text.starts_with("17014118329032804827"));
        assert!(text.ends_with(&"0".repeat(37)));
    }
}
