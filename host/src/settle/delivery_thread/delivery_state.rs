//! What the delivery thread knows of a market, and what can go wrong with one.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use pricetime_settlement::ledger::{LedgerError, Notice};

use super::super::outlet::{Receipt, Undelivered};
use super::super::receipts::Position;

/// What is known of a market.
#[derive(Debug, Default)]
pub(super) struct DeliveryState {
    pub(super) position: Position,
    /// Whether the position's number is known to belong to the open ledger.
    pub(super) is_checked: bool,
    /// Whether the number belongs to another ledger, so that this one may repeat notices that were
    /// delivered.
    pub(super) may_repeat: bool,
    /// The notices that were read and not delivered yet.
    pub(super) waiting: VecDeque<(u64, Notice)>,
    /// How many failures there were in a row, and until when nothing is tried.
    pub(super) failures: u32,
    pub(super) until: Duration,
    pub(super) trouble: Option<Undelivered>,
    /// A delivered notice's receipt that could not be written to disk yet.
    pub(super) unsaved: Option<(u64, Receipt)>,
    /// The notice whose receipt is on disk while the position is not.
    pub(super) saved_receipt: Option<u64>,
}

/// Why a market is not served.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeliveryError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("{0}: {1}")]
    Disk(String, std::io::Error),
}

impl DeliveryError {
    /// Returns `true` if other markets can still be served.
    pub(super) const fn is_of_one_market(&self) -> bool {
        !matches!(self, Self::Ledger(LedgerError::Unreachable { .. }))
    }
}

/// Returns the refusals of a notice that was refused so often that an operator has to decide.
pub(super) fn needs_operator(
    position: &Position,
    number: u64,
    limit: u32,
) -> Option<(u64, u32, String)> {
    position.refused.clone().filter(|(of, tries, _)| *of == number && *tries >= limit)
}

/// Returns a random wait between half and all of a length that doubles with each failure.
pub(super) fn backoff(least: Duration, most: Duration, failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(30);
    let length = least.saturating_mul(1 << doublings).min(most);
    let chance = RandomState::new().hash_one(failures) & 0xffff;
    length / 2 + (length / 2).mul_f64(chance as f64 / 65_536.0)
}
