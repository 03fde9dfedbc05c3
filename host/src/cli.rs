//! The command line, and the help that teaches it.

mod bench;
mod demo;
mod failure;

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use failure::Failure;

/// Matches orders by price and time: a deterministic engine, and what surrounds it.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Bench(bench::Bench),
    Demo(demo::Demo),
}

const EXAMPLES: &str = "\
Try:
  pricetime demo                                  watch a made-up energy market for five seconds
  pricetime demo --seed 7 --commands 1000000      the same run on every machine, to the last digit
  pricetime demo --json | tail -n 1               the summary alone, for a program
  pricetime bench core                            how fast this machine is, by named workloads
  pricetime demo --help                           everything that the demo can be told

Exit codes: 0 done (or this help); 1 failed; 2 the command line or the configuration makes no sense;
3 what was looked at is damaged or differs; 4 done, but some lines were refused.
From the source tree, `cargo run --release -- demo` is the same as `pricetime demo`.";

/// Does what the command line says; without a command, shows what it could say. The exit code is for
/// `main` to return.
pub(crate) fn run(cli: Cli) -> ExitCode {
    let done = match cli.command {
        Some(Command::Bench(bench)) => bench.run(),
        Some(Command::Demo(demo)) => quiet(demo.run()),
        None => quiet(Cli::command().print_help()),
    };
    done.map_or_else(Failure::end, |()| ExitCode::SUCCESS)
}

/// Who stops reading early, as `head` does, ends the program quietly.
fn quiet(done: io::Result<()>) -> Result<(), Failure> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => Ok(done?),
    }
}
