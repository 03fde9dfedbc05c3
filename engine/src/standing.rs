//! Where each order of a market stands, and the only ways in and out.
//!
//! An order is in exactly one place: in a queue of its side's ladder, among the stops, or nowhere
//! while it is being worked off. [`Book::attach`] and [`Book::remove`] keep index, heaps, totals and
//! queues in step, all of them or none.

use crate::arena::{Arena, Handle, Order};
use crate::book::{Book, Gone};
use crate::event::SideSummary;
use crate::index::Spot;
use crate::ladder::Ladder;
use crate::owners::Whose;
use crate::quantity::{OrderId, Priority, Quantity, Side};
use crate::snapshot::{OrderRecord, Until};

impl Book {
    /// The live order of this id.
    pub(crate) fn find(&self, order: OrderId) -> Option<Handle> {
        let is_it = |handle| self.arena.order(Handle(handle)).id == order;
        self.index.find(order.0, is_it).map(Handle)
    }

    /// The live order of this id and where the index has it, or where it would.
    #[inline(always)]
    pub(crate) fn find_spot(&self, order: OrderId) -> Result<(Handle, Spot), Spot> {
        let is_it = |handle| self.arena.order(Handle(handle)).id == order;
        self.index.find_spot(order.0, is_it).map(|(handle, spot)| (Handle(handle), spot))
    }

    pub(crate) const fn ladder(&self, side: Side) -> &Ladder {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    /// A side's ladder and totals, and the arena that its queues run through.
    pub(crate) const fn side_mut(
        &mut self,
        side: Side,
    ) -> (&mut Ladder, &mut SideSummary, &mut Arena) {
        match side {
            Side::Buy => (&mut self.bids, &mut self.buys, &mut self.arena),
            Side::Sell => (&mut self.asks, &mut self.sells, &mut self.arena),
        }
    }

    /// Takes the next place in time.
    pub(crate) fn take_priority(&mut self) -> Priority {
        let priority = self.head.next_priority;
        self.head.next_priority = priority.next();
        priority
    }

    /// Gives an order its place: at the tail of its queue, or among the stops.
    pub(crate) fn attach(&mut self, order: &OrderRecord) {
        let handle = self.arena.vacant();
        let (ladder, totals, arena) = self.side_mut(order.side);
        match order.kind.stop() {
            None => {
                totals.resting = totals.resting.saturating_add(1);
                totals.resting_quantity = totals.resting_quantity.plus(order.open);
                let hidden = order.open.minus(order.shown);
                totals.hidden_quantity = totals.hidden_quantity.plus(hidden);
                let parts = (order.shown, hidden);
                let seat = ladder.admit(arena, handle, order.kind.price(), parts);
                arena.insert(order, Some(seat));
            }
            Some(stop) => {
                totals.waiting = totals.waiting.saturating_add(1);
                totals.waiting_quantity = totals.waiting_quantity.plus(order.open);
                arena.insert(order, None);
                self.stops.insert(order.side, stop, order.priority, handle);
            }
        }
        self.owners.add_extra(order.places());
        self.owners.admit(&self.arena, handle);
        self.index.insert(order.party.order.0, handle.0);
        self.schedule(handle, order.until, order.priority);
    }

    /// Takes an order from its place. Nothing remembers it but the record.
    pub(crate) fn detach(&mut self, handle: Handle) -> OrderRecord {
        let record = self.record(handle);
        self.remove(handle);
        record
    }

    /// Takes an order from its place and forgets it, but for what its last event tells of it.
    #[inline(always)]
    pub(crate) fn remove(&mut self, handle: Handle) -> Gone {
        let gone = self.take_out(handle);
        self.index.remove(gone.party.order.0, handle.0);
        gone
    }

    /// As [`Book::remove`], for who has just looked the order up.
    #[inline(always)]
    pub(crate) fn remove_at(&mut self, spot: Spot, handle: Handle) -> Gone {
        let gone = self.take_out(handle);
        self.index.remove_at(spot, handle.0);
        gone
    }

    /// Takes an order from everywhere but the index.
    #[inline(always)]
    fn take_out(&mut self, handle: Handle) -> Gone {
        let order = *self.arena.order(handle);
        let (kind, until) = if order.is_plain() {
            (None, Until::Cancelled)
        } else {
            self.owners.take_extra(self.arena.places(handle));
            (self.arena.kind(handle), self.arena.until(handle))
        };
        let hidden = self.arena.hidden(handle);
        let open = order.shown.plus(hidden);
        let (ladder, totals, arena) = self.side_mut(order.side);
        let mut price = None;
        if let Some(seat) = order.seat() {
            totals.resting = totals.resting.saturating_sub(1);
            totals.resting_quantity = totals.resting_quantity.minus(open);
            totals.hidden_quantity = totals.hidden_quantity.minus(hidden);
            price = Some(ladder.dismiss(arena, seat, order.next, (order.shown, hidden)));
        } else {
            totals.waiting = totals.waiting.saturating_sub(1);
            totals.waiting_quantity = totals.waiting_quantity.minus(open);
            self.stops.remove(order.side, handle);
        }
        if let Some(kind) = kind {
            price = kind.price();
            self.unschedule(handle, until);
        }
        self.owners.dismiss(&self.arena, handle);
        self.arena.remove(handle);
        Gone { party: order.party(), side: order.side, price, remaining: open }
    }

    /// These live orders, in no order that means anything.
    pub(crate) fn orders_with(&self, whose: Whose) -> impl Iterator<Item = (Handle, &Order)> {
        let register = self.owners.register();
        let some = register.into_iter().flat_map(move |register| register.candidates(whose));
        let all = register.is_none().then(|| self.arena.handles()).into_iter().flatten();
        let orders = some.chain(all).map(|handle| (handle, self.arena.order(handle)));
        orders.filter(move |(_, order)| whose.fits(order))
    }

    /// A live order as a record.
    pub(crate) fn record(&self, handle: Handle) -> OrderRecord {
        let order = self.arena.order(handle);
        self.arena.record(handle, self.ladder(order.side).price(order))
    }

    /// Sets what a resting order shows and hides, where it stands.
    #[inline]
    pub(crate) fn resize(&mut self, handle: Handle, shown: Quantity, hidden: Quantity) {
        let (before, hid) = (self.arena.open(handle), self.arena.hidden(handle));
        let (order, places) = (*self.arena.order(handle), self.arena.places(handle));
        let (ladder, totals, arena) = self.side_mut(order.side);
        totals.resting_quantity = totals.resting_quantity.minus(before).plus(shown).plus(hidden);
        totals.hidden_quantity = totals.hidden_quantity.minus(hid).plus(hidden);
        ladder.resize(arena, handle, shown, hidden);
        if !order.is_plain() {
            let fewer = places.saturating_sub(self.arena.places(handle));
            self.owners.shrink(order.account, fewer);
        }
    }

    /// Notes when an order ends by itself.
    pub(crate) fn schedule(&mut self, handle: Handle, until: Until, priority: Priority) {
        match until {
            Until::Time(time) => self.expiries.insert(handle.0, (time.0, priority.0)),
            Until::Epoch(epoch) => self.last_epochs.insert(handle.0, (epoch.0, priority.0)),
            Until::Cancelled | Until::Immediate | Until::Filled => {}
        }
    }

    /// Takes such a note back.
    pub(crate) fn unschedule(&mut self, handle: Handle, until: Until) {
        match until {
            Until::Time(_) => drop(self.expiries.remove(handle.0)),
            Until::Epoch(_) => drop(self.last_epochs.remove(handle.0)),
            Until::Cancelled | Until::Immediate | Until::Filled => {}
        }
    }
}
