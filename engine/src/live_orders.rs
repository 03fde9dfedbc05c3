//! The live orders of a market, and the only operations that add, move or remove one.
//!
//! An order is in exactly one place: in a queue of its side's ladder, among the stops, or in
//! neither while it is being matched. The fields are private to this module. Its methods keep
//! slots, index, owners, heaps, totals and queues in step: all of them change, or none does.

mod audit;

use crate::arena::{Arena, Handle, Order, PLAIN, QueuePosition};
use crate::command::SelfTrade;
use crate::event::{Party, SideSummary};
use crate::heap::Heap;
use crate::index::{Index, IndexKey, Position};
use crate::ladder::{Ladder, Level};
use crate::owners::{OrderFilter, Owners};
use crate::parts::Parts;
use crate::quantity::{
    AccountId, EpochNumber, OrderId, Price, Priority, Quantity, SessionId, Side, Timestamp,
};
use crate::snapshot::{OrderRecord, Until};
use crate::stops::Stops;

/// The live orders of a market.
#[derive(Debug)]
pub(crate) struct LiveOrders {
    arena: Arena,
    index: Index,
    owners: Owners,
    bids: Ladder,
    asks: Ladder,
    buy_totals: SideSummary,
    sell_totals: SideSummary,
    stops: Stops,
    /// Orders with an expiry time, earliest first.
    expiries: Heap<(u64, u64)>,
    /// Orders with a last epoch, earliest first.
    last_epochs: Heap<(u64, u64)>,
}

/// A limit order without conditions that is about to rest.
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

/// An order that was removed, with the fields that its last event needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RemovedOrder {
    pub(crate) party: Party,
    pub(crate) side: Side,
    pub(crate) price: Option<Price>,
    pub(crate) remaining: Quantity,
}

impl From<&OrderRecord> for RemovedOrder {
    fn from(order: &OrderRecord) -> Self {
        let price = order.kind.price();
        Self { party: order.party, side: order.side, price, remaining: order.open }
    }
}

/// Queries.
impl LiveOrders {
    pub(crate) fn new(key: IndexKey) -> Self {
        Self {
            arena: Arena::default(),
            index: Index::new(key),
            owners: Owners::new(key),
            bids: Ladder::new(Side::Buy),
            asks: Ladder::new(Side::Sell),
            buy_totals: SideSummary::default(),
            sell_totals: SideSummary::default(),
            stops: Stops::default(),
            expiries: Heap::default(),
            last_epochs: Heap::default(),
        }
    }

    /// The number of live orders.
    #[inline(always)]
    pub(crate) const fn live(&self) -> u32 {
        self.arena.live()
    }

    /// Returns `true` if an account has fewer than `limit` live orders.
    #[inline(always)]
    pub(crate) fn has_room(&mut self, account: AccountId, limit: u32) -> bool {
        self.owners.has_room(&self.arena, account, limit)
    }

    /// The live order with this id.
    pub(crate) fn find(&self, order: OrderId) -> Option<Handle> {
        let is_match = |handle| self.arena.order(Handle(handle)).id == order;
        self.index.find(order.0, is_match).map(Handle)
    }

    /// Returns the live order with this id and its position in the index, or the position where the
    /// index would insert it.
    #[inline(always)]
    pub(crate) fn find_position(&self, order: OrderId) -> Result<(Handle, Position), Position> {
        let is_match = |handle| self.arena.order(Handle(handle)).id == order;
        self.index
            .find_position(order.0, is_match)
            .map(|(handle, position)| (Handle(handle), position))
    }

    /// The live orders that match, in unspecified order.
    pub(crate) fn orders(&self, filter: OrderFilter) -> impl Iterator<Item = (Handle, &Order)> {
        let register = self.owners.register();
        let some = register.into_iter().flat_map(move |register| register.candidates(filter));
        let all = register.is_none().then(|| self.arena.handles()).into_iter().flatten();
        let orders = some.chain(all).map(|handle| (handle, self.arena.order(handle)));
        orders.filter(move |(_, order)| filter.matches(order))
    }

    /// All live orders as records, in unspecified order.
    pub(crate) fn records(&self) -> impl Iterator<Item = OrderRecord> {
        self.arena.handles().map(|handle| self.record(handle))
    }

