//! Epochs that operators have dropped.
//!
//! A ledger may be put back to a state from before it dropped an epoch, or another ledger may take its
//! place. So the settler keeps the drops too, and asks every ledger to drop these epochs. A drop is stored
//! before the first ledger is asked: see [`Step::Note`].

use core::time::Duration;
use std::collections::BTreeMap;

use pricetime_engine::EpochNumber;

use super::pause::Pause;
use super::{Remark, Reply, Settler};
use crate::ledger::Deed;

#[cfg(doc)]
use super::Step;

/// How far a drop has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropping {
    /// An operator wants it. The ledger may have dropped the epoch by now, or may have posted it before.
    Wanted,
    /// A ledger has dropped the epoch.
    Done,
}

/// The epochs of a market's history that operators have dropped.
pub type Drops = BTreeMap<EpochNumber, Dropping>;

impl Settler {
    /// Drops an epoch that is a dead letter: it counts as done without its transfers, in this ledger and
    /// in every later one. Returns `false` if the epoch is no dead letter.
    pub fn give_up(&mut self, epoch: EpochNumber) -> bool {
        let dead = self.is_dead(epoch);
        if dead {
            self.drop = Some(epoch);
            let before = *self.drops.entry(epoch).or_insert(Dropping::Wanted);
            self.unnoted |= before == Dropping::Wanted;
            self.retry_now();
        }
        dead
    }

    /// Returns `true` while a drop of this epoch has no outcome and was not refused.
    #[must_use]
    pub fn gives_up(&self, epoch: EpochNumber) -> bool {
        self.drop == Some(epoch) && self.last.is_none_or(|last| last < epoch)
    }

    /// Returns `true` if a ledger has dropped this epoch.
    #[must_use]
    pub fn has_dropped(&self, epoch: EpochNumber) -> bool {
        self.drops.get(&epoch) == Some(&Dropping::Done)
    }

    /// Returns `true` if the drops could not be read, so that nothing is settled.
    #[must_use]
    pub const fn is_unread(&self) -> bool {
        self.unread.is_some()
    }

    /// Takes the stored drops, or the error if they cannot be read.
    pub fn learn_drops(&mut self, drops: Result<Drops, String>) {
        match drops {
            Ok(drops) => {
                // At most one drop is tried at a time. An earlier one that has an outcome is looked up.
                let wanted = drops.iter().rfind(|(_, state)| **state == Dropping::Wanted);
                self.drop = wanted.map(|(epoch, _)| *epoch);
                self.drops = drops;
                self.unread = None;
            }
            Err(why) => self.unread = Some(why),
        }
    }

    /// Returns what the ledger is asked to do with an epoch.
    pub(super) fn deed(&self, epoch: EpochNumber) -> Deed {
        if self.drops.contains_key(&epoch) { Deed::Drop } else { Deed::Post }
    }

    /// Takes the result of storing the drops.
    pub(super) fn noted(&mut self, now: Duration, came: Reply) {
        if came == Reply::Noted(Ok(())) {
            return;
        }
        self.unnoted = true;
        let Reply::Noted(Err(why)) = came else { return };
        self.failures = self.failures.saturating_add(1);
        let wait = self.chance.of(self.patience.backoff(self.failures));
        self.rest = Some(Pause::new(now, wait, why));
    }

    /// Takes the outcome of an epoch from the ledger.
    pub(super) fn became(&mut self, epoch: EpochNumber, deed: Deed) {
        match (deed, self.drops.get(&epoch)) {
            (Deed::Drop, Some(Dropping::Done)) | (Deed::Post, None) => {}
            (Deed::Drop, Some(Dropping::Wanted) | None) => {
                self.drops.insert(epoch, Dropping::Done);
                self.unnoted = true;
            }
            (Deed::Post, Some(Dropping::Wanted)) => {
                self.drops.remove(&epoch);
                self.unnoted = true;
                self.remarks.push(Remark::PostedBefore(epoch));
            }
            (Deed::Post, Some(Dropping::Done)) => self.remarks.push(Remark::Posted(epoch)),
        }
    }
}
