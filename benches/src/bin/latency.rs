//! The time that the core takes for one command, by kind: p50, p99, p99.9 and the longest.
//!
//! `cargo run --profile dist -p pricetime-benches --bin latency -- [--orders N] [--commands N]
//! [--prices narrow|wide|scattered] [--markets N] [--json]`
//!
//! This is service time in a closed loop: each command waits for the previous one, so it shows
//! nothing about queues or arrivals. The clock is read before and after each command. The first row
//! is the cost of two readings alone; it is included in all other rows and is not subtracted. The
//! times include whatever else the machine does: the longest ones are often caused by other
//! programs.

use std::hint::black_box;
use std::io::{self, Write};
use std::time::Instant;

use clap::Parser;
use hdrhistogram::Histogram;
use pricetime_benches::{Batch, Flow, Prices, Shape, prepare_engine};
use pricetime_engine::{Action, Command, OrderKind, TimeInForce};

/// Prints the service time of each kind of command, in nanoseconds.
#[derive(Parser)]
struct Arguments {
    /// Number of resting orders at the start.
    #[arg(long, default_value_t = 100_000)]
    orders: usize,
    /// Number of timed commands.
    #[arg(long, default_value_t = 1_000_000)]
    commands: usize,
    /// Distribution of the prices: narrow, wide or scattered.
    #[arg(long, default_value = "narrow")]
    prices: Prices,
    /// Number of markets over which everything is spread.
    #[arg(long, default_value_t = 1)]
    markets: u32,
    /// Seed of the flow.
    #[arg(long, default_value_t = 23)]
    seed: u64,
    /// One JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

/// The rows, in the order of output.
const KINDS: [&str; 9] =
    ["clock", "all", "place", "iceberg", "stop", "take", "cancel", "shrink", "move"];

/// The row of a command.
fn kind(command: &Command) -> &'static str {
    match &command.action {
        Action::Place(place) if place.time_in_force == TimeInForce::ImmediateOrCancel => "take",
        Action::Place(place) if place.display_quantity.is_some() => "iceberg",
        Action::Place(place) if matches!(place.kind, OrderKind::StopLimit { .. }) => "stop",
        Action::Place(_) => "place",
        Action::Amend(amend) if amend.price.is_some() => "move",
        Action::Amend(_) => "shrink",
        Action::Cancel { .. } => "cancel",
        Action::AddMarket(_)
        | Action::SetMarket(_)
        | Action::RemoveMarket
        | Action::CancelAll { .. }
        | Action::CancelSession { .. }
        | Action::SetPhase(_)
        | Action::CloseEpoch { .. }
        | Action::AdvanceTime
        | Action::BlockAccount(_)
        | Action::UnblockAccount(_) => "other",
    }
}

/// One histogram for each row.
struct Times(Vec<(&'static str, Histogram<u64>)>);

impl Times {
    fn new() -> Self {
        let empty = || Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("valid bounds");
        Self(KINDS.map(|kind| (kind, empty())).into())
    }

    fn note(&mut self, kind: &str, started: Instant, finished: Instant) {
        let ns = u64::try_from((finished - started).as_nanos()).unwrap_or(u64::MAX);
        if let Some((_, times)) = self.0.iter_mut().find(|(name, _)| *name == kind) {
            times.saturating_record(ns);
        }
    }
}

/// Times each command separately. Returns the number of live orders afterwards.
fn measure(arguments: &Arguments, times: &mut Times) -> u64 {
    let &Arguments { orders: resting, commands, prices, markets, seed, .. } = arguments;
    let (mut flow, resting) = Flow::new(seed, Shape { resting, prices, markets });
    let commands = flow.varied(commands);
    drop(flow);
    let mut engine = prepare_engine(markets, &resting);
    for _ in 0..1_000_000 {
        let started = Instant::now();
        times.note("clock", started, Instant::now());
    }
    let mut sink = Batch::default();
    for command in &commands {
        let started = Instant::now();
        black_box(engine.apply(black_box(command), &mut sink));
        let finished = Instant::now();
        times.note("all", started, finished);
        times.note(kind(command), started, finished);
    }
    engine.markets().map(|market| u64::from(market.live())).sum()
}

fn table(out: &mut impl Write, times: &Times) -> io::Result<()> {
    writeln!(
        out,
        "{:8} {:>9} {:>8} {:>8} {:>8} {:>10}",
        "ns", "count", "p50", "p99", "p99.9", "max"
    )?;
    for (kind, times) in &times.0 {
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|part| times.value_at_quantile(part));
        let (count, max) = (times.len(), times.max());
        writeln!(out, "{kind:8} {count:>9} {p50:>8} {p99:>8} {p999:>8} {max:>10}")?;
    }
    writeln!(out, "Every row includes the cost of reading the clock, which is the row `clock`.")
}

fn json(out: &mut impl Write, times: &Times) -> io::Result<()> {
    for (at, (kind, times)) in times.0.iter().enumerate() {
        let comma = if at == 0 { "{" } else { "," };
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|part| times.value_at_quantile(part));
        let (count, max) = (times.len(), times.max());
        write!(out, "{comma}\"{kind}\":{{\"count\":{count},\"p50_ns\":{p50},\"p99_ns\":{p99},")?;
        write!(out, "\"p999_ns\":{p999},\"max_ns\":{max}}}")?;
    }
    writeln!(out, "}}")
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let mut times = Times::new();
    let live = measure(&arguments, &mut times);
    let mut out = io::stdout().lock();
    if arguments.json {
        return json(&mut out, &times);
    }
    let Arguments { orders, markets, prices, .. } = arguments;
    writeln!(out, "{orders} orders at first, {live} at last, {markets} markets, {prices:?}")?;
    table(&mut out, &times)
}
