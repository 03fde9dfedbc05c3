//! The state of one market in the settlement thread.

use pricetime_engine::{EpochNumber, MarketId, Sequence};
use pricetime_settlement::{Settler, Standing};
use tracing::{error, info, warn};

use super::store::Store;
use super::{History, News};

/// A market.
#[derive(Debug)]
pub(super) struct MarketSettler {
    pub(super) settler: Settler,
    /// The command at which the open epoch begins. `None` if the market was removed.
    pub(super) from: Option<Sequence>,
    /// The epoch that is being dropped. The operator's request stays until the ledger has taken the
    /// drop.
    pub(super) dropping: Option<EpochNumber>,
}

impl MarketSettler {
    pub(super) fn receive(&mut self, news: News) {
        if let Some(closed) = news.closed {
            self.settler.closed(closed);
        }
        self.from = news.next;
    }

    /// Resumes the market at an operator's request.
    pub(super) fn resume(&mut self, market: MarketId, history: History, store: &Store) {
        if self.settler.has_drops_error() {
            let drops = store.dropped.read(market, history).map_err(|why| why.to_string());
            if let Err(why) = &drops {
                error!(market = market.0, "settlement is still halted: {why}");
            }
            self.settler.set_drops(drops);
        }
        self.settler.resume();
    }

    /// Retries at once what is waiting, at an operator's request.
    pub(super) fn retry(&mut self, market: MarketId) {
        if let Standing::Halted(why) = self.settler.standing() {
            let market = market.0;
            warn!(
                market,
                "settlement is halted, so a retry changes nothing: fix the cause, then run \
                 `pricetime settle resume {market}`: {why}"
            );
        }
        self.settler.retry();
    }

    /// Drops this epoch at an operator's request. Returns `true` if the request must stay, because it is
    /// not carried out yet.
    pub(super) fn drop_epoch(&mut self, market: MarketId, epoch: EpochNumber) -> bool {
        if self.dropping == Some(epoch) {
            // If the ledger has refused the drop too, the operator has to ask again.
            let stays = self.settler.is_dropping(epoch);
            self.dropping = self.dropping.filter(|_| stays);
            return stays;
        }
        // After a restart, a drop that was begun continues.
        if self.settler.is_dropping(epoch) {
            self.dropping = Some(epoch);
            return true;
        }
        let (market, number) = (market.0, epoch.0);
        if self.settler.has_dropped(epoch) && self.settler.last_settled() >= Some(epoch) {
            info!(market, epoch = number, "settlement: this epoch is already dropped");
            return false;
        }
        let begins = self.settler.drop_epoch(epoch);
        if begins {
            self.dropping = Some(epoch);
            warn!(market, epoch = number, "settlement: an operator drops this epoch");
        } else {
            warn!(
                market,
                epoch = number,
                "settlement: this epoch is not a dead letter, so it is not dropped"
            );
        }
        begins
    }

    /// Returns `true` if every closed epoch is settled.
    pub(super) fn is_done(&self) -> bool {
        let closed = self.settler.last_closed();
        closed == EpochNumber(0) || self.settler.last_settled().is_some_and(|last| last >= closed)
    }
}
