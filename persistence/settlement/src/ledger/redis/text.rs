//! The values of a ledger's keys and the answers of its scripts, as text.

use core::fmt::Display;
use core::str::FromStr;

use pricetime_engine::{AccountId, EpochNumber};
use uuid::Uuid;

use crate::ledger::{Balance, Deed, Outcome, Position, Token};
use crate::{Batch, BatchId, Transfer};
use pricetime_journal::History;
use pricetime_journal::echo::quoted;

/// Why a text makes no sense, in a sentence.
pub(super) type TextError = String;

/// A part of a text.
pub(super) fn read<T: FromStr>(what: impl Display, text: &str) -> Result<T, TextError> {
    text.parse().map_err(|_| format!("{what} cannot be {}", quoted(text)))
}

pub(super) fn account(account: AccountId) -> String {
    Uuid::from_u128(account.0).hyphenated().to_string()
}

pub(super) fn read_account(text: &str) -> Result<AccountId, TextError> {
    Ok(AccountId(read::<Uuid>("an account", text)?.as_u128()))
}

pub(super) fn transfer(transfer: &Transfer) -> String {
    format!("{} {} {}", account(transfer.account), transfer.base, transfer.quote)
}

pub(super) fn read_balance(account: &str, has: &str) -> Result<Balance, TextError> {
    let (base, quote) =
        has.split_once(' ').ok_or_else(|| format!("{} is not a balance", quoted(has)))?;
    let (base, quote) = (read("a balance", base)?, read("a balance", quote)?);
    Ok(Balance { account: read_account(account)?, base, quote })
}

pub(super) const fn deed(deed: Deed) -> &'static str {
    match deed {
        Deed::Post => "posted",
        Deed::Drop => "dropped",
    }
}

pub(super) fn read_deed(text: &str) -> Result<Deed, TextError> {
    match text {
        "posted" => Ok(Deed::Post),
        "dropped" => Ok(Deed::Drop),
        _ => Err(format!("a batch is posted or dropped, not {}", quoted(text))),
    }
}

/// An outcome as it is stored: what was done, epoch, token, digest.
pub(super) fn read_outcome(id: BatchId, text: &str) -> Result<Outcome, TextError> {
    let mut words = text.split(' ');
    let mut next = || words.next().unwrap_or_default();
    let deed = read_deed(next())?;
    let epoch = EpochNumber(read("an epoch", next())?);
    let token = Token(read("a token", next())?);
    Ok(Outcome { id, epoch, digest: read("a digest", next())?, deed, token })
}

/// Returns the place of a batch in the order of the inbox. Texts of the same length sort like their
/// numbers.
pub(super) fn place(history: History, epoch: EpochNumber, id: BatchId) -> String {
    format!("{history}:{:020}:{id}", epoch.0)
}

/// Returns history and last epoch, both empty if there is no position.
pub(super) fn position(position: Option<Position>) -> [String; 2] {
    position.map_or_else(<[String; 2]>::default, |Position { history, last }| {
        [history.to_string(), last.0.to_string()]
    })
}

pub(super) fn read_position(history: &str, last: &str) -> Result<Option<Position>, TextError> {
    if history.is_empty() && last.is_empty() {
        return Ok(None);
    }
    let last = EpochNumber(read("an epoch", last)?);
    Ok(Some(Position { history: read("a history", history)?, last }))
}

pub(super) fn read_batch(text: &str) -> Result<Batch, TextError> {
    Batch::from_text(text).map_err(|why| why.to_string())
}
