//! Several runners at the same time.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use pricetime_engine::MarketId;

use super::batches::{balance, of, seed};
use super::{CheckResult, HISTORY, Make, equal, expect_ok, read_state, same};
use crate::Batch;
use crate::ledger::{Applied, Deed, Deposited, Ledger, Token};

/// The number of runners.
const RUNNERS: u64 = 3;
/// The number of epochs.
const EPOCHS: u64 = 24;
/// How often each runner claims.
const CLAIMS: u64 = 100;

pub(super) fn check(make: Make<'_>, next: &mut dyn FnMut() -> MarketId) -> CheckResult {
    let mut runners: Vec<_> = (0..RUNNERS).map(|_| make()).collect();
    for _ in 0..8 {
        one_deposit(&mut runners, next())?;
        one_apply(&mut runners, make, next())?;
    }
    one_token(&mut runners, next())?;
    all_epochs(&mut runners, make, next())
}

/// Runs this in all runners at the same time.
fn at_once<T: Send>(
    runners: &mut [Box<dyn Ledger>],
    work: impl Fn(u64, &mut dyn Ledger) -> Result<T, String> + Sync,
) -> Result<Vec<T>, String> {
    let (work, start) = (&work, &Barrier::new(runners.len()));
    thread::scope(|scope| {
        let running: Vec<_> = (0..)
            .zip(&mut *runners)
            .map(|(number, ledger)| {
                scope.spawn(move || {
                    start.wait();
                    work(number, &mut **ledger)
                })
            })
            .collect();
        let over = |_panic| Err(String::from("a ledger panicked"));
        running.into_iter().map(|runner| runner.join().unwrap_or_else(over)).collect()
    })
}

/// Returns a batch with the same id and other content for each runner.
fn rival(market: MarketId, epoch: u64, number: u64) -> Batch {
    let moved = i128::from(number) + 1;
    of(HISTORY, market, epoch, &[(1, moved, -moved), (2, -moved, moved)])
}

fn one_deposit(runners: &mut [Box<dyn Ledger>], market: MarketId) -> CheckResult {
    let found = at_once(runners, |number, ledger| {
        expect_ok("a concurrent deposit", ledger.deposit(&rival(market, 1, number)))
    })?;
    let fresh = found.iter().filter(|it| **it == Deposited::Fresh).count();
    equal("how many concurrent deposits of one batch are fresh", &fresh, &1)
}

fn one_apply(runners: &mut [Box<dyn Ledger>], make: Make<'_>, market: MarketId) -> CheckResult {
    let mut ledger = make();
    let token = expect_ok("a claim", ledger.claim(market, Token(0)))?.token;
    expect_ok("a seed", ledger.seed(&seed(market, HISTORY, 0), token))?;
    let found = at_once(runners, |number, ledger| {
        let same = expect_ok("posting", ledger.apply(&rival(market, 1, 0), token, Deed::Post))?;
        let rival = ledger.apply(&rival(market, 2, number), token, Deed::Post);
        Ok((same, expect_ok("concurrent posting", rival)?))
    })?;
    let done = |it: &Applied| *it == Applied::Done;
    let first = found.iter().filter(|(same, _)| done(same)).count();
    equal("how many concurrent runners posted the batch", &first, &1)?;
    let known = found.iter().filter(|(same, _)| *same == Applied::Duplicate(Deed::Post)).count();
    equal("how many of them learn that it was posted", &(known as u64), &(RUNNERS - 1))?;
    let winners: Vec<u64> =
        (0..).zip(&found).filter(|(_, (_, rival))| done(rival)).map(|(number, _)| number).collect();
    let &[winner] = winners.as_slice() else {
        return equal("how many of several conflicting batches were posted", &winners.len(), &1);
    };
    let conflict = Applied::Conflict(rival(market, 2, winner).digest());
    let conflicts = found.iter().filter(|(_, rival)| *rival == conflict).count();
    equal("how many runners get a conflict", &(conflicts as u64), &(RUNNERS - 1))?;
    let moved = i128::from(winner) + 2;
    let expected = vec![balance(1, moved, -moved), balance(2, -moved, moved)];
    same("the balances after both epochs", ledger.balances(market, None, 9), &expected)
}

