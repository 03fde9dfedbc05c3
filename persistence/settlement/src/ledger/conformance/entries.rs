//! The inbox, and the list of markets.

use pricetime_engine::MarketId;

use super::batches::{of, other, small, unsound};
use super::{CheckResult, HISTORY, Make, OTHER, equal, expect_ok, read_state, refused, same};
use crate::Batch;
use crate::ledger::{Deposited, Ledger, Token};

pub(super) fn check(make: Make<'_>, next: &mut dyn FnMut() -> MarketId) -> CheckResult {
    let mut ledger = make();
    same("the markets of empty books", ledger.markets(), &Vec::new())?;
    let market = next();
    deposits(&mut *ledger, market)?;
    unsound_ones(&mut *ledger, next())?;
    let pending = next();
    order(&mut *ledger, pending)?;
    drop(ledger);
    check_persistence(make, pending)?;
    markets(make, &[market, pending], next())
}

fn deposits(ledger: &mut dyn Ledger, market: MarketId) -> CheckResult {
    let batch = small(market, 1);
    same("a first deposit", ledger.deposit(&batch), &Deposited::Fresh)?;
    let before = read_state(ledger, market)?;
    equal("the inbox after it", &before.pending, &[vec![batch.clone()], Vec::new()])?;
    same("the same deposit again", ledger.deposit(&batch), &Deposited::Known)?;
    let conflict = Deposited::Conflict(batch.digest());
    same("a different batch with the same id", ledger.deposit(&other(&batch)), &conflict)?;
    equal("the inbox after both", &read_state(ledger, market)?, &before)?;
    let empty = of(HISTORY, market, 2, &[]);
    same("a batch without transfers", ledger.deposit(&empty), &Deposited::Fresh)?;
    let elsewhere = of(OTHER, market, 1, &[]);
    same("a batch of another history", ledger.deposit(&elsewhere), &Deposited::Fresh)?;
    let pending = read_state(ledger, market)?.pending;
    equal("the inbox of both histories", &pending, &[vec![batch, empty], vec![elsewhere]])
}

fn unsound_ones(ledger: &mut dyn Ledger, market: MarketId) -> CheckResult {
    let before = read_state(ledger, market)?;
    for batch in unsound(market, 1) {
        refused("an unsound deposit", ledger.deposit(&batch))?;
    }
    equal("the books after unsound deposits", &read_state(ledger, market)?, &before)
}

/// Epochs that are ordered differently as text, and some that are equal as doubles.
const EPOCHS: [u64; 8] = [9, 1, 10, 100, 2, (1 << 53) + 1, 1 << 53, 1 << 62];

fn order(ledger: &mut dyn Ledger, market: MarketId) -> CheckResult {
    for epoch in EPOCHS {
        for history in [HISTORY, OTHER] {
            let batch = of(history, market, epoch, &[(0, 1, 0), (3, -1, 0)]);
            same("a deposit", ledger.deposit(&batch), &Deposited::Fresh)?;
        }
    }
    ordered(ledger, market)
}

fn ordered(ledger: &mut dyn Ledger, market: MarketId) -> CheckResult {
    let mut sorted = EPOCHS;
    sorted.sort_unstable();
    for limit in [0, 1, 3, sorted.len(), usize::MAX] {
        let batches = expect_ok("the inbox", ledger.pending(market, OTHER, limit))?;
        let epochs: Vec<u64> = batches.iter().map(|batch| batch.epoch.0).collect();
        let expected: Vec<u64> = sorted.iter().copied().take(limit).collect();
        equal(&format!("the first {limit} epochs of an inbox"), &epochs, &expected)?;
        let whole = |it: &Batch| *it == of(OTHER, market, it.epoch.0, &[(0, 1, 0), (3, -1, 0)]);
        equal("whether they are the deposited batches", &batches.iter().all(whole), &true)?;
    }
    Ok(())
}

fn check_persistence(make: Make<'_>, market: MarketId) -> CheckResult {
    ordered(&mut *make(), market)
}

fn markets(make: Make<'_>, deposited: &[MarketId], fresh: MarketId) -> CheckResult {
    let (mut ledger, mut other_handle) = (make(), make());
    let last = MarketId(u32::MAX);
    let _token = expect_ok("a claim", ledger.claim(fresh, Token(0)))?;
    let _token = expect_ok("a claim", ledger.claim(last, Token(0)))?;
    let mut markets = expect_ok("the markets", other_handle.markets())?;
    markets.sort_unstable();
    equal("the markets", &markets, &[deposited, &[fresh, last]].concat())
}
