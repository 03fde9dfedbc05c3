//! Ledgers: the balances of accounts in a market, and which batches have been posted.
//!
//! A batch is posted at most once, whichever runner asks, however often, and whatever was lost on the
//! way. The ledger decides this in one atomic step, without a lock. Each market is a ledger of its own.
//! Its epochs are posted in order, each under a token that was claimed. A claim fences every earlier
//! claimant.
//!
//! A ledger posts without asking for funds: balances may be negative. Its amounts are in the units of a
//! [`Transfer`](crate::Transfer).
//!
//! The feature `conformance` tests everything on this page, in the same way for every ledger.

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

/// A fencing token: the right to post in a market, until a higher token is claimed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// How far a market's ledger has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The history whose epochs the ledger posts.
    pub history: History,
    /// The last epoch that has an outcome, or the one before the first if none has.
    pub last: EpochNumber,
}

/// The result of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The token. It is higher than every earlier one and than the given floor.
    pub token: Token,
    /// How far the ledger has come. `None` if it was never seeded.
    pub position: Option<Position>,
}

/// Where a market's ledger is to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// The market.
    pub market: MarketId,
    /// The position to begin at. The next epoch is the one after it.
    pub position: Position,
    /// The position that this one replaces. `None` if the market must not have one yet.
    pub replaces: Option<Position>,
    /// Amounts to add to the balances, from another ledger or from before this one.
    pub balances: Vec<Balance>,
}

/// The result of depositing a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deposited {
    /// The batch is in the inbox now.
    Fresh,
    /// The batch was in the inbox before, or has an outcome already.
    Known,
    /// Another batch with this id and with this digest is in the inbox or was settled.
    Conflict(Digest),
}

/// Whether to post a batch or to drop it, as an operator has decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deed {
    /// Post its transfers.
    Post,
    /// Count it as done without its transfers.
    Drop,
}

/// The result of applying a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It was carried out now.
    Done,
    /// It was carried out before, with this outcome.
    Duplicate(Deed),
    /// A batch with this id and with this digest has an outcome.
    Conflict(Digest),
    /// Another runner has claimed this higher token.
    Fenced(Token),
    /// The market was never seeded, or with another history.
    Unseeded,
    /// The epoch does not follow this one, the last that has an outcome.
    Gap(EpochNumber),
}

/// The permanent outcome of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The batch.
    pub id: BatchId,
    /// Its epoch.
    pub epoch: EpochNumber,
    /// Its digest.
    pub digest: Digest,
    /// Whether it was posted or dropped.
    pub deed: Deed,
    /// The token under which that was done.
    pub token: Token,
}

/// The balance of an account in a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// The account.
    pub account: AccountId,
    /// The amount of what is traded.
    pub base: i128,
    /// The amount of what it is paid with.
    pub quote: i128,
}

/// An outcome to report to other systems. The batch's id is the key by which they recognize duplicates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The outcome.
    pub outcome: Outcome,
    /// The batch that was posted or dropped.
    pub batch: Batch,
}

/// Why a ledger did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The ledger did not answer in time, so it is unknown whether the request was carried out. Ask
    /// again.
    #[error("the ledger {ledger} does not answer: {why}")]
    Unreachable {
        /// The ledger.
        ledger: String,
        /// The error.
        why: String,
    },
    /// The ledger has refused, and nothing was done.
    #[error("the ledger {ledger} refuses: {why}")]
    Refused {
        /// The ledger.
        ledger: String,
        /// The reason.
        why: String,
    },
    /// The content of the ledger makes no sense: another program has written to it.
    #[error("the ledger {ledger} is damaged: {what}")]
    Damaged {
        /// The ledger.
        ledger: String,
        /// What is wrong, and where.
        what: String,
    },
}

/// A ledger. A handle is used from one thread at a time. Several handles, in several processes, may use
/// the same ledger.
pub trait Ledger: Send {
    /// Returns what the ledger is and where, to show to people.
    fn name(&self) -> String;

