//! Claims, and what is posted under them.

use pricetime_engine::{EpochNumber, MarketId};

use super::batches::{at, balance, of, other, seed, small, unsound};
use super::{CheckResult, HISTORY, Make, OTHER, equal, expect_ok, read_state, refused, same};
use crate::Batch;
use crate::ledger::{Applied, Deed, Deposited, Ledger, Notice, Outcome, Token};

pub(super) fn check(make: Make<'_>, next: &mut dyn FnMut() -> MarketId) -> CheckResult {
    claims(make, next())?;
    let mut ledger = make();
    posts(&mut *ledger, next())?;
    drops(&mut *ledger, next())?;
    in_this_order(&mut *ledger, next())?;
    fences(&mut *ledger, make, next())?;
    refusals(&mut *ledger, next())?;
    large_tokens(&mut *ledger, next())
}

fn claims(make: Make<'_>, market: MarketId) -> CheckResult {
    let (mut ledger, mut other_handle) = (make(), make());
    same("the position of an unknown market", ledger.position(market), &(Token(0), None))?;
    let mut claim = |what: &str, floor, expected| {
        let claim = expect_ok(what, ledger.claim(market, Token(floor)))?;
        equal(what, &(claim.token, claim.position), &(Token(expected), None))?;
        same(what, other_handle.position(market), &(Token(expected), None))
    };
    claim("a first claim", 0, 1)?;
    claim("a claim after it", 0, 2)?;
    claim("a claim above a floor", 10, 11)?;
    claim("a claim at the current floor", 11, 12)?;
    claim("a claim below the current token", 3, 13)
}

/// Claims a market and seeds it at epoch 0.
fn open(ledger: &mut dyn Ledger, market: MarketId) -> Result<Token, String> {
    let token = expect_ok("a claim", ledger.claim(market, Token(0)))?.token;
    expect_ok("a seed", ledger.seed(&seed(market, HISTORY, 0), token))?;
    Ok(token)
}

fn posts(ledger: &mut dyn Ledger, market: MarketId) -> CheckResult {
    let token = open(ledger, market)?;
    let (first, second) = (small(market, 1), of(HISTORY, market, 2, &[]));
    let third = of(HISTORY, market, 3, &[(0, 7, 0), (2, -7, 0)]);
    same("a deposit", ledger.deposit(&first), &Deposited::Fresh)?;
    same("a deposit", ledger.deposit(&third), &Deposited::Fresh)?;
    for (batch, what) in [
        (&first, "posting the first epoch"),
        (&second, "posting an empty epoch that was never deposited"),
        (&third, "posting the third epoch"),
    ] {
        same("an outcome before there is one", ledger.outcome(market, batch.id()), &None)?;
        same(what, ledger.apply(batch, token, Deed::Post), &Applied::Done)?;
        let outcome = outcome(batch, Deed::Post, token);
        same("its outcome", ledger.outcome(market, batch.id()), &Some(outcome))?;
    }
    let seen = read_state(ledger, market)?;
    equal("the inbox after all was posted", &seen.pending, &[Vec::new(), Vec::new()])?;
    equal("the position", &seen.position, &at(HISTORY, 3))?;
    equal("the token", &seen.token, &token)?;
    let expected = [balance(0, 7, 0), balance(1, 5, -50), balance(2, -12, 50)];
    equal("the balances", &seen.balances.as_slice(), &expected.as_slice())?;
    let notices: Vec<_> = seen.notices.iter().map(|(_, notice)| notice.clone()).collect();
    let notice = |it: &Batch| Notice { outcome: outcome(it, Deed::Post, token), batch: it.clone() };
    equal("the outbox", &notices, &[&first, &second, &third].map(notice).to_vec())?;
    same("an outcome of another market", ledger.outcome(MarketId(0), first.id()), &None)?;
    same("a deposit of a posted batch", ledger.deposit(&first), &Deposited::Known)?;
    let conflict = Deposited::Conflict(first.digest());
    same("a different batch with the same id", ledger.deposit(&other(&first)), &conflict)?;
    equal("the books after both", &read_state(ledger, market)?, &seen)
}

