//! The state of a settler, as operators see it.

use core::time::Duration;

use pricetime_engine::EpochNumber;

use crate::Digest;
use pricetime_journal::History;

/// What a settler is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does not know the ledger's position yet.
    Starting,
    /// Nothing is pending.
    Idle,
    /// It deposits this epoch's batch in the inbox.
    Depositing(EpochNumber),
    /// Something is pending, and another runner settles it or may settle it.
    Waiting {
        /// When it checks again.
        at: Duration,
        /// Why it waits.
        why: String,
    },
    /// It settles this epoch.
    Applying(EpochNumber),
    /// Something failed and will be retried.
    Retry {
        /// When it is retried.
        at: Duration,
        /// The error.
        why: String,
    },
    /// The ledger refuses this epoch, and later epochs wait. An operator must retry or drop it.
    DeadLetter {
        /// The epoch.
        epoch: EpochNumber,
        /// How often it was refused.
        tries: u32,
        /// The ledger's last answer.
        why: String,
    },
    /// It does nothing until an operator has solved this.
    Halted(Halt),
    /// An operator holds it.
    Held,
}

/// Why the settlement of a market cannot continue by itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    /// Two journals, or two programs, made different batches of the same epoch.
    #[error(
        "the ledger has a different batch of epoch {}: our digest is {ours}, its digest is \
         {theirs}; find out which trades are right before anything is settled",
        epoch.0
    )]
    Conflict {
        /// The epoch.
        epoch: EpochNumber,
        /// The digest of our batch.
        ours: Digest,
        /// The digest of the ledger's batch.
        theirs: Digest,
    },
    /// The ledger has no position for the market, and this is not the market's first epoch.
    #[error("the ledger does not know where this market begins: seed it from epoch {}", epoch.0)]
    Unseeded {
        /// The first epoch that can be settled from here.
        epoch: EpochNumber,
    },
    /// The ledger posts the epochs of another history.
    #[error("the ledger holds this market's epochs of history {0}: seed it again for this one")]
    History(History),
    /// Epochs after the ledger's position have outcomes already.
    #[error(
        "the ledger says that epoch {} is the last one settled, but later ones have outcomes: its \
         position was put back",
        last.0
    )]
    PositionBehind {
        /// The ledger's position.
        last: EpochNumber,
    },
    /// The ledger refuses something that is not about a batch.
    #[error("{0}")]
    Refused(String),
    /// The content of the ledger makes no sense.
    #[error("{0}")]
    Damaged(String),
}
