//! The program `pricetime`: what can be done with the engine from a shell.
//!
//! Each command is a page of its own under `cli/`. The exit code is 0 when the work is done (and
//! when all that was asked for is help), 1 when it failed, 2 when the command line makes no sense.
//! Who stops reading early, as `head` does, ends the program quietly.

mod cli;

use std::io;
use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    match cli::run(cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            // Where not even standard error can be written to, the exit code has to say it.
            let _ = io::Write::write_fmt(&mut io::stderr(), format_args!("pricetime: {error}\n"));
            ExitCode::FAILURE
        }
    }
}
