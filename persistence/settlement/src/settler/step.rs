//! The steps that a settler asks for, and their results.

use core::time::Duration;

use pricetime_engine::{EpochNumber, MarketId};

use super::drops::Drops;
use crate::Batch;
use crate::ledger::{Applied, Claim, Deed, Deposited, Ledger, LedgerError, Position, Seed, Token};
use pricetime_journal::History;

/// What to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PollResult {
    /// Carry out this step and pass its result to [`Settler::handle_reply`](crate::Settler::handle_reply).
    Step(Step),
    /// Do nothing until this time, or until the settler is passed something.
    Wait(Option<Duration>),
}

/// One step. A caller may crash while it carries out a step, and may carry it out late or twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Store this so that it survives a restart. Losing it costs work, never money.
    Checkpoint(Checkpoint),
    /// Ask the ledger for the market's position.
    ReadPosition,
    /// Make the batches of these epochs again from the journal.
    RemakeBatches {
        /// The first epoch.
        from: EpochNumber,
        /// The last epoch. Fewer batches are enough, as long as they begin with the first.
        to: EpochNumber,
    },
    /// Deposit a batch in the inbox.
    Deposit(Batch),
    /// Read the pending batches of the inbox.
    Read {
        /// How many at most.
        limit: usize,
    },
    /// Take the market's lock, or extend it if it is held.
    Lock,
    /// Release the lock.
    Unlock,
    /// Claim the market.
    Claim {
        /// The highest token that the settler knows.
        floor: Token,
    },
    /// Seed the market.
    Seed {
        /// Where the market begins.
        seed: Seed,
        /// The token to seed under.
        token: Token,
    },
    /// Post or drop a batch.
    Apply {
        /// The batch.
        batch: Batch,
        /// The token to post under.
        token: Token,
        /// Whether to post the batch or to drop it.
        deed: Deed,
    },
    /// Store the dropped epochs on disk so that they survive a restart, in place of what was stored
    /// before. If a drop is lost, a ledger that is put back may post the epoch.
    StoreDrops(Drops),
    /// Ask the ledger for the outcome of an epoch.
    ReadOutcome(EpochNumber),
}

/// The result of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The result of [`Step::Checkpoint`], whether it worked or not.
    Checkpoint,
    /// The result of [`Step::ReadPosition`].
    PositionRead(Result<(Token, Option<Position>), LedgerError>),
    /// A result of [`Step::RemakeBatches`]. It is empty if the journal does not have the first epoch yet.
    BatchesRemade(Vec<Batch>),
    /// A result of [`Step::RemakeBatches`]: the journal will never have the first epoch.
    Gone,
    /// The result of [`Step::Deposit`].
    Deposited(Result<Deposited, LedgerError>),
    /// The result of [`Step::Read`].
    Read(Result<Vec<Batch>, LedgerError>),
    /// The result of [`Step::Lock`].
    Locked(Locked),
    /// The result of [`Step::Unlock`], whether it worked or not.
    Unlocked,
    /// The result of [`Step::Claim`].
    Claimed(Result<Claim, LedgerError>),
    /// The result of [`Step::Seed`].
    Seeded(Result<(), LedgerError>),
    /// The result of [`Step::Apply`].
    Applied(Result<Applied, LedgerError>),
    /// The result of [`Step::StoreDrops`]: stored, or why not.
    DropsStored(Result<(), String>),
    /// The result of [`Step::ReadOutcome`].
    OutcomeRead(Result<Option<Deed>, LedgerError>),
    /// A result of any step that asks the ledger: the ledger could not be opened and was not asked.
    NotOpened(LedgerError),
}

/// The result of asking for the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Locked {
    /// The lock is ours until this time.
    Until(Duration),
    /// Another runner has the lock.
    Elsewhere,
    /// Too few of the lock's servers answer.
    Unreachable,
}

/// What a settler needs again after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The highest token that it has seen.
    pub floor: Token,
    /// The epoch that the ledger refuses, if it refuses one.
    pub refusals: Option<Refusals>,
    /// Up to this epoch the ledger had outcomes, and every drop is known.
    pub settled: EpochNumber,
}

impl Default for Checkpoint {
    fn default() -> Self {
        Self { floor: Token(0), refusals: None, settled: EpochNumber(0) }
    }
}

/// An epoch that the ledger refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusals {
    /// The epoch.
    pub epoch: EpochNumber,
    /// How often it was refused.
    pub tries: u32,
    /// The ledger's last answer.
    pub why: String,
}

impl Step {
    /// Carries out a step on a ledger, for a market of a history. Returns `None` for steps that do not
    /// ask the ledger.
    pub fn carry_out(
        &self,
        market: MarketId,
        history: History,
        ledger: &mut dyn Ledger,
    ) -> Option<Reply> {
        match self {
            Self::ReadPosition => Some(Reply::PositionRead(ledger.position(market))),
            Self::Deposit(batch) => Some(Reply::Deposited(ledger.deposit(batch))),
            Self::Read { limit } => Some(Reply::Read(ledger.pending(market, history, *limit))),
            Self::Claim { floor } => Some(Reply::Claimed(ledger.claim(market, *floor))),
            Self::Seed { seed, token } => Some(Reply::Seeded(ledger.seed(seed, *token))),
            Self::Apply { batch, token, deed } => {
                Some(Reply::Applied(ledger.apply(batch, *token, *deed)))
            }
            Self::ReadOutcome(epoch) => {
                let outcome = ledger.outcome(market, Batch::id_of(history, market, *epoch));
                Some(Reply::OutcomeRead(outcome.map(|it| it.map(|it| it.deed))))
            }
            Self::Checkpoint(_)
            | Self::RemakeBatches { .. }
            | Self::Lock
            | Self::Unlock
            | Self::StoreDrops(_) => None,
        }
    }

    /// Returns the result of a step that the ledger did not answer. Returns `None` for steps that do not
    /// ask the ledger.
    #[must_use]
    pub fn unanswered(&self, error: LedgerError) -> Option<Reply> {
        match self {
            Self::ReadPosition => Some(Reply::PositionRead(Err(error))),
            Self::Deposit(_) => Some(Reply::Deposited(Err(error))),
            Self::Read { .. } => Some(Reply::Read(Err(error))),
            Self::Claim { .. } => Some(Reply::Claimed(Err(error))),
            Self::Seed { .. } => Some(Reply::Seeded(Err(error))),
            Self::Apply { .. } => Some(Reply::Applied(Err(error))),
            Self::ReadOutcome(_) => Some(Reply::OutcomeRead(Err(error))),
            Self::Checkpoint(_)
            | Self::RemakeBatches { .. }
            | Self::Lock
            | Self::Unlock
            | Self::StoreDrops(_) => None,
        }
    }
}
