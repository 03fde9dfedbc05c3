//! A market, as far as tables need it.

use pricetime_engine::{Book, Level, MarketSpec, Price, Quantity, Side, Step};

use super::column::{Decimal, PRECISION};
use crate::error::{Fault, RecordingError};

/// A market.
#[derive(Debug)]
pub(super) struct Market {
    pub(super) spec: MarketSpec,
    pub(super) epoch: u64,
    /// The levels of bids and asks that were written last.
    levels: [Vec<Level>; 2],
    decimals: u8,
}

impl Market {
    pub(super) fn new(spec: &MarketSpec, decimals: u8) -> Self {
        Self { spec: *spec, epoch: 1, levels: [Vec::new(), Vec::new()], decimals }
    }

    /// A price as a decimal.
    #[inline]
    pub(super) fn price(&self, price: Price) -> Result<Decimal, RecordingError> {
        self.decimal(price.0.into(), self.spec.tick)
            .map_err(|fault| faulty("price", &self.spec.show_price(price), fault))
    }

    /// A quantity as a decimal.
    #[inline]
    pub(super) fn quantity(&self, quantity: Quantity) -> Result<Decimal, RecordingError> {
        self.decimal(quantity.0.into(), self.spec.lot)
            .map_err(|fault| faulty("quantity", &self.spec.show_quantity(quantity), fault))
    }

    /// So many steps as a decimal.
    #[inline]
    fn decimal(&self, count: i128, step: Step) -> Result<Decimal, Fault> {
        // At most 64 + 30 bits.
        let mantissas = count * i128::from(step.mantissa);
        let zeros = i32::from(step.exponent) + i32::from(self.decimals);
        let power = 10_i128.checked_pow(zeros.unsigned_abs());
        let number = if zeros >= 0 {
            power.and_then(|power| mantissas.checked_mul(power))
        } else {
            let exact = power.filter(|power| mantissas % power == 0);
            Some(mantissas / exact.ok_or(Fault::TooPrecise(self.decimals))?)
        };
        let fits = |number: &i128| number.unsigned_abs() < 10_u128.pow(PRECISION);
        let fault = Fault::OutOfRange("a number of at most 38 digits, with its decimal places");
        number.or((mantissas == 0).then_some(0)).filter(fits).map(Decimal).ok_or(fault)
    }

    /// Calls `changed` with each level of a side that is different now: its place, counted from 1, and what is there.
    pub(super) fn follow(
        &mut self,
        side: Side,
        book: Option<&Book>,
        levels: u16,
        mut changed: impl FnMut(&Self, u64, Option<Level>) -> Result<(), RecordingError>,
    ) -> Result<(), RecordingError> {
        let mut known = std::mem::take(&mut self.levels[side as usize]);
        let now = book.into_iter().flat_map(|book| book.levels(side)).take(levels.into());
        let mut used = 0;
        for (place, level) in (1..).zip(now) {
            match known.get_mut(used) {
                Some(known) if *known == level => {}
                Some(known) => {
                    *known = level;
                    changed(self, place, Some(level))?;
                }
                None => {
                    known.push(level);
                    changed(self, place, Some(level))?;
                }
            }
            used += 1;
        }
        let gone = known.drain(used..).len();
        for place in (1..).skip(used).take(gone) {
            changed(self, place, None)?;
        }
        self.levels[side as usize] = known;
        Ok(())
    }
}

#[cold]
fn faulty(field: &'static str, value: &str, fault: Fault) -> RecordingError {
    RecordingError::new("", fault).field(field, value.as_bytes())
}
