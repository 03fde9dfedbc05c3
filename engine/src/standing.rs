//! Where each order of a market stands, and the only ways in and out.
//!
//! An order is in exactly one place: in a queue of its side's ladder, among the stops, or nowhere
//! while it is being worked off. The fields are private to this module, and its methods keep slots,
//! index, owners, heaps, totals and queues in step: all of them change or none does.

mod audit;

use crate::arena::{Arena, Handle, Order, PLAIN, Seat};
use crate::command::SelfTrade;
use crate::event::{Party, SideSummary};
use crate::heap::Heap;
use crate::index::{Index, IndexKey, Spot};
use crate::ladder::{Ladder, Level};
use crate::owners::{Owners, Whose};
use crate::parts::Parts;
use crate::quantity::{
    AccountId, EpochNumber, OrderId, Price, Priority, Quantity, SessionId, Side, Timestamp,
};
use crate::snapshot::{OrderRecord, Until};
use crate::stops::Stops;

/// The live orders of a market.
#[derive(Debug)]
pub(crate) struct Standing {
    arena: Arena,
    index: Index,
    owners: Owners,
    bids: Ladder,
    asks: Ladder,
    buys: SideSummary,
    sells: SideSummary,
    stops: Stops,
    /// Orders with an expiry, the earliest first.
    expiries: Heap<(u64, u64)>,
    /// Orders with a last epoch, the earliest first.
    last_epochs: Heap<(u64, u64)>,
}

/// A limit order without conditions that comes to rest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlainOrder {
    pub(crate) party: Party,
    pub(crate) side: Side,
    pub(crate) limit: Price,
    pub(crate) quantity: Quantity,
    pub(crate) self_trade: SelfTrade,
    pub(crate) priority: Priority,
    pub(crate) session: Option<SessionId>,
}

/// An order that is gone, as far as its last event tells of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone {
    pub(crate) party: Party,
    pub(crate) side: Side,
    pub(crate) price: Option<Price>,
    pub(crate) remaining: Quantity,
}

impl From<&OrderRecord> for Gone {
    fn from(order: &OrderRecord) -> Self {
        let price = order.kind.price();
        Self { party: order.party, side: order.side, price, remaining: order.open }
    }
}

/// What there is.
impl Standing {
    pub(crate) fn new(key: IndexKey) -> Self {
        Self {
            arena: Arena::default(),
            index: Index::new(key),
            owners: Owners::new(key),
            bids: Ladder::new(Side::Buy),
            asks: Ladder::new(Side::Sell),
            buys: SideSummary::default(),
            sells: SideSummary::default(),
            stops: Stops::default(),
            expiries: Heap::default(),
            last_epochs: Heap::default(),
        }
    }

    /// How many orders are live.
    #[inline(always)]
    pub(crate) const fn live(&self) -> u32 {
        self.arena.live()
    }

    /// Whether an account has fewer than so many orders.
    #[inline(always)]
    pub(crate) fn has_room(&mut self, account: AccountId, most: u32) -> bool {
        self.owners.has_room(&self.arena, account, most)
    }

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

    /// These live orders, in no order that means anything.
    pub(crate) fn orders(&self, whose: Whose) -> impl Iterator<Item = (Handle, &Order)> {
        let register = self.owners.register();
        let some = register.into_iter().flat_map(move |register| register.candidates(whose));
        let all = register.is_none().then(|| self.arena.handles()).into_iter().flatten();
        let orders = some.chain(all).map(|handle| (handle, self.arena.order(handle)));
        orders.filter(move |(_, order)| whose.fits(order))
    }

    /// Every live order as a record, in no order that means anything.
    pub(crate) fn records(&self) -> impl Iterator<Item = OrderRecord> {
        self.arena.handles().map(|handle| self.record(handle))
    }

    /// What matching reads of an order.
    #[inline]
    pub(crate) fn order(&self, handle: Handle) -> &Order {
        self.arena.order(handle)
    }

    /// A live order as a record.
    pub(crate) fn record(&self, handle: Handle) -> OrderRecord {
        let order = self.arena.order(handle);
        self.arena.record(handle, self.ladder(order.side).price(order))
    }

    /// What an order has not traded, shown or not.
    #[inline]
    pub(crate) fn open(&self, handle: Handle) -> Quantity {
        self.arena.open(handle)
    }

    /// The parts that an order does not show.
    #[inline]
    pub(crate) fn parts(&self, handle: Handle) -> Parts {
        self.arena.parts(handle)
    }

    /// The size of the parts that an order shows.
    pub(crate) fn display(&self, handle: Handle) -> Option<Quantity> {
        self.arena.display(handle)
    }

