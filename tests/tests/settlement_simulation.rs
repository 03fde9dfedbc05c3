//! The promise: every epoch is settled exactly once and in order, whatever locks are lost and whoever
//! crashes when; and a ledger that leaves out one of its checks is found out.
//!
//! `PRICETIME_TRIALS` says how many schedules, twenty for each, `PRICETIME_SEED` where their numbers
//! begin; with `PRICETIME_SCHEDULE` it is that one alone.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use pricetime_tests::environment::number;
use pricetime_tests::settle::judge::Tally;
use pricetime_tests::settle::ledger::Flaw;
use pricetime_tests::settle::world::run;

/// Schedules for each trial.
const SCHEDULES: u64 = 20;

/// The number of the first schedule.
fn base() -> u64 {
    number("PRICETIME_SEED", 1).wrapping_shl(24)
}

#[test]
fn every_epoch_is_settled_once_whatever_happens() {
    let schedules = number("PRICETIME_TRIALS", 500) * SCHEDULES;
    let next = AtomicU64::new(0);
    let sum = Mutex::new(Tally::default());
    let work = || {
        let mut mine = Tally::default();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= schedules {
                sum.lock().expect("no panic").add(&mine);
                return;
            }
            let seed = base().wrapping_add(at);
            match run(seed, Flaw::None) {
                Ok(tally) => mine.add(&tally),
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
    // All that can go wrong has gone wrong.
    for (what, count) in sum.counts() {
        assert!(count > 0, "no {what} in {schedules} schedules");
    }
}

/// Goes through schedules until a ledger with this flaw does this, and sees nothing else than one of
/// these.
fn find(flaw: Flaw, what: &str, or: &[&str]) {
    let schedules = number("PRICETIME_TRIALS", 500).max(2_500) * SCHEDULES;
    for at in 0..schedules {
        let Err(seen) = run(base().wrapping_add(at), flaw) else { continue };
        if seen.contains(what) {
            eprintln!("{flaw:?} is seen after {} schedules: {seen}", at + 1);
            return;
        }
        assert!(or.iter().any(|it| seen.contains(it)), "{flaw:?} is not seen as {seen}");
    }
    panic!("{flaw:?} is not seen in {schedules} schedules as {what}");
}

#[test]
fn a_ledger_without_tokens_is_found_out() {
    find(Flaw::Token, "not by the highest token", &[]);
}

#[test]
fn a_ledger_that_forgets_outcomes_is_found_out() {
    let untold = "settled, and it was not told";
    find(Flaw::Outcome, untold, &["twice"]);
    // Where its position was put back it even posts again.
    find(Flaw::Outcome, "twice", &[untold]);
}

#[test]
fn a_ledger_without_order_is_found_out() {
    find(Flaw::Order, "out of order", &[]);
}
