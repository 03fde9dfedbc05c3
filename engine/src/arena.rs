//! The live orders of a market: slots that are used again, named by typed handles.

use crate::command::{OrderKind, SelfTrade};
use crate::event::Party;
use crate::quantity::{Price, Priority, Quantity, Side};
use crate::snapshot::{OrderRecord, Until};

/// The slot of a live order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handle(pub(crate) u32);

impl Handle {
    /// No order: the end of a queue.
    pub(crate) const NONE: Self = Self(u32::MAX);
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The slot is free.
    Free,
    /// Outside the book, a stop.
    Waiting,
    /// In the queue of this level of its side.
    Level(u32),
}

/// What matching reads of an order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) party: Party,
    pub(crate) shown: Quantity,
    pub(crate) hidden: Quantity,
    pub(crate) priority: Priority,
    pub(crate) place: Place,
    pub(crate) next: Handle,
    pub(crate) previous: Handle,
    pub(crate) side: Side,
}

impl Order {
    /// What has not traded, shown or not.
    pub(crate) fn open(&self) -> Quantity {
        self.shown.plus(self.hidden)
    }
}

/// What only the rarer commands read. Quantities of zero stand for none.
#[derive(Clone, Copy, Debug)]
struct Rest {
    kind: OrderKind,
    until: Until,
    minimum: Quantity,
    display: Quantity,
    post_only: bool,
    self_trade: SelfTrade,
}

/// Live orders and free slots.
#[derive(Debug)]
pub(crate) struct Arena {
    orders: Vec<Order>,
    rest: Vec<Rest>,
    free: Handle,
    live: u32,
}

impl Default for Arena {
    fn default() -> Self {
        Self {
            orders: Vec::new(),
            rest: Vec::new(),
            free: Handle::NONE,
            live: 0,
        }
    }
}

fn slot(handle: Handle) -> usize {
    usize::try_from(handle.0).unwrap_or(usize::MAX)
}

fn some(quantity: Quantity) -> Option<Quantity> {
    (!quantity.is_zero()).then_some(quantity)
}

#[expect(
    clippy::indexing_slicing,
    reason = "a handle names a slot that exists; bounds are checked"
)]
impl Arena {
    /// How many orders are live.
    pub(crate) const fn live(&self) -> u32 {
        self.live
    }

    pub(crate) fn order(&self, handle: Handle) -> &Order {
        &self.orders[slot(handle)]
    }

    pub(crate) fn order_mut(&mut self, handle: Handle) -> &mut Order {
        &mut self.orders[slot(handle)]
    }

    /// The order's kind, with its prices.
    pub(crate) fn kind(&self, handle: Handle) -> OrderKind {
        self.rest[slot(handle)].kind
    }

    /// When the order ends by itself.
    pub(crate) fn until(&self, handle: Handle) -> Until {
        self.rest[slot(handle)].until
    }

    /// The size of the parts that the order shows.
    pub(crate) fn display(&self, handle: Handle) -> Option<Quantity> {
        some(self.rest[slot(handle)].display)
    }

    /// The limit price, where there is one.
    pub(crate) fn price(&self, handle: Handle) -> Option<Price> {
        self.kind(handle).price()
    }

    /// The whole order as a record.
    pub(crate) fn record(&self, handle: Handle) -> OrderRecord {
        let order = &self.orders[slot(handle)];
        let rest = &self.rest[slot(handle)];
        OrderRecord {
            party: order.party,
            side: order.side,
            kind: rest.kind,
            until: rest.until,
            post_only: rest.post_only,
            minimum_quantity: some(rest.minimum),
            display_quantity: some(rest.display),
            self_trade: rest.self_trade,
            open: order.open(),
            shown: order.shown,
            priority: order.priority,
        }
    }

    /// Takes an order in. It stands nowhere yet.
    pub(crate) fn insert(&mut self, record: &OrderRecord) -> Handle {
        let order = Order {
            party: record.party,
            shown: record.shown,
            hidden: record.open.minus(record.shown),
            priority: record.priority,
            place: Place::Waiting,
            next: Handle::NONE,
            previous: Handle::NONE,
            side: record.side,
        };
        let rest = Rest {
            kind: record.kind,
            until: record.until,
            minimum: record.minimum_quantity.unwrap_or_default(),
            display: record.display_quantity.unwrap_or_default(),
            post_only: record.post_only,
            self_trade: record.self_trade,
        };
        self.live = self.live.saturating_add(1);
        let handle = self.free;
        if handle == Handle::NONE {
            let fresh = u32::try_from(self.orders.len()).unwrap_or(u32::MAX);
            self.orders.push(order);
            self.rest.push(rest);
            return Handle(fresh);
        }
        self.free = self.orders[slot(handle)].next;
        self.orders[slot(handle)] = order;
        self.rest[slot(handle)] = rest;
        handle
    }

    /// Frees the slot of an order that stands nowhere any more.
    pub(crate) fn remove(&mut self, handle: Handle) {
        let order = &mut self.orders[slot(handle)];
        order.place = Place::Free;
        order.next = self.free;
        self.free = handle;
        self.live = self.live.saturating_sub(1);
    }

    /// Every live order, in no order that means anything.
    pub(crate) fn handles(&self) -> impl Iterator<Item = Handle> {
        let live = |(order, at): (&Order, u32)| (order.place != Place::Free).then_some(Handle(at));
        self.orders.iter().zip(0_u32..).filter_map(live)
    }
}