    #[inline(always)]
    pub(crate) const fn ladder(&self, side: Side) -> &Ladder {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    /// The orders of a level of this side, oldest first.
    pub(crate) fn queue(&self, side: Side, level: &Level) -> impl Iterator<Item = Handle> {
        self.ladder(side).queue(&self.arena, level)
    }

    /// One side in numbers.
    pub(crate) fn summary(&self, side: Side) -> SideSummary {
        let totals = match side {
            Side::Buy => self.buys,
            Side::Sell => self.sells,
        };
        SideSummary { best: self.ladder(side).best().map(|level| level.price), ..totals }
    }

    /// The order that ends first by its own time, and when.
    #[inline]
    pub(crate) fn next_expiry(&self) -> Option<(Timestamp, Handle)> {
        self.expiries.first().map(|((due, _), handle)| (Timestamp(due), Handle(handle)))
    }

    /// The order whose last epoch comes first, and that epoch.
    pub(crate) fn next_last_epoch(&self) -> Option<(EpochNumber, Handle)> {
        self.last_epochs.first().map(|((last, _), handle)| (EpochNumber(last), Handle(handle)))
    }

    /// The next stop that a range of prices elects.
    pub(crate) fn elected(&self, high: Price, low: Price) -> Option<Handle> {
        self.stops.elected(high, low)
    }
}

/// The ways in, out and within.
impl Standing {
    /// Makes room for so many orders, and touches it.
    pub(crate) fn reserve(&mut self, orders: usize) {
        self.arena.reserve(orders);
        self.index.reserve(orders);
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
        self.owners.admit(&self.arena, handle);
        self.index.insert(order.party.order.0, handle.0);
        self.schedule(handle, order.until, order.priority);
    }

    /// As [`Standing::attach`], for a plain order and where the index has room for it.
    #[inline(always)]
    pub(crate) fn attach_plain(&mut self, order: PlainOrder, spot: Spot) {
        let PlainOrder { party, side, limit, quantity, self_trade, priority, session } = order;
        let handle = self.arena.vacant();
        let (ladder, totals, arena) = self.side_mut(side);
        totals.resting = totals.resting.saturating_add(1);
        totals.resting_quantity = totals.resting_quantity.plus(quantity);
        let Seat { level, previous } =
            ladder.admit(arena, handle, Some(limit), (quantity, Quantity::ZERO));
        arena.put(Order {
            id: party.order,
            account: party.account,
            reference: party.reference,
            shown: quantity,
            priority,
            level,
            next: Handle::NONE,
            previous,
            more: PLAIN,
            session,
            side,
            post_only: false,
            self_trade,
        });
        self.owners.admit(&self.arena, handle);
        self.index.insert_at(spot, handle.0);
    }

    /// Takes a plain order out of its queue and puts it at the tail of another. It keeps its slot.
    #[inline(always)]
    pub(crate) fn requeue_plain(
        &mut self,
        handle: Handle,
        limit: Price,
        open: Quantity,
        priority: Priority,
    ) {
        let order = *self.arena.order(handle);
        let Some(seat) = order.seat() else { return };
        let (ladder, totals, arena) = self.side_mut(order.side);
        totals.resting_quantity = totals.resting_quantity.minus(order.shown).plus(open);
        ladder.dismiss(arena, seat, order.next, (order.shown, Quantity::ZERO));
        let Seat { level, previous } =
            ladder.admit(arena, handle, Some(limit), (open, Quantity::ZERO));
        let next = Handle::NONE;
        *arena.order_mut(handle) = Order { shown: open, priority, level, next, previous, ..order };
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

    /// As [`Standing::remove`], for who has just looked the order up.
    #[inline(always)]
    pub(crate) fn remove_at(&mut self, spot: Spot, handle: Handle) -> Gone {
        let gone = self.take_out(handle);
        self.index.remove_at(spot, handle.0);
        gone
    }

    /// Sets what a resting order shows and hides, where it stands.
    #[inline]
    pub(crate) fn resize(&mut self, handle: Handle, shown: Quantity, hidden: Quantity) {
        let (before, hid) = (self.arena.open(handle), self.arena.hidden(handle));
        let (ladder, totals, arena) = self.side_mut(self.arena.order(handle).side);
        totals.resting_quantity = totals.resting_quantity.minus(before).plus(shown).plus(hidden);
        totals.hidden_quantity = totals.hidden_quantity.minus(hid).plus(hidden);
        ladder.resize(arena, handle, shown, hidden);
    }

    /// Takes an order from everywhere but the index.
    #[inline(always)]
    fn take_out(&mut self, handle: Handle) -> Gone {
        let order = *self.arena.order(handle);
        let (kind, until) = if order.is_plain() {
            (None, Until::Cancelled)
        } else {
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

    /// A side's ladder and totals, and the arena that its queues run through.
    #[inline(always)]
    const fn side_mut(&mut self, side: Side) -> (&mut Ladder, &mut SideSummary, &mut Arena) {
        match side {
            Side::Buy => (&mut self.bids, &mut self.buys, &mut self.arena),
            Side::Sell => (&mut self.asks, &mut self.sells, &mut self.arena),
        }
    }

    /// Notes when an order ends by itself.
    fn schedule(&mut self, handle: Handle, until: Until, priority: Priority) {
        match until {
            Until::Time(time) => self.expiries.insert(handle.0, (time.0, priority.0)),
            Until::Epoch(epoch) => self.last_epochs.insert(handle.0, (epoch.0, priority.0)),
            Until::Cancelled | Until::Immediate | Until::Filled => {}
        }
    }

    /// Takes such a note back.
    fn unschedule(&mut self, handle: Handle, until: Until) {
        match until {
            Until::Time(_) => drop(self.expiries.remove(handle.0)),
            Until::Epoch(_) => drop(self.last_epochs.remove(handle.0)),
            Until::Cancelled | Until::Immediate | Until::Filled => {}
        }
    }
}
