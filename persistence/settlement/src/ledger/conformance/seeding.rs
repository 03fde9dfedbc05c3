//! Seeds: how ledgers begin, and how a new seed replaces an old one.

use pricetime_engine::{EpochNumber, MarketId};

use super::batches::{at, balance, of, seed, small};
use super::{CheckResult, HISTORY, Make, OTHER, equal, expect_ok, read_state, refused, same};
use crate::ledger::{Applied, Deed, Ledger, Seed, Token};

pub(super) fn check(make: Make<'_>, next: &mut dyn FnMut() -> MarketId) -> CheckResult {
    let mut ledger = make();
    once(&mut *ledger, next())?;
    under_a_token(&mut *ledger, next())?;
    replaces(&mut *ledger, next())?;
    far(&mut *ledger, next())?;
    too_much(&mut *ledger, next())
}

fn once(ledger: &mut dyn Ledger, market: MarketId) -> CheckResult {
    let token = expect_ok("a claim", ledger.claim(market, Token(0)))?.token;
    let has = vec![balance(1, 10, -10), balance(u128::MAX, -10, 10)];
    let seed = Seed { balances: has.clone(), ..seed(market, HISTORY, 5) };
    same("a seed", ledger.seed(&seed, token), &())?;
    let seeded = read_state(ledger, market)?;
    equal("the balances of a seed", &seeded.balances, &has)?;
    equal("its position", &(seeded.token, seeded.position), &(token, at(HISTORY, 5)))?;
    equal("its outbox", &seeded.notices, &Vec::new())?;
    same("the same seed again", ledger.seed(&seed, token), &())?;
    same("the same seed under a higher token", ledger.seed(&seed, Token(token.0 + 9)), &())?;
    same("the same seed under an older token", ledger.seed(&seed, Token(0)), &())?;
    equal("the books after the same seed again", &read_state(ledger, market)?, &seeded)?;
    same("posting", ledger.apply(&small(market, 6), token, Deed::Post), &Applied::Done)?;
    let posted = read_state(ledger, market)?;
    let expected = vec![balance(1, 15, -60), balance(2, -5, 50), balance(u128::MAX, -10, 10)];
    equal("the balances after posting", &posted.balances, &expected)?;
    refused("the first seed after posting", ledger.seed(&seed, token))?;
    equal("the books after it", &read_state(ledger, market)?, &posted)
}

fn under_a_token(ledger: &mut dyn Ledger, market: MarketId) -> CheckResult {
    let old = expect_ok("a claim", ledger.claim(market, Token(0)))?.token;
    let token = expect_ok("a claim", ledger.claim(market, Token(0)))?.token;
    let seed = Seed { balances: vec![balance(1, 1, 1)], ..seed(market, HISTORY, 0) };
    let before = read_state(ledger, market)?;
    refused("a seed under an old token", ledger.seed(&seed, old))?;
    equal("the books after it", &read_state(ledger, market)?, &before)?;
    let higher = Token(token.0 + 3);
    same("a seed under a higher token", ledger.seed(&seed, higher), &())?;
    same("the position after it", ledger.position(market), &(higher, at(HISTORY, 0)))?;
    let answer = ledger.apply(&small(market, 1), token, Deed::Post);
    same("a token below it", answer, &Applied::Fenced(higher))
}

