//! Balances and outboxes, in pages.

use pricetime_engine::{AccountId, MarketId};

use super::batches::{ACCOUNTS, balance, of, seed};
use super::{CheckResult, HISTORY, Make, equal, expect_ok, read_state, same};
use crate::Batch;
use crate::ledger::{Applied, Balance, Deed, Ledger, Token};

pub(super) fn check(make: Make<'_>, next: &mut dyn FnMut() -> MarketId) -> CheckResult {
    wide(make, next())?;
    balances(&mut *make(), next())?;
    outbox(make, next())
}

/// Posts these batches, in order.
fn post(ledger: &mut dyn Ledger, market: MarketId, batches: &[Batch]) -> CheckResult {
    let token = expect_ok("a claim", ledger.claim(market, Token(0)))?.token;
    expect_ok("a seed", ledger.seed(&seed(market, HISTORY, 0), token))?;
    for batch in batches {
        same("posting", ledger.apply(batch, token, Deed::Post), &Applied::Done)?;
    }
    Ok(())
}

/// Tests amounts with every number of digits, carries and borrows through all of them, and back to zero.
fn wide(make: Make<'_>, market: MarketId) -> CheckResult {
    let mut ledger = make();
    let wide = 1_i128 << 100;
    let amounts = [
        (wide, -wide),
        (1, -1),
        (-wide - 1, wide + 1),
        (-wide, wide),
        (wide - 1, 1 - wide),
        (999_999_999_999_999_999_999, -1_000_000_000_000_000_000_000),
        (1, 1),
        (-1_000_000_000_000_000_000_000, 999_999_999_999_999_999_999),
        (-10_000_000, 10_000_000),
        (9_999_999, -9_999_999),
        (i128::MAX / 2, i128::MIN / 2),
        (-i128::MAX / 2 + 2, -(i128::MIN / 2)),
        (-1, 0),
    ];
    let token = expect_ok("a claim", ledger.claim(market, Token(0)))?.token;
    expect_ok("a seed", ledger.seed(&seed(market, HISTORY, 0), token))?;
    let mut has = (0, 0);
    for (epoch, (base, quote)) in (1..).zip(amounts) {
        let batch = of(HISTORY, market, epoch, &[(3, base, quote), (4, -base, -quote)]);
        same("posting", ledger.apply(&batch, token, Deed::Post), &Applied::Done)?;
        has = (has.0 + base, has.1 + quote);
        let expected = match has {
            (0, 0) => Vec::new(),
            (base, quote) => vec![balance(3, base, quote), balance(4, -base, -quote)],
        };
        let what = format!("the balances after {base} and {quote}");
        same(&what, ledger.balances(market, None, 9), &expected)?;
    }
    let (base, quote) = has;
    let back = of(HISTORY, market, 14, &[(3, -base, -quote), (4, base, quote)]);
    same("posting", ledger.apply(&back, token, Deed::Post), &Applied::Done)?;
    same(
        "the balances of accounts that have nothing",
        ledger.balances(market, None, 9),
        &Vec::new(),
    )
}

fn balances(ledger: &mut dyn Ledger, market: MarketId) -> CheckResult {
    let legs: Vec<_> = ACCOUNTS.iter().map(|account| (*account, 1, -2)).collect();
    let platform = (500, -(ACCOUNTS.len() as i128), 2 * ACCOUNTS.len() as i128);
    let mut legs = [legs, vec![platform]].concat();
    legs.sort_unstable();
    post(ledger, market, &[of(HISTORY, market, 1, &legs)])?;
    let all: Vec<Balance> =
        legs.iter().map(|&(account, base, quote)| balance(account, base, quote)).collect();
    for limit in [1, 2, 4, all.len(), usize::MAX] {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = expect_ok("a page of balances", ledger.balances(market, after, limit))?;
            let Some(last) = page.last() else { break };
            after = Some(last.account);
            equal("whether a page has the requested length", &(page.len() <= limit), &true)?;
            found.extend(page);
        }
        equal(&format!("the balances in pages of {limit}"), &found, &all)?;
    }
    same("no balances", ledger.balances(market, None, 0), &Vec::new())?;
    let between = AccountId((1 << 64) + 1);
    let behind = ledger.balances(market, Some(between), 1);
    same(
        "the balances after an account that has none",
        behind,
        &vec![balance((1 << 127) + 5, 1, -2)],
    )?;
    same("the balances of an unknown market", ledger.balances(MarketId(0), None, 9), &Vec::new())
}

fn outbox(make: Make<'_>, market: MarketId) -> CheckResult {
    let mut ledger = make();
    let batches: Vec<Batch> =
        (1..=5).map(|epoch| of(HISTORY, market, epoch, &[(0, 1, 0), (9, -1, 0)])).collect();
    post(&mut *ledger, market, &batches)?;
    let notices = read_state(&mut *ledger, market)?.notices;
    let epochs: Vec<u64> = notices.iter().map(|(_, notice)| notice.outcome.epoch.0).collect();
    equal("the epochs of an outbox", &epochs, &vec![1, 2, 3, 4, 5])?;
    let numbers: Vec<u64> = notices.iter().map(|(number, _)| *number).collect();
    let rise = numbers.is_sorted_by(|one, next| one < next) && numbers.first() > Some(&0);
    equal(&format!("whether the numbers {numbers:?} rise, from above zero"), &rise, &true)?;
    let &[first, second, _, fourth, last] = numbers.as_slice() else { return Ok(()) };
    for (after, limit, from, to) in [
        (0, 2, 0, 2),
        (first, 2, 1, 3),
        (second, 9, 2, 5),
        (fourth, usize::MAX, 4, 5),
        (last, 9, 5, 5),
        (u64::MAX, 9, 5, 5),
        (0, 0, 0, 0),
    ] {
        let expected = notices.get(from..to).unwrap_or_default().to_vec();
        let what = format!("{limit} notices after {after}");
        same(&what, ledger.outbox(market, after, limit), &expected)?;
    }
    same("forgetting no notice", ledger.forget(market, 0), &())?;
    same("forgetting two notices", ledger.forget(market, second), &())?;
    same("forgetting them again", ledger.forget(market, second), &())?;
    let expected = notices.get(2..).unwrap_or_default().to_vec();
    same("the outbox after it", make().outbox(market, 0, 9), &expected)?;
    same("forgetting all notices", ledger.forget(market, u64::MAX), &())?;
    same("the outbox after it", ledger.outbox(market, 0, 9), &Vec::new())?;
    later(make, market, last)?;
    for batch in &batches {
        let outcome = expect_ok("an outcome", ledger.outcome(market, batch.id()))?;
        equal("whether an outcome remains", &outcome.is_some(), &true)?;
    }
    Ok(())
}

/// After all notices were deleted, the next one has a higher number.
fn later(make: Make<'_>, market: MarketId, last: u64) -> CheckResult {
    let mut ledger = make();
    let token = expect_ok("a claim", ledger.claim(market, Token(0)))?.token;
    let batch = of(HISTORY, market, 6, &[]);
    same("posting", ledger.apply(&batch, token, Deed::Post), &Applied::Done)?;
    let notices = expect_ok("the outbox", ledger.outbox(market, last, 9))?;
    let epochs: Vec<u64> = notices.iter().map(|(_, notice)| notice.outcome.epoch.0).collect();
    equal("the epochs after all notices were forgotten", &epochs, &vec![6])
}