    /// Puts a batch into the inbox, whole and once. The runner that claims next can settle it without
    /// the journal that it was made from. A repeat changes nothing.
    ///
    /// # Errors
    /// Returns a [`LedgerError`] if the ledger fails. A batch that is not sound is refused.
    fn deposit(&mut self, batch: &Batch) -> Result<Deposited, LedgerError>;

    /// Returns the first batches of a market's inbox that have no outcome, for this history and in the
    /// order of their epochs.
    ///
    /// # Errors
    /// Returns a [`LedgerError`] if the ledger fails.
    fn pending(
        &mut self,
        market: MarketId,
        history: History,
        limit: usize,
    ) -> Result<Vec<Batch>, LedgerError>;

    /// Claims a market. The new token is one above the highest of `floor` and those that the ledger has
    /// seen. Earlier claimants can no longer post.
    ///
    /// # Errors
    /// Returns a [`LedgerError`] if the ledger fails. A claim is refused if there is no higher token.
    fn claim(&mut self, market: MarketId, floor: Token) -> Result<Claim, LedgerError>;

    /// Posts or drops a batch in one atomic step. It does not if, in this order: the batch has an
    /// outcome; a higher token was claimed; the market is not seeded with the batch's history; it is not
    /// the next epoch. The same step writes the outcome, the position, the token and a notice in the
    /// outbox. It removes the batch with that id from the inbox. A token above all that were claimed
    /// becomes the highest one.
    ///
    /// # Errors
    /// Returns a [`LedgerError`] if the ledger fails. A batch is refused if it is not sound, or if it
    /// makes a balance larger than its type.
    fn apply(&mut self, batch: &Batch, token: Token, deed: Deed) -> Result<Applied, LedgerError>;

    /// Prepares a market for the epochs after a position, under a token as for posting. If the market
    /// has that position already, nothing changes, whatever the token.
    ///
    /// # Errors
    /// Returns a [`LedgerError`] if the ledger fails. A seed is refused if a higher token was claimed,
    /// if the market's position is neither this one nor the one to replace, or if a balance becomes
    /// larger than its type.
    fn seed(&mut self, seed: &Seed, token: Token) -> Result<(), LedgerError>;

    /// Returns the highest token that was claimed in a market, and how far the market has come.
    ///
    /// # Errors
    /// Returns a [`LedgerError`] if the ledger fails.
    fn position(&mut self, market: MarketId) -> Result<(Token, Option<Position>), LedgerError>;

    /// Returns the markets that have a batch, a claim, a position or an outcome, in any order.
    ///
    /// # Errors
    /// Returns a [`LedgerError`] if the ledger fails.
    fn markets(&mut self) -> Result<Vec<MarketId>, LedgerError>;

    /// Returns the outcome of a batch, if it has one.
    ///
    /// # Errors
    /// Returns a [`LedgerError`] if the ledger fails.
    fn outcome(&mut self, market: MarketId, id: BatchId) -> Result<Option<Outcome>, LedgerError>;

    /// Returns the balances of a market in the order of the accounts, for those after `after`. Accounts
    /// with nothing are left out.
    ///
    /// # Errors
    /// Returns a [`LedgerError`] if the ledger fails.
    fn balances(
        &mut self,
        market: MarketId,
        after: Option<AccountId>,
        limit: usize,
    ) -> Result<Vec<Balance>, LedgerError>;

    /// Returns the notices of a market's outbox after number `after`, in the order in which they were
    /// written. The number of a notice is above zero and above the one before it, and is never used
    /// again.
    ///
    /// # Errors
    /// Returns a [`LedgerError`] if the ledger fails.
    fn outbox(
        &mut self,
        market: MarketId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Notice)>, LedgerError>;

    /// Deletes the notices of an outbox up to and including this number. Outcomes stay.
    ///
    /// # Errors
    /// Returns a [`LedgerError`] if the ledger fails.
    fn forget(&mut self, market: MarketId, up_to: u64) -> Result<(), LedgerError>;
}