fn replaces(ledger: &mut dyn Ledger, market: MarketId) -> CheckResult {
    let token = expect_ok("a claim", ledger.claim(market, Token(0)))?.token;
    let wrong = Seed { replaces: at(HISTORY, 0), ..seed(market, HISTORY, 1) };
    refused("a seed that replaces one that does not exist", ledger.seed(&wrong, token))?;
    expect_ok("a seed", ledger.seed(&seed(market, HISTORY, 0), token))?;
    same("posting", ledger.apply(&small(market, 1), token, Deed::Post), &Applied::Done)?;
    let before = read_state(ledger, market)?;
    for (what, replaces) in [
        ("a seed that expects no earlier one", None),
        ("a seed that replaces an earlier epoch", at(HISTORY, 0)),
        ("a seed that replaces another history", at(OTHER, 1)),
    ] {
        let seed = Seed { replaces, balances: vec![balance(1, 1, 1)], ..seed(market, OTHER, 40) };
        refused(what, ledger.seed(&seed, token))?;
    }
    equal("the books after seeds that were refused", &read_state(ledger, market)?, &before)?;
    let anew = Seed {
        replaces: at(HISTORY, 1),
        balances: vec![balance(1, -5, 50), balance(7, 1, -1)],
        ..seed(market, OTHER, 40)
    };
    same("a seed with another history", ledger.seed(&anew, token), &())?;
    let seen = read_state(ledger, market)?;
    equal("the position after it", &seen.position, &at(OTHER, 40))?;
    let expected = vec![balance(2, -5, 50), balance(7, 1, -1)];
    equal("the balances after it: added up, without empty ones", &seen.balances, &expected)?;
    equal("the outbox after it", &seen.notices, &before.notices)?;
    let answer = ledger.apply(&small(market, 2), token, Deed::Post);
    same("an epoch of the history before", answer, &Applied::Unseeded)?;
    let answer = ledger.apply(&small(market, 1), token, Deed::Post);
    same("a batch posted before", answer, &Applied::Duplicate(Deed::Post))?;
    let next = of(OTHER, market, 41, &[]);
    same("the next epoch", ledger.apply(&next, token, Deed::Post), &Applied::Done)?;
    let further = Seed { replaces: at(OTHER, 41), ..seed(market, OTHER, 50) };
    same("a seed at a later epoch", ledger.seed(&further, token), &())?;
    let answer = ledger.apply(&of(OTHER, market, 42, &[]), token, Deed::Post);
    same("an epoch that it skips", answer, &Applied::Gap(EpochNumber(50)))?;
    let next = of(OTHER, market, 51, &[]);
    same("the epoch after it", ledger.apply(&next, token, Deed::Post), &Applied::Done)
}

/// Tests epochs that are equal as doubles.
fn far(ledger: &mut dyn Ledger, market: MarketId) -> CheckResult {
    let token = expect_ok("a claim", ledger.claim(market, Token(0)))?.token;
    let mut stands = None;
    for last in [9, 99, (1 << 53) - 1, 1 << 53, (1 << 53) + 1, EpochNumber::HIGHEST.0] {
        let seed = Seed { replaces: stands, ..seed(market, HISTORY, last) };
        if stands != at(HISTORY, last) {
            same("a seed far away", ledger.seed(&seed, token), &())?;
        }
        for epoch in [last, last + 2] {
            let answer = ledger.apply(&small(market, epoch), token, Deed::Post);
            let gap = Applied::Gap(EpochNumber(last));
            let known = Applied::Duplicate(Deed::Post);
            let posted = stands == at(HISTORY, last) && epoch == last;
            same("an epoch beside the next one", answer, if posted { &known } else { &gap })?;
        }
        let batch = small(market, last + 1);
        same("an epoch far away", ledger.apply(&batch, token, Deed::Post), &Applied::Done)?;
        stands = at(HISTORY, last + 1);
        same("the position far away", ledger.position(market), &(token, stands))?;
    }
    Ok(())
}

fn too_much(ledger: &mut dyn Ledger, market: MarketId) -> CheckResult {
    let token = expect_ok("a claim", ledger.claim(market, Token(0)))?.token;
    let has = vec![balance(1, i128::MAX, i128::MIN), balance(2, i128::MIN, i128::MAX)];
    let first = Seed { balances: has, ..seed(market, HISTORY, 0) };
    same("a seed with the largest balances", ledger.seed(&first, token), &())?;
    let before = read_state(ledger, market)?;
    equal("the largest balances", &before.balances, &first.balances)?;
    for more in [balance(1, 1, 0), balance(1, 0, -1), balance(2, -1, 0), balance(2, 0, 1)] {
        let more = Seed {
            replaces: at(HISTORY, 0),
            balances: vec![balance(0, 1, 1), more],
            ..seed(market, HISTORY, 1)
        };
        refused("a seed that makes a balance larger than 128 bits", ledger.seed(&more, token))?;
    }
    equal("the books after it", &read_state(ledger, market)?, &before)
}
