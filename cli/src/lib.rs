//! The `pricetime` command-line program.
//!
//! Each subcommand has its own module. The exit codes are in `failure.rs` and at the end of `--help`.

mod archive;
mod config;
mod demo;
mod failure;
mod inspect;
mod look;
mod redis;
mod replay;
mod run;
mod schema;
mod send;
mod settle;
mod snapshot;
mod token;
mod verify;

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use failure::Failure;

/// A deterministic order-matching engine with price-time priority, and the tools around it.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
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
    Replay(replay::Replay),
    Inspect(inspect::Inspect),
    Verify(verify::Verify),
    Snapshot(snapshot::Snapshot),
    Archive(archive::Archive),
    Redis(redis::Redis),
    Settle(Box<settle::Settle>),
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man,
}

const EXAMPLES: &str = "\
Try:
  pricetime demo                                   watch a made-up energy market for five seconds
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

/// Runs the command line and returns the exit code. Without a command, prints the help.
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Some(Command::Run(run)) => run.run(),
        Some(Command::Send(send)) => send.run(),
        Some(Command::Config(config)) => config.run(),
        Some(Command::Schema(schema)) => quiet(schema.run()),
        Some(Command::Token(token)) => quiet(token.run()),
        Some(Command::Bench(bench)) => bench.run().map_err(Failure::from),
        Some(Command::Demo(demo)) => quiet(demo.run()),
        Some(Command::Replay(replay)) => replay.run(),
        Some(Command::Inspect(inspect)) => inspect.run(),
        Some(Command::Verify(verify)) => verify.run(),
        Some(Command::Snapshot(snapshot)) => snapshot.run(),
        Some(Command::Archive(archive)) => archive.run(),
        Some(Command::Redis(redis)) => redis.run(),
        Some(Command::Settle(settle)) => settle.run(),
        Some(Command::Completions { shell }) => quiet(completions(shell)),
        Some(Command::Man) => quiet(man()),
        None => quiet(Cli::command().print_help()),
    };
    done.map_or_else(Failure::end, |()| ExitCode::SUCCESS)
}

/// Ends quietly if the reader closes the pipe early, as `head` does.
fn quiet(done: io::Result<()>) -> Result<(), Failure> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => Ok(done?),
    }
}

fn completions(shell: clap_complete::Shell) -> io::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "pricetime", &mut script);
    io::Write::write_all(&mut io::stdout(), &script)
}

/// Prints the manual page of the program, followed by those of its commands.
fn man() -> io::Result<()> {
    let mut page = Vec::new();
    let command = Cli::command();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for of in command.get_subcommands() {
        let name = format!("pricetime-{}", of.get_name());
        clap_mangen::Man::new(of.clone().name(name)).render(&mut page)?;
    }
    io::Write::write_all(&mut io::stdout(), &page)
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
