//! The live orders of a market, in reusable slots that typed handles identify.
//!
//! The part of an order that matching reads fits in 80 bytes. A plain limit order has no other
//! part. Fields that only some orders have (a hidden part, an end, a stop price) are in a second
//! array, which plain orders neither write nor read.

use crate::command::{OrderKind, SelfTrade};
use crate::event::Party;
use crate::parts::Parts;
use crate::quantity::{AccountId, OrderId, Price, Priority, Quantity, SessionId, Side};
use crate::snapshot::{OrderRecord, Until};

/// The slot of a live order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handle(pub(crate) u32);

impl Handle {
    /// No order; marks the end of a queue.
    pub(crate) const NONE: Self = Self(u32::MAX);
}

/// An order's position in a queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueuePosition {
    pub(crate) level: u32,
    /// The order ahead of it.
    pub(crate) previous: Handle,
}

/// Used as a level: the slot is free.
const FREE: u32 = u32::MAX;
/// Used as a level: the order is in no queue.
const NO_QUEUE: u32 = u32::MAX - 1;
/// Used as a position in the second array: the order has no entry there.
pub(crate) const PLAIN: u32 = u32::MAX;

/// The part of an order that matching reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) id: OrderId,
    pub(crate) account: AccountId,
    pub(crate) reference: u64,
    pub(crate) shown: Quantity,
    pub(crate) priority: Priority,
    pub(crate) level: u32,
    pub(crate) next: Handle,
    pub(crate) previous: Handle,
    /// The position of its conditions in the second array, or `PLAIN`.
    pub(crate) conditions: u32,
    pub(crate) session: Option<SessionId>,
    pub(crate) side: Side,
    pub(crate) post_only: bool,
    pub(crate) self_trade: SelfTrade,
}

impl Order {
    pub(crate) const fn party(&self) -> Party {
        Party { order: self.id, account: self.account, reference: self.reference }
    }

    /// The level in which it queues.
    pub(crate) const fn level(&self) -> Option<u32> {
        if self.level < NO_QUEUE { Some(self.level) } else { None }
    }

    /// Its position in its queue.
    pub(crate) const fn queue_position(&self) -> Option<QueuePosition> {
        if self.level < NO_QUEUE {
            Some(QueuePosition { level: self.level, previous: self.previous })
        } else {
            None
        }
    }

    pub(crate) const fn is_plain(&self) -> bool {
        self.conditions == PLAIN
    }
}

/// The fields that only some orders have.
#[derive(Clone, Copy, Debug)]
struct Conditions {
    kind: OrderKind,
    until: Until,
    minimum: Option<Quantity>,
    display: Option<Quantity>,
    hidden: Quantity,
}

/// The live orders and the free slots.
#[derive(Debug)]
pub(crate) struct Arena {
    orders: Vec<Order>,
    free: Handle,
    live: u32,
    conditions: Vec<Conditions>,
    free_conditions: Vec<u32>,
}

impl Default for Arena {
    fn default() -> Self {
        let (orders, conditions, free_conditions) = (Vec::new(), Vec::new(), Vec::new());
        Self { orders, free: Handle::NONE, live: 0, conditions, free_conditions }
    }
}

pub(crate) fn slot(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn number(slot: usize) -> u32 {
    u32::try_from(slot).unwrap_or(u32::MAX)
}

#[expect(
    clippy::indexing_slicing,
    reason = "a handle names a slot that exists; bounds are checked"
)]
impl Arena {
    /// The number of live orders.
    pub(crate) const fn live(&self) -> u32 {
        self.live
    }

    #[inline]
    pub(crate) fn order(&self, handle: Handle) -> &Order {
        &self.orders[slot(handle.0)]
    }

    #[inline]
    pub(crate) fn order_mut(&mut self, handle: Handle) -> &mut Order {
        &mut self.orders[slot(handle.0)]
    }

    fn conditions(&self, handle: Handle) -> Option<&Conditions> {
        self.conditions.get(slot(self.order(handle).conditions))
    }

    /// The kind of the order, unless it is a plain limit order.
    pub(crate) fn kind(&self, handle: Handle) -> Option<OrderKind> {
        self.conditions(handle).map(|conditions| conditions.kind)
    }

    /// When the order ends.
    pub(crate) fn until(&self, handle: Handle) -> Until {
        self.conditions(handle).map_or(Until::Cancelled, |conditions| conditions.until)
    }

    /// The display quantity of the order, if it has one.
    pub(crate) fn display(&self, handle: Handle) -> Option<Quantity> {
        self.conditions(handle)?.display
    }

    /// The hidden quantity of the order.
    #[inline]
    pub(crate) fn hidden(&self, handle: Handle) -> Quantity {
        self.conditions(handle).map_or(Quantity::ZERO, |conditions| conditions.hidden)
    }

    /// The parts of the order that are hidden.
    #[inline]
    pub(crate) fn parts(&self, handle: Handle) -> Parts {
        let (hidden, display) = self
            .conditions(handle)
            .map_or((Quantity::ZERO, None), |conditions| (conditions.hidden, conditions.display));
        Parts { hidden, display: display.unwrap_or(hidden) }
    }

