//! The markets that another writer has taken over.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use pricetime_engine::MarketId;
use pricetime_redis::RedisError;

use super::FencedMarket;

/// How often a claim is checked.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Each fenced market with the claim that Redis holds.
#[derive(Debug, Default)]
pub(super) struct Fenced {
    markets: BTreeMap<MarketId, FencedMarket>,
    last_check: Option<Instant>,
}

impl Fenced {
    pub(super) fn is_empty(&self) -> bool {
        self.markets.is_empty()
    }

    pub(super) fn contains(&self, market: MarketId) -> bool {
        self.markets.contains_key(&market)
    }

    /// Records the claim that Redis holds now.
    pub(super) fn insert(&mut self, market: MarketId, error: &RedisError) {
        let (ours, theirs, writer) = match error {
            RedisError::Fenced { ours, theirs, writer, .. } => (*ours, *theirs, writer.clone()),
            RedisError::Replaced { writer } => (0, 0, writer.clone()),
            RedisError::Options(_)
            | RedisError::Unreachable { .. }
            | RedisError::Refused { .. }
            | RedisError::Contended { .. }
            | RedisError::Count { .. } => return,
        };
        let before = self.markets.get(&market).map(|before| before.ours);
        let ours = before.unwrap_or(ours);
        self.markets.insert(market, FencedMarket { market, ours, theirs, writer });
    }

    /// Returns `true` if it was fenced.
    pub(super) fn remove(&mut self, market: MarketId) -> bool {
        self.markets.remove(&market).is_some()
    }

    pub(super) fn list(&self) -> Vec<FencedMarket> {
        self.markets.values().cloned().collect()
    }

    /// Returns the market numbers, for the log.
    pub(super) fn names(&self) -> String {
        let names: Vec<String> = self.markets.keys().map(ToString::to_string).collect();
        names.join(", ")
    }

    /// Returns the markets whose claim is to be checked now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<MarketId> {
        if self
            .last_check
            .is_some_and(|last_check| now.saturating_duration_since(last_check) < CHECK_INTERVAL)
        {
            return Vec::new();
        }
        self.last_check = Some(now);
        self.markets.keys().copied().collect()
    }
}
