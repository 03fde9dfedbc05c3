//! The memory that a resting order takes. Linux only: it reads `/proc/self/status`.
//!
//! `cargo run --profile dist -p pricetime-benches --bin memory -- [--orders N]
//! [--prices narrow|wide|scattered] [--reserve]`
//!
//! Orders are made one by one and not kept, so all growth of the process is the engine's. The peak
//! is printed too, because a table that doubles exists beside the old one for a while.

use std::io::{self, Write};
use std::time::Instant;

use clap::Parser;
use pricetime_benches::{Orders, Prices, Shape};
use pricetime_engine::{Engine, MarketId, Phase};

/// Rests orders in one market and prints the memory that they take.
#[derive(Parser)]
struct Arguments {
    /// Number of orders.
    #[arg(long, default_value_t = 10_000_000)]
    orders: usize,
    /// Distribution of the prices: narrow, wide or scattered.
    #[arg(long, default_value = "narrow")]
    prices: Prices,
    /// Allocate memory for all orders first.
    #[arg(long)]
    reserve: bool,
}

/// A size from the process's status, in bytes, by its name there.
fn resident(field: &str) -> io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let digits = line.and_then(|line| line.trim_start_matches(':').split_whitespace().next());
    let kilobytes = digits.and_then(|digits| digits.parse::<u64>().ok());
    kilobytes.map(|kb| kb * 1024).ok_or_else(|| io::Error::other(format!("no {field} in status")))
}

fn main() -> io::Result<()> {
    let Arguments { orders: count, prices, reserve } = Arguments::parse();
    let mut orders = Orders::new(23, Shape { prices, ..Shape::of(count) });
    let mut engine = Engine::new(1);
    for command in orders.open(Phase::Continuous) {
        engine.apply(&command, &mut ());
    }
    let before = resident("VmRSS")?;
    let started = Instant::now();
    if reserve {
        engine.reserve(MarketId(1), u32::try_from(count).unwrap_or(u32::MAX));
    }
    for _ in 0..count {
        engine.apply(&orders.rest(), &mut ());
    }
    let elapsed = started.elapsed().as_secs_f64();
    let growth = resident("VmRSS")?.saturating_sub(before);
    let highest = resident("VmHWM")?;
    let live = engine.market(MarketId(1)).map_or(0, |market| market.live());
    let each = growth / u64::from(live).max(1);
    let mut out = io::stdout().lock();
    writeln!(out, "{live} orders rest, {prices:?}, after {elapsed:.1} s")?;
    writeln!(out, "{each} bytes each, {} MiB together", growth >> 20)?;
    writeln!(out, "{} MiB was the most that the process ever held", highest >> 20)
}
