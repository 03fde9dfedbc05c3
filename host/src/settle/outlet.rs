//! Outlets: deliver each posted batch to an external system, for instance a blockchain.

#[cfg(feature = "outlets")]
mod address;
#[cfg(feature = "outlets")]
mod pipes;
#[cfg(feature = "outlets")]
mod program;
#[cfg(feature = "outlets")]
mod signature;
#[cfg(feature = "outlets")]
mod web;

use std::fmt;
use std::time::Duration;

use pricetime_engine::EpochNumber;
use pricetime_settlement::ledger::Notice;

#[cfg(feature = "outlets")]
pub use address::BadAddress;
#[cfg(feature = "outlets")]
pub use program::ProgramOutlet;
#[cfg(feature = "outlets")]
pub use web::WebOutlet;

/// How much of an external system's answer is kept.
#[cfg(feature = "outlets")]
const ANSWER_MAX: usize = 64 << 10;
/// The longest timeout. A longer one could overflow when it is added to a clock.
#[cfg(feature = "outlets")]
const TIMEOUT_MAX: Duration = Duration::from_secs(366 * 24 * 3_600);

/// The answer to a delivery, which is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt(pub String);

/// Why a batch was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDelivered {
    /// It is unknown whether it was delivered, or it was not possible now. It is retried without limit.
    #[error("not now: {0}")]
    Later(String),
    /// The external system refuses it. After some tries an operator has to decide.
    #[error("refused: {0}")]
    Refused(String),
}

/// Delivers posted batches to an external system.
///
/// The notices of a market are delivered in order and at least once, each after the receipt of the one
/// before. An implementation that gets the same [`BatchId`](pricetime_settlement::BatchId) again must do
/// nothing and return the same answer as before. If a notice's deed is a drop, the epoch was dropped in
/// the ledger and nothing was posted. A call may take long: it delays other deliveries to this outlet,
/// but not settlement.
pub trait Outlet: Send {
    /// Delivers one notice.
    ///
    /// # Errors
    /// Returns the reason why it was not delivered, and whether a later attempt may succeed.
    fn deliver(&mut self, notice: &Notice) -> Result<Receipt, NotDelivered>;
}

/// What is delivered where, and how often it is retried.
pub struct Delivery {
    /// The outlet to deliver to.
    pub outlet: Box<dyn Outlet>,
    /// The wait before the first retry. Each further wait is twice the one before.
    pub backoff_min: Duration,
    /// The longest wait between two tries.
    pub backoff_max: Duration,
    /// How often a batch may be refused before an operator has to decide.
    pub refusals_max: u32,
    /// Whether the ledger may delete the notices that were delivered.
    pub forget: bool,
}

impl Delivery {
    /// Delivers to this outlet with the default settings: the first retry after a second, later ones at
    /// most ten minutes apart. After five refusals an operator has to decide. The ledger deletes no
    /// notices.
    pub fn to(outlet: impl Outlet + 'static) -> Self {
        Self {
            outlet: Box::new(outlet),
            backoff_min: Duration::from_secs(1),
            backoff_max: Duration::from_secs(600),
            refusals_max: 5,
            forget: false,
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery").field("forget", &self.forget).finish_non_exhaustive()
    }
}

/// How far the delivery of a market has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarketDelivery {
    /// The last epoch that was delivered or skipped.
    pub delivered: Option<EpochNumber>,
    /// What is wrong with the next epoch, if anything is.
    pub trouble: Option<Undelivered>,
}

/// An epoch that could not be delivered so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// The epoch.
    pub epoch: EpochNumber,
    /// How often it was refused.
    pub refusals: u32,
    /// Whether an operator has to decide about it.
    pub needs_operator: bool,
    /// The error.
    pub why: String,
}

/// Returns the beginning of an answer, as text.
#[cfg(feature = "outlets")]
fn truncated(answer: &[u8]) -> String {
    let answer = answer.get(..ANSWER_MAX).unwrap_or(answer);
    String::from_utf8_lossy(answer).trim().to_owned()
}

/// The receipt for a drop, for outlets that deliver only batches.
#[cfg(feature = "outlets")]
fn drop_receipt() -> Receipt {
    Receipt(String::from("given up in the ledger, so nothing was delivered"))
}
