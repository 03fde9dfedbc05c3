//! The checks of commands. The first reason that applies refuses the command.

use crate::book::Book;
use crate::command::{Amend, OrderKind, Place, TimeInForce};
use crate::market::{MarketSpec, Phase};
use crate::quantity::{AccountId, Price, Quantity, Timestamp};
use crate::reason::Reason;
use crate::snapshot::{OrderRecord, Until};

impl MarketSpec {
    /// Returns `true` if an order may have this price.
    #[must_use]
    pub fn is_in_band(&self, price: Price) -> bool {
        self.terms.price_min <= price && price <= self.terms.price_max
    }

    /// Returns `true` if an iceberg of this size has a legal number of parts.
    fn is_divisible(&self, open: Quantity, display: Quantity) -> bool {
        open.0.div_ceil(display.0.max(1)) <= u64::from(self.limits.parts_max)
    }
}

#[inline(always)]
pub(crate) fn require(holds: bool, otherwise: Reason) -> Result<(), Reason> {
    if holds { Ok(()) } else { Err(otherwise) }
}

impl Book {
    /// Makes all checks of a new order that do not depend on the other side.
    pub(crate) fn check_place(
        &self,
        account: AccountId,
        place: &Place,
        now: Timestamp,
    ) -> Result<Until, Reason> {
        let spec = &self.head.spec;
        let quantity = place.quantity;
        let open = matches!(self.head.phase, Phase::Continuous | Phase::Call);
        require(open, Reason::WrongPhase)?;
        require(!self.is_blocked(account), Reason::AccountBlocked)?;
        self.check_quantity(quantity)?;
        let in_band = |price: Option<Price>| price.is_none_or(|price| spec.is_in_band(price));
        let prices = in_band(place.kind.stop()) && in_band(place.kind.price());
        require(prices, Reason::PriceOutOfBand)?;
        require(self.live_orders.find(place.order).is_none(), Reason::DuplicateOrderId)?;
        if let Some(display) = place.display_quantity {
            let fits = !display.is_zero() && display <= quantity;
            require(fits && spec.is_divisible(quantity, display), Reason::BadDisplayQuantity)?;
        }
        if let Some(minimum) = place.minimum_quantity {
            require(!minimum.is_zero() && minimum <= quantity, Reason::BadMinimumQuantity)?;
        }
        require(self.is_combinable(place), Reason::BadCombination)?;
        self.until(place.time_in_force, now).ok_or(Reason::AlreadyExpired)
    }

    /// Returns `true` if the attributes of a new order can be combined.
    fn is_combinable(&self, place: &Place) -> bool {
        let is_immediate =
            matches!(place.time_in_force, TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill);
        let unpriced = place.kind.price().is_none();
        let stop = place.kind.stop().is_some();
        let ioc = place.time_in_force == TimeInForce::ImmediateOrCancel;
        !(place.post_only && (unpriced || stop || is_immediate))
            && !(place.display_quantity.is_some() && (unpriced || is_immediate))
            && (place.minimum_quantity.is_none() || ioc)
            && !(self.head.phase == Phase::Call && (is_immediate || place.post_only))
    }

    /// Checks an order against the other side (`WouldTake`).
    pub(crate) fn check_entry(&self, order: &OrderRecord) -> Result<(), Reason> {
        let rests = order.post_only && self.head.phase == Phase::Continuous;
        require(!rests || self.rests_at_once(order), Reason::WouldTake)
    }

    /// Checks that the market, and the account in it, may have one more order.
    #[inline(always)]
    pub(crate) fn check_room(&mut self, account: AccountId) -> Result<(), Reason> {
        let (live, limits) = (self.live_orders.live(), &self.head.spec.limits);
        require(live < limits.orders_max, Reason::BookFull)?;
        let limit = limits.orders_per_account_max;
        require(live < limit || self.live_orders.has_room(account, limit), Reason::AccountFull)
    }

    pub(crate) fn check_quantity(&self, quantity: Quantity) -> Result<(), Reason> {
        require(!quantity.is_zero(), Reason::ZeroQuantity)?;
        require(quantity <= self.head.spec.quantity_max, Reason::QuantityTooLarge)
    }

    /// Checks a change to a live order, from `Changed` to `BadCombination`. `kind` is the order's
    /// kind after the change. `enters` is `true` if the order would leave its queue.
    pub(crate) fn check_amend(
        &self,
        order: &OrderRecord,
        amend: &Amend,
        kind: OrderKind,
        enters: bool,
    ) -> Result<(), Reason> {
        let spec = &self.head.spec;
        let open = amend.quantity.unwrap_or(order.open);
        require(amend.if_open.is_none_or(|o| o == order.open), Reason::Changed)?;
        self.check_quantity(open)?;
        let is_allowed = |old: Option<Price>, new: Option<Price>| {
            new.is_none_or(|p| spec.is_in_band(p) || (!enters && old == new))
        };
        let prices = is_allowed(order.kind.price(), kind.price())
            && is_allowed(order.kind.stop(), kind.stop());
        require(prices, Reason::PriceOutOfBand)?;
        let display = order.display_quantity;
        require(display.is_none_or(|d| spec.is_divisible(open, d)), Reason::BadDisplayQuantity)?;
        require(order.minimum_quantity.is_none_or(|m| m <= open), Reason::BadMinimumQuantity)?;
        let priced = amend.price.is_none() || order.kind.price().is_some();
        let stopped = amend.stop_price.is_none() || order.kind.stop().is_some();
        require(priced && stopped, Reason::BadCombination)
    }
}
