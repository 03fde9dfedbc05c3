//! Runs seeds on the engine and the model and prints the counts. Use it to reproduce a failing seed, or to
//! test for hours.

use std::io::Write as _;
use std::process::ExitCode;

use pricetime_engine::Engine;
use pricetime_tests::compare;
use pricetime_tests::generate::tally::Tally;

const USAGE: &str = "usage: walk [--seed S] [--commands N] [--quiet]";

/// The command-line options.
struct Arguments {
    seed: u64,
    commands: u64,
    quiet: bool,
}

fn arguments(mut words: impl Iterator<Item = String>) -> Option<Arguments> {
    let mut arguments = Arguments { seed: 1, commands: 100_000, quiet: false };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seed" => arguments.seed = words.next()?.parse().ok()?,
            "--commands" => arguments.commands = words.next()?.parse().ok()?,
            "--quiet" => arguments.quiet = true,
            _ => return None,
        }
    }
    Some(arguments)
}

fn main() -> ExitCode {
    let mut out = std::io::stdout().lock();
    let Some(arguments) = arguments(std::env::args().skip(1)) else {
        return exit_code(writeln!(out, "{USAGE}"), ExitCode::FAILURE);
    };
    let mut tally = Tally::default();
    let mut seed = arguments.seed;
    while tally.commands < arguments.commands {
        let left = arguments.commands - tally.commands;
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        if let Err(failure) = compare::run::<Engine>(seed, left, &mut tally) {
            return exit_code(writeln!(out, "{failure}"), ExitCode::FAILURE);
        }
        seed = seed.wrapping_add(1);
    }
    if arguments.quiet {
        return ExitCode::SUCCESS;
    }
    let seeds = seed.wrapping_sub(arguments.seed);
    exit_code(write!(out, "{seeds} seeds, {tally}"), ExitCode::SUCCESS)
}

/// The exit code, or a failure if the output could not be written.
fn exit_code(written: std::io::Result<()>, code: ExitCode) -> ExitCode {
    if written.is_ok() { code } else { ExitCode::FAILURE }
}
