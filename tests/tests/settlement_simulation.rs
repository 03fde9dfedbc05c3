//! Every epoch is settled exactly once and in order, whatever locks are lost and whichever runners
//! crash. A ledger that omits one of its checks is detected.
//!
//! `PRICETIME_TRIALS` sets the number of schedules (twenty for each), `PRICETIME_SEED` the seed. With
//! `PRICETIME_SCHEDULE` only that schedule runs.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use pricetime_tests::environment::number;
use pricetime_tests::settle::ledger::Flaw;
use pricetime_tests::settle::observer::Tally;
use pricetime_tests::settle::world::run;

/// Schedules for each trial.
const SCHEDULES: u64 = 20;

/// The number of the first schedule.
fn base() -> u64 {
    number("PRICETIME_SEED", 1).wrapping_shl(24)
}

#[test]
fn every_epoch_is_settled_once_in_any_schedule() {
    let schedules = number("PRICETIME_TRIALS", 500) * SCHEDULES;
    let next = AtomicU64::new(0);
    let sum = Mutex::new(Tally::default());
    let work = || {
        let mut local_sum = Tally::default();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= schedules {
                sum.lock().expect("no panic").add(&local_sum);
                return;
            }
            let seed = base().wrapping_add(at);
            match run(seed, Flaw::None) {
                Ok(tally) => local_sum.add(&tally),
                Err(what) => {
                    next.store(schedules, Ordering::Relaxed);
                    panic!("{what}\nPRICETIME_SCHEDULE={seed} shows it again");
                }
            }
        }
    };
    if let Ok(only) = std::env::var("PRICETIME_SCHEDULE") {
        let only = only.parse().expect("a number in the environment");
        eprintln!("{:?}", run(only, Flaw::None).unwrap_or_else(|what| panic!("{what}")));
        return;
    }
    thread::scope(|scope| {
        for worker in [(); 2].map(|()| scope.spawn(work)) {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
    let sum = sum.into_inner().expect("no panic");
    eprintln!("{sum:?}");
    // Everything that can go wrong has gone wrong.
    for (what, count) in sum.counts() {
        assert!(count > 0, "no {what} in {schedules} schedules");
    }
}

/// Runs schedules until a ledger with this flaw fails with `what`. Before that it may fail only
/// with one of `or`.
fn find(flaw: Flaw, what: &str, or: &[&str]) {
    let schedules = number("PRICETIME_TRIALS", 500).max(2_500) * SCHEDULES;
    for at in 0..schedules {
        let Err(seen) = run(base().wrapping_add(at), flaw) else { continue };
        if seen.contains(what) {
            eprintln!("{flaw:?} is seen after {} schedules: {seen}", at + 1);
            return;
        }
        assert!(or.iter().any(|it| seen.contains(it)), "{flaw:?} is not detected as {seen}");
    }
    panic!("{flaw:?} is not detected in {schedules} schedules as {what}");
}

#[test]
fn ledger_without_tokens_is_detected() {
    find(Flaw::Token, "not with the highest token", &[]);
}

#[test]
fn ledger_that_forgets_outcomes_is_detected() {
    let unreported = "settled without a report";
    find(Flaw::Outcome, unreported, &["twice"]);
    // If its position was put back, it even posts twice.
    find(Flaw::Outcome, "twice", &[unreported]);
}

#[test]
fn ledger_without_order_is_detected() {
    find(Flaw::Order, "out of order", &[]);
}
