//! The lock of each market, if there is one.

use std::time::Duration;

use pricetime_engine::MarketId;
use pricetime_settlement::Locked;

use super::SettlementLock;

/// The expiry of a lock that is not needed.
const NEVER_EXPIRES: Duration = Duration::MAX;

/// Takes locks and releases them.
#[derive(Debug)]
pub(super) struct Locks {
    redlocks: Option<redlocks::Redlocks>,
}

impl Locks {
    pub(super) fn new(lock: Option<SettlementLock>) -> Self {
        Self { redlocks: lock.map(redlocks::Redlocks::new) }
    }

    /// Takes the lock of a market, or extends it.
    pub(super) fn take(&mut self, now: Duration, market: MarketId) -> Locked {
        if let Some(redlocks) = &mut self.redlocks {
            return redlocks.take(now, market);
        }
        let _ = (now, market);
        Locked::Until(NEVER_EXPIRES)
    }

    /// Releases the lock of a market.
    pub(super) fn release(&mut self, market: MarketId) {
        if let Some(redlocks) = &mut self.redlocks {
            redlocks.release(market);
        }
        let _ = market;
    }
}

mod redlocks {
    use std::collections::BTreeMap;

    use pricetime_redis::redlock::{Held, Redlock, RedlockError};
    use tracing::warn;

    use super::{Duration, Locked, MarketId, SettlementLock};

    /// The name of what is locked.
    const LOCK_PURPOSE: &str = "settlement_processing";

    #[derive(Debug)]
    pub(super) struct Redlocks {
        lock: SettlementLock,
        /// The connection to the nodes, once enough of them have answered.
        nodes: Option<Redlock>,
        held: BTreeMap<MarketId, Held>,
        /// The error that was logged last.
        logged: Option<String>,
    }

    impl Redlocks {
        pub(super) const fn new(lock: SettlementLock) -> Self {
            Self { lock, nodes: None, held: BTreeMap::new(), logged: None }
        }

        pub(super) fn take(&mut self, now: Duration, market: MarketId) -> Locked {
            let result = self.try_take(market);
            match result {
                Ok(left) => {
                    self.logged = None;
                    Locked::Until(now.saturating_add(left))
                }
                Err(RedlockError::Taken { .. }) => Locked::Elsewhere,
                Err(error) => {
                    let text = error.to_string();
                    if self.logged.as_ref() != Some(&text) {
                        warn!("settlement: {text}");
                        self.logged = Some(text);
                    }
                    Locked::Unreachable
                }
            }
        }

        fn try_take(&mut self, market: MarketId) -> Result<Duration, RedlockError> {
            if let Some(held) = self.held.get(&market) {
                if let Ok(left) = held.extend() {
                    return Ok(left);
                }
                self.held.remove(&market);
            }
            let nodes = match &mut self.nodes {
                Some(nodes) => nodes,
                none @ None => none.insert(Redlock::open(&self.lock.nodes)?),
            };
            let names = self.lock.nodes.first().map(|node| node.names.clone()).unwrap_or_default();
            let held =
                nodes.try_lock(&names.lock(LOCK_PURPOSE, &market.to_string()), self.lock.ttl)?;
            let left = held.remaining();
            self.held.insert(market, held);
            Ok(left)
        }

        pub(super) fn release(&mut self, market: MarketId) {
            if let Some(held) = self.held.remove(&market) {
                // If the release fails, the lock expires.
                let _ = held.release();
            }
        }
    }
}
