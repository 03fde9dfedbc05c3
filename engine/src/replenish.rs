//! Applies and reports what happens to the orders that a taker meets at a price with hidden parts.

use crate::book::Book;
use crate::crossing::Fill;
use crate::event::{Event, Sink};
use crate::quantity::Price;
use crate::reason::CancelReason;
use crate::snapshot::OrderRecord;
use crate::sweep::Met;

impl Book {
    /// Lets a taker take what it can at the best price of the other side. Returns `true` if it may
    /// go on.
    #[inline(never)]
    pub(crate) fn sweep<S: Sink>(&mut self, taker: &mut OrderRecord, sink: &mut S) -> bool {
        let mut sweep = core::mem::take(&mut self.sweep);
        if let Some(level) = self.standing.ladder(taker.side.opposite()).best() {
            let price = self.price(level.price, taker);
            sweep.run(&self.standing, taker, level);
            for met in &sweep.met {
                self.tell(met, price, taker, sink);
            }
            let (before, behind) = sweep.met.split_at(sweep.first);
            for met in behind.iter().chain(before) {
                self.leave(*met, sink);
            }
        }
        let goes_on = !sweep.stops;
        self.sweep = sweep;
        goes_on
    }

    /// Emits the event for what a taker takes of an order that it meets.
    fn tell<S: Sink>(&mut self, met: &Met, price: Price, taker: &mut OrderRecord, sink: &mut S) {
        if met.goes {
            self.cancel_order(met.maker, CancelReason::SelfTrade, sink);
            return;
        }
        let order = self.standing.order(met.maker);
        let (maker, shown) = (order.party(), order.shown);
        let remaining = self.standing.open(met.maker).minus(met.by);
        taker.open = taker.open.minus(met.by);
        if met.own {
            let shown = shown.minus(shown.min(met.by));
            self.reduced((maker, remaining, shown), taker, met.by, sink);
        } else {
            self.traded(Fill::of(maker, remaining, taker, price, met.by), sink);
        }
    }

    /// Stores what is left of an order at its place, or lets its next part come up.
    fn leave<S: Sink>(&mut self, met: Met, sink: &mut S) {
        let Met { maker, goes, mut shown, mut rest, replenished, .. } = met;
        if goes {
            return;
        }
        if shown.is_zero() && rest.hidden.is_zero() {
            self.standing.remove(maker);
            return;
        }
        if !shown.is_zero() && !replenished {
            self.standing.resize(maker, shown, rest.hidden);
            return;
        }
        if shown.is_zero() {
            shown = rest.after(1);
            rest.hidden = rest.hidden.minus(shown);
        }
        let mut record = self.standing.detach(maker);
        record.open = shown.plus(rest.hidden);
        record.shown = shown;
        record.priority = self.take_priority();
        self.standing.attach(&record);
        sink.event(&Event::Replenished {
            party: record.party,
            remaining: record.open,
            shown,
            priority: record.priority,
        });
    }
}
