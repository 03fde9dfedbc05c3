//! The bounds of a market's spec. They keep every sum in the engine within its type.

use crate::market::{Fees, Limits, MarketSpec};
use crate::quantity::Price;
use crate::step::Step;

/// A bound that a spec breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokenBound {
    /// The tick is not valid: see [`Step::is_valid`].
    Tick,
    /// The lot is not valid: see [`Step::is_valid`].
    Lot,
    /// `price_min` is above `price_max`.
    Band,
    /// `quantity_max` is zero.
    QuantityMax,
    /// `orders_max` is zero or above [`Limits::COUNT_MAX`].
    OrdersMax,
    /// `orders_per_account_max` is zero or above [`Limits::COUNT_MAX`].
    OrdersPerAccountMax,
    /// `parts_max` is zero.
    PartsMax,
    /// `requests_max` is above [`Limits::COUNT_MAX`].
    RequestsMax,
    /// `blocked_max` is above [`Limits::COUNT_MAX`].
    BlockedMax,
    /// `maker_ppm` is beyond ±[`Fees::PPM_MAX`].
    MakerFee,
    /// `taker_ppm` is beyond ±[`Fees::PPM_MAX`].
    TakerFee,
    /// The reference price is outside the band.
    Reference,
    /// An order of `quantity_max` at this end of the band is above [`MarketSpec::NOTIONAL_MAX`].
    LargestOrder(Price),
    /// `quantity_max` times `orders_max` is above [`MarketSpec::LOTS_MAX`].
    AllOrders,
}

impl MarketSpec {
    /// The highest product of `quantity_max` and a price, in ticks times lots.
    pub const NOTIONAL_MAX: u128 = 1 << 94;

    /// The highest product of `quantity_max` and `orders_max`, in lots.
    pub const LOTS_MAX: u128 = 1 << 63;

    /// Returns `true` if every bound holds.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.broken().is_none()
    }

    /// Returns the first bound that does not hold, in the order of [the rules](crate::rules).
    #[must_use]
    pub fn broken(&self) -> Option<BrokenBound> {
        let Self { tick, lot, quantity_max, limits, terms, symbol: _, pricing: _ } = self;
        let fee = |ppm: i32| ppm.unsigned_abs() <= Fees::PPM_MAX.unsigned_abs();
        let count = |n: u32| n <= Limits::COUNT_MAX;
        let lots = u128::from(quantity_max.0).saturating_mul(u128::from(limits.orders_max));
        let end = |price: Price| (self.is_payable(price), BrokenBound::LargestOrder(price));
        let bounds = [
            (Step::is_valid(*tick), BrokenBound::Tick),
            (Step::is_valid(*lot), BrokenBound::Lot),
            (terms.price_min <= terms.price_max, BrokenBound::Band),
            (!quantity_max.is_zero(), BrokenBound::QuantityMax),
            (0 < limits.orders_max && count(limits.orders_max), BrokenBound::OrdersMax),
            (
                0 < limits.orders_per_account_max && count(limits.orders_per_account_max),
                BrokenBound::OrdersPerAccountMax,
            ),
            (limits.parts_max != 0, BrokenBound::PartsMax),
            (count(limits.requests_max), BrokenBound::RequestsMax),
            (count(limits.blocked_max), BrokenBound::BlockedMax),
            (fee(terms.fees.maker_ppm), BrokenBound::MakerFee),
            (fee(terms.fees.taker_ppm), BrokenBound::TakerFee),
            (terms.reference.is_none_or(|price| self.is_in_band(price)), BrokenBound::Reference),
            end(terms.price_min),
            end(terms.price_max),
            (lots <= Self::LOTS_MAX, BrokenBound::AllOrders),
        ];
        bounds.into_iter().find(|(holds, _)| !holds).map(|(_, broken)| broken)
    }

    /// Returns `true` if the largest order at this price is within
    /// [`NOTIONAL_MAX`](Self::NOTIONAL_MAX).
    pub(crate) fn is_payable(&self, price: Price) -> bool {
        price.times(self.quantity_max).0.unsigned_abs() <= Self::NOTIONAL_MAX
    }
}
