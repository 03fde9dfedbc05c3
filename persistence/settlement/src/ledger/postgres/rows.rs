//! Converts rows. Numbers are sent as text, because no type of the protocol holds ours.

use core::fmt::Display;
use core::str::FromStr;

use pricetime_engine::{AccountId, EpochNumber, MarketId};
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;
use uuid::Uuid;

use super::super::{Balance, Deed, Notice, Outcome, Position, Token};
use super::fault::Fault;
use crate::{Batch, BatchId, Digest};
use pricetime_journal::History;

/// The columns of an outcome in the table `o`, as [`outcome`] reads them.
pub(super) const OUTCOME: &str = "o.batch, o.epoch::text, o.digest, o.deed, o.token::text";
/// The columns of a market, as [`market`] reads them.
pub(super) const MARKET: &str = "token::text, history, last_epoch::text, notices::text";

/// A row of `markets`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Market {
    pub(super) token: Token,
    pub(super) position: Option<Position>,
    pub(super) notices: u64,
}

pub(super) fn get<'a, T: FromSql<'a>>(row: &'a Row, at: usize) -> Result<T, Fault> {
    row.try_get(at).map_err(|error| Fault::Damaged(super::fault::chain(&error)))
}

fn number<T: FromStr>(text: &str) -> Result<T, Fault> {
    text.parse().map_err(|_| Fault::Damaged(format!("{text:?} is not a valid number")))
}

fn number_at<T: FromStr>(row: &Row, at: usize) -> Result<T, Fault> {
    number(get::<&str>(row, at)?)
}

pub(super) fn digest(row: &Row, at: usize) -> Result<Digest, Fault> {
    let bytes: &[u8] = get(row, at)?;
    let bytes = bytes.try_into();
    bytes.map(Digest).map_err(|_| Fault::Damaged(String::from("a digest does not have 32 bytes")))
}

pub(super) fn market(row: &Row) -> Result<Market, Fault> {
    let position = match (get::<Option<Uuid>>(row, 1)?, get::<Option<&str>>(row, 2)?) {
        (Some(history), Some(last)) => {
            let history = History(history.as_u128());
            Some(Position { history, last: EpochNumber(number(last)?) })
        }
        _ => None,
    };
    Ok(Market { token: Token(number_at(row, 0)?), position, notices: number_at(row, 3)? })
}

pub(super) fn market_id(row: &Row) -> Result<MarketId, Fault> {
    let id: i64 = get(row, 0)?;
    let bad = |_| Fault::Damaged(format!("{id} is not a market id"));
    u32::try_from(id).map(MarketId).map_err(bad)
}

pub(super) fn outcome(row: &Row) -> Result<Outcome, Fault> {
    let deed = match get::<&str>(row, 3)? {
        "posted" => Deed::Post,
        "dropped" => Deed::Drop,
        other => return Err(Fault::Damaged(format!("{other:?} is not an outcome"))),
    };
    Ok(Outcome {
        id: BatchId(get(row, 0)?),
        epoch: EpochNumber(number_at(row, 1)?),
        digest: digest(row, 2)?,
        deed,
        token: Token(number_at(row, 4)?),
    })
}

pub(super) const fn deed_name(deed: Deed) -> &'static str {
    match deed {
        Deed::Post => "posted",
        Deed::Drop => "dropped",
    }
}

pub(super) fn balance(row: &Row) -> Result<Balance, Fault> {
    let account = AccountId(get::<Uuid>(row, 0)?.as_u128());
    Ok(Balance { account, base: number_at(row, 1)?, quote: number_at(row, 2)? })
}

/// Reads a batch that must have this id.
pub(super) fn batch(row: &Row, at: usize, id: BatchId) -> Result<Batch, Fault> {
    let batch = Batch::from_text(get(row, at)?);
    let batch = batch.map_err(|error| Fault::Damaged(format!("batch {id}: {error}")))?;
    if batch.id() == id {
        return Ok(batch);
    }
    Err(Fault::Damaged(format!("in the place of batch {id} is batch {}", batch.id())))
}

/// Reads a notice: the columns of its outcome, its number and its batch.
pub(super) fn notice(row: &Row) -> Result<(u64, Notice), Fault> {
    let outcome = outcome(row)?;
    let batch = batch(row, 6, outcome.id)?;
    Ok((number_at(row, 5)?, Notice { outcome, batch }))
}

/// Lists of accounts and of their amounts, as the server takes them.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) accounts: Vec<Uuid>,
    pub(super) base: Vec<String>,
    pub(super) quote: Vec<String>,
}

impl Columns {
    pub(super) fn push(&mut self, account: AccountId, base: impl Display, quote: impl Display) {
        self.accounts.push(Uuid::from_u128(account.0));
        self.base.push(base.to_string());
        self.quote.push(quote.to_string());
    }
}
