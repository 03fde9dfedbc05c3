//! A ledger in PostgreSQL, in a schema of its own, next to a platform's other data.
//!
//! Each call is one transaction. A transaction that changes something first locks the market's row, so
//! a concurrent one waits and then sees what the first one did. So `READ COMMITTED` is enough, whatever
//! else runs there, and no work is wasted on serialization failures as under `SERIALIZABLE`. The keys
//! and checks of the tables are a second safeguard.
//!
//! There is one connection, on the calling thread. After any error the connection is closed, and the
//! server rolls the transaction back. No wait is longer than the options allow: neither ours if the
//! server hangs, nor the server's if we do. If the answer to a `COMMIT` is lost, the ledger is
//! [`Unreachable`](LedgerError::Unreachable). Asking again then shows whether the transaction was
//! committed.

mod fault;
mod link;
mod migrate;
mod options;
mod post;
mod read;
mod rows;
mod wire;

use core::fmt;

use pricetime_engine::{AccountId, MarketId};

use super::{
    Applied, Balance, Claim, Deed, Deposited, Ledger, LedgerError, Notice, Outcome, Position, Seed,
    Token,
};
use crate::{Batch, BatchId};
use link::Link;
use post::Posting;
use pricetime_journal::History;

pub use options::PostgresOptions;

/// A ledger in PostgreSQL. It must be used from a thread of its own, not from within an asynchronous
/// runtime.
///
/// ```no_run
/// use pricetime_engine::MarketId;
/// use pricetime_settlement::ledger::Ledger as _;
/// use pricetime_settlement::ledger::postgres::{PostgresLedger, PostgresOptions};
///
/// let address = "postgres://market:password@127.0.0.1/platform";
/// let mut ledger = PostgresLedger::open(PostgresOptions::parse(address, "pricetime")?)?;
/// for balance in ledger.balances(MarketId(1), None, 100)? {
///     println!("{}: {} base, {} quote", balance.account, balance.base, balance.quote);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PostgresLedger {
    link: Link,
}

impl fmt::Debug for PostgresLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresLedger").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl PostgresLedger {
    /// Connects, and creates or upgrades the tables unless that was done by hand.
    ///
    /// # Errors
    /// Returns a [`LedgerError`] if the ledger fails. Tables of a later version are refused, and so is
    /// what [`PostgresOptions::check`] refuses.
    pub fn open(options: PostgresOptions) -> Result<Self, LedgerError> {
        options.check()?;
        let mut link = Link::new(options)?;
        link.prepare()?;
        Ok(Self { link })
    }

    fn posting(&self, batch: &Batch, deed: Deed) -> Result<Posting, LedgerError> {
        Posting::of(batch, deed).map_err(|fault| fault.into_ledger_error(self.name(), 0))
    }
}

impl Ledger for PostgresLedger {
    fn name(&self) -> String {
        self.link.options.name()
    }

    fn deposit(&mut self, batch: &Batch) -> Result<Deposited, LedgerError> {
        let posting = self.posting(batch, Deed::Post)?;
        let accounts = batch.transfers.len();
        self.link.transact(accounts, async |client| post::deposit(client, &posting).await)
    }

    fn pending(
        &mut self,
        market: MarketId,
        history: History,
        limit: usize,
    ) -> Result<Vec<Batch>, LedgerError> {
        self.link.transact(0, async |client| read::pending(client, market, history, limit).await)
    }

    fn claim(&mut self, market: MarketId, floor: Token) -> Result<Claim, LedgerError> {
        self.link.transact(0, async |client| post::claim(client, market, floor).await)
    }

    fn apply(&mut self, batch: &Batch, token: Token, deed: Deed) -> Result<Applied, LedgerError> {
        let posting = self.posting(batch, deed)?;
        let accounts = batch.transfers.len();
        self.link
            .transact(accounts, async |client| post::apply(client, &posting, token, deed).await)
    }

    fn seed(&mut self, seed: &Seed, token: Token) -> Result<(), LedgerError> {
        let accounts = seed.balances.len();
        self.link.transact(accounts, async |client| post::seed(client, seed, token).await)
    }

    fn position(&mut self, market: MarketId) -> Result<(Token, Option<Position>), LedgerError> {
        self.link.transact(0, async |client| read::position(client, market).await)
    }

    fn markets(&mut self) -> Result<Vec<MarketId>, LedgerError> {
        self.link.transact(0, async |client| read::markets(client).await)
    }

    fn outcome(&mut self, market: MarketId, id: BatchId) -> Result<Option<Outcome>, LedgerError> {
        self.link.transact(0, async |client| post::outcome(client, market, id).await)
    }

    fn balances(
        &mut self,
        market: MarketId,
        after: Option<AccountId>,
        limit: usize,
    ) -> Result<Vec<Balance>, LedgerError> {
        self.link.transact(0, async |client| read::balances(client, market, after, limit).await)
    }

    fn outbox(
        &mut self,
        market: MarketId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Notice)>, LedgerError> {
        self.link.transact(0, async |client| read::outbox(client, market, after, limit).await)
    }

    fn forget(&mut self, market: MarketId, up_to: u64) -> Result<(), LedgerError> {
        self.link.transact(0, async |client| post::forget(client, market, up_to).await)
    }
}
