//! The costs with one number of orders and of markets.

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use pricetime_engine::Engine;
use pricetime_journal::codec::{decode_snapshot, encode_snapshot};

use super::super::report::Measured;
use super::book::Books;
use super::figure;
use crate::failure::Failure;

/// Batches of commands are at most this long, and at most a twentieth of the orders.
const BATCH_MAX: usize = 1_000;
/// With fewer orders, the pages of the process itself hide their memory.
const MEMORY_LEAST: usize = 10_000;
/// The number of epochs that are closed in a run.
const CLOSES: usize = 10;
/// The number of orders that cross when an epoch closes.
const CROSSED: usize = 100;

/// A size, and how it is measured.
pub(super) struct Point {
    pub(super) orders: usize,
    pub(super) markets: u32,
    pub(super) runs: u32,
    pub(super) commands: usize,
    pub(super) seed: u64,
}

type Kind = fn(&mut Books, usize) -> Duration;

/// The kinds of commands in the order in which they take turns. Afterwards there are as many orders as before.
const KINDS: [(&str, Kind); 5] = [
    ("place", Books::place),
    ("cancel", Books::cancel),
    ("reduce", Books::reduce),
    ("replace", Books::replace),
    ("trade", Books::trade),
];

impl Point {
    pub(super) fn measure(&self) -> Result<Vec<Measured>, Failure> {
        let Self { orders, markets, .. } = *self;
        say("placing the orders");
        let (mut books, grown) = Books::fill(self.seed, orders, markets);
        let mut kinds = KINDS.map(|_| Vec::new());
        let (mut closes, mut snapshots, mut restarts) = (Vec::new(), Vec::new(), Vec::new());
        for run in 1..=self.runs {
            say(&format!("run {run} of {}: commands", self.runs));
            for (times, ns) in kinds.iter_mut().zip(self.commands(&mut books)) {
                times.push(ns);
            }
            say(&format!("run {run} of {}: epochs", self.runs));
            let time: Duration = (0..CLOSES).map(|_| books.close(CROSSED)).sum();
            closes.push(time.as_nanos() as f64 / CLOSES as f64);
            say(&format!("run {run} of {}: snapshot and restart", self.runs));
            let (taken, restored) = snapshot(&books.engine, markets)?;
            snapshots.push(taken.as_nanos() as f64);
            restarts.push(restored.as_nanos() as f64);
        }
        if books.rejected() > 0 {
            let text =
                format!("{} commands that should be accepted were refused", books.rejected());
            return Err(Failure::Unsound(text));
        }
        let size = (orders, markets);
        let mut measured: Vec<_> = KINDS
            .iter()
            .zip(kinds)
            .map(|((name, _), times)| figure(name, "ns", times, size))
            .collect();
        measured.push(figure("close", "ns", closes, size));
        measured.push(figure("snapshot", "ns", snapshots, size));
        measured.push(figure("restart", "ns", restarts, size));
        // The system may have taken away as much memory at the same time.
        if let Some(grown) = grown.filter(|grown| orders >= MEMORY_LEAST && *grown > 0) {
            let bytes = grown as f64 / orders as f64;
            measured.push(figure("memory", "bytes", vec![bytes], size));
        }
        Ok(measured)
    }

    /// The nanoseconds of a command of each kind.
    fn commands(&self, books: &mut Books) -> [f64; KINDS.len()] {
        let batch = BATCH_MAX.min(self.orders / 20).min(self.commands).max(1);
        let rounds = self.commands.div_ceil(batch);
        let mut times = [Duration::ZERO; KINDS.len()];
        for _ in 0..rounds {
            for (time, (_, kind)) in times.iter_mut().zip(KINDS) {
                *time += kind(books, batch);
            }
        }
        times.map(|time| time.as_nanos() as f64 / (rounds * batch) as f64)
    }
}

/// Tells the program that started this process what it does now.
fn say(what: &str) {
    // Nothing depends on it.
    let _ = writeln!(io::stderr(), "{what}");
}

/// Takes and encodes a snapshot, and makes an engine of it. Returns the times of both.
fn snapshot(engine: &Engine, markets: u32) -> Result<(Duration, Duration), Failure> {
    let mut bytes = Vec::new();
    let start = Instant::now();
    let taken = engine.snapshot();
    encode_snapshot(&taken, &mut bytes).map_err(Failure::failed)?;
    let time = start.elapsed();
    drop(taken);
    let mut restored = Engine::new(markets);
    let start = Instant::now();
    let decoded = decode_snapshot(&bytes).map_err(Failure::failed)?;
    let decoding = start.elapsed();
    // With millions of orders, the bytes would only take memory from what follows.
    drop(bytes);
    let start = Instant::now();
    restored.restore(&decoded).map_err(Failure::failed)?;
    let restart = decoding + start.elapsed();
    if restored.digest() != engine.digest() {
        return Err(Failure::Unsound("the restored engine has another state".into()));
    }
    Ok((time, restart))
}
