//! Amends: an order keeps its place in the queue if the rules allow it, or else leaves and enters
//! again.

use crate::arena::Handle;
use crate::book::{Book, Refusal};
use crate::checks::require;
use crate::command::{Amend, OrderKind};
use crate::event::{Event, Sink};
use crate::market::Phase;
use crate::quantity::AccountId;
use crate::reason::Reason;
use crate::snapshot::OrderRecord;

impl Book {
    pub(crate) fn amend<S: Sink>(
        &mut self,
        account: AccountId,
        amend: &Amend,
        sink: &mut S,
    ) -> Result<(), Refusal> {
        let refusal = |reference, reason| Refusal { order: Some(amend.order), reference, reason };
        if self.head.phase == Phase::Closed {
            return Err(refusal(None, Reason::WrongPhase));
        }
        let handle =
            self.live_orders.find(amend.order).ok_or(refusal(None, Reason::UnknownOrder))?;
        let order = self.live_orders.order(handle);
        if order.account != account {
            return Err(refusal(None, Reason::NotOwner));
        }
        let reference = order.reference;
        let refusal = |reason| refusal(Some(reference), reason);
        if self.head.phase == Phase::Halted {
            return Err(refusal(Reason::WrongPhase));
        }
        let changed = if order.is_plain() && !order.post_only {
            self.amend_plain(handle, amend, sink)
        } else {
            self.amend_with_conditions(handle, amend, sink)
        };
        changed.map_err(refusal)
    }

    #[inline(never)]
    fn amend_with_conditions<S: Sink>(
        &mut self,
        handle: Handle,
        amend: &Amend,
        sink: &mut S,
    ) -> Result<(), Reason> {
        let order = self.live_orders.record(handle);
        let kind = changed(order.kind, amend);
        let open = amend.quantity.unwrap_or(order.open);
        let waits = order.kind.stop().is_some();
        let enters = !waits && (amend.requeue || open > order.open || kind != order.kind);
        self.check_amend(&order, amend, kind, enters)?;
        let changes = amend.requeue || open != order.open || kind != order.kind;
        require(changes, Reason::NoChange)?;
        let mut changed = OrderRecord { kind, open, ..order };
        if enters {
            self.check_entry(&changed)?;
            changed.shown = changed.shown_on_entry();
            self.reenter(handle, &mut changed, sink);
        } else if waits {
            self.change_stop(handle, &mut changed, sink);
        } else {
            changed.shown = order.shown.min(open);
            self.live_orders.resize(handle, changed.shown, open.minus(changed.shown));
            emit_amended(&changed, sink);
        }
        self.cascade(sink);
        Ok(())
    }

    /// Removes an order from its queue and enters it again.
    fn reenter<S: Sink>(&mut self, handle: Handle, order: &mut OrderRecord, sink: &mut S) {
        self.live_orders.remove(handle);
        order.priority = self.take_priority();
        emit_amended(order, sink);
        self.enter(order, sink);
    }

    /// Changes a waiting stop, and elects it if its condition now holds.
    fn change_stop<S: Sink>(&mut self, handle: Handle, order: &mut OrderRecord, sink: &mut S) {
        self.live_orders.remove(handle);
        emit_amended(order, sink);
        self.enter_stop(order, sink);
    }
}

/// The kind that an order has after an amend.
fn changed(kind: OrderKind, amend: &Amend) -> OrderKind {
    match kind {
        OrderKind::Limit { price } => OrderKind::Limit { price: amend.price.unwrap_or(price) },
        OrderKind::Market => OrderKind::Market,
        OrderKind::Stop { stop } => OrderKind::Stop { stop: amend.stop_price.unwrap_or(stop) },
        OrderKind::StopLimit { stop, price } => OrderKind::StopLimit {
            stop: amend.stop_price.unwrap_or(stop),
            price: amend.price.unwrap_or(price),
        },
    }
}

fn emit_amended<S: Sink>(order: &OrderRecord, sink: &mut S) {
    sink.event(&Event::Amended {
        party: order.party,
        kind: order.kind,
        remaining: order.open,
        shown: order.shown,
        priority: order.priority,
    });
}
