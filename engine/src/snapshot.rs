//! The state as plain, sorted records: everything that decides the future, and nothing else.

use crate::command::{OrderKind, SelfTrade};
use crate::event::{Outcome, Party, Turnover};
use crate::market::{MarketSpec, Phase};
use crate::quantity::{
    AccountId, EpochNumber, MarketId, Price, Priority, Quantity, RequestId, Sequence, SessionId,
    Side, Timestamp, TradeNumber,
};

/// The state of an engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EngineSnapshot {
    /// The version of the rules under which the snapshot was taken.
    pub rules_version: u32,
    /// The sequence of the last command; zero before the first.
    pub last_sequence: Sequence,
    /// The time of the last command.
    pub last_timestamp: Timestamp,
    /// The highest market id that was ever added; zero before the first.
    pub last_market: MarketId,
    /// The markets, sorted by id.
    pub markets: Vec<MarketSnapshot>,
}

/// The state of a market.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MarketSnapshot {
    /// The market's phase, counters and epoch totals.
    pub head: MarketHead,
    /// The orders in the book, sorted by priority.
    pub resting: Vec<OrderRecord>,
    /// The waiting stops, sorted by priority.
    pub waiting: Vec<OrderRecord>,
    /// The blocked accounts, in ascending order.
    pub blocked: Vec<AccountId>,
    /// The requests of the window, oldest first.
    pub requests: Vec<RequestRecord>,
}

/// The part of a market's state that is not in lists: its spec, phase, counters and epoch totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MarketHead {
    /// The market's id.
    pub market: MarketId,
    /// Its spec, with the terms as they are now.
    pub spec: MarketSpec,
    /// Its phase.
    pub phase: Phase,
    /// The sequence of the last command for this market.
    pub last_sequence: Sequence,
    /// The price of the last trade.
    pub last_price: Option<Price>,
    /// The number of the last trade, zero before the first.
    pub last_trade: TradeNumber,
    /// The priority number that the next order will take.
    pub next_priority: Priority,
    /// The current epoch.
    pub epoch: EpochNumber,
    /// The first sequence of the current epoch.
    pub epoch_first_sequence: Sequence,
    /// The prices and totals of the current epoch's trades.
    pub turnover: Turnover,
    /// The number of `Accepted` events in the current epoch.
    pub accepted: u64,
    /// The number of `Cancelled` events in the current epoch.
    pub cancelled: u64,
}

impl MarketHead {
    /// The price that decides between equally good uniform prices: that of the last trade, or
    /// before the first trade the reference price of the terms.
    #[must_use]
    pub fn reference(&self) -> Option<Price> {
        self.last_price.or(self.spec.terms.reference)
    }
}

/// A live order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct OrderRecord {
    /// The order's id, its owner and its reference.
    pub party: Party,
    /// Buy or sell.
    pub side: Side,
    /// Limit or Market for an order in the book, Stop or `StopLimit` for a waiting stop.
    pub kind: OrderKind,
    /// When the order ends.
    pub until: Until,
    /// `true` if the order must not take.
    pub post_only: bool,
    /// The least quantity that must trade at once; only a waiting stop has one.
    pub minimum_quantity: Option<Quantity>,
    /// The size of the parts that an iceberg shows.
    pub display_quantity: Option<Quantity>,
    /// What the order does when it meets an order of its own account.
    pub self_trade: SelfTrade,
    /// The open quantity, hidden part included.
    pub open: Quantity,
    /// The part of it that the order shows; zero for a waiting stop.
    pub shown: Quantity,
    /// Its priority number.
    pub priority: Priority,
    /// The session that it belongs to.
    pub session: Option<SessionId>,
}

impl OrderRecord {
    /// The quantity that the order shows when it enters a queue.
    pub(crate) fn shown_on_entry(&self) -> Quantity {
        self.display_quantity.map_or(self.open, |display| display.min(self.open))
    }
}

/// When a live order ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Until {
    /// Only when it is filled or cancelled.
    Cancelled,
    /// After its election, once it has taken what it can: a waiting IOC stop.
    Immediate,
    /// After its election, unless it is filled completely: a waiting FOK stop.
    Filled,
    /// At this time.
    Time(Timestamp),
    /// When this epoch closes.
    Epoch(EpochNumber),
}

/// A request that the window remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RequestRecord {
    /// The account that sent the request.
    pub account: AccountId,
    /// The request id.
    pub request: RequestId,
    /// The sequence of the command.
    pub sequence: Sequence,
    /// The outcome of the command.
    pub outcome: Outcome,
    /// The fingerprint of the command's action.
    pub content: u128,
}
