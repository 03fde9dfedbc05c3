//! What a settler knows of the ledger from before: how far it had come, and which of its epochs were
//! dropped by others.

use pricetime_engine::EpochNumber;

use super::drops::Dropping;
use super::pause::Pause;
use super::{Remark, Settler};
use crate::ledger::{Deed, Position, Token};

/// No epoch.
pub(super) const NONE: EpochNumber = EpochNumber(0);

/// A ledger that has not come as far as it had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutBack {
    /// The last epoch that had an outcome.
    pub knew: EpochNumber,
    /// The last one that had one when that was noticed; zero if the ledger knew nothing of the market.
    pub stood: EpochNumber,
    /// The epochs in between that are dropped again. The others are posted again.
    pub dropped: Vec<EpochNumber>,
}

impl Settler {
    /// The ledger was put back, and has not yet come as far again.
    #[must_use]
    pub const fn put_back(&self) -> Option<&PutBack> {
        self.back.as_ref()
    }

    /// The ledger has said how far it has come.
    pub(super) fn stands(&mut self, last: Option<EpochNumber>) {
        let stood = last.unwrap_or(NONE);
        let knew = self.back.as_ref().map_or(NONE, |back| back.knew);
        let knew = knew.max(self.kept.settled).max(self.last.unwrap_or(NONE));
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

    /// Looks whether a ledger that was put back has come as far again.
    pub(super) fn catch_up(&mut self) {
        let last = self.last.unwrap_or(NONE);
        if let Some(back) = self.back.take_if(|back| back.knew <= last) {
            self.remarks.push(Remark::CaughtUp(back.knew));
        }
    }

    /// Whether to ask how far the ledger has come, because another runner may settle what we brought.
    pub(super) fn glances(&mut self, now: core::time::Duration) -> bool {
        let idle = self.lock.is_none() && self.inbox.is_empty() && self.failures == 0;
        if !idle || self.last.unwrap_or(NONE) >= self.feed.made {
            self.glance = None;
            return false;
        }
        let Some(glance) = &mut self.glance else {
            let wait = self.chance.of(self.patience.lock_wait);
            self.glance = Some(Pause::new(now, wait, String::new()));
            return false;
        };
        let over = glance.over(now);
        self.glance.take_if(|_| over);
        over
    }

    /// The answer to that, or to the first look.
    pub(super) fn glanced(&mut self, token: Token, position: Option<Position>) {
        let last = position.map(|it| it.last);
        let is_ours = position.is_none_or(|it| it.history == self.history);
        if self.feed.is_starting() || !is_ours || last < self.last {
            return self.looked(token, position);
        }
        if let Some(last) = last.filter(|last| Some(*last) > self.last) {
            self.raise(token);
            self.stands_at(last);
            self.feed.skip_to(last.next());
            self.due = true;
        }
    }

    /// The next epoch of which it is to be asked what became of it: one that was to be dropped, or one
    /// that was settled by another runner or before this one kept what was dropped. They are asked
    /// for from the last one down, because before the first of a ledger there is none.
    pub(super) fn unknown(&mut self) -> Option<EpochNumber> {
        let last = self.last?;
        let wanted = |(_, state): &(&EpochNumber, &Dropping)| **state == Dropping::Wanted;
        if let Some((epoch, _)) = self.drops.range(..=last).find(wanted) {
            return Some(*epoch);
        }
        if last <= self.kept.settled {
            self.cursor = None;
            return None;
        }
        Some(self.cursor.get_or_insert((last, last)).0)
    }

    /// What became of it.
    pub(super) fn recalled(&mut self, epoch: EpochNumber, deed: Option<Deed>) {
        match deed {
            Some(deed) => self.became(epoch, deed),
            // The ledger begins behind it, so nothing of it is posted there.
            None if self.drops.contains_key(&epoch) => self.became(epoch, Deed::Drop),
            None => {}
        }
        let Some((next, top)) = self.cursor.filter(|(next, _)| *next == epoch) else { return };
        let below = EpochNumber(next.0.saturating_sub(1));
        if deed.is_none() || below <= self.kept.settled {
            self.kept.settled = top;
            self.unkept = true;
            self.cursor = None;
        } else {
            self.cursor = Some((below, top));
        }
    }

    /// An epoch was settled here.
    pub(super) fn settled(&mut self, epoch: EpochNumber, deed: Deed) {
        self.became(epoch, deed);
        if self.cursor.is_none() && self.kept.settled.next() == epoch {
            self.kept.settled = epoch;
            self.advanced = true;
        }
        self.catch_up();
    }
}
