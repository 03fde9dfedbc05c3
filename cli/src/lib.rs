//! The `pricetime` command-line program.
//!
//! Each subcommand has its own module. The exit codes are in `failure.rs` and at the end of `--help`.

mod archive;
mod client;
mod config;
mod convert;
mod demo;
mod diff;
mod failure;
mod first;
mod inspect;
mod manual;
mod reader;
mod redis;
mod replay;
mod run;
mod schema;
mod screen;
mod send;
mod settle;
mod snapshot;
mod token;
mod top;
mod verify;
mod what_if;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use pricetime_terminal::{ColorChoice, Paint, decide};

use failure::Failure;

/// A deterministic order-matching engine with price-time priority.
#[derive(Debug, Parser)]
#[command(name = "pricetime", version, after_help = EXAMPLES, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Whether to print in color: auto uses colors on a terminal, and respects `NO_COLOR` and
    /// `CLICOLOR_FORCE`
    #[arg(long, global = true, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    color: ColorChoice,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<run::Run>),
    Send(send::SendCommand),
    Config(config::ConfigCommand),
    Schema(schema::SchemaCommand),
    Token(token::TokenCommand),
    Bench(pricetime_benches::Bench),
    Demo(demo::Demo),
    Top(top::Top),
    Replay(replay::Replay),
    Convert(convert::Convert),
    Record(convert::Record),
    Diff(diff::Diff),
    WhatIf(what_if::WhatIf),
    Inspect(inspect::Inspect),
    Verify(verify::Verify),
    Snapshot(snapshot::Snapshot),
    Archive(archive::Archive),
    Redis(redis::Redis),
    Settle(Box<settle::Settle>),
    Completions(manual::Completions),
    Man(manual::Manual),
}

const EXAMPLES: &str = "\
Try:
  pricetime demo                                   watch a made-up energy market for five seconds
  pricetime top                                    watch a running market, a recording or a data folder
  pricetime demo --commands 19900 --write day.jsonl --epoch-seconds 10     record its day
  pricetime run --once --input day.jsonl --answers none                    run a market on that day
  pricetime inspect book 1                         show a book in ./data
  pricetime verify                                 check everything in ./data
  pricetime run --unix ./pricetime.sock            a market that keeps running
  pricetime send                                   a prompt that talks to it

Exit codes: 0 done (or this help); 1 failed; 2 the command line or the configuration is invalid;
3 damage or a difference was found; 4 done, but some lines were refused;
5 another process runs these markets (`run --standby exit`).
From the source tree, `cargo run --release -- demo` is the same as `pricetime demo`.";

/// Runs the command line and returns the exit code. Without a command, prints the first screen.
pub fn main() -> ExitCode {
    let color = color(std::env::args_os());
    decide(color);
    let program = Cli::command().color(color);
    let parsed = Cli::from_arg_matches(&program.clone().get_matches());
    let done = match parsed.unwrap_or_else(|error| error.exit()).command {
        Some(Command::Run(run)) => run.run(),
        Some(Command::Send(send)) => send.run(),
        Some(Command::Config(config)) => config.run(),
        Some(Command::Schema(schema)) => ignore_broken_pipe(schema.run()),
        Some(Command::Token(token)) => ignore_broken_pipe(token.run()),
        Some(Command::Bench(bench)) => bench.run().map_err(Failure::from),
        Some(Command::Demo(demo)) => ignore_broken_pipe(demo.run()),
        Some(Command::Top(top)) => top.run(),
        Some(Command::Replay(replay)) => replay.run(),
        Some(Command::Convert(convert)) => convert.run(),
        Some(Command::Record(record)) => record.run(),
        Some(Command::Diff(diff)) => diff.run(),
        Some(Command::WhatIf(what_if)) => what_if.run(),
        Some(Command::Inspect(inspect)) => inspect.run(),
        Some(Command::Verify(verify)) => verify.run(),
        Some(Command::Snapshot(snapshot)) => snapshot.run(),
        Some(Command::Archive(archive)) => archive.run(),
        Some(Command::Redis(redis)) => redis.run(),
        Some(Command::Settle(settle)) => settle.run(),
        Some(Command::Completions(completions)) => completions.run(program),
        Some(Command::Man(manual)) => manual.run(program),
        None => ignore_broken_pipe(
            io::stdout().write_all(first::screen(&program, Paint::out()).as_bytes()),
        ),
    };
    done.map_or_else(Failure::end, |()| ExitCode::SUCCESS)
}

/// The value of `--color`, found before the command line is parsed: an error in it has colors too. A value
/// that is invalid counts as `auto`, and parsing refuses it.
fn color(arguments: impl Iterator<Item = OsString>) -> ColorChoice {
    let mut choice = ColorChoice::Auto;
    let mut arguments = arguments.map_while(|argument| (argument != "--").then_some(argument));
    while let Some(argument) = arguments.next() {
        let value = match argument.to_str().and_then(|text| text.strip_prefix("--color")) {
            Some("") => arguments.next(),
            Some(rest) => rest.strip_prefix('=').map(OsString::from),
            None => None,
        };
        let value = value.and_then(|value| value.to_str()?.parse().ok());
        choice = value.unwrap_or(choice);
    }
    choice
}

/// Ends quietly if the reader closes the pipe early, as `head` does.
fn ignore_broken_pipe(done: io::Result<()>) -> Result<(), Failure> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => Ok(done?),
    }
}

/// Parses a configuration, for the fuzz target. Returns its `Debug` output.
///
/// # Errors
/// Returns the error message that the program would print.
#[cfg(fuzzing)]
pub fn configuration(text: &str) -> Result<String, String> {
    let config = config::Config::of("FILE", text, &config::Layers::default());
    config.map(|config| format!("{config:?}")).map_err(|failure| failure.text().to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::{Cli, ColorChoice, color};

    #[test]
    fn color_is_found_anywhere_before_the_end_of_the_options() {
        for (words, found) in [
            ("pricetime", ColorChoice::Auto),
            ("pricetime --color never", ColorChoice::Never),
            ("pricetime --color=always verify", ColorChoice::Always),
            ("pricetime verify ./data --color always --json", ColorChoice::Always),
            ("pricetime --color", ColorChoice::Auto),
            ("pricetime --color=maybe", ColorChoice::Auto),
            ("pricetime --colors=always", ColorChoice::Auto),
            ("pricetime verify -- --color always", ColorChoice::Auto),
        ] {
            assert_eq!(color(words.split(' ').map(Into::into)), found, "{words}");
        }
    }

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