fn drops(ledger: &mut dyn Ledger, market: MarketId) -> CheckResult {
    let token = open(ledger, market)?;
    let batch = small(market, 1);
    same("a deposit", ledger.deposit(&batch), &Deposited::Fresh)?;
    same("dropping an epoch", ledger.apply(&batch, token, Deed::Drop), &Applied::Done)?;
    let seen = read_state(ledger, market)?;
    equal("the balances after it", &seen.balances, &Vec::new())?;
    equal("the position after it", &seen.position, &at(HISTORY, 1))?;
    equal("the inbox after it", &seen.pending, &[Vec::new(), Vec::new()])?;
    let dropped = outcome(&batch, Deed::Drop, token);
    same("its outcome", ledger.outcome(market, batch.id()), &Some(dropped))?;
    let notices: Vec<_> = seen.notices.into_iter().map(|(_, notice)| notice).collect();
    equal(
        "the outbox after it",
        &notices,
        &vec![Notice { outcome: dropped, batch: batch.clone() }],
    )?;
    let again = ledger.apply(&batch, token, Deed::Post);
    same("posting a dropped batch", again, &Applied::Duplicate(Deed::Drop))?;
    let second = small(market, 2);
    same("the epoch after it", ledger.apply(&second, token, Deed::Post), &Applied::Done)?;
    let again = ledger.apply(&second, token, Deed::Drop);
    same("dropping a posted batch", again, &Applied::Duplicate(Deed::Post))
}

/// Expects this answer. If nothing was done, nothing may have changed.
fn expect_applied(
    ledger: &mut dyn Ledger,
    what: &str,
    batch: &Batch,
    token: u64,
    expected: Applied,
) -> CheckResult {
    let before = read_state(ledger, batch.market)?;
    same(what, ledger.apply(batch, Token(token), Deed::Post), &expected)?;
    if expected == Applied::Done {
        return Ok(());
    }
    equal(&format!("the books after {what}"), &read_state(ledger, batch.market)?, &before)
}

/// Each request has more than one reason to fail. The first of them must be reported.
fn in_this_order(ledger: &mut dyn Ledger, market: MarketId) -> CheckResult {
    expect_applied(
        ledger,
        "posting without a claim or a seed",
        &small(market, 1),
        0,
        Applied::Unseeded,
    )?;
    let claimed = expect_ok("a claim", ledger.claim(market, Token(4)))?.token;
    let fenced = Applied::Fenced(claimed);
    expect_applied(
        ledger,
        "an old token in a market that is not seeded",
        &small(market, 9),
        4,
        fenced,
    )?;
    expect_applied(ledger, "a market that is not seeded", &small(market, 9), 5, Applied::Unseeded)?;
    expect_ok("a seed", ledger.seed(&seed(market, HISTORY, 6), claimed))?;
    let foreign = |epoch| of(OTHER, market, epoch, &[]);
    expect_applied(ledger, "an old token and another history", &foreign(9), 4, fenced)?;
    expect_applied(ledger, "another history, out of order", &foreign(9), 5, Applied::Unseeded)?;
    expect_applied(ledger, "another history, in order", &foreign(7), 5, Applied::Unseeded)?;
    expect_applied(ledger, "an old token, out of order", &small(market, 9), 4, fenced)?;
    let gap = Applied::Gap(EpochNumber(6));
    for epoch in [0, 5, 6, 8, 9, u64::MAX] {
        expect_applied(ledger, "an epoch out of order", &small(market, epoch), 5, gap)?;
    }
    expect_applied(ledger, "the next epoch", &small(market, 7), 5, Applied::Done)?;
    let known = Applied::Duplicate(Deed::Post);
    expect_applied(ledger, "a posted batch again", &small(market, 7), 5, known)?;
    expect_applied(ledger, "a posted batch under an old token", &small(market, 7), 1, known)?;
    expect_applied(ledger, "a posted batch under a higher token", &small(market, 7), 99, known)?;
    let conflict = Applied::Conflict(small(market, 7).digest());
    expect_applied(
        ledger,
        "a different batch with the same id",
        &other(&small(market, 7)),
        5,
        conflict,
    )?;
    expect_applied(
        ledger,
        "a different batch with the same id, under an old token",
        &other(&small(market, 7)),
        1,
        conflict,
    )?;
    expect_applied(ledger, "the epoch after it", &small(market, 8), 5, Applied::Done)?;
    expect_applied(ledger, "the batch posted before it", &small(market, 7), 5, known)
}

