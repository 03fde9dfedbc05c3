//! How a settler stands, for people.

use core::time::Duration;

use pricetime_engine::EpochNumber;

use crate::Digest;
use pricetime_journal::History;

/// What a settler is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does not know yet how far the ledger has come.
    Starting,
    /// Nothing is pending.
    Idle,
    /// It puts this epoch's batch into the inbox.
    Depositing(EpochNumber),
    /// Something is pending, and somebody else settles it, or may.
    Waiting {
        /// When it looks again.
        at: Duration,
        /// Why it waits.
        why: String,
    },
    /// It settles this epoch.
    Applying(EpochNumber),
    /// Something failed, and is done again.
    Retry {
        /// When.
        at: Duration,
        /// Why.
        why: String,
    },
    /// The ledger refuses this epoch, and those behind it wait: an operator retries it or gives it
    /// up.
    DeadLetter {
        /// The epoch.
        epoch: EpochNumber,
        /// How often it was refused.
        tries: u32,
        /// What the ledger said last.
        why: String,
    },
    /// It does nothing until an operator has looked at this.
    Halted(Halt),
    /// An operator holds it.
    Held,
}

/// Why a market's settlement does not go on by itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    /// Two journals, or two programs, made something else of the same epoch.
    #[error(
        "epoch {} came to something else where the ledger's batch was made: ours is {ours}, theirs \
         is {theirs}; find out which trades are the right ones before anything is settled",
        epoch.0
    )]
    Conflict {
        /// The epoch.
        epoch: EpochNumber,
        /// The digest of ours.
        ours: Digest,
        /// The digest of theirs.
        theirs: Digest,
    },
    /// The ledger has never heard of the market, and this is not its first epoch.
    #[error("the ledger does not know where this market begins: seed it from epoch {}", epoch.0)]
    Unseeded {
        /// The first epoch that is there to settle.
        epoch: EpochNumber,
    },
    /// The ledger posts the epochs of another history.
    #[error("the ledger holds this market's epochs of history {0}: seed it anew for this one")]
    History(History),
    /// What stands behind the ledger's position has been settled before.
    #[error(
        "the ledger says that epoch {} is the last one settled, but later ones have outcomes: \
         somebody has put its position back",
        last.0
    )]
    Astray {
        /// The ledger's position.
        last: EpochNumber,
    },
    /// The ledger will not have something that is no batch's fault.
    #[error("{0}")]
    Refused(String),
    /// What the ledger holds makes no sense.
    #[error("{0}")]
    Damaged(String),
}
