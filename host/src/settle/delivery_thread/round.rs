//! What the delivery thread knows of a market, and what may be wrong with one.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use pricetime_settlement::ledger::{LedgerError, Notice};

use super::super::outlet::{Receipt, Undelivered};
use super::super::receipts::Mark;

/// What is known of a market.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) mark: Mark,
    /// Whether the mark's number is known to be one of the ledger that is open.
    pub(super) fits: bool,
    /// Whether it was not, and this ledger may tell of what another one has told.
    pub(super) anew: bool,
    /// What was read and is to be delivered.
    pub(super) waiting: VecDeque<(u64, Notice)>,
    /// Failures in a row, and until when nothing is tried.
    pub(super) failures: u32,
    pub(super) until: Duration,
    pub(super) trouble: Option<Undelivered>,
    /// What was delivered and said, where the disk has not taken it yet.
    pub(super) unkept: Option<(u64, Receipt)>,
    /// What stands in the receipts by now, where the position has not followed.
    pub(super) noted: Option<u64>,
}

/// Why a market is not served.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("{0}: {1}")]
    Disk(String, std::io::Error),
}

impl Trouble {
    /// Whether others can be served all the same.
    pub(super) const fn is_of_one(&self) -> bool {
        !matches!(self, Self::Ledger(LedgerError::Unreachable { .. }))
    }
}

/// What was refused so often that an operator has to say what is to become of it.
pub(super) fn stands(mark: &Mark, number: u64, limit: u32) -> Option<(u64, u32, String)> {
    mark.refused.clone().filter(|(of, tries, _)| *of == number && *tries >= limit)
}

/// From half of a wait that doubles to all of it.
pub(super) fn backoff(least: Duration, most: Duration, failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(30);
    let length = least.saturating_mul(1 << doublings).min(most);
    let chance = RandomState::new().hash_one(failures) & 0xffff;
    length / 2 + (length / 2).mul_f64(chance as f64 / 65_536.0)
}
