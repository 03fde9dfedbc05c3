//! A market's state for who keeps a copy of it elsewhere.

use std::sync::Arc;

use pricetime_engine::{
    AccountId, MarketHead, MarketId, MarketSnapshot, OrderRecord, RequestRecord, Sequence, Side,
    SideSummary, Timestamp,
};

use super::Image;
use super::changes::Changes;
use super::slots::Page;

/// A market as it is, and what became of its orders since this was last asked for.
#[derive(Clone, Debug)]
pub struct MarketState {
    /// Every command up to this one is in it, and none behind.
    pub sequence: Sequence,
    /// The time of the last command.
    pub timestamp: Timestamp,
    /// The highest market id ever added.
    pub last_market: MarketId,
    /// What the market has once.
    pub head: MarketHead,
    /// The bids in numbers.
    pub bids: SideSummary,
    /// The asks in numbers.
    pub asks: SideSummary,
    /// What became of the orders.
    pub changes: Changes,
    /// All orders.
    pub orders: Orders,
    /// The blocked accounts, ascending.
    pub blocked: Vec<AccountId>,
    /// The requests of the window, oldest first.
    pub requests: Vec<RequestRecord>,
}

/// The orders of a market as they were at some moment, whatever becomes of the image.
#[derive(Clone, Debug)]
pub struct Orders(Vec<Arc<Page>>);

impl Orders {
    /// All of them, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = &OrderRecord> {
        self.0.iter().flat_map(|page| page.iter().flatten())
    }
}

impl MarketState {
    /// The digest of everything but the orders; with those of all orders added, wrapping, it is the
    /// market's.
    #[must_use]
    pub fn digest_without_orders(&self) -> u128 {
        let (blocked, requests) = (self.blocked.clone(), self.requests.clone());
        let (resting, waiting) = (Vec::new(), Vec::new());
        MarketSnapshot { head: self.head, resting, waiting, blocked, requests }.digest()
    }
}

impl Image {
    /// A market's state, and what has become of its orders since this (or their changes) was last
    /// asked for; `None` where there is no such market (any more).
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
