//! Place: what is refused, and where an accepted order goes.

use pricetime_engine::{
    AccountId, Command, EpochNumber, Event, OrderKind, OrderRecord, Party, Phase, Place, Price,
    Quantity, Reason, TimeInForce, Timestamp, Until,
};

use super::book::{Book, is_waiting_stop};
use super::market::{count, refuse_if};

impl Book {
    /// Place in Continuous or Call, by an account that is not blocked.
    pub(super) fn place(
        &mut self,
        command: &Command,
        place: &Place,
        now: Timestamp,
    ) -> Result<(), Reason> {
        self.check_place(place)?;
        let account = command.account;
        let mut order = OrderRecord {
            party: Party { order: place.order, account, reference: place.reference },
            side: place.side,
            kind: place.kind,
            until: self.until(place.time_in_force, now).ok_or(Reason::AlreadyExpired)?,
            post_only: place.post_only,
            minimum_quantity: place.minimum_quantity,
            display_quantity: place.display_quantity,
            self_trade: place.self_trade,
            open: place.quantity,
            shown: Quantity(0),
            priority: self.head.next_priority,
            session: command.session,
        };
        let continuous = self.head.phase == Phase::Continuous;
        let reaches = self.reaches_the_other_side(&order);
        refuse_if(continuous && place.post_only && reaches, Reason::WouldTake)?;
        if self.may_rest(place) {
            self.check_capacity(account)?;
        }

        order.priority = self.take_priority();
        self.head.accepted += 1;
        self.events.push(Event::Accepted { account, place: *place, priority: order.priority });
        if is_waiting_stop(&order) {
            self.wait_or_elect(order);
        } else if continuous {
            self.execute(order);
        } else {
            self.rest(order);
        }
        self.cascade();
        Ok(())
    }

    /// The first reason to refuse the order itself, if any.
    fn check_place(&self, place: &Place) -> Result<(), Reason> {
        let quantity = place.quantity;
        let is_outside = |part: Quantity| part.0 == 0 || part > quantity;
        refuse_if(quantity.0 == 0, Reason::ZeroQuantity)?;
        refuse_if(quantity > self.head.spec.quantity_max, Reason::QuantityTooLarge)?;
        let outside = |price: Option<Price>| price.is_some_and(|p| !self.in_band(p));
        refuse_if(
            outside(place.kind.price()) || outside(place.kind.stop()),
            Reason::PriceOutOfBand,
        )?;
        refuse_if(self.get(place.order).is_some(), Reason::DuplicateOrderId)?;
        refuse_if(
            place
                .display_quantity
                .is_some_and(|d| is_outside(d) || self.too_many_parts(quantity, d)),
            Reason::BadDisplayQuantity,
        )?;
        refuse_if(place.minimum_quantity.is_some_and(is_outside), Reason::BadMinimumQuantity)?;
        refuse_if(self.is_bad_combination(place), Reason::BadCombination)
    }

    pub(super) fn in_band(&self, price: Price) -> bool {
        let terms = &self.head.spec.terms;
        terms.price_min <= price && price <= terms.price_max
    }

    /// Returns `true` if an iceberg would have more than `parts_max` parts.
    pub(super) fn too_many_parts(&self, quantity: Quantity, display: Quantity) -> bool {
        quantity.0.div_ceil(display.0) > u64::from(self.head.spec.limits.parts_max)
    }

    fn is_bad_combination(&self, place: &Place) -> bool {
        let immediate = place.time_in_force == TimeInForce::ImmediateOrCancel;
        let at_once = immediate || place.time_in_force == TimeInForce::FillOrKill;
        let stop = place.kind.stop().is_some();
        let without_limit = place.kind.price().is_none();
        let call = self.head.phase == Phase::Call;

        (place.post_only && (without_limit || stop || at_once))
            || (place.display_quantity.is_some() && (without_limit || at_once))
            || (place.minimum_quantity.is_some() && !immediate)
            || (call && (at_once || place.post_only))
    }

    /// When an order placed now expires. Returns `None` if that time has passed, or can never come.
    fn until(&self, time_in_force: TimeInForce, now: Timestamp) -> Option<Until> {
        match time_in_force {
            TimeInForce::GoodTillCancel => Some(Until::Cancelled),
            TimeInForce::ImmediateOrCancel => Some(Until::Immediate),
            TimeInForce::FillOrKill => Some(Until::Filled),
            TimeInForce::GoodTillDate(time) => (time > now).then_some(Until::Time(time)),
            TimeInForce::ForEpochs(epochs) => {
                let further = epochs.checked_sub(1)?;
                let last = self.head.epoch.0.checked_add(further)?;
                Some(Until::Epoch(EpochNumber(last)))
            }
        }
    }

    /// Returns `true` if the order needs a free place at entry.
    fn may_rest(&self, place: &Place) -> bool {
        let at_once = match place.time_in_force {
            TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill => true,
            TimeInForce::GoodTillCancel
            | TimeInForce::GoodTillDate(_)
            | TimeInForce::ForEpochs(_) => false,
        };
        match place.kind {
            OrderKind::Stop { .. } | OrderKind::StopLimit { .. } => true,
            OrderKind::Limit { .. } => self.head.phase == Phase::Call || !at_once,
            OrderKind::Market => self.head.phase == Phase::Call,
        }
    }

    /// BookFull and AccountFull, for an order that may rest.
    fn check_capacity(&self, account: AccountId) -> Result<(), Reason> {
        let limits = &self.head.spec.limits;
        let own = self.orders.iter().filter(|o| o.party.account == account).count();
        refuse_if(self.orders.len() >= count(limits.orders_max), Reason::BookFull)?;
        refuse_if(own >= count(limits.orders_per_account_max), Reason::AccountFull)
    }
}
