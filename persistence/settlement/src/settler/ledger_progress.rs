//! What a settler knows about the ledger's past: how far it had come, and which epochs other runners
//! dropped.

use pricetime_engine::EpochNumber;

use super::drops::DropState;
use super::pause::Pause;
use super::{Remark, Settler};
use crate::ledger::{Deed, Position, Token};

/// No epoch.
pub(super) const NONE: EpochNumber = EpochNumber(0);

/// How far a ledger was put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutBack {
    /// The last epoch that had an outcome before.
    pub knew: EpochNumber,
    /// The last epoch that had one when this was noticed. Zero if the ledger knew nothing of the market.
    pub stood: EpochNumber,
    /// The epochs in between that are dropped again. The others are posted again.
    pub dropped: Vec<EpochNumber>,
}

impl Settler {
    /// Returns how far the ledger was put back, until it has caught up again.
    #[must_use]
    pub const fn put_back(&self) -> Option<&PutBack> {
        self.back.as_ref()
    }

    /// Takes the ledger's position. Remarks if the ledger was put back.
    pub(super) fn set_position(&mut self, last: Option<EpochNumber>) {
        let stood = last.unwrap_or(NONE);
        let knew = self.back.as_ref().map_or(NONE, |back| back.knew);
        let knew = knew.max(self.stored.settled).max(self.last.unwrap_or(NONE));
        self.last = last;
        let is_news = self.back.as_ref().is_none_or(|back| stood < back.stood);
        if stood < knew && is_news {
            let again = self.drops.range(stood.next()..=knew);
            let dropped = again.map(|(epoch, _)| *epoch).collect();
            let back = PutBack { knew, stood, dropped };
            self.remarks.push(Remark::PutBack(back.clone()));
            self.back = Some(back);
            self.cursor = None;
        }
        self.catch_up();
    }

    /// Remarks if a ledger that was put back has caught up.
    pub(super) fn catch_up(&mut self) {
        let last = self.last.unwrap_or(NONE);
        if let Some(back) = self.back.take_if(|back| back.knew <= last) {
            self.remarks.push(Remark::CaughtUp(back.knew));
        }
    }

    /// Returns `true` if the ledger's position is to be read, because another runner may settle our
    /// batches.
    pub(super) fn progress_check_due(&mut self, now: core::time::Duration) -> bool {
        let idle = self.lock.is_none() && self.inbox.is_empty() && self.failures == 0;
        if !idle || self.last.unwrap_or(NONE) >= self.deposits.last_closed {
            self.progress_check = None;
            return false;
        }
        let Some(progress_check) = &mut self.progress_check else {
            let wait = self.jitter.of(self.retry_policy.lock_wait);
            self.progress_check = Some(Pause::new(now, wait, String::new()));
            return false;
        };
        let is_over = progress_check.is_over(now);
        self.progress_check.take_if(|_| is_over);
        is_over
    }

    /// Takes the position that was read for that check, or at the start.
    pub(super) fn handle_progress(&mut self, token: Token, position: Option<Position>) {
        let last = position.map(|it| it.last);
        let is_ours = position.is_none_or(|it| it.history == self.history);
        if self.deposits.is_starting() || !is_ours || last < self.last {
            return self.handle_position(token, position);
        }
        if let Some(last) = last.filter(|last| Some(*last) > self.last) {
            self.raise_floor(token);
            self.advance_to(last);
            self.deposits.skip_to(last.next());
            self.due = true;
        }
    }

    /// Returns the next epoch whose outcome must be looked up: one that was to be dropped, one that
    /// another runner settled, or one that was settled before this settler stored drops. They are looked
    /// up from the last one down, because a ledger has none before its first.
    pub(super) fn next_unknown(&mut self) -> Option<EpochNumber> {
        let last = self.last?;
        let wanted = |(_, state): &(&EpochNumber, &DropState)| **state == DropState::Wanted;
        if let Some((epoch, _)) = self.drops.range(..=last).find(wanted) {
            return Some(*epoch);
        }
        if last <= self.stored.settled {
            self.cursor = None;
            return None;
        }
        Some(self.cursor.get_or_insert((last, last)).0)
    }

    /// Takes the outcome that was looked up.
    pub(super) fn handle_outcome(&mut self, epoch: EpochNumber, deed: Option<Deed>) {
        match deed {
            Some(deed) => self.record_outcome(epoch, deed),
            // The ledger begins after this epoch, so nothing of it is posted there.
            None if self.drops.contains_key(&epoch) => self.record_outcome(epoch, Deed::Drop),
            None => {}
        }
        let Some((next, top)) = self.cursor.filter(|(next, _)| *next == epoch) else { return };
        let below = EpochNumber(next.0.saturating_sub(1));
        if deed.is_none() || below <= self.stored.settled {
            self.stored.settled = top;
            self.store_pending = true;
            self.cursor = None;
        } else {
            self.cursor = Some((below, top));
        }
    }

    /// Takes the outcome of an epoch that was settled here.
    pub(super) fn settled(&mut self, epoch: EpochNumber, deed: Deed) {
        self.record_outcome(epoch, deed);
        if self.cursor.is_none() && self.stored.settled.next() == epoch {
            self.stored.settled = epoch;
            self.advanced = true;
        }
        self.catch_up();
    }
}
