//! Applies and reports what happens to the orders that a taker meets at a price with hidden parts.

use crate::book::Book;
use crate::crossing::Fill;
use crate::event::{Event, Sink};
use crate::quantity::Price;
use crate::reason::CancelReason;
use crate::snapshot::OrderRecord;
use crate::sweep::MetOrder;

impl Book {
    /// Lets a taker take what it can at the best price of the other side. Returns `true` if it can
    /// continue.
    #[inline(never)]
    pub(crate) fn sweep<S: Sink>(&mut self, taker: &mut OrderRecord, sink: &mut S) -> bool {
        let mut sweep = core::mem::take(&mut self.sweep);
        if let Some(level) = self.live_orders.ladder(taker.side.opposite()).best() {
            let price = self.price(level.price, taker);
            sweep.run(&self.live_orders, taker, level);
            for met in &sweep.met {
                self.report_match(met, price, taker, sink);
            }
            let (before, behind) = sweep.met.split_at(sweep.first_remaining);
            for met in behind.iter().chain(before) {
                self.store_remainder(*met, sink);
            }
        }
        let can_continue = !sweep.is_stopped;
        self.sweep = sweep;
        can_continue
    }

    /// Emits the event for what a taker takes of an order that it meets.
    fn report_match<S: Sink>(
        &mut self,
        met: &MetOrder,
        price: Price,
        taker: &mut OrderRecord,
        sink: &mut S,
    ) {
        if met.is_cancelled {
            self.cancel_order(met.maker, CancelReason::SelfTrade, sink);
            return;
        }
        let order = self.live_orders.order(met.maker);
        let (maker, shown) = (order.party(), order.shown);
        let remaining = self.live_orders.open(met.maker).minus(met.taken);
        taker.open = taker.open.minus(met.taken);
        if met.is_own {
            let shown = shown.minus(shown.min(met.taken));
            self.emit_reduced((maker, remaining, shown), taker, met.taken, sink);
        } else {
            self.record_trade(Fill::of(maker, remaining, taker, price, met.taken), sink);
        }
    }

    /// Stores what is left of an order at its place, or lets its next part come up.
    fn store_remainder<S: Sink>(&mut self, met: MetOrder, sink: &mut S) {
        let MetOrder { maker, is_cancelled, mut shown, mut rest, replenished, .. } = met;
        if is_cancelled {
            return;
        }
        if shown.is_zero() && rest.hidden.is_zero() {
            self.live_orders.remove(maker);
            return;
        }
        if !shown.is_zero() && !replenished {
            self.live_orders.resize(maker, shown, rest.hidden);
            return;
        }
        if shown.is_zero() {
            shown = rest.after(1);
            rest.hidden = rest.hidden.minus(shown);
        }
        let mut record = self.live_orders.detach(maker);
        record.open = shown.plus(rest.hidden);
        record.shown = shown;
        record.priority = self.take_priority();
        self.live_orders.attach(&record);
        sink.event(&Event::Replenished {
            party: record.party,
            remaining: record.open,
            shown,
            priority: record.priority,
        });
    }
}
