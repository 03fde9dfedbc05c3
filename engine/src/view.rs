//! Queries about a market. None of them changes it.

use crate::book::Book;
use crate::digest::blocked_digest;
use crate::ladder;
use crate::market::{MarketSpec, Phase};
use crate::owners::OrderFilter;
use crate::quantity::{AccountId, MarketId, OrderId, Price, Quantity, Side, Timestamp};
use crate::snapshot::{MarketHead, MarketSnapshot, OrderRecord, RequestRecord};

/// The visible orders at one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Level {
    /// The price.
    pub price: Price,
    /// The sum of the shown quantities.
    pub quantity: Quantity,
    /// The number of orders.
    pub orders: u32,
}

impl From<&ladder::Level> for Level {
    fn from(level: &ladder::Level) -> Self {
        Self { price: level.price, quantity: level.shown, orders: level.orders }
    }
}

/// A live order and its place in its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderView {
    /// The order.
    pub record: OrderRecord,
    /// The orders ahead of it at its price; `None` for a waiting stop.
    pub ahead: Option<Ahead>,
}

/// The orders ahead of an order at its price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ahead {
    /// The number of orders.
    pub orders: u32,
    /// The sum of their shown quantities.
    pub quantity: Quantity,
}

impl Book {
    /// The market's id.
    #[must_use]
    pub const fn market(&self) -> MarketId {
        self.head.market
    }

    /// The market's spec, with its terms as they are now.
    #[must_use]
    pub const fn spec(&self) -> &MarketSpec {
        &self.head.spec
    }

    /// The market's phase.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.head.phase
    }

    /// The market's phase, its counters and the totals of the current epoch.
    #[must_use]
    pub const fn head(&self) -> &MarketHead {
        &self.head
    }

    /// The number of live orders, waiting stops included.
    #[must_use]
    pub const fn live(&self) -> u32 {
        self.live_orders.live()
    }

    /// The best level of a side, if the side has one.
    #[must_use]
    pub fn best(&self, side: Side) -> Option<Level> {
        self.live_orders.ladder(side).best().map(Level::from)
    }

    /// The visible orders of a side at one price, if there are any.
    #[must_use]
    pub fn depth(&self, side: Side, price: Price) -> Option<Level> {
        self.live_orders.ladder(side).at(price).map(Level::from)
    }

    /// The levels of a side, best first. The iterator is lazy.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> {
        self.live_orders.ladder(side).levels().map(Level::from)
    }

    /// The number of levels on a side.
    #[must_use]
    pub fn depth_of(&self, side: Side) -> usize {
        self.live_orders.ladder(side).len()
    }

    /// Returns a live order and how much is ahead of it. The cost grows with the length of its
    /// queue.
    #[must_use]
    pub fn order(&self, order: OrderId) -> Option<OrderView> {
        let handle = self.live_orders.find(order)?;
        let record = self.live_orders.record(handle);
        let ladder = self.live_orders.ladder(record.side);
        let level = match record.kind.price() {
            _ if record.kind.stop().is_some() => None,
            Some(price) => ladder.at(price),
            None => Some(ladder.unpriced()),
        };
        let ahead = level.map(|level| {
            let before = self.live_orders.queue(record.side, level).take_while(|at| *at != handle);
            before.fold(Ahead::default(), |sum, at| Ahead {
                orders: sum.orders.saturating_add(1),
                quantity: sum.quantity.plus(self.live_orders.order(at).shown),
            })
        });
        Some(OrderView { record, ahead })
    }

    /// Returns `true` if any live order belongs to a session. The cost grows with the number of
    /// live orders.
    #[must_use]
    pub fn holds_sessions(&self) -> bool {
        self.live_orders.orders(OrderFilter::Session(None)).next().is_some()
    }

    /// The earliest expiry time of a live order, if any order has one.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Timestamp> {
        self.live_orders.next_expiry().map(|(due, _)| due)
    }

    /// Returns an account's live orders in priority order. The cost grows with the number of all
    /// live orders.
    #[must_use]
    pub fn orders_of(&self, account: AccountId) -> Vec<OrderRecord> {
        let orders = self.live_orders.orders(OrderFilter::Account(account));
        by_priority(orders.map(|(handle, _)| self.live_orders.record(handle)))
    }

    /// Returns everything that decides this market's future as plain, sorted records.
    #[must_use]
    pub fn snapshot(&self) -> MarketSnapshot {
        MarketSnapshot {
            head: self.head,
            resting: by_priority(
                self.live_orders.records().filter(|order| order.kind.stop().is_none()),
            ),
            waiting: by_priority(
                self.live_orders.records().filter(|order| order.kind.stop().is_some()),
            ),
            blocked: self.blocked.clone(),
            requests: self.window.iter().copied().collect(),
        }
    }

    /// Returns one number for the market's state: the wrapping sum of its records' digests.
    #[must_use]
    pub fn digest(&self) -> u128 {
        let orders = self
            .live_orders
            .orders(OrderFilter::All)
            .map(|(handle, _)| self.live_orders.record(handle).digest());
        let blocked = self.blocked.iter().copied().map(blocked_digest);
        let requests = self.window.iter().map(RequestRecord::digest);
        orders.chain(blocked).chain(requests).fold(self.head.digest(), u128::wrapping_add)
    }
}

fn by_priority(orders: impl Iterator<Item = OrderRecord>) -> Vec<OrderRecord> {
    let mut orders: Vec<_> = orders.collect();
    orders.sort_unstable_by_key(|order| order.priority);
    orders
}
