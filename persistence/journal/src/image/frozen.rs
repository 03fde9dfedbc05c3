//! States of the image that no longer change.

use std::sync::Arc;

use pricetime_engine::{
    AccountId, Call, EngineSnapshot, Level, MarketHead, MarketSnapshot, OrderRecord, Phase,
    RequestRecord, Side,
};

use super::sides::Sides;
use super::slots::Page;

/// The state of an image at one moment, independent of later changes. It is created without copying
/// orders, and can be converted to a snapshot on another thread.
#[derive(Clone, Debug)]
pub struct FrozenImage {
    /// Everything but the markets.
    pub(super) without_markets: EngineSnapshot,
    pub(super) markets: Vec<FrozenMarket>,
}

/// One market of a frozen state.
#[derive(Clone, Debug)]
pub(super) struct FrozenMarket {
    pub(super) head: MarketHead,
    pub(super) orders: Vec<Arc<Page>>,
    pub(super) blocked: Vec<AccountId>,
    pub(super) requests: Vec<RequestRecord>,
}

/// The levels of a market at one moment, independent of later changes.
#[derive(Clone, Debug)]
pub struct FrozenBook {
    pub(super) head: MarketHead,
    pub(super) sides: Sides,
}

impl FrozenBook {
    /// The spec, phase, counters and epoch totals of the market.
    #[must_use]
    pub const fn head(&self) -> &MarketHead {
        &self.head
    }

    /// Returns the levels of a side, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> {
        self.sides.levels(side)
    }

    /// How many levels a side has.
    #[must_use]
    pub const fn depth_of(&self, side: Side) -> usize {
        self.sides.depth(side)
    }

    /// Returns what an uncross would have found and done at that moment, or `None` if the market was not
    /// in Call.
    #[must_use]
    pub fn call(&self) -> Option<Call> {
        (self.head.phase == Phase::Call).then(|| self.sides.call(self.head.reference()))
    }
}

/// The orders of one account at one moment, independent of later changes.
#[derive(Clone, Debug)]
pub struct AccountOrders(pub(super) OrderStorage);

/// How the orders of an account were taken from the image.
#[derive(Clone, Debug)]
pub(super) enum OrderStorage {
    /// There were few, and each was copied.
    Copied(Vec<OrderRecord>),
    /// There were many, so the pages with the orders of all accounts were shared.
    Pages(AccountId, Vec<Arc<Page>>),
}

impl AccountOrders {
    /// Returns the orders, sorted by priority. If the account has many, the time grows with the number of
    /// all orders in the market.
    #[must_use]
    pub fn into_records(self) -> Vec<OrderRecord> {
        let mut orders = match self.0 {
            OrderStorage::Copied(orders) => orders,
            OrderStorage::Pages(account, pages) => {
                let own = |order: &&OrderRecord| order.party.account == account;
                pages.iter().flat_map(|page| page.iter().flatten()).filter(own).copied().collect()
            }
        };
        orders.sort_unstable_by_key(|order| order.priority);
        orders
    }
}

impl FrozenImage {
    /// Converts the state to a snapshot. The time grows with the number of orders.
    #[must_use]
    pub fn into_snapshot(self) -> EngineSnapshot {
        let markets = self.markets.into_iter().map(FrozenMarket::into_snapshot).collect();
        EngineSnapshot { markets, ..self.without_markets }
    }
}

impl FrozenMarket {
    pub(super) fn into_snapshot(self) -> MarketSnapshot {
        let Self { head, orders: pages, blocked, requests } = self;
        let orders = || pages.iter().flat_map(|page| page.iter().flatten());
        let waits = |order: &&OrderRecord| order.kind.stop().is_some();
        let mut resting: Vec<_> = orders().filter(|order| !waits(order)).copied().collect();
        let mut waiting: Vec<_> = orders().filter(waits).copied().collect();
        resting.sort_unstable_by_key(|order| order.priority);
        waiting.sort_unstable_by_key(|order| order.priority);
        MarketSnapshot { head, resting, waiting, blocked, requests }
    }
}