    /// The open quantity, shown and hidden.
    #[inline]
    pub(crate) fn open(&self, handle: Handle) -> Quantity {
        self.order(handle).shown.plus(self.hidden(handle))
    }

    /// Sets an order's shown and hidden quantities. A plain order hides nothing.
    #[inline]
    pub(crate) fn resize(&mut self, handle: Handle, shown: Quantity, hidden: Quantity) {
        let order = &mut self.orders[slot(handle.0)];
        order.shown = shown;
        if let Some(conditions) = self.conditions.get_mut(slot(order.conditions)) {
            conditions.hidden = hidden;
        }
    }

    /// The whole order as a record. `price` is the price of a plain order, which does not store it.
    pub(crate) fn record(&self, handle: Handle, price: Price) -> OrderRecord {
        let order = self.order(handle);
        let conditions = self.conditions(handle).copied().unwrap_or(Conditions {
            kind: OrderKind::Limit { price },
            until: Until::Cancelled,
            minimum: None,
            display: None,
            hidden: Quantity::ZERO,
        });
        OrderRecord {
            party: order.party(),
            side: order.side,
            kind: conditions.kind,
            until: conditions.until,
            post_only: order.post_only,
            minimum_quantity: conditions.minimum,
            display_quantity: conditions.display,
            self_trade: order.self_trade,
            open: order.shown.plus(conditions.hidden),
            shown: order.shown,
            priority: order.priority,
            session: order.session,
        }
    }

    /// The slot that the next order will take.
    #[inline]
    pub(crate) fn vacant(&self) -> Handle {
        if self.free == Handle::NONE { Handle(number(self.orders.len())) } else { self.free }
    }

    /// Stores an order, in a queue if it has a position in one.
    pub(crate) fn insert(&mut self, record: &OrderRecord, queue_position: Option<QueuePosition>) {
        let plain = matches!(record.kind, OrderKind::Limit { .. })
            && record.until == Until::Cancelled
            && record.display_quantity.is_none();
        let queue_position =
            queue_position.unwrap_or(QueuePosition { level: NO_QUEUE, previous: Handle::NONE });
        let conditions = if plain { PLAIN } else { self.insert_conditions(record) };
        self.put(Order {
            id: record.party.order,
            account: record.party.account,
            reference: record.party.reference,
            shown: record.shown,
            priority: record.priority,
            level: queue_position.level,
            next: Handle::NONE,
            previous: queue_position.previous,
            conditions,
            session: record.session,
            side: record.side,
            post_only: record.post_only,
            self_trade: record.self_trade,
        });
    }

    /// Writes an order to the next vacant slot.
    #[inline(always)]
    pub(crate) fn put(&mut self, order: Order) {
        self.live = self.live.saturating_add(1);
        if self.free == Handle::NONE {
            self.orders.push(order);
            return;
        }
        let slot = &mut self.orders[slot(self.free.0)];
        self.free = slot.next;
        *slot = order;
    }

    fn insert_conditions(&mut self, record: &OrderRecord) -> u32 {
        let conditions = Conditions {
            kind: record.kind,
            until: record.until,
            minimum: record.minimum_quantity,
            display: record.display_quantity,
            hidden: record.open.minus(record.shown),
        };
        if let Some(at) = self.free_conditions.pop() {
            self.conditions[slot(at)] = conditions;
            return at;
        }
        self.conditions.push(conditions);
        number(self.conditions.len()).wrapping_sub(1)
    }

    /// Allocates slots for this many orders in total.
    pub(crate) fn reserve(&mut self, orders: usize) {
        let vacant = Order {
            id: OrderId(0),
            account: AccountId(0),
            reference: 0,
            shown: Quantity::ZERO,
            priority: Priority(0),
            level: FREE,
            next: Handle::NONE,
            previous: Handle::NONE,
            conditions: PLAIN,
            session: None,
            side: Side::Buy,
            post_only: false,
            self_trade: SelfTrade::None,
        };
        let first = self.orders.len();
        self.orders.reserve_exact(orders.saturating_sub(first));
        // Chains the new slots from first to last, so that the first is used first.
        for at in first..orders {
            let next = number(at).saturating_add(1);
            let next = if number(orders) == next { self.free } else { Handle(next) };
            self.orders.push(Order { next, ..vacant });
        }
        if first < orders {
            self.free = Handle(number(first));
        }
    }

    /// Frees the slot of an order that is in no queue any more.
    #[inline]
    pub(crate) fn remove(&mut self, handle: Handle) {
        let order = &mut self.orders[slot(handle.0)];
        order.level = FREE;
        order.next = self.free;
        self.free = handle;
        self.live = self.live.saturating_sub(1);
        if order.conditions != PLAIN {
            self.free_conditions.push(order.conditions);
            order.conditions = PLAIN;
        }
    }

    /// All live orders, in unspecified order.
    pub(crate) fn handles(&self) -> impl Iterator<Item = Handle> {
        let live = |(order, at): (&Order, u32)| (order.level != FREE).then_some(Handle(at));
        self.orders.iter().zip(0_u32..).filter_map(live)
    }
}
