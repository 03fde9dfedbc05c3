//! Reads the values of a ledger's keys and writes them again.

use super::{eval, text};
use crate::ledger::{Balance, Notice, Outcome, Position};
use crate::{BatchId, Transfer};

/// Reads the balance of an account. Returns it, and its three words as they are written.
///
/// # Errors
/// Returns the words that are not valid, shortened.
pub fn balance(account: &str, has: &str) -> Result<(Balance, String), String> {
    let found = text::read_balance(account, has)?;
    let Balance { account, base, quote } = found;
    Ok((found, text::transfer(&Transfer { account, base, quote })))
}

/// Reads an outcome.
///
/// # Errors
/// As for [`balance`].
pub fn outcome(id: BatchId, said: &str) -> Result<Outcome, String> {
    text::read_outcome(id, said)
}

/// Reads a position. Returns it, and how it is written.
///
/// # Errors
/// As for [`balance`].
pub fn position(history: &str, last: &str) -> Result<(Option<Position>, [String; 2]), String> {
    text::read_position(history, last).map(|found| (found, text::position(found)))
}

/// Reads an entry of the outbox.
///
/// # Errors
/// As for [`balance`].
pub fn notice(words: &[String]) -> Result<Notice, String> {
    eval::notice(words)
}
