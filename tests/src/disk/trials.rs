//! Runs trials with many seeds in parallel.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use pricetime_engine::{Command, Sequence};

use crate::environment::{number, number_if_set};
use crate::record::day;

/// The minimum number of trials; `PRICETIME_COMMANDS` adds more.
const TRIALS: u64 = 4_500;
const COMMANDS: u64 = 100_000;

/// Runs a trial with many seeds: `PRICETIME_SEED` selects them, `PRICETIME_COMMANDS` sets their number, and
/// `PRICETIME_TRIAL` selects a single one. Returns the sum of their counts.
pub fn many<const N: usize>(name: &str, trial: impl Fn(u64) -> [u64; N] + Sync) -> (u64, [u64; N]) {
    if let Some(only) = number_if_set("PRICETIME_TRIAL") {
        return (1, trial(only));
    }
    let base = number("PRICETIME_SEED", 1).wrapping_shl(20);
    let trials = TRIALS + number("PRICETIME_COMMANDS", COMMANDS) / 200;
    let next = AtomicU64::new(0);
    let work = || {
        let mut sum = [0; N];
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= trials {
                return sum;
            }
            let seed = base.wrapping_add(at);
            let counted = catch_unwind(AssertUnwindSafe(|| trial(seed))).unwrap_or_else(|panic| {
                next.store(trials, Ordering::Relaxed);
                eprintln!(
                    "PRICETIME_TRIAL={seed} cargo test --profile ci -p pricetime-tests --test {name}"
                );
                resume_unwind(panic)
            });
            for (sum, counted) in sum.iter_mut().zip(counted) {
                *sum += counted;
            }
        }
    };
    let sums = thread::scope(|scope| {
        let workers = [(); 2].map(|()| scope.spawn(work));
        workers.map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)))
    });
    let mut total = [0; N];
    for sum in sums {
        for (total, counted) in total.iter_mut().zip(sum) {
            *total += counted;
        }
    }
    (trials, total)
}

/// The commands of a day, numbered consecutively from 1 as a journal needs them.
#[must_use]
pub fn numbered(seed: u64) -> (u32, Vec<Command>) {
    let day = day(seed);
    let mut commands = day.commands;
    for (number, command) in (1..).zip(&mut commands) {
        command.sequence = Sequence(number);
    }
    (day.markets_max, commands)
}