fn one_token(runners: &mut [Box<dyn Ledger>], market: MarketId) -> CheckResult {
    let tokens = at_once(runners, |_, ledger| {
        let claim = |_| Ok(expect_ok("a concurrent claim", ledger.claim(market, Token(0)))?.token);
        (0..CLAIMS).map(claim).collect::<Result<Vec<_>, String>>()
    })?;
    let mut tokens = tokens.concat();
    tokens.sort_unstable();
    let expected: Vec<Token> = (1..=CLAIMS * RUNNERS).map(Token).collect();
    equal("the tokens of concurrent claims", &tokens, &expected)
}

/// All runners deposit and settle the same epochs, and fence each other.
fn all_epochs(runners: &mut [Box<dyn Ledger>], make: Make<'_>, market: MarketId) -> CheckResult {
    let mut ledger = make();
    expect_ok("a seed", ledger.seed(&seed(market, HISTORY, 0), Token(1)))?;
    let ended = AtomicBool::new(false);
    let done = at_once(runners, |number, ledger| {
        let _end = End(&ended);
        settle(ledger, market, number, &ended)
    })?;
    equal("how many epochs were posted", &done.iter().sum(), &EPOCHS)?;
    let seen = read_state(&mut *ledger, market)?;
    let moved = i128::from(EPOCHS * (EPOCHS + 1) / 2);
    let expected = vec![balance(1, moved, 0), balance(2, -moved, 0)];
    equal("the balances after them", &seen.balances, &expected)?;
    let epochs: Vec<u64> = seen.notices.iter().map(|(_, it)| it.outcome.epoch.0).collect();
    equal("the epochs in the outbox", &epochs, &(1..=EPOCHS).collect())?;
    let rise = seen.notices.is_sorted_by_key(|(_, it)| it.outcome.token);
    equal("whether their tokens rise", &rise, &true)?;
    equal("the inbox after them", &seen.pending, &[Vec::new(), Vec::new()])
}

/// Reports that a runner has ended, even after an error or a panic.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Settles all epochs next to other runners. Returns how many of them were settled here. For each epoch
/// only one runner claims again: if all of them did when they are fenced, perhaps none would ever make
/// progress.
fn settle(
    ledger: &mut dyn Ledger,
    market: MarketId,
    number: u64,
    ended: &AtomicBool,
) -> Result<u64, String> {
    let mut token = expect_ok("a claim", ledger.claim(market, Token(0)))?.token;
    let (mut epoch, mut done) = (1, 0);
    while epoch <= EPOCHS {
        let moved = i128::from(epoch);
        let batch = of(HISTORY, market, epoch, &[(1, moved, 0), (2, -moved, 0)]);
        let _known = expect_ok("a deposit", ledger.deposit(&batch))?;
        // A runner that ended without an error has seen all epochs posted.
        let alone = ended.load(Ordering::SeqCst);
        match expect_ok("posting", ledger.apply(&batch, token, Deed::Post))? {
            Applied::Done => done += 1,
            Applied::Duplicate(Deed::Post) => {}
            Applied::Fenced(_) if epoch % RUNNERS == number => {
                token = expect_ok("a claim", ledger.claim(market, Token(0)))?.token;
                continue;
            }
            Applied::Fenced(_) if alone => return Err(String::from("another runner has failed")),
            Applied::Fenced(_) => {
                thread::yield_now();
                continue;
            }
            answer @ (Applied::Duplicate(Deed::Drop)
            | Applied::Conflict(_)
            | Applied::Unseeded
            | Applied::Gap(_)) => return Err(format!("posting epoch {epoch}: {answer:?}")),
        }
        epoch += 1;
    }
    Ok(done)
}
