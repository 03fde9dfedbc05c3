//! Epochs that operators have dropped.
//!
//! A ledger may be put back to a state from before it dropped an epoch, or another ledger may take its
//! place. So the settler keeps the drops too, and asks every ledger to drop these epochs. A drop is stored
//! before the first ledger is asked: see [`Step::StoreDrops`].

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
pub enum DropState {
    /// An operator wants it. The ledger may have dropped the epoch by now, or may have posted it before.
    Wanted,
    /// A ledger has dropped the epoch.
    Done,
}

/// The epochs of a market's history that operators have dropped.
pub type Drops = BTreeMap<EpochNumber, DropState>;

impl Settler {
    /// Drops an epoch that is a dead letter: it counts as done without its transfers, in this ledger and
    /// in every later one. Returns `false` if the epoch is no dead letter.
    pub fn drop_epoch(&mut self, epoch: EpochNumber) -> bool {
        let dead = self.is_dead_letter(epoch);
        if dead {
            self.current_drop = Some(epoch);
            let before = *self.drops.entry(epoch).or_insert(DropState::Wanted);
            self.drops_pending |= before == DropState::Wanted;
            self.retry_now();
        }
        dead
    }

    /// Returns `true` while a drop of this epoch has no outcome and was not refused.
    #[must_use]
    pub fn is_dropping(&self, epoch: EpochNumber) -> bool {
        self.current_drop == Some(epoch) && self.last.is_none_or(|last| last < epoch)
    }

    /// Returns `true` if a ledger has dropped this epoch.
    #[must_use]
    pub fn has_dropped(&self, epoch: EpochNumber) -> bool {
        self.drops.get(&epoch) == Some(&DropState::Done)
    }

    /// Returns `true` if the drops could not be read, so that nothing is settled.
    #[must_use]
    pub const fn has_drops_error(&self) -> bool {
        self.drops_error.is_some()
    }

    /// Takes the stored drops, or the error if they cannot be read.
    pub fn set_drops(&mut self, drops: Result<Drops, String>) {
        match drops {
            Ok(drops) => {
                // At most one drop is tried at a time. An earlier one that has an outcome is looked up.
                let wanted = drops.iter().rfind(|(_, state)| **state == DropState::Wanted);
                self.current_drop = wanted.map(|(epoch, _)| *epoch);
                self.drops = drops;
                self.drops_error = None;
            }
            Err(why) => self.drops_error = Some(why),
        }
    }

    /// Returns what the ledger is asked to do with an epoch.
    pub(super) fn deed(&self, epoch: EpochNumber) -> Deed {
        if self.drops.contains_key(&epoch) { Deed::Drop } else { Deed::Post }
    }

    /// Takes the result of storing the drops.
    pub(super) fn handle_drops_stored(&mut self, now: Duration, reply: Reply) {
        if reply == Reply::DropsStored(Ok(())) {
            return;
        }
        self.drops_pending = true;
        let Reply::DropsStored(Err(why)) = reply else { return };
        self.failures = self.failures.saturating_add(1);
        let wait = self.jitter.of(self.retry_policy.backoff(self.failures));
        self.ledger_wait = Some(Pause::new(now, wait, why));
    }

    /// Takes the outcome of an epoch from the ledger.
    pub(super) fn record_outcome(&mut self, epoch: EpochNumber, deed: Deed) {
        match (deed, self.drops.get(&epoch)) {
            (Deed::Drop, Some(DropState::Done)) | (Deed::Post, None) => {}
            (Deed::Drop, Some(DropState::Wanted) | None) => {
                self.drops.insert(epoch, DropState::Done);
                self.drops_pending = true;
            }
            (Deed::Post, Some(DropState::Wanted)) => {
                self.drops.remove(&epoch);
                self.drops_pending = true;
                self.remarks.push(Remark::PostedBefore(epoch));
            }
            (Deed::Post, Some(DropState::Done)) => self.remarks.push(Remark::Posted(epoch)),
        }
    }
}
