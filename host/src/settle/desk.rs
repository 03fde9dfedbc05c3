//! What the clerk has of one market.

use pricetime_engine::{EpochNumber, Sequence};
use pricetime_persistence::settlement::Settler;

use super::News;

/// A market.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) settler: Settler,
    /// Where its open epoch begins; none where the market is gone.
    pub(super) from: Option<Sequence>,
}

impl Desk {
    pub(super) fn hear(&mut self, news: News) {
        if let Some(closed) = news.closed {
            self.settler.closed(closed);
        }
        self.from = news.next;
    }

    /// Whether everything that has closed is settled.
    pub(super) fn is_done(&self) -> bool {
        let closed = self.settler.last_closed();
        closed == EpochNumber(0) || self.settler.last_settled().is_some_and(|last| last >= closed)
    }
}
