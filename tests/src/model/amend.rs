//! Amend: what is refused, which orders keep their place, and which enter again.

use pricetime_engine::{
    AccountId, Amend, Event, OrderKind, OrderRecord, Phase, Price, Quantity, Reason,
};

use super::book::{Book, full_part, is_waiting_stop};
use super::market::refuse_if;

/// The amended order, before it is decided whether it keeps its place.
fn changed(old: &OrderRecord, amend: &Amend) -> OrderRecord {
    let kind = match old.kind {
        OrderKind::Limit { price } => OrderKind::Limit { price: amend.price.unwrap_or(price) },
        OrderKind::Market => OrderKind::Market,
        OrderKind::Stop { stop } => OrderKind::Stop { stop: amend.stop_price.unwrap_or(stop) },
        OrderKind::StopLimit { stop, price } => OrderKind::StopLimit {
            stop: amend.stop_price.unwrap_or(stop),
            price: amend.price.unwrap_or(price),
        },
    };
    OrderRecord { kind, open: amend.quantity.unwrap_or(old.open), ..*old }
}

/// Returns `true` if a resting order loses its place.
fn loses_place(old: &OrderRecord, new: &OrderRecord, amend: &Amend) -> bool {
    !is_waiting_stop(old) && (new.kind != old.kind || new.open > old.open || amend.requeue)
}

impl Book {
    /// Amend, in any phase.
    pub(super) fn amend(&mut self, account: AccountId, amend: &Amend) -> Result<(), Reason> {
        let phase = self.head.phase;
        refuse_if(phase == Phase::Closed, Reason::WrongPhase)?;
        let old = *self.get(amend.order).ok_or(Reason::UnknownOrder)?;
        refuse_if(old.party.account != account, Reason::NotOwner)?;
        refuse_if(phase == Phase::Halted, Reason::WrongPhase)?;
        refuse_if(amend.if_open.is_some_and(|open| open != old.open), Reason::Changed)?;
        let new = changed(&old, amend);
        self.check_amend(&old, &new, amend)?;

        self.orders.retain(|o| o.party.order != amend.order);
        if is_waiting_stop(&old) {
            self.report_amended(&new);
            self.wait_or_elect(new);
        } else if loses_place(&old, &new, amend) {
            self.reenter(new);
        } else {
            let shown = old.shown.min(new.open);
            let new = OrderRecord { shown, ..new };
            self.report_amended(&new);
            self.orders.push(new);
        }
        self.cascade();
        Ok(())
    }

    /// The first reason to refuse the change, if any.
    fn check_amend(
        &self,
        old: &OrderRecord,
        new: &OrderRecord,
        amend: &Amend,
    ) -> Result<(), Reason> {
        let zero = amend.quantity == Some(Quantity(0));
        refuse_if(zero, Reason::ZeroQuantity)?;
        refuse_if(new.open > self.head.spec.quantity_max, Reason::QuantityTooLarge)?;
        let changes = [(old.kind.price(), new.kind.price()), (old.kind.stop(), new.kind.stop())];
        let enters = loses_place(old, new, amend);
        let outside = |(old, new): (Option<Price>, Option<Price>)| {
            (enters || new != old) && new.is_some_and(|price| !self.in_band(price))
        };
        refuse_if(changes.into_iter().any(outside), Reason::PriceOutOfBand)?;
        refuse_if(
            new.display_quantity.is_some_and(|display| self.too_many_parts(new.open, display)),
            Reason::BadDisplayQuantity,
        )?;
        refuse_if(
            new.minimum_quantity.is_some_and(|least| least > new.open),
            Reason::BadMinimumQuantity,
        )?;
        let lacks_price = amend.price.is_some() && old.kind.price().is_none();
        let lacks_stop = amend.stop_price.is_some() && old.kind.stop().is_none();
        refuse_if(lacks_price || lacks_stop, Reason::BadCombination)?;
        let same = new.kind == old.kind && new.open == old.open;
        refuse_if(same && !amend.requeue, Reason::NoChange)?;
        let continuous = self.head.phase == Phase::Continuous;
        let reaches = self.reaches_the_other_side(new);
        refuse_if(enters && continuous && new.post_only && reaches, Reason::WouldTake)
    }

    /// Enters the order, which has left the book, as if it were new.
    fn reenter(&mut self, mut new: OrderRecord) {
        new.priority = self.take_priority();
        new.shown = full_part(&new);
        self.report_amended(&new);
        if self.head.phase == Phase::Continuous {
            self.execute(new);
        } else {
            self.rest(new);
        }
    }

    fn report_amended(&mut self, order: &OrderRecord) {
        self.events.push(Event::Amended {
            party: order.party,
            kind: order.kind,
            remaining: order.open,
            shown: order.shown,
            priority: order.priority,
        });
    }
}
