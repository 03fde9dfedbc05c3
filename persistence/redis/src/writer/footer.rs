//! What every transaction has once: the metadata, and the counts at its end.

use redis::Pipeline;

use super::{Next, Task, Version};
use crate::layout;

impl Task<'_> {
    /// How many entries each part should have.
    pub(super) fn counts(&self, next: Next<'_>) -> Vec<u64> {
        let (state, bids, asks) = (next.state, &next.state.bids, &next.state.asks);
        let mut counts = vec![
            u64::from(bids.resting),
            u64::from(asks.resting),
            u64::from(bids.resting) + u64::from(asks.resting),
            u64::from(bids.waiting) + u64::from(asks.waiting),
            state.requests.len() as u64,
            state.blocked.len() as u64,
        ];
        if self.trades {
            counts.push(next.trades.len() as u64);
        }
        counts
    }

    /// Requests the counts of the current keys.
    pub(super) fn add_count_commands(&self, transaction: &mut Pipeline) {
        for part in self.parts() {
            transaction.cmd(part.count()).arg(self.market.keys.part(*part));
        }
    }

    /// Adds the metadata of a market to a transaction.
    pub(super) fn add_metadata(
        &self,
        transaction: &mut Pipeline,
        next: Next<'_>,
        version: &Version,
        digest: u128,
    ) {
        let keys = &self.market.keys;
        let fields = layout::metadata(next.state, &version.history, digest);
        transaction.cmd("HSET").arg(&keys.metadata);
        for (field, value) in fields {
            transaction.arg(field).arg(value);
        }
        if self.trades {
            for (field, value) in layout::trades_metadata(next.trades, &version.history) {
                transaction.arg(field).arg(value);
            }
        }
        transaction.ignore();
        transaction.cmd("SET").arg(&keys.epoch).arg(&version.epoch).ignore();
    }
}
