//! The program `pricetime`: what can be done with the engine from a shell.
//!
//! Each command is a page of its own under `cli/`. The exit codes stand in `cli/failure.rs` and at
//! the end of `--help`.

mod cli;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    cli::run(cli::Cli::parse())
}
