//! Converts amounts of a market to decimals and back.

use crate::json::Amount;
use pricetime::engine::{MarketSpec, Notional, Step};

/// Lots as a decimal.
#[must_use]
pub fn base(spec: &MarketSpec, lots: i128) -> Option<Amount> {
    Amount::new(spec.show_lots(lots))
}

/// Ticks times lots as a decimal.
#[must_use]
pub fn quote(spec: &MarketSpec, units: i128) -> Option<Amount> {
    Amount::new(spec.show_notional(Notional(units)))
}

/// An amount as the text of a table cell.
#[must_use]
pub fn cell(amount: Option<&Amount>) -> String {
    amount.map_or_else(|| String::from("?"), Amount::to_string)
}

/// The lots of a decimal, or `None` if it is not a whole number of lots.
#[must_use]
pub fn lots(spec: &MarketSpec, amount: &Amount) -> Option<i128> {
    units(amount, &[spec.lot])
}

/// The ticks times lots of a decimal, or `None` if it is not a whole number of them.
#[must_use]
pub fn ticks_lots(spec: &MarketSpec, amount: &Amount) -> Option<i128> {
    units(amount, &[spec.tick, spec.lot])
}

/// How many times the product of these steps a decimal is.
fn units(amount: &Amount, steps: &[Step]) -> Option<i128> {
    let text = amount.as_str();
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = part.trim_end_matches('0');
    let number: i128 = format!("{whole}{part}").parse().ok()?;
    if number == 0 {
        return Some(0);
    }
    let mut shift = -i32::try_from(part.len()).ok()?;
    let mut mantissa = 1_i128;
    for step in steps {
        shift -= i32::from(step.exponent);
        mantissa = mantissa.checked_mul(step.mantissa.into())?;
    }
    let power = 10_i128.checked_pow(shift.unsigned_abs())?;
    let (number, divisor) = if shift >= 0 {
        (number.checked_mul(power)?, mantissa)
    } else {
        (number, mantissa.checked_mul(power)?)
    };
    (number % divisor == 0).then(|| number / divisor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_convert_exactly_to_units() {
        let cent = Step { mantissa: 1, exponent: -2 };
        let quarter = Step { mantissa: 25, exponent: -2 };
        let thousand = Step { mantissa: 1, exponent: 3 };
        let of = |text: &str, steps: &[Step]| units(&Amount::new(text).unwrap(), steps);
        assert_eq!(of("-3.25", &[cent]), Some(-325));
        assert_eq!(of("-3.25", &[quarter]), Some(-13));
        assert_eq!(of("-0.5", &[quarter]), Some(-2));
        assert_eq!(of("3.26", &[quarter]), None);
        assert_eq!(of("5000", &[thousand]), Some(5));
        assert_eq!(of("5001", &[thousand]), None);
        assert_eq!(of("0.0025", &[cent, quarter]), Some(1));
        assert_eq!(of("2.50", &[thousand, quarter]), None);
        let speck = Step { mantissa: 1, exponent: -28 };
        assert_eq!(of("0.00", &[speck, speck]), Some(0));
    }
}
