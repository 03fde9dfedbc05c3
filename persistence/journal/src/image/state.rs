//! The state of a market, for code that keeps a copy of it elsewhere.

use std::sync::Arc;

use pricetime_engine::{
    AccountId, MarketHead, MarketId, MarketSnapshot, OrderRecord, RequestRecord, Sequence, Side,
    SideSummary, Timestamp,
};

use super::Image;
use super::changes::Changes;
use super::slots::Page;

/// The current state of a market, and the changes to its orders since they were last taken.
#[derive(Clone, Debug)]
pub struct MarketState {
    /// The last command that is included. All commands before it are included, and none after it.
    pub sequence: Sequence,
    /// The time of the last command.
    pub timestamp: Timestamp,
    /// The highest market id ever added.
    pub last_market: MarketId,
    /// The spec, phase, counters and epoch totals of the market.
    pub head: MarketHead,
    /// The totals of the bids.
    pub bids: SideSummary,
    /// The totals of the asks.
    pub asks: SideSummary,
    /// The changes to the orders.
    pub changes: Changes,
    /// All orders.
    pub orders: Orders,
    /// The blocked accounts, in ascending order.
    pub blocked: Vec<AccountId>,
    /// The requests of the window, oldest first.
    pub requests: Vec<RequestRecord>,
}

/// The orders of a market at one moment, independent of later changes.
#[derive(Clone, Debug)]
pub struct Orders(Vec<Arc<Page>>);

impl Orders {
    /// Returns all orders, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &OrderRecord> {
        self.0.iter().flat_map(|page| page.iter().flatten())
    }
}

impl MarketState {
    /// Returns the digest of everything but the orders. Added to the digests of all orders, wrapping, it
    /// is the digest of the market.
    #[must_use]
    pub fn digest_without_orders(&self) -> u128 {
        let (blocked, requests) = (self.blocked.clone(), self.requests.clone());
        let (resting, waiting) = (Vec::new(), Vec::new());
        MarketSnapshot { head: self.head, resting, waiting, blocked, requests }.digest()
    }
}

impl Image {
    /// Returns the state of a market, and the changes to its orders since changes were last taken, by
    /// this or by [`take_changes`](Self::take_changes). Returns `None` if the market does not exist, or
    /// no longer exists.
    pub fn take_state(&mut self, market: MarketId) -> Option<MarketState> {
        let changes = self.take_changes(market)?;
        let image = self.market(market)?;
        let frozen = image.freeze();
        Some(MarketState {
            sequence: self.last_sequence(),
            timestamp: self.last_timestamp(),
            last_market: self.last_market,
            head: frozen.head,
            bids: image.totals(Side::Buy),
            asks: image.totals(Side::Sell),
            changes,
            orders: Orders(frozen.orders),
            blocked: frozen.blocked,
            requests: frozen.requests,
        })
    }
}
