//! What a settler asks for, and what it is told.

use core::time::Duration;

use pricetime_engine::{EpochNumber, MarketId};

use super::drops::Drops;
use crate::Batch;
use crate::ledger::{Applied, Claim, Deed, Deposited, Ledger, LedgerError, Position, Seed, Token};
use pricetime_journal::History;

/// What is to be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// This, and then what came of it is to be told.
    Step(Step),
    /// Nothing until then, or until the settler is told something.
    Rest(Option<Duration>),
}

/// One step. Whoever carries it out may be gone in its midst, and may do it late or twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Store this where a restart finds it. What is lost costs work, never money.
    Keep(Kept),
    /// Ask the ledger for the market's position.
    Look,
    /// Make the batches of these epochs from the journal once more.
    Need {
        /// The first.
        from: EpochNumber,
        /// The last. Fewer will do, as long as they begin with the first.
        to: EpochNumber,
    },
    /// Put a batch into the inbox.
    Deposit(Batch),
    /// Read what is pending in the inbox.
    Read {
        /// So many at most.
        limit: usize,
    },
    /// Take the market's lock, or prolong it where it is held.
    Lock,
    /// Give the lock back.
    Unlock,
    /// Claim the market.
    Claim {
        /// The highest token that is known here.
        floor: Token,
    },
    /// Seed the market.
    Seed {
        /// Where it begins.
        seed: Seed,
        /// Under this token.
        token: Token,
    },
    /// Post a batch or give it up.
    Apply {
        /// The batch.
        batch: Batch,
        /// Under this token.
        token: Token,
        /// Which of the two.
        deed: Deed,
    },
    /// Store what was dropped where a restart finds it, on disk, in the place of what was stored
    /// before. What is lost of it may be posted by a ledger that is put back.
    Note(Drops),
    /// Ask the ledger what became of an epoch.
    Recall(EpochNumber),
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Of [`Step::Keep`], whether it worked or not.
    Kept,
    /// Of [`Step::Look`].
    Looked(Result<(Token, Option<Position>), LedgerError>),
    /// Of [`Step::Need`]: none where the journal does not give the first yet.
    Given(Vec<Batch>),
    /// Of [`Step::Need`]: the journal will never give the first.
    Gone,
    /// Of [`Step::Deposit`].
    Deposited(Result<Deposited, LedgerError>),
    /// Of [`Step::Read`].
    Read(Result<Vec<Batch>, LedgerError>),
    /// Of [`Step::Lock`].
    Locked(Locked),
    /// Of [`Step::Unlock`], whether it worked or not.
    Unlocked,
    /// Of [`Step::Claim`].
    Claimed(Result<Claim, LedgerError>),
    /// Of [`Step::Seed`].
    Seeded(Result<(), LedgerError>),
    /// Of [`Step::Apply`].
    Applied(Result<Applied, LedgerError>),
    /// Of [`Step::Note`]: stored, or why not.
    Noted(Result<(), String>),
    /// Of [`Step::Recall`].
    Recalled(Result<Option<Deed>, LedgerError>),
    /// Of any step that asks the ledger: it could not be opened, so it was not asked.
    Shut(LedgerError),
}

/// What came of asking for the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Locked {
    /// It is ours until then.
    Until(Duration),
    /// Somebody else has it.
    Elsewhere,
    /// Too few of those who keep it answer.
    Unreachable,
}

/// What a settler wants to find again after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The highest token that it has seen.
    pub floor: Token,
    /// How often the ledger has refused an epoch.
    pub refusals: Option<Refusals>,
    /// Up to this epoch of the history the ledger had outcomes, and what was dropped is known.
    pub settled: EpochNumber,
}

impl Default for Kept {
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
    /// What the ledger said last.
    pub why: String,
}

impl Step {
    /// Carries out a step that a ledger can carry out, for a market of a history; `None` is for
    /// those that are somebody else's.
    pub fn carry_out(
        &self,
        market: MarketId,
        history: History,
        ledger: &mut dyn Ledger,
    ) -> Option<Reply> {
        match self {
            Self::Look => Some(Reply::Looked(ledger.position(market))),
            Self::Deposit(batch) => Some(Reply::Deposited(ledger.deposit(batch))),
            Self::Read { limit } => Some(Reply::Read(ledger.pending(market, history, *limit))),
            Self::Claim { floor } => Some(Reply::Claimed(ledger.claim(market, *floor))),
            Self::Seed { seed, token } => Some(Reply::Seeded(ledger.seed(seed, *token))),
            Self::Apply { batch, token, deed } => {
                Some(Reply::Applied(ledger.apply(batch, *token, *deed)))
            }
            Self::Recall(epoch) => {
                let outcome = ledger.outcome(market, Batch::id_of(history, market, *epoch));
                Some(Reply::Recalled(outcome.map(|it| it.map(|it| it.deed))))
            }
            Self::Keep(_) | Self::Need { .. } | Self::Lock | Self::Unlock | Self::Note(_) => None,
        }
    }

    /// What came of it where the ledger did not answer; `None` is for steps that ask no ledger.
    #[must_use]
    pub fn unanswered(&self, error: LedgerError) -> Option<Reply> {
        match self {
            Self::Look => Some(Reply::Looked(Err(error))),
            Self::Deposit(_) => Some(Reply::Deposited(Err(error))),
            Self::Read { .. } => Some(Reply::Read(Err(error))),
            Self::Claim { .. } => Some(Reply::Claimed(Err(error))),
            Self::Seed { .. } => Some(Reply::Seeded(Err(error))),
            Self::Apply { .. } => Some(Reply::Applied(Err(error))),
            Self::Recall(_) => Some(Reply::Recalled(Err(error))),
            Self::Keep(_) | Self::Need { .. } | Self::Lock | Self::Unlock | Self::Note(_) => None,
        }
    }
}
