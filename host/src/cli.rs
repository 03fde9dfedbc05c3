//! The command line, and the help that teaches it.

mod demo;

use std::io;

use clap::{CommandFactory as _, Parser, Subcommand};

/// Matches orders by price and time: a deterministic engine, and what surrounds it.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
}

const EXAMPLES: &str = "\
Try:
  pricetime demo                                  watch a made-up energy market for five seconds
  pricetime demo --seed 7 --commands 1000000      the same run on every machine, to the last digit
  pricetime demo --json | tail -n 1               the summary alone, for a program
  pricetime demo --help                           everything that the demo can be told

Exit codes: 0 done (or this help), 1 failed, 2 the command line makes no sense.
From the source tree, `cargo run --release -- demo` is the same as `pricetime demo`.";

/// Does what the command line says; without a command, shows what it could say.
pub(crate) fn run(cli: Cli) -> io::Result<()> {
    match cli.command {
        Some(Command::Demo(demo)) => demo.run(),
        None => Cli::command().print_help(),
    }
}
