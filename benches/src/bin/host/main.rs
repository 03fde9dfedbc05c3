//! What a host does: commands a second, the time from submitting to the durable answer, and the
//! time to come back.
//!
//! `cargo run --release -p pricetime-benches --bin host -- [--folder F] [--seconds S]
//! [--orders N]`
//!
//! One process, one market, the commands of `Flow`. Rates are of a closed loop in which each
//! submitter keeps a window of commands on their way. Latencies are of an open loop: command `n` is
//! due at a fixed time, and what counts runs from then, so a stall is charged to everybody who came
//! during it. The submitters run on the same cores as the host; what they take is part of it.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;
use hdrhistogram::Histogram;
use pricetime::engine::Command;
use pricetime::{Draft, Host, Options, Policy, Refused, Ticket};
use pricetime_benches::{Flow, Prices, Shape};

/// Measures an embedded host.
#[derive(Parser)]
struct Arguments {
    /// Where the data folders are made; each is removed afterwards.
    #[arg(long, default_value = "./bench-data")]
    folder: PathBuf,
    /// How long each measurement runs.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// How many orders a restart brings back.
    #[arg(long, default_value_t = 1_000_000)]
    orders: usize,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How many commands of one submitter are on their way.
const WINDOW: usize = 4_096;
/// How many orders stand while rates and latencies are measured.
const STANDING: usize = 10_000;

fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    let long = Duration::from_secs(arguments.seconds);
    let bench = Bench { folder: arguments.folder, long };
    let none = bench.rate(Policy::None, 1)?;
    say(format_args!("commands a second, without journal, 1 submitter: {none:.0}"))?;
    let none_4 = bench.rate(Policy::None, 4)?;
    say(format_args!("commands a second, without journal, 4 submitters: {none_4:.0}"))?;
    let sync = bench.rate(Policy::Sync, 1)?;
    say(format_args!("commands a second, sync, 1 submitter: {sync:.0} (1/{:.2})", none / sync))?;
    let sync_4 = bench.rate(Policy::Sync, 4)?;
    let factor = none_4 / sync_4;
    say(format_args!("commands a second, sync, 4 submitters: {sync_4:.0} (1/{factor:.2})"))?;
    for percent in [10, 50, 90] {
        let times = bench.latency(sync * f64::from(percent) / 100.0)?;
        let at = |quantile| Duration::from_nanos(times.value_at_quantile(quantile));
        say(format_args!(
            "submit to durable at {percent} % of that: p50 {:.1?}, p99 {:.1?}, p99.9 {:.1?}, max {:.1?}",
            at(0.5),
            at(0.99),
            at(0.999),
            Duration::from_nanos(times.max())
        ))?;
    }
    bench.restart(arguments.orders)
}

fn say(line: std::fmt::Arguments<'_>) -> Result<(), Failure> {
    Ok(writeln!(io::stdout().lock(), "{line}")?)
}

struct Bench {
    folder: PathBuf,
    long: Duration,
}

fn draft(command: &Command) -> Draft {
    let Command { market, account, operator, action, .. } = *command;
    Draft { market, account, operator, request: None, action }
}

/// A flow beside so many standing orders: what opens the book, and what comes then.
fn flow(standing: usize, count: usize) -> (Vec<Command>, Vec<Command>) {
    let shape = Shape { standing, markets: 1, prices: Prices::Narrow };
    let (mut flow, opening) = Flow::new(23, shape);
    let commands = flow.varied(count);
    (opening, commands)
}

fn submit(host: &Host, draft: Draft) -> Result<Ticket, Failure> {
    loop {
        match host.submit(draft) {
            Ok(ticket) => return Ok(ticket),
            Err(Refused::Busy(_)) => std::thread::yield_now(),
            Err(refused @ Refused::Stopped(_)) => return Err(refused.into()),
        }
    }
}

/// Submits all of them and waits for the last answer.
fn load(host: &Host, commands: &[Command]) -> Result<(), Failure> {
    let mut waiting = VecDeque::with_capacity(WINDOW);
    for command in commands {
        if waiting.len() == WINDOW
            && let Some(first) = waiting.pop_front()
        {
            Ticket::wait(first)?;
        }
        waiting.push_back(submit(host, draft(command))?);
    }
    waiting.into_iter().try_for_each(|ticket| Ok(ticket.wait().map(drop)?))
}

impl Bench {
    fn open(&self, policy: Policy) -> Result<Host, Failure> {
        Ok(Host::open(Options { policy, ..Options::new(&self.folder) })?)
    }

    fn clean(&self) -> Result<(), Failure> {
        Ok(std::fs::remove_dir_all(&self.folder)?)
    }

    /// Commands a second from so many submitters.
    fn rate(&self, policy: Policy, submitters: usize) -> Result<f64, Failure> {
        let (opening, commands) = flow(STANDING, 1_500_000);
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
        self.clean()?;
        Ok(rate)
    }

    /// The times from when each command was due to its durable answer, at a rate.
    fn latency(&self, rate: f64) -> Result<Histogram<u64>, Failure> {
        let count = (rate * self.long.as_secs_f64()) as usize;
        let (opening, commands) = flow(STANDING, count.max(1));
        let host = self.open(Policy::Sync)?;
        load(&host, &opening)?;
        let (send, receive) = std::sync::mpsc::channel::<(Instant, Ticket)>();
        let begin = Instant::now();
        let times = std::thread::scope(|scope| {
            let waiter = scope.spawn(move || -> Result<Histogram<u64>, Failure> {
                let mut times = Histogram::new_with_bounds(1, 60_000_000_000, 3)?;
                for (due, ticket) in receive {
                    ticket.wait()?;
                    times.saturating_record(due.elapsed().as_nanos() as u64);
                }
                Ok(times)
            });
            for (at, command) in commands.iter().enumerate() {
                let due = begin + Duration::from_secs_f64(at as f64 / rate);
                while Instant::now() < due {
                    std::thread::yield_now();
                }
                send.send((due, submit(&host, draft(command))?))?;
            }
            drop(send);
            waiter.join().map_err(|_| "the waiter panicked")?
        });
        host.close()?;
        self.clean()?;
        times
    }

    /// How long it takes to come back, from a snapshot and from the journal alone.
    fn restart(&self, orders: usize) -> Result<(), Failure> {
        let (opening, _) = flow(orders, 1);
        let host = self.open(Policy::Sync)?;
        load(&host, &opening)?;
        host.close()?;
        let begin = Instant::now();
        let host = self.open(Policy::Sync)?;
        let long = begin.elapsed();
        let replayed = host.start().replayed;
        say(format_args!(
            "{orders} orders back from a snapshot in {long:.2?} ({replayed} replayed)"
        ))?;
        host.close()?;
        self.remove_snapshots()?;
        let begin = Instant::now();
        let host = self.open(Policy::Sync)?;
        let long = begin.elapsed();
        let rate = host.start().replayed as f64 / long.as_secs_f64();
        say(format_args!(
            "the same from the journal alone in {long:.2?}: {rate:.0} commands a second"
        ))?;
        host.close()?;
        self.clean()
    }

    fn remove_snapshots(&self) -> Result<(), Failure> {
        for history in std::fs::read_dir(&self.folder)? {
            let snapshots: PathBuf = history?.path().join("snapshots");
            if snapshots.is_dir() {
                std::fs::remove_dir_all(&snapshots)?;
                std::fs::create_dir(&snapshots)?;
            }
        }
        Ok(())
    }
}
