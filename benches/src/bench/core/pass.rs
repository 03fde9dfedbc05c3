//! One pass of the commands through a fresh engine.

use std::hint::black_box;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use pricetime_engine::{Engine, Event, Header, Outcome, Sink};

use super::super::machine::thread_time;
use super::super::memory;
use super::super::plan::Made;

/// What a first pass sees that nobody times.
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

/// Collects events as a host would, and forgets them before they are too many.
struct Batch(Vec<Event>);

impl Batch {
    /// After how many events a batch is handed on.
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

/// An engine after the opening.
fn stand(made: &Made) -> Engine {
    let mut engine = Engine::new(made.markets);
    for command in &made.opening {
        engine.apply(command, &mut ());
    }
    engine
}

fn resting(engine: &Engine) -> u64 {
    engine.markets().map(|market| u64::from(market.live())).sum()
}

impl Pass {
    /// Carries everything out once and looks at what that takes.
    pub(super) fn looking(made: &Made) -> Self {
        let begun = memory::resident();
        let grown = |now: Option<u64>| Some(now?.saturating_sub(begun?));
        let peak_is_ours = memory::forget_peak();
        let mut engine = stand(made);
        let opening_growth = grown(memory::resident());
        let (resting_first, faults_first) = (resting(&engine), memory::faults());
        let mut trades = Trades::default();
        let allocations = memory::allocations(|| {
            for command in &made.flow {
                engine.apply(command, &mut trades);
            }
        });
        let faults = memory::faults();
        Self {
            resting_first,
            opening_growth,
            peak_growth: peak_is_ours.and_then(|()| grown(memory::peak())),
            faults: faults.zip(faults_first).map(|(last, first)| last - first),
            allocations,
            digest: engine.digest(),
            resting_last: resting(&engine),
            trades: trades.0,
        }
    }
}

/// A run as fast as it goes.
pub(super) struct Run {
    pub(super) taken: Duration,
    /// What of that the thread had a core for.
    pub(super) on_core: Duration,
    pub(super) digest: u128,
}

/// Carries everything out as fast as it goes.
pub(super) fn run(made: &Made) -> Run {
    let (mut engine, mut sink) = (stand(made), Batch::new());
    let (begun, begun_core) = (Instant::now(), thread_time());
    for command in &made.flow {
        black_box(engine.apply(black_box(command), &mut sink));
    }
    let (taken, on_core) = (begun.elapsed(), thread_time().saturating_sub(begun_core));
    Run { taken, on_core, digest: engine.digest() }
}

/// How long each command takes.
pub(super) struct Times {
    pub(super) commands: Histogram<u64>,
    /// The same with no command between two looks at the clock.
    pub(super) clock: Histogram<u64>,
}

fn ns(begun: Instant, ended: Instant) -> u64 {
    u64::try_from((ended - begun).as_nanos()).unwrap_or(u64::MAX)
}

impl Times {
    pub(super) fn new() -> Self {
        let empty = || Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("good bounds");
        let (commands, mut clock) = (empty(), empty());
        for _ in 0..100_000 {
            let begun = Instant::now();
            clock.saturating_record(ns(begun, Instant::now()));
        }
        Self { commands, clock }
    }

    /// Times each command of a run; says which state they come to.
    pub(super) fn pass(&mut self, made: &Made) -> u128 {
        let (mut engine, mut sink) = (stand(made), Batch::new());
        for command in &made.flow {
            let begun = Instant::now();
            black_box(engine.apply(black_box(command), &mut sink));
            self.commands.saturating_record(ns(begun, Instant::now()));
        }
        engine.digest()
    }
}
