//! Measures a host: commands a second, the time from submission to the durable answer, the effect
//! of closing epochs, and the time of a restart.
//!
//! `cargo run --profile dist -p pricetime-benches --bin host -- [--folder F] [--seconds S]
//! [--orders N] [--only rates|latencies|epochs|restart]`
//!
//! There is one process, one market, and the commands of `Flow`. Rates come from a closed loop in
//! which each submitter keeps a window of commands in flight. Latencies come from an open loop,
//! described in `open_loop.rs`. Submitters run on the same cores as the host. The CPU time that
//! they take is printed.

mod drive;
mod epochs;
mod open_loop;
mod restart;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use pricetime::engine::Command;
use pricetime::{Host, Options, Policy};

use crate::drive::{WINDOW, flow, load};

/// Measures an embedded host.
#[derive(Parser)]
struct Arguments {
    /// Folder for the data folders. Each is removed afterwards.
    #[arg(long, default_value = "./bench-data")]
    folder: PathBuf,
    /// Length of each measurement, in seconds.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Number of orders that a restart restores.
    #[arg(long, default_value_t = 1_000_000)]
    orders: usize,
    /// The part to measure; everything if it is not given.
    #[arg(long)]
    only: Option<Part>,
}

/// A part of the measurements.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Rates,
    Latencies,
    Epochs,
    Restart,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The number of resting orders for rates and latencies.
const RESTING: usize = 10_000;
/// The number of resting orders while epochs close.
const RESTING_EPOCHS: usize = 100_000;

fn main() -> Result<(), Failure> {
    let Arguments { folder, seconds, orders, only } = Arguments::parse();
    let bench = Bench { folder, long: Duration::from_secs(seconds) };
    let wanted = |part| only.is_none_or(|only| only == part);
    if wanted(Part::Rates) {
        bench.rates()?;
    }
    if wanted(Part::Latencies) {
        bench.latencies()?;
    }
    if wanted(Part::Epochs) {
        bench.epochs(RESTING_EPOCHS)?;
    }
    if wanted(Part::Restart) {
        bench.restart(orders)?;
    }
    Ok(())
}

fn print_line(line: std::fmt::Arguments<'_>) -> Result<(), Failure> {
    Ok(writeln!(io::stdout().lock(), "{line}")?)
}

struct Bench {
    folder: PathBuf,
    long: Duration,
}

impl Bench {
    fn open(&self, policy: Policy) -> Result<Host, Failure> {
        Ok(Host::open(Options { policy, ..Options::new(&self.folder) })?)
    }

    fn remove_folder(&self) -> Result<(), Failure> {
        Ok(std::fs::remove_dir_all(&self.folder)?)
    }

    fn rates(&self) -> Result<(), Failure> {
        for submitters in [1, 4] {
            let none = self.rate(Policy::None, submitters)?;
            let sync = self.rate(Policy::Sync, submitters)?;
            print_line(format_args!(
                "commands a second, {submitters} submitter(s): sync {sync:.0}, without journal {none:.0} (1/{:.2})",
                none / sync
            ))?;
        }
        Ok(())
    }

    /// The commands a second of this many submitters.
    fn rate(&self, policy: Policy, submitters: usize) -> Result<f64, Failure> {
        let (opening, commands) = flow(RESTING, 1_500_000);
        let host = self.open(policy)?;
        load(&host, &opening)?;
        let parts = commands.chunks(commands.len() / submitters);
        let (begin, long) = (Instant::now(), self.long);
        let done = std::thread::scope(|scope| {
            let submit = |part| {
                let host = &host;
                scope.spawn(move || -> Result<usize, Failure> {
                    let mut done = 0;
                    for piece in <[Command]>::chunks(part, WINDOW) {
                        if begin.elapsed() < long {
                            load(host, piece)?;
                            done += piece.len();
                        }
                    }
                    Ok(done)
                })
            };
            let submitters: Vec<_> = parts.map(submit).collect();
            submitters.into_iter().map(|s| s.join().map_err(|_| "a submitter panicked")?).sum()
        });
        let done: Result<usize, Failure> = done;
        let rate = done? as f64 / begin.elapsed().as_secs_f64();
        host.close()?;
        self.remove_folder()?;
        Ok(rate)
    }

    /// The times from submission to the durable answer, at several shares of the highest rate.
    fn latencies(&self) -> Result<(), Failure> {
        let highest = self.rate(Policy::Sync, 1)?;
        for percent in [10, 50, 90] {
            let rate = highest * f64::from(percent) / 100.0;
            let (opening, commands) = flow(RESTING, (rate * self.long.as_secs_f64()) as usize);
            let host = self.open(Policy::Sync)?;
            load(&host, &opening)?;
            let run = open_loop::run(&host, &commands, rate)?;
            host.close()?;
            self.remove_folder()?;
            print_line(format_args!(
                "submit to durable at {percent} %, {rate:.0} a second: {run}"
            ))?;
        }
        Ok(())
    }
}
