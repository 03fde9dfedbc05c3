//! One pass of the commands through a fresh engine.

use std::hint::black_box;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use pricetime_engine::{Engine, Event, Header, Outcome, Sink};

use super::super::machine::thread_time;
use super::super::memory;
use super::super::prepared::PreparedCommands;

/// The results of a first pass, which is not timed.
pub(super) struct Pass {
    pub(super) digest: u128,
    pub(super) resting_first: u64,
    pub(super) resting_last: u64,
    pub(super) trades: u64,
    pub(super) opening_growth: Option<u64>,
    pub(super) peak_growth: Option<u64>,
    pub(super) faults: Option<u64>,
    pub(super) allocations: Option<u64>,
}

/// Collects events like a host, and clears the list before it gets long.
struct Batch(Vec<Event>);

impl Batch {
    /// The number of events after which a batch is passed on.
    const EVENTS: usize = 256;

    fn new() -> Self {
        Self(Vec::with_capacity(2 * Self::EVENTS))
    }
}

impl Sink for Batch {
    fn begin(&mut self, _: &Header) {
        if self.0.len() > Self::EVENTS {
            black_box(&self.0);
            self.0.clear();
        }
    }

    fn event(&mut self, event: &Event) {
        self.0.push(*event);
    }

    fn end(&mut self, _: Outcome) {}
}

/// Counts trades.
#[derive(Default)]
struct Trades(u64);

impl Sink for Trades {
    fn begin(&mut self, _: &Header) {}

    fn event(&mut self, event: &Event) {
        self.0 += u64::from(matches!(event, Event::Traded { .. }));
    }

    fn end(&mut self, _: Outcome) {}
}

/// Creates an engine and executes the opening.
fn prepare_engine(prepared: &PreparedCommands) -> Engine {
    let mut engine = Engine::new(prepared.markets);
    for command in &prepared.opening {
        engine.apply(command, &mut ());
    }
    engine
}

fn resting(engine: &Engine) -> u64 {
    engine.markets().map(|market| u64::from(market.live())).sum()
}

impl Pass {
    /// Executes all commands once, and measures memory and trades.
    pub(super) fn untimed(prepared: &PreparedCommands) -> Self {
        let start = memory::resident();
        let grown = |now: Option<u64>| Some(now?.saturating_sub(start?));
        let is_peak_reset = memory::reset_peak();
        let mut engine = prepare_engine(prepared);
        let opening_growth = grown(memory::resident());
        let (resting_first, faults_first) = (resting(&engine), memory::faults());
        let mut trades = Trades::default();
        let allocations = memory::allocations(|| {
            for command in &prepared.flow {
                engine.apply(command, &mut trades);
            }
        });
        let faults = memory::faults();
        Self {
            resting_first,
            opening_growth,
            peak_growth: is_peak_reset.and_then(|()| grown(memory::peak())),
            faults: faults.zip(faults_first).map(|(last, first)| last - first),
            allocations,
            digest: engine.digest(),
            resting_last: resting(&engine),
            trades: trades.0,
        }
    }
}

/// The result of a run at full speed.
pub(super) struct Run {
    pub(super) elapsed: Duration,
    /// The CPU time of the thread in that time.
    pub(super) cpu_time: Duration,
    pub(super) digest: u128,
}

/// Executes all commands at full speed.
pub(super) fn run(prepared: &PreparedCommands) -> Run {
    let (mut engine, mut sink) = (prepare_engine(prepared), Batch::new());
    let (start, cpu_start) = (Instant::now(), thread_time());
    for command in &prepared.flow {
        black_box(engine.apply(black_box(command), &mut sink));
    }
    let (elapsed, cpu_time) = (start.elapsed(), thread_time().saturating_sub(cpu_start));
    Run { elapsed, cpu_time, digest: engine.digest() }
}

/// The times of single commands.
pub(super) struct Times {
    pub(super) commands: Histogram<u64>,
    /// The times of clock readings without a command in between.
    pub(super) clock: Histogram<u64>,
}

fn ns(start: Instant, finished: Instant) -> u64 {
    u64::try_from((finished - start).as_nanos()).unwrap_or(u64::MAX)
}

impl Times {
    pub(super) fn new() -> Self {
        let empty = || Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("valid bounds");
        let (commands, mut clock) = (empty(), empty());
        for _ in 0..100_000 {
            let start = Instant::now();
            clock.saturating_record(ns(start, Instant::now()));
        }
        Self { commands, clock }
    }

    /// Times each command of a run. Returns the digest of the final state.
    pub(super) fn pass(&mut self, prepared: &PreparedCommands) -> u128 {
        let (mut engine, mut sink) = (prepare_engine(prepared), Batch::new());
        for command in &prepared.flow {
            let start = Instant::now();
            black_box(engine.apply(black_box(command), &mut sink));
            self.commands.saturating_record(ns(start, Instant::now()));
        }
        engine.digest()
    }
}