fn fences(ledger: &mut dyn Ledger, make: Make<'_>, market: MarketId) -> CheckResult {
    let old = open(ledger, market)?;
    same("posting", ledger.apply(&small(market, 1), old, Deed::Post), &Applied::Done)?;
    let mut other_handle = make();
    let claim = expect_ok("a claim by another runner", other_handle.claim(market, Token(0)))?;
    equal("the position that it returns", &claim.position, &at(HISTORY, 1))?;
    let fenced = Applied::Fenced(claim.token);
    for deed in [Deed::Post, Deed::Drop] {
        same("posting after it", ledger.apply(&small(market, 2), old, deed), &fenced)?;
    }
    let done = other_handle.apply(&small(market, 2), claim.token, Deed::Post);
    same("posting under the new token", done, &Applied::Done)?;
    // A token above every one that was claimed here was claimed elsewhere, so it is valid.
    let higher = Token(claim.token.0 + 5);
    same("a higher token", ledger.apply(&small(market, 3), higher, Deed::Post), &Applied::Done)?;
    same("the position after it", other_handle.position(market), &(higher, at(HISTORY, 3)))?;
    let answer = other_handle.apply(&small(market, 4), claim.token, Deed::Post);
    same("a token below it", answer, &Applied::Fenced(higher))
}

fn refusals(ledger: &mut dyn Ledger, market: MarketId) -> CheckResult {
    let token = open(ledger, market)?;
    let large = of(HISTORY, market, 1, &[(1, i128::MAX, 0), (2, -i128::MAX, 0)]);
    same("the largest transfers", ledger.apply(&large, token, Deed::Post), &Applied::Done)?;
    let before = read_state(ledger, market)?;
    for batch in unsound(market, 2) {
        for deed in [Deed::Post, Deed::Drop] {
            refused("an unsound batch", ledger.apply(&batch, token, deed))?;
        }
    }
    let more = [
        of(HISTORY, market, 2, &[(0, -1, 3), (1, 1, 0), (5, 0, -3)]),
        of(HISTORY, market, 2, &[(0, 2, 3), (2, -2, -3)]),
    ];
    for batch in &more {
        let answer = ledger.apply(batch, token, Deed::Post);
        refused("transfers that make a balance larger than 128 bits", answer)?;
    }
    equal("the books after the refusals", &read_state(ledger, market)?, &before)?;
    let least = of(HISTORY, market, 2, &[(0, 1, 0), (2, -1, 0)]);
    same("the least balance", ledger.apply(&least, token, Deed::Post), &Applied::Done)?;
    let expected = vec![balance(0, 1, 0), balance(1, i128::MAX, 0), balance(2, i128::MIN, 0)];
    same("the balances", ledger.balances(market, None, 9), &expected)
}

fn large_tokens(ledger: &mut dyn Ledger, market: MarketId) -> CheckResult {
    let mut position = None;
    let mut epoch = 0;
    for floor in [1 << 53, (1 << 53) + 1, 1 << 63, u64::MAX - 1] {
        let claim = expect_ok("a claim", ledger.claim(market, Token(floor)))?;
        equal("a large token", &(claim.token, claim.position), &(Token(floor + 1), position))?;
        if epoch == 0 {
            expect_ok("a seed", ledger.seed(&seed(market, HISTORY, 0), claim.token))?;
        }
        epoch += 1;
        let batch = small(market, epoch);
        let fenced = Applied::Fenced(claim.token);
        same("a token one below it", ledger.apply(&batch, Token(floor), Deed::Post), &fenced)?;
        same("posting", ledger.apply(&batch, claim.token, Deed::Post), &Applied::Done)?;
        let outcome = outcome(&batch, Deed::Post, claim.token);
        same("the outcome", ledger.outcome(market, batch.id()), &Some(outcome))?;
        position = at(HISTORY, epoch);
    }
    for floor in [0, u64::MAX] {
        refused("a claim above the highest token", ledger.claim(market, Token(floor)))?;
    }
    same("the position after it", ledger.position(market), &(Token(u64::MAX), position))
}

fn outcome(batch: &Batch, deed: Deed, token: Token) -> Outcome {
    Outcome { id: batch.id(), epoch: batch.epoch, digest: batch.digest(), deed, token }
}
