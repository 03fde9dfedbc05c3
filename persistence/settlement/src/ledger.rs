//! Ledgers: who has what in a market, and which batches have been posted.
//!
//! A batch is posted at most once, whoever asks, however often, and whatever was lost on the way:
//! that is decided here, in one atomic step, and by no lock. Each market is a ledger of its own: its
//! epochs are posted in order, each under a token that was claimed, and a claim fences whoever claimed
//! before.
//!
//! A ledger posts without asking for funds: balances may be negative. Its amounts are those of a
//! [`Transfer`](crate::Transfer).
//!
//! What this page says is put to the proof by `conformance`, a feature, for every ledger alike.

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "redb")]
mod embedded;

#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redis")]
mod redis;

use pricetime_engine::{AccountId, EpochNumber, MarketId};

use crate::{Batch, BatchId, Digest};
use pricetime_journal::History;

#[cfg(feature = "redis")]
pub use self::redis::RedisLedger;
#[cfg(all(feature = "redis", any(test, fuzzing)))]
#[doc(hidden)]
pub use self::redis::fuzzing;
#[cfg(feature = "redb")]
pub use embedded::EmbeddedLedger;

/// The right to post in a market, until somebody claims a higher one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// How far a market's ledger has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The history whose epochs it posts.
    pub history: History,
    /// The last epoch that has an outcome; the one before the first where none has.
    pub last: EpochNumber,
}

/// What a claim gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The token: above every one before it, and above the floor that was given.
    pub token: Token,
    /// How far the ledger has come; none where it was never seeded.
    pub position: Option<Position>,
}

/// Where a market's ledger is to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// The market.
    pub market: MarketId,
    /// Its next epoch is the one behind this.
    pub position: Position,
    /// The position that this one takes the place of; none where there is to be none yet.
    pub instead: Option<Position>,
    /// What is added to what accounts have: from another ledger, or from before this one.
    pub balances: Vec<Balance>,
}

/// What becomes of a batch in the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deposited {
    /// It is there now.
    Fresh,
    /// It was there before, or has an outcome already.
    Known,
    /// Another one of the same name is there, or was settled: of this digest.
    Conflict(Digest),
}

/// Whether a batch is posted, or an operator has given it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deed {
    /// Its transfers are posted.
    Post,
    /// It counts as done without them.
    Drop,
}

/// What came of applying a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It was carried out, just now.
    Done,
    /// It has this outcome, from before.
    Duplicate(Deed),
    /// A batch of the same name and of this digest has an outcome.
    Conflict(Digest),
    /// Somebody has claimed this higher token.
    Fenced(Token),
    /// The market was never seeded, or with another history.
    Unseeded,
    /// It is not the epoch after this one, the last that has an outcome.
    Gap(EpochNumber),
}

/// What stands for ever of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The batch.
    pub id: BatchId,
    /// Its epoch.
    pub epoch: EpochNumber,
    /// Its digest.
    pub digest: Digest,
    /// What was done.
    pub deed: Deed,
    /// Under which token.
    pub token: Token,
}

/// What an account has in a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// Whose.
    pub account: AccountId,
    /// Of what is traded.
    pub base: i128,
    /// Of what it is paid with.
    pub quote: i128,
}

/// An outcome that others are to hear of, with the batch's id as their key against doubles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The outcome.
    pub outcome: Outcome,
    /// What was posted, or given up.
    pub batch: Batch,
}

/// Why a ledger did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// It does not answer, or not in time: nobody knows whether it was done. To be asked again.
    #[error("the ledger {ledger} does not answer: {why}")]
    Unreachable {
        /// Which one.
        ledger: String,
        /// What is wrong.
        why: String,
    },
    /// It has answered that it does not do this. Nothing was done.
    #[error("the ledger {ledger} refuses: {why}")]
    Refused {
        /// Which one.
        ledger: String,
        /// Why.
        why: String,
    },
    /// What it holds makes no sense: somebody else wrote there.
    #[error("the ledger {ledger} is damaged: {what}")]
    Damaged {
        /// Which one.
        ledger: String,
        /// What is wrong, and where.
        what: String,
    },
}

