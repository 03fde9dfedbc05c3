//! What the settlement thread has of one market.

use pricetime_engine::{EpochNumber, MarketId, Sequence};
use pricetime_settlement::{Settler, Standing};
use tracing::{error, info, warn};

use super::store::Store;
use super::{History, News};

/// A market.
#[derive(Debug)]
pub(super) struct MarketSettler {
    pub(super) settler: Settler,
    /// Where its open epoch begins; none where the market is gone.
    pub(super) from: Option<Sequence>,
    /// The epoch that is given up as an operator wants it: his order stays until the ledger has it.
    pub(super) dropping: Option<EpochNumber>,
}

impl MarketSettler {
    pub(super) fn hear(&mut self, news: News) {
        if let Some(closed) = news.closed {
            self.settler.closed(closed);
        }
        self.from = news.next;
    }

    /// An operator wants the market to go on.
    pub(super) fn resume(&mut self, market: MarketId, history: History, store: &Store) {
        if self.settler.is_unread() {
            let drops = store.dropped.read(market, history).map_err(|why| why.to_string());
            if let Err(why) = &drops {
                error!(market = market.0, "settlement still stands: {why}");
            }
            self.settler.learn_drops(drops);
        }
        self.settler.resume();
    }

    /// An operator wants what waits to be done at once.
    pub(super) fn retry(&mut self, market: MarketId) {
        if let Standing::Halted(why) = self.settler.standing() {
            let market = market.0;
            warn!(
                market,
                "settlement: it stands still, so a retry changes nothing: mend this first, then \
                 `pricetime settle resume {market}`: {why}"
            );
        }
        self.settler.retry();
    }

    /// An operator wants this epoch to be given up. Says whether his order is to stay, because it is
    /// not carried out yet.
    pub(super) fn give_up(&mut self, market: MarketId, epoch: EpochNumber) -> bool {
        if self.dropping == Some(epoch) {
            // Where the ledger has refused that too, he has to say so again.
            let stays = self.settler.gives_up(epoch);
            self.dropping = self.dropping.filter(|_| stays);
            return stays;
        }
        // After a restart it goes on with what was begun.
        if self.settler.gives_up(epoch) {
            self.dropping = Some(epoch);
            return true;
        }
        let (market, number) = (market.0, epoch.0);
        if self.settler.has_dropped(epoch) && self.settler.last_settled() >= Some(epoch) {
            info!(market, epoch = number, "settlement: this epoch is dropped already");
            return false;
        }
        let begins = self.settler.give_up(epoch);
        if begins {
            self.dropping = Some(epoch);
            warn!(market, epoch = number, "settlement: given up by an operator");
        } else {
            warn!(
                market,
                epoch = number,
                "settlement: this epoch is no dead letter: it is not given up"
            );
        }
        begins
    }

    /// Whether everything that has closed is settled.
    pub(super) fn is_done(&self) -> bool {
        let closed = self.settler.last_closed();
        closed == EpochNumber(0) || self.settler.last_settled().is_some_and(|last| last >= closed)
    }
}
