//! An open loop: commands that arrive whether the host keeps up or not.
//!
//! Commands arrive in bursts, one every [`TICK`]. All commands of a burst are due at an instant
//! that is fixed before the run, and their time counts from there. So a stall counts for every
//! command that was due during it, and so does a generator that wakes up late. Between bursts the
//! generator sleeps. The answers of a burst are read when the last of them has arrived, and all get
//! its time. So no time is too short, and no thread wakes up for each answer.

use std::fmt;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use pricetime::engine::Command;
use pricetime::{Host, Ticket};

use crate::Failure;
use crate::drive::{draft, submit};

/// The time between two bursts.
const TICK: Duration = Duration::from_micros(200);

/// The result of a run.
pub(crate) struct Run {
    /// From when a command was due to its durable answer, in nanoseconds.
    pub(crate) times: Histogram<u64>,
    /// From when a burst was due until all of it was submitted.
    submitted: Histogram<u64>,
    /// The share of a core that generator and waiter used.
    driver: f64,
    /// The share of a core that all threads together used.
    all: f64,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { times, submitted, driver, all } = self;
        let host = all - driver;
        write!(
            f,
            "{} (cores: host {host:.2}, generator {driver:.2}; its bursts {})",
            Spread(times),
            Spread(submitted)
        )
    }
}

/// A histogram as a few numbers.
pub(crate) struct Spread<'a>(pub(crate) &'a Histogram<u64>);

impl fmt::Display for Spread<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |quantile| Duration::from_nanos(self.0.value_at_quantile(quantile));
        write!(f, "p50 {:.2?}, p99 {:.2?}, p99.9 {:.2?}", at(0.5), at(0.99), at(0.999))
    }
}

pub(crate) fn histogram() -> Result<Histogram<u64>, Failure> {
    Ok(Histogram::new_with_bounds(1, 60_000_000_000, 3)?)
}

pub(crate) fn record(times: &mut Histogram<u64>, since: Instant, count: usize) {
    times.saturating_record_n(since.elapsed().as_nanos() as u64, count as u64);
}

/// Sends commands at a rate, and returns their times.
pub(crate) fn run(host: &Host, commands: &[Command], rate: f64) -> Result<Run, Failure> {
    let (send, receive) = mpsc::channel::<(Instant, Vec<Ticket>)>();
    let (mut submitted, before, begin) = (histogram()?, cpu_time("self")?, Instant::now());
    let own = cpu_time("thread-self")?;
    let (times, waiter) = std::thread::scope(|scope| {
        let waiter = scope.spawn(move || -> Result<(Histogram<u64>, Duration), Failure> {
            let mut times = histogram()?;
            for (due, mut tickets) in receive {
                let count = tickets.len();
                let last = tickets.pop().map(Ticket::wait).transpose()?;
                drop(last);
                record(&mut times, due, count);
                tickets.into_iter().try_for_each(|ticket| ticket.wait().map(drop))?;
            }
            Ok((times, cpu_time("thread-self")?))
        });
        let mut rest = commands;
        let mut burst = 0;
        while !rest.is_empty() {
            burst += 1;
            let due = begin + TICK * burst;
            let past = (f64::from(burst) * TICK.as_secs_f64() * rate) as usize;
            let due_count = (past + rest.len()).saturating_sub(commands.len()).min(rest.len());
            let (now, later) = rest.split_at(due_count);
            rest = later;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let tickets: Result<Vec<_>, _> = now.iter().map(|c| submit(host, draft(c))).collect();
            record(&mut submitted, due, 1);
            send.send((due, tickets?))?;
        }
        drop(send);
        waiter.join().map_err(|_| "the waiter panicked")?
    })?;
    let elapsed = begin.elapsed().as_secs_f64();
    let driver = (cpu_time("thread-self")?.saturating_sub(own) + waiter).as_secs_f64() / elapsed;
    let all = (cpu_time("self")?.saturating_sub(before) + waiter).as_secs_f64() / elapsed;
    Ok(Run { times, submitted, driver, all })
}

/// The CPU time of a thread, or of all live threads, so far. Zero if the system does not report it.
fn cpu_time(task: &str) -> Result<Duration, Failure> {
    let of = |path: &std::path::Path| -> Result<Duration, Failure> {
        // A thread may end during this loop.
        let schedstat = std::fs::read_to_string(path.join("schedstat")).unwrap_or_default();
        let nanoseconds = schedstat.split_whitespace().next().map(str::parse).transpose()?;
        Ok(Duration::from_nanos(nanoseconds.unwrap_or(0)))
    };
    let root = std::path::Path::new("/proc").join(task);
    if task == "thread-self" {
        return of(&root);
    }
    let mut sum = Duration::ZERO;
    if let Ok(tasks) = std::fs::read_dir(root.join("task")) {
        for task in tasks {
            sum += of(&task?.path())?;
        }
    }
    Ok(sum)
}