    /// The part of an order that matching reads.
    #[inline]
    pub(crate) fn order(&self, handle: Handle) -> &Order {
        self.arena.order(handle)
    }

    /// A live order as a record.
    pub(crate) fn record(&self, handle: Handle) -> OrderRecord {
        let order = self.arena.order(handle);
        self.arena.record(handle, self.ladder(order.side).price(order))
    }

    /// The open quantity of an order, shown and hidden.
    #[inline]
    pub(crate) fn open(&self, handle: Handle) -> Quantity {
        self.arena.open(handle)
    }

    /// The parts of an order that are hidden.
    #[inline]
    pub(crate) fn parts(&self, handle: Handle) -> Parts {
        self.arena.parts(handle)
    }

    /// The display quantity of an order, if it has one.
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

    /// The orders in a level of this side, oldest first.
    pub(crate) fn queue(&self, side: Side, level: &Level) -> impl Iterator<Item = Handle> {
        self.ladder(side).queue(&self.arena, level)
    }

    /// The totals of one side.
    pub(crate) fn summary(&self, side: Side) -> SideSummary {
        let totals = match side {
            Side::Buy => self.buy_totals,
            Side::Sell => self.sell_totals,
        };
        SideSummary { best: self.ladder(side).best().map(|level| level.price), ..totals }
    }

    /// The order with the earliest expiry time, and that time.
    #[inline]
    pub(crate) fn next_expiry(&self) -> Option<(Timestamp, Handle)> {
        self.expiries.first().map(|((due, _), handle)| (Timestamp(due), Handle(handle)))
    }

    /// The order with the earliest last epoch, and that epoch.
    pub(crate) fn next_last_epoch(&self) -> Option<(EpochNumber, Handle)> {
        self.last_epochs.first().map(|((last, _), handle)| (EpochNumber(last), Handle(handle)))
    }

    /// The next stop that a range of traded prices elects.
    pub(crate) fn elected(&self, high: Price, low: Price) -> Option<Handle> {
        self.stops.elected(high, low)
    }
}

/// Changes.
impl LiveOrders {
    /// Allocates memory for this many orders and touches it.
    pub(crate) fn reserve(&mut self, orders: usize) {
        self.arena.reserve(orders);
        self.index.reserve(orders);
    }

