//! Converts lines to commands and back, exactly.

mod draft;
mod line;

use pricetime::persistence::journal::echo::shorten;
use pricetime_engine::{
    Action, BadDecimal, BadSymbol, MarketId, MarketSpec, Price, Quantity, Step,
};
use uuid::Uuid;

use super::input::Line;
use super::value::{Amount, StepText, Time};

pub(super) use line::{kind_line, order_type, time_in_force_line};

/// Why a line is not a command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    /// The line is a question.
    #[error("this line is a question; expected a command")]
    NoCommand,
    /// The market does not exist, so the prices have no meaning.
    #[error("there is no market {}", .0.0)]
    UnknownMarket(
        /// The market.
        MarketId,
    ),
    /// A decimal is not valid in the market.
    #[error("{field}: {} {why}", shorten(.text.as_str()))]
    Amount {
        /// The member.
        field: &'static str,
        /// Its value.
        text: Amount,
        /// What is wrong with it.
        why: String,
    },
    /// An order has a price that its kind does not have, or lacks one that it needs.
    #[error("a {0} order {1}")]
    Prices(&'static str, &'static str),
    /// A tick or a lot is not valid.
    #[error("{}: {} is not 1 to 10^9 times a power of ten from 10^-28 to 10^28", .0, shorten(&.1.to_string()))]
    Step(
        /// The member.
        &'static str,
        /// Its value.
        StepText,
    ),
    /// A symbol is not valid.
    #[error("symbol: {0}")]
    Symbol(BadSymbol),
}

/// Converts the decimals of a market.
pub(super) struct Units<'a>(pub(super) &'a MarketSpec);

impl Units<'_> {
    fn price(&self, field: &'static str, text: &Amount) -> Result<Price, BadLine> {
        if let Some(ticks) = short_steps(text.as_str(), self.0.tick) {
            return Ok(Price(ticks));
        }
        let decimal = text.decimal();
        if decimal.is_none() {
            return Err(too_long(field, text));
        }
        let price = decimal.ok_or(BadDecimal::OutOfRange).and_then(|it| self.0.price(it));
        price.map_err(|bad| {
            let show = |price: Price| self.0.show_price(price);
            let why = if bad == BadDecimal::OutOfRange {
                out_of_range(&show(Price(i64::MIN)), &show(Price(i64::MAX)))
            } else {
                let around = decimal.and_then(|it| self.0.prices_around(it));
                not_a_multiple("tick", &show(Price(1)), around.map(|(a, b)| (show(a), show(b))))
            };
            BadLine::Amount { field, text: text.clone(), why }
        })
    }

    fn quantity(&self, field: &'static str, text: &Amount) -> Result<Quantity, BadLine> {
        let lots = short_steps(text.as_str(), self.0.lot);
        if let Some(lots) = lots.and_then(|lots| u64::try_from(lots).ok()) {
            return Ok(Quantity(lots));
        }
        let decimal = text.decimal();
        if decimal.is_none() {
            return Err(too_long(field, text));
        }
        let lots = decimal.ok_or(BadDecimal::OutOfRange).and_then(|it| self.0.quantity(it));
        lots.map_err(|bad| {
            let show = |quantity: Quantity| self.0.show_quantity(quantity);
            let why = if bad == BadDecimal::OutOfRange {
                out_of_range("0", &show(Quantity(u64::MAX)))
            } else {
                let around = decimal.and_then(|it| self.0.quantities_around(it));
                not_a_multiple("lot", &show(Quantity(1)), around.map(|(a, b)| (show(a), show(b))))
            };
            BadLine::Amount { field, text: text.clone(), why }
        })
    }

    pub(super) fn show_price(&self, price: Price) -> Amount {
        shown(self.0.show_price(price))
    }

    /// Lots of either sign, which may be more than one order can have.
    pub(super) fn show_lots(&self, lots: i128) -> Amount {
        shown(self.0.show_lots(lots))
    }

    pub(super) fn show_volume(&self, volume: u128) -> Amount {
        self.show_lots(i128::try_from(volume).unwrap_or(i128::MAX))
    }

    pub(super) fn show_quantity(&self, quantity: Quantity) -> Amount {
        shown(self.0.show_quantity(quantity))
    }
}

