//! Runs seeds on the engine and the model and prints the counts. Use it to reproduce a failing seed, or to
//! test for hours.

use std::io::Write as _;
use std::process::ExitCode;

use pricetime_engine::Engine;
use pricetime_tests::compare;
use pricetime_tests::generate::tally::Tally;

const USAGE: &str = "usage: walk [--seed S] [--commands N] [--quiet]";

/// The command-line options.
struct Wish {
    seed: u64,
    commands: u64,
    quiet: bool,
}

fn wish(mut words: impl Iterator<Item = String>) -> Option<Wish> {
    let mut wish = Wish { seed: 1, commands: 100_000, quiet: false };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seed" => wish.seed = words.next()?.parse().ok()?,
            "--commands" => wish.commands = words.next()?.parse().ok()?,
            "--quiet" => wish.quiet = true,
            _ => return None,
        }
    }
    Some(wish)
}

fn main() -> ExitCode {
    let mut out = std::io::stdout().lock();
    let Some(wish) = wish(std::env::args().skip(1)) else {
        return said(writeln!(out, "{USAGE}"), ExitCode::FAILURE);
    };
    let mut tally = Tally::default();
    let mut seed = wish.seed;
    while tally.commands < wish.commands {
        let left = wish.commands - tally.commands;
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        if let Err(failure) = compare::run::<Engine>(seed, left, &mut tally) {
            return said(writeln!(out, "{failure}"), ExitCode::FAILURE);
        }
        seed = seed.wrapping_add(1);
    }
    if wish.quiet {
        return ExitCode::SUCCESS;
    }
    let seeds = seed.wrapping_sub(wish.seed);
    said(write!(out, "{seeds} seeds, {tally}"), ExitCode::SUCCESS)
}

/// The exit code, or a failure if the output could not be written.
fn said(told: std::io::Result<()>, code: ExitCode) -> ExitCode {
    if told.is_ok() { code } else { ExitCode::FAILURE }
}