    /// Stores an order: at the end of its queue, or among the stops.
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
                let queue_position = ladder.insert(arena, handle, order.kind.price(), parts);
                arena.insert(order, Some(queue_position));
            }
            Some(stop) => {
                totals.waiting = totals.waiting.saturating_add(1);
                totals.waiting_quantity = totals.waiting_quantity.plus(order.open);
                arena.insert(order, None);
                self.stops.insert(order.side, stop, order.priority, handle);
            }
        }
        self.owners.insert(&self.arena, handle);
        self.index.insert(order.party.order.0, handle.0);
        self.schedule(handle, order.until, order.priority);
    }

    /// Like [`LiveOrders::attach`], for a plain order at the index position that a failed lookup
    /// returned.
    #[inline(always)]
    pub(crate) fn attach_plain(&mut self, order: PlainOrder, position: Position) {
        let PlainOrder { party, side, limit, quantity, self_trade, priority, session } = order;
        let handle = self.arena.vacant();
        let (ladder, totals, arena) = self.side_mut(side);
        totals.resting = totals.resting.saturating_add(1);
        totals.resting_quantity = totals.resting_quantity.plus(quantity);
        let QueuePosition { level, previous } =
            ladder.insert(arena, handle, Some(limit), (quantity, Quantity::ZERO));
        arena.put(Order {
            id: party.order,
            account: party.account,
            reference: party.reference,
            shown: quantity,
            priority,
            level,
            next: Handle::NONE,
            previous,
            conditions: PLAIN,
            session,
            side,
            post_only: false,
            self_trade,
        });
        self.owners.insert(&self.arena, handle);
        self.index.insert_at(position, handle.0);
    }

    /// Moves a plain order from its queue to the end of another. It keeps its slot.
    #[inline(always)]
    pub(crate) fn requeue_plain(
        &mut self,
        handle: Handle,
        limit: Price,
        open: Quantity,
        priority: Priority,
    ) {
        let order = *self.arena.order(handle);
        let Some(queue_position) = order.queue_position() else { return };
        let (ladder, totals, arena) = self.side_mut(order.side);
        totals.resting_quantity = totals.resting_quantity.minus(order.shown).plus(open);
        ladder.remove(arena, queue_position, order.next, (order.shown, Quantity::ZERO));
        let QueuePosition { level, previous } =
            ladder.insert(arena, handle, Some(limit), (open, Quantity::ZERO));
        let next = Handle::NONE;
        *arena.order_mut(handle) = Order { shown: open, priority, level, next, previous, ..order };
    }

    /// Removes an order and returns its record.
    pub(crate) fn detach(&mut self, handle: Handle) -> OrderRecord {
        let record = self.record(handle);
        self.remove(handle);
        record
    }

    /// Removes an order and returns the fields that its last event needs.
    #[inline(always)]
    pub(crate) fn remove(&mut self, handle: Handle) -> RemovedOrder {
        let removed = self.remove_unindexed(handle);
        self.index.remove(removed.party.order.0, handle.0);
        removed
    }

    /// Like [`LiveOrders::remove`], for a caller that has just looked the order up.
    #[inline(always)]
    pub(crate) fn remove_at(&mut self, position: Position, handle: Handle) -> RemovedOrder {
        let removed = self.remove_unindexed(handle);
        self.index.remove_at(position, handle.0);
        removed
    }

    /// Sets the shown and hidden quantities of a resting order, which keeps its place.
    #[inline]
    pub(crate) fn resize(&mut self, handle: Handle, shown: Quantity, hidden: Quantity) {
        let (before, hidden_before) = (self.arena.open(handle), self.arena.hidden(handle));
        let (ladder, totals, arena) = self.side_mut(self.arena.order(handle).side);
        totals.resting_quantity = totals.resting_quantity.minus(before).plus(shown).plus(hidden);
        totals.hidden_quantity = totals.hidden_quantity.minus(hidden_before).plus(hidden);
        ladder.resize(arena, handle, shown, hidden);
    }

    /// Removes an order from everything except the index.
    #[inline(always)]
    fn remove_unindexed(&mut self, handle: Handle) -> RemovedOrder {
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
        if let Some(queue_position) = order.queue_position() {
            totals.resting = totals.resting.saturating_sub(1);
            totals.resting_quantity = totals.resting_quantity.minus(open);
            totals.hidden_quantity = totals.hidden_quantity.minus(hidden);
            price = Some(ladder.remove(arena, queue_position, order.next, (order.shown, hidden)));
        } else {
            totals.waiting = totals.waiting.saturating_sub(1);
            totals.waiting_quantity = totals.waiting_quantity.minus(open);
            self.stops.remove(order.side, handle);
        }
        if let Some(kind) = kind {
            price = kind.price();
            self.unschedule(handle, until);
        }
        self.owners.remove(&self.arena, handle);
        self.arena.remove(handle);
        RemovedOrder { party: order.party(), side: order.side, price, remaining: open }
    }

    /// A side's ladder and totals, and the arena that holds its queues' links.
    #[inline(always)]
    const fn side_mut(&mut self, side: Side) -> (&mut Ladder, &mut SideSummary, &mut Arena) {
        match side {
            Side::Buy => (&mut self.bids, &mut self.buy_totals, &mut self.arena),
            Side::Sell => (&mut self.asks, &mut self.sell_totals, &mut self.arena),
        }
    }

    /// Schedules the end of an order that has an expiry time or a last epoch.
    fn schedule(&mut self, handle: Handle, until: Until, priority: Priority) {
        match until {
            Until::Time(time) => self.expiries.insert(handle.0, (time.0, priority.0)),
            Until::Epoch(epoch) => self.last_epochs.insert(handle.0, (epoch.0, priority.0)),
            Until::Cancelled | Until::Immediate | Until::Filled => {}
        }
    }

    /// Removes an order from the schedule.
    fn unschedule(&mut self, handle: Handle, until: Until) {
        match until {
            Until::Time(_) => drop(self.expiries.remove(handle.0)),
            Until::Epoch(_) => drop(self.last_epochs.remove(handle.0)),
            Until::Cancelled | Until::Immediate | Until::Filled => {}
        }
    }
}
