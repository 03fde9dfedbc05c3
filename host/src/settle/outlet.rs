//! Outlets: what is to happen outside once a batch is posted, on a chain for instance.

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

/// So much of what the outside has said is kept.
#[cfg(feature = "outlets")]
const SAID_MAX: usize = 64 << 10;
/// No delivery takes longer: what is added to a clock must not overflow.
#[cfg(feature = "outlets")]
const TIMEOUT_MAX: Duration = Duration::from_secs(366 * 24 * 3_600);

/// What the outside has said to it, to be kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt(pub String);

/// Why something was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDelivered {
    /// Nobody knows, or it was not possible now: it is tried again, for ever.
    #[error("not now: {0}")]
    Later(String),
    /// The outside does not want it: after some tries an operator is asked.
    #[error("refused: {0}")]
    Refused(String),
}

/// Brings what was posted to the outside.
///
/// Each notice of a market is delivered at least once, in order, the next one after the receipt of
/// the one before: whoever hears the same [`BatchId`](pricetime_settlement::BatchId)
/// again must do nothing and answer as before. A notice whose deed is a drop was given up in the
/// ledger; nothing was posted. One call may take long: others of this outlet wait, settlement does
/// not.
pub trait Outlet: Send {
    /// Delivers one.
    ///
    /// # Errors
    /// Why it was not, and whether time may change that.
    fn deliver(&mut self, notice: &Notice) -> Result<Receipt, NotDelivered>;
}

/// What is delivered where, and how patiently.
pub struct Delivery {
    /// Where to.
    pub outlet: Box<dyn Outlet>,
    /// The first wait before something is tried again; each one is twice the one before.
    pub backoff_min: Duration,
    /// The longest such wait.
    pub backoff_max: Duration,
    /// How often something may be refused before an operator is asked.
    pub refusals_max: u32,
    /// Whether the ledger may forget the notices that were delivered.
    pub forget: bool,
}

impl Delivery {
    /// To this outlet: a second between the first two tries and ten minutes at most; after five
    /// refusals an operator is asked; the ledger forgets nothing.
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
    /// The last epoch that was delivered, or skipped.
    pub delivered: Option<EpochNumber>,
    /// What is wrong with the next one, if anything is.
    pub trouble: Option<Undelivered>,
}

/// What could not be delivered so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// The epoch.
    pub epoch: EpochNumber,
    /// How often it was refused.
    pub refusals: u32,
    /// Whether an operator has to say what is to become of it.
    pub stands: bool,
    /// What is wrong.
    pub why: String,
}

/// The beginning of what was said.
#[cfg(feature = "outlets")]
fn bounded(said: &[u8]) -> String {
    let said = said.get(..SAID_MAX).unwrap_or(said);
    String::from_utf8_lossy(said).trim().to_owned()
}

/// What a drop is answered with by outlets that know nothing but batches.
#[cfg(feature = "outlets")]
fn dropped() -> Receipt {
    Receipt(String::from("given up in the ledger, so nothing was delivered"))
}
