//! Tests for everything that [`Ledger`] documents, for authors of ledgers: [`conform`] queries a ledger
//! and returns the first answer that is wrong.
//!
//! ```
//! # use pricetime_settlement::ledger::{Ledger, conformance::{Memory, conform}};
//! let books = Memory::default();
//! let mut make = || -> Box<dyn Ledger> { Box::new(books.clone()) };
//! assert_eq!(conform(&mut make), Ok(()));
//! ```
//!
//! [`Memory`] is the reference ledger. It keeps nothing when the process ends, and is so simple that it
//! is easily seen to be right.

mod batches;
mod entries;
mod memory;
mod posting;
mod race;
mod runs;
mod seeding;
mod walk;

use core::fmt::Debug;

use pricetime_engine::MarketId;

use super::{Balance, Ledger, LedgerError, Notice, Position, Token};
use crate::Batch;
use pricetime_journal::History;

pub use memory::Memory;
pub use walk::walk;

/// Creates a new handle on the same ledger each time it is called. Each handle acts as one more runner.
pub type Make<'a> = &'a mut dyn FnMut() -> Box<dyn Ledger>;

/// The result of a check. The error says in a sentence what is wrong.
type CheckResult = Result<(), String>;

/// Two histories.
const HISTORY: History = History(0x0123_4567_89ab_4def_8123_4567_89ab_cdef);
const OTHER: History = History(0xfedc_ba98_7654_4210_9edc_ba98_7654_3210);

/// Tests a ledger. `make` creates handles on one ledger, which must be empty at first. The handles are
/// used from several threads, dropped and created again. The test asks a few thousand questions.
///
/// It uses markets with numbers below 1,000, and [`walk`] uses higher ones. So both can run one after
/// the other on the same ledger.
///
/// # Errors
/// Returns the first answer that is wrong.
pub fn conform(make: Make<'_>) -> Result<(), String> {
    let mut number = 0;
    let mut next = || {
        number += 1;
        MarketId(number)
    };
    entries::check(make, &mut next)?;
    posting::check(make, &mut next)?;
    seeding::check(make, &mut next)?;
    runs::check(make, &mut next)?;
    race::check(make, &mut next)?;
    walk::walk_in(make, 900, (1, 1_500))
}

/// Everything that a market shows.
#[derive(Debug, PartialEq, Eq)]
struct MarketState {
    token: Token,
    position: Option<Position>,
    balances: Vec<Balance>,
    notices: Vec<(u64, Notice)>,
    pending: [Vec<Batch>; 2],
}

fn read_state(ledger: &mut dyn Ledger, market: MarketId) -> Result<MarketState, String> {
    let all = usize::MAX;
    let (token, position) = expect_ok("the position", ledger.position(market))?;
    Ok(MarketState {
        token,
        position,
        balances: expect_ok("the balances", ledger.balances(market, None, all))?,
        notices: expect_ok("the outbox", ledger.outbox(market, 0, all))?,
        pending: [
            expect_ok("the inbox", ledger.pending(market, HISTORY, all))?,
            expect_ok("the inbox", ledger.pending(market, OTHER, all))?,
        ],
    })
}

/// Returns an answer that must not be an error.
fn expect_ok<T>(what: &str, answer: Result<T, LedgerError>) -> Result<T, String> {
    answer.map_err(|error| format!("{what}: {error}"))
}

/// Expects this answer.
fn same<T: PartialEq + Debug>(
    what: &str,
    answer: Result<T, LedgerError>,
    expected: &T,
) -> CheckResult {
    equal(what, &expect_ok(what, answer)?, expected)
}

fn equal<T: PartialEq + Debug>(what: &str, found: &T, expected: &T) -> CheckResult {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}: found {found:?}, expected {expected:?}"))
}

/// Expects a refusal.
fn refused<T: Debug>(what: &str, answer: Result<T, LedgerError>) -> CheckResult {
    match answer {
        Err(LedgerError::Refused { .. }) => Ok(()),
        Err(error) => Err(format!("{what}: expected a refusal, but got: {error}")),
        Ok(done) => Err(format!("{what}: expected a refusal, but it was done: {done:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_ledger_conforms() {
        let books = Memory::default();
        let mut make = || -> Box<dyn Ledger> { Box::new(books.clone()) };
        assert_eq!(conform(&mut make), Ok(()));
        assert_eq!(walk(&mut make, 7, 20_000), Ok(()));
    }
}
