//! The state as plain sorted records: everything that decides the future, and nothing else.

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
    /// The version of the rules that made it.
    pub rules_version: u32,
    /// The last sequence seen, zero before the first.
    pub last_sequence: Sequence,
    /// The last time seen.
    pub last_timestamp: Timestamp,
    /// The highest market id ever added, zero before the first.
    pub last_market: MarketId,
    /// The markets, by id.
    pub markets: Vec<MarketSnapshot>,
}

/// The state of a market.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MarketSnapshot {
    /// What is there once.
    pub head: MarketHead,
    /// The orders in the book, by priority.
    pub resting: Vec<OrderRecord>,
    /// The stops outside it, by priority.
    pub waiting: Vec<OrderRecord>,
    /// The blocked accounts, ascending.
    pub blocked: Vec<AccountId>,
    /// The requests of the window, oldest first.
    pub requests: Vec<RequestRecord>,
}

/// What a market has once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MarketHead {
    /// The market.
    pub market: MarketId,
    /// Its spec, with the terms as they are now.
    pub spec: MarketSpec,
    /// Its phase.
    pub phase: Phase,
    /// The sequence of the last command that the market has seen.
    pub last_sequence: Sequence,
    /// The price of the last trade.
    pub last_price: Option<Price>,
    /// The number of the last trade, zero before the first.
    pub last_trade: TradeNumber,
    /// The number that the next order to enter a queue takes.
    pub next_priority: Priority,
    /// The current epoch.
    pub epoch: EpochNumber,
    /// The first sequence of the current epoch.
    pub epoch_first_sequence: Sequence,
    /// What has traded in the current epoch.
    pub turnover: Turnover,
    /// `Accepted` events of the current epoch.
    pub accepted: u64,
    /// `Cancelled` events of the current epoch.
    pub cancelled: u64,
}

impl MarketHead {
    /// The price that decides between equally good uniform prices: the last trade's, or that of the
    /// terms until something has traded.
    #[must_use]
    pub fn reference(&self) -> Option<Price> {
        self.last_price.or(self.spec.terms.reference)
    }
}

/// A live order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct OrderRecord {
    /// The order, its owner and its owner's number for it.
    pub party: Party,
    /// Buy or sell.
    pub side: Side,
    /// Limit or Market in the book, Stop or `StopLimit` outside it.
    pub kind: OrderKind,
    /// When it ends by itself.
    pub until: Until,
    /// Whether it refuses to take.
    pub post_only: bool,
    /// The least that it trades at once; only a waiting stop has one.
    pub minimum_quantity: Option<Quantity>,
    /// The size of the parts it shows.
    pub display_quantity: Option<Quantity>,
    /// What it does when it meets an order of its own account.
    pub self_trade: SelfTrade,
    /// What has not traded, hidden part included.
    pub open: Quantity,
    /// What it shows of that; zero while it waits.
    pub shown: Quantity,
    /// Its place in time.
    pub priority: Priority,
    /// The session that it ends with.
    pub session: Option<SessionId>,
}

impl OrderRecord {
    /// What the order shows when it enters a queue.
    pub(crate) fn fresh_part(&self) -> Quantity {
        self.display_quantity.map_or(self.open, |display| display.min(self.open))
    }
}

/// When a live order ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Until {
    /// Never.
    Cancelled,
    /// As soon as it is elected and has taken what it can: a waiting IOC stop.
    Immediate,
    /// As soon as it is elected, unless it trades whole: a waiting FOK stop.
    Filled,
    /// At this time.
    Time(Timestamp),
    /// When this epoch has closed.
    Epoch(EpochNumber),
}

/// A request that the window remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RequestRecord {
    /// Who asked.
    pub account: AccountId,
    /// Under which key.
    pub request: RequestId,
    /// In which command.
    pub sequence: Sequence,
    /// What became of it.
    pub outcome: Outcome,
    /// The fingerprint of what was asked.
    pub content: u128,
}