/// The steps in a decimal of at most 18 digits, if a step is a power of ten and the decimal has no more
/// places than the step. Nearly all decimals in a line are like that.
fn short_steps(decimal: &str, step: Step) -> Option<i64> {
    let digits = decimal.strip_prefix('-').unwrap_or(decimal);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if step.mantissa != 1 || !step.is_valid() || whole.len() + part.len() > 18 {
        return None;
    }
    let more_places = usize::try_from(-i32::from(step.exponent)).ok()?.checked_sub(part.len())?;
    let digits = whole.bytes().chain(part.bytes());
    let units = digits.fold(0, |units, digit| units * 10 + i64::from(digit - b'0'));
    let steps = units.checked_mul(10_i64.checked_pow(u32::try_from(more_places).ok()?)?)?;
    Some(if decimal.starts_with('-') { -steps } else { steps })
}

fn too_long(field: &'static str, text: &Amount) -> BadLine {
    let why = String::from("has more than 28 digits");
    BadLine::Amount { field, text: text.clone(), why }
}

fn out_of_range(least: &str, most: &str) -> String {
    format!("is not from {least} to {most}")
}

/// Why a decimal is not a multiple of a step, with the multiples around it.
fn not_a_multiple(step: &str, size: &str, around: Option<(String, String)>) -> String {
    let around = around.map(|(below, above)| format!(" (nearest: {below}, {above})"));
    format!("is not a multiple of the {step} {size}{}", around.unwrap_or_default())
}

/// Makes an amount of what the core prints.
pub(in crate::json) fn shown(text: String) -> Amount {
    Amount::new(text).unwrap_or_else(|| unreachable!("the core prints digits"))
}

/// Evaluates an expression on the members that all commands have, whichever command the line is.
macro_rules! head {
    ($line:expr, $it:ident => $make:expr, else $other:expr) => {
        match $line {
            Line::Place($it) => $make,
            Line::Amend($it) => $make,
            Line::Cancel($it) => $make,
            Line::CancelAll($it) => $make,
            Line::CancelSession($it) => $make,
            Line::AddMarket($it) => $make,
            Line::SetMarket($it) => $make,
            Line::RemoveMarket($it) => $make,
            Line::SetPhase($it) => $make,
            Line::CloseEpoch($it) => $make,
            Line::AdvanceTime($it) => $make,
            Line::BlockAccount($it) => $make,
            Line::UnblockAccount($it) => $make,
            Line::Hello(_)
            | Line::Subscribe(_)
            | Line::View(_)
            | Line::Market(_)
            | Line::Markets(_)
            | Line::Order(_)
            | Line::Outcome(_)
            | Line::Status(_) => $other,
        }
    };
}

use head;

impl Line {
    /// The market of a command.
    #[must_use]
    pub fn market(&self) -> Option<MarketId> {
        head!(self, it => Some(MarketId(it.market)), else None)
    }

    /// When a command happened, in a recording.
    #[must_use]
    pub fn time(&self) -> Option<Time> {
        head!(self, it => it.time, else None)
    }

    /// The idempotency key of a command.
    #[must_use]
    pub fn request(&self) -> Option<Uuid> {
        head!(self, it => it.request, else None)
    }
}

/// Returns `true` if only operators may do this.
pub(super) const fn is_for_operators(action: &Action) -> bool {
    !matches!(
        action,
        Action::Place(_) | Action::Amend(_) | Action::Cancel { .. } | Action::CancelAll { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_decimals_are_the_steps_of_the_general_way() {
        let texts = [
            "0",
            "-0",
            "0.0",
            "7",
            "-7",
            "0.5",
            "-0.50",
            "12.3400",
            "007.1",
            "0.0025",
            "0.00250",
            "99999999999999999",
            "999999999999999999",
            "-999999999999999999",
            "1.23456789012345678",
            "9223372036854775807",
            "0.000000000000000001",
            "123456.1234567890",
        ];
        let mut found = 0;
        for (mantissa, exponents) in [(1, -30..=3), (25, -4..=-2)] {
            for exponent in exponents {
                let tick = Step { mantissa, exponent };
                let spec = MarketSpec::new("SUN/EUR".parse().expect("a symbol"), tick, Step::ONE);
                for text in texts {
                    let Some(steps) = short_steps(text, tick) else { continue };
                    assert_eq!(spec.price(text), Ok(Price(steps)), "{text} {tick:?}");
                    found += 1;
                }
            }
        }
        assert!(found > 100, "{found}");
    }
}
