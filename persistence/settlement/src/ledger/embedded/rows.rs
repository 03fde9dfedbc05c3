//! The tables of the file.

use pricetime_engine::{AccountId, EpochNumber, MarketId};
use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};

use super::error::EmbeddedError;
use crate::ledger::{Deed, Outcome, Position, Seed, Token};
use crate::{Batch, BatchId, Digest};
use pricetime_journal::History;

/// The version of the tables.
const FORMAT: u32 = 1;

const ABOUT: TableDefinition<'_, &str, u32> = TableDefinition::new("about");

/// Token; history and last epoch; number of the last notice.
type MarketRow = (u64, Option<(u128, u64)>, u64);
/// Epoch, digest, whether it was posted, token.
type OutcomeRow = (u64, [u8; 32], bool, u64);

/// By market.
pub(super) const MARKETS: TableDefinition<'_, u32, MarketRow> = TableDefinition::new("markets");
/// By market, history and epoch: the batch as JSON.
pub(super) const INBOX: TableDefinition<'_, (u32, u128, u64), &str> = TableDefinition::new("inbox");
/// By market and batch.
pub(super) const OUTCOMES: TableDefinition<'_, (u32, u128), OutcomeRow> =
    TableDefinition::new("outcomes");
/// By market and account: base and quote.
pub(super) const BALANCES: TableDefinition<'_, (u32, u128), (i128, i128)> =
    TableDefinition::new("balances");
/// By market and number: the batch as JSON.
pub(super) const OUTBOX: TableDefinition<'_, (u32, u64), &str> = TableDefinition::new("outbox");

/// An answer, and whether to commit what was written for it.
pub(super) enum Finish<T> {
    Commit(T),
    Abort(T),
}

/// Creates the tables if there are none. Returns `true` if it did.
pub(super) fn check_format(transaction: &WriteTransaction) -> Result<bool, EmbeddedError> {
    let mut about = transaction.open_table(ABOUT)?;
    let format = about.get("format")?.map(|row| row.value());
    match format {
        Some(FORMAT) => return Ok(false),
        Some(later) => {
            return Err(EmbeddedError::Refused(format!(
                "it has format {later}, but this version reads only format {FORMAT}: use a later \
                 version"
            )));
        }
        None => about.insert("format", FORMAT)?,
    };
    let _made = transaction.open_table(MARKETS)?;
    let _made = transaction.open_table(INBOX)?;
    let _made = transaction.open_table(OUTCOMES)?;
    let _made = transaction.open_table(BALANCES)?;
    let _made = transaction.open_table(OUTBOX)?;
    Ok(true)
}

/// The row of a market.
#[derive(Clone, Copy, Debug)]
pub(super) struct Market {
    pub(super) token: Token,
    pub(super) position: Option<Position>,
    pub(super) last_notice: u64,
}

impl Market {
    pub(super) fn of(
        markets: &impl ReadableTable<u32, MarketRow>,
        market: MarketId,
    ) -> Result<Self, EmbeddedError> {
        let row = markets.get(market.0)?.map_or((0, None, 0), |row| row.value());
        let position =
            |(history, last)| Position { history: History(history), last: EpochNumber(last) };
        Ok(Self { token: Token(row.0), position: row.1.map(position), last_notice: row.2 })
    }

    pub(super) fn put(
        self,
        markets: &mut Table<'_, u32, MarketRow>,
        market: MarketId,
    ) -> Result<(), EmbeddedError> {
        let position = self.position.map(|it| (it.history.0, it.last.0));
        markets.insert(market.0, (self.token.0, position, self.last_notice))?;
        Ok(())
    }
}

pub(super) fn outcome_row(outcome: &Outcome) -> OutcomeRow {
    let Outcome { id: _, epoch, digest, deed, token } = outcome;
    (epoch.0, digest.0, *deed == Deed::Post, token.0)
}

pub(super) const fn outcome(id: BatchId, row: OutcomeRow) -> Outcome {
    let deed = if row.2 { Deed::Post } else { Deed::Drop };
    Outcome { id, epoch: EpochNumber(row.0), digest: Digest(row.1), deed, token: Token(row.3) }
}

pub(super) fn batch(text: &str) -> Result<Batch, EmbeddedError> {
    Batch::from_text(text).map_err(|why| EmbeddedError::Damaged(why.to_string()))
}

/// Returns the batch that the inbox holds under this key.
pub(super) fn waiting(key: (u32, u128, u64), text: &str) -> Result<Batch, EmbeddedError> {
    let batch = batch(text)?;
    if (batch.market.0, batch.history.0, batch.epoch.0) == key {
        return Ok(batch);
    }
    let (market, _, epoch) = key;
    Err(EmbeddedError::Damaged(format!(
        "the inbox of market {market} has another batch in the place of epoch {epoch}"
    )))
}

pub(super) fn no_outcome(market: MarketId, id: BatchId) -> EmbeddedError {
    let market = market.0;
    EmbeddedError::Damaged(format!(
        "batch {id} of market {market} is in the outbox but has no outcome"
    ))
}

pub(super) fn no_higher_token(market: MarketId) -> EmbeddedError {
    let market = market.0;
    EmbeddedError::Refused(format!("market {market} has used the highest possible token"))
}

pub(super) fn too_large(account: AccountId) -> EmbeddedError {
    let account = uuid::Uuid::from_u128(account.0);
    EmbeddedError::Refused(format!("the balance of account {account} would exceed 128 bits"))
}

pub(super) fn fenced(market: MarketId, ours: Token, theirs: Token) -> EmbeddedError {
    let (market, ours, theirs) = (market.0, ours.0, theirs.0);
    EmbeddedError::Refused(format!(
        "market {market} is claimed with token {theirs}, which is above ours, {ours}"
    ))
}

pub(super) fn wrong_position(seed: &Seed, current: Option<Position>) -> EmbeddedError {
    let describe = |position: Option<Position>| match position {
        None => String::from("not seeded"),
        Some(Position { history, last }) => format!("at epoch {} of history {history}", last.0),
    };
    let (market, current, replaces) = (seed.market.0, describe(current), describe(seed.replaces));
    EmbeddedError::Refused(format!("market {market} is {current}, but should be {replaces}"))
}