/// A ledger. One of them is used from one thread; several, in several processes, may stand before the
/// same books.
pub trait Ledger: Send {
    /// What it is and where, for people.
    fn name(&self) -> String;

    /// Puts a batch into the inbox, whole and once, so that whoever claims next can settle it without
    /// the journal that it was made from. Asked for again it changes nothing.
    ///
    /// # Errors
    /// As [`LedgerError`] says; a batch that is not sound is refused.
    fn deposit(&mut self, batch: &Batch) -> Result<Deposited, LedgerError>;

    /// The first batches of a market's inbox that have no outcome, of this history, in the order of
    /// their epochs.
    ///
    /// # Errors
    /// As [`LedgerError`] says.
    fn pending(
        &mut self,
        market: MarketId,
        history: History,
        limit: usize,
    ) -> Result<Vec<Batch>, LedgerError>;

    /// Claims a market: the token is one above the highest of those that it has seen and of `floor`.
    /// Whoever claimed before can post no more.
    ///
    /// # Errors
    /// As [`LedgerError`] says; above the highest number there is no token, which is refused.
    fn claim(&mut self, market: MarketId, floor: Token) -> Result<Claim, LedgerError>;

    /// Posts a batch, or gives it up, in one atomic step, unless, in this order: it has an outcome; a
    /// higher token was claimed; the market is not seeded with its history; it is not the next epoch.
    /// With the transfers it writes outcome, position, token and a notice for the outbox, and takes
    /// the batch of that name out of the inbox. A token above all that were claimed is from then on
    /// the highest.
    ///
    /// # Errors
    /// As [`LedgerError`] says; a batch that is not sound is refused, and so is one that makes a
    /// balance larger than its type.
    fn apply(&mut self, batch: &Batch, token: Token, deed: Deed) -> Result<Applied, LedgerError>;

    /// Makes a market ready for the epochs behind a position, under a token, as posting is. Where that
    /// position stands already it changes nothing, whatever the token.
    ///
    /// # Errors
    /// As [`LedgerError`] says; it is refused where a higher token was claimed, where the position that
    /// stands is neither this one nor the one that is to be replaced, and where a balance gets larger
    /// than its type.
    fn seed(&mut self, seed: &Seed, token: Token) -> Result<(), LedgerError>;

    /// How far a market has come, and the highest token that was claimed there.
    ///
    /// # Errors
    /// As [`LedgerError`] says.
    fn position(&mut self, market: MarketId) -> Result<(Token, Option<Position>), LedgerError>;

    /// The markets that have a batch, a claim, a position or an outcome, in any order.
    ///
    /// # Errors
    /// As [`LedgerError`] says.
    fn markets(&mut self) -> Result<Vec<MarketId>, LedgerError>;

    /// The outcome of a batch, if it has one.
    ///
    /// # Errors
    /// As [`LedgerError`] says.
    fn outcome(&mut self, market: MarketId, id: BatchId) -> Result<Option<Outcome>, LedgerError>;

    /// What accounts have in a market, in the order of the accounts, those after `after`. Whoever has
    /// nothing is left out.
    ///
    /// # Errors
    /// As [`LedgerError`] says.
    fn balances(
        &mut self,
        market: MarketId,
        after: Option<AccountId>,
        limit: usize,
    ) -> Result<Vec<Balance>, LedgerError>;

    /// The outbox of a market: notices in the order in which they came about, those after `after`,
    /// each with its number, which is above zero, above the one before it, and never given again.
    ///
    /// # Errors
    /// As [`LedgerError`] says.
    fn outbox(
        &mut self,
        market: MarketId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Notice)>, LedgerError>;

    /// Lets the notices of an outbox go, up to and with this number. Outcomes stay.
    ///
    /// # Errors
    /// As [`LedgerError`] says.
    fn forget(&mut self, market: MarketId, up_to: u64) -> Result<(), LedgerError>;
}
