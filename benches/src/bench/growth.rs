//! `pricetime bench growth`: how costs grow with the number of orders and of markets.

mod book;
mod point;

use std::collections::HashMap;
use std::env;
use std::io::{BufRead as _, BufReader};
use std::process::{ChildStderr, Command as Process, Stdio};
use std::thread;

use clap::Args;
use clap::builder::TypedValueParser as _;

use super::OutputOptions;
use super::numbers::format_number;
use super::progress::Progress;
use super::report::{GrowthFigures, GrowthSettings, Head, Measured, Report, Settings};
use super::runs::Runs;
use super::show;
use crate::failure::Failure;
use point::Point;

/// Measures how costs grow with the number of orders and of markets, as ratios to the smallest.
///
/// The first table has one market with more and more orders. The second has more and more markets that share the
/// same number of orders. Each size is measured in a process of its own, by the core alone. Orders that are
/// canceled, reduced or replaced are anywhere in the books. An order that trades takes the best ones. An epoch
/// closes in one market, in which 100 more orders cross. A snapshot is taken and encoded, and a restart decodes it
/// and builds a new engine, both in memory. With a disk, `bench host` and docs/performance.md say more.
#[derive(Debug, Args)]
#[command(after_help = "\
Try:
  pricetime bench growth                                    up to 10 million orders, all in memory
  pricetime bench growth --orders 1000,100000 --markets 1   a quick look
  pricetime bench growth --json > a.json                    a report for --baseline a.json")]
pub(super) struct Growth {
    /// Numbers of orders in one market
    #[arg(long, value_name = "N", default_value = "1000,10000,100000,1000000,10000000", value_delimiter = ',',
        value_parser = clap::value_parser!(u64).range(100..=10_000_000).map(|n| n as usize))]
    orders: Vec<usize>,
    /// Numbers of markets that share --shared orders
    #[arg(long, value_name = "N", default_value = "1,10,100,1000,10000", value_delimiter = ',',
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    markets: Vec<u32>,
    /// Number of orders that the markets share
    #[arg(long, value_name = "N", default_value_t = 100_000,
        value_parser = clap::value_parser!(u64).range(100..=10_000_000).map(|n| n as usize))]
    shared: usize,
    /// Number of commands of each kind in a run
    #[arg(long, value_name = "N", default_value_t = 100_000,
        value_parser = clap::value_parser!(u64).range(100..=10_000_000).map(|n| n as usize))]
    commands: usize,
    /// Number of runs; each figure is their median
    #[arg(long, default_value_t = 5, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1_000))]
    runs: u32,
    /// Seed of the commands
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Measure only this number of orders in this number of markets. The program calls itself with it
    #[arg(long, hide = true, num_args = 2, value_names = ["ORDERS", "MARKETS"])]
    point: Vec<u32>,
    #[command(flatten)]
    output: OutputOptions,
}

/// With more orders than this, a build that counts allocations is many times slower than another.
const COUNTED_MAX: usize = 1_000_000;

impl Growth {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let Self { seed, commands, shared, .. } = *self;
        let (mut orders, mut markets) = (self.orders.clone(), self.markets.clone());
        orders.sort_unstable();
        orders.dedup();
        markets.sort_unstable();
        markets.dedup();
        let growth =
            Some(GrowthSettings { orders: orders.clone(), markets: markets.clone(), shared });
        let head = Head::current(Settings { seed, commands, growth, ..Settings::default() });
        if let [orders, markets] = *self.point {
            let point = Point { orders: orders as usize, markets, runs: self.runs, commands, seed };
            let measured = point.measure()?;
            return self.output.print(Report::new(head, measured), None);
        }
        let before = self.output.baseline(&head)?;
        let most = self.orders.iter().chain([&shared]).max();
        if cfg!(feature = "count-allocations") && most.is_some_and(|most| *most > COUNTED_MAX) {
            show::note(
                "this build counts allocations, so a table of the engine that grows is copied often: with millions of \
                 orders, use one without --features count-allocations",
            );
        }
        let progress = Progress::new(orders.len() + markets.len());
        let mut measured = Vec::new();
        let by_orders = orders.iter().map(|orders| (*orders, 1));
        self.axis("orders", by_orders, &mut measured, &progress)?;
        let by_markets = markets.iter().map(|markets| (shared, *markets));
        self.axis("markets", by_markets, &mut measured, &progress)?;
        drop(progress);
        self.output.print(Report::new(head, measured), before.as_ref())
    }

    /// Measures the points of a table. The ratios are to its first point.
    fn axis(
        &self,
        axis: &str,
        points: impl Iterator<Item = (usize, u32)>,
        measured: &mut Vec<Measured>,
        progress: &Progress,
    ) -> Result<(), Failure> {
        // The first value of each kind. Memory is measured only from a certain size on.
        let mut first: HashMap<String, f64> = HashMap::new();
        for (orders, markets) in points {
            let mut point = self.in_process(orders, markets, progress)?;
            for Measured { workload, growth, .. } in &mut point {
                let Some(growth) = growth else { continue };
                let least = *first.entry(workload.clone()).or_insert(growth.value);
                growth.axis = axis.to_owned();
                growth.ratio = growth.value / least;
            }
            let size = if axis == "orders" { orders } else { markets as usize };
            measured.extend(point.into_iter().map(|one| Measured {
                workload: format!("{axis}-{size}-{}", one.workload),
                ..one
            }));
            progress.done();
        }
        Ok(())
    }

    /// Measures a point in a process of its own, so that it does not reuse the memory of another.
    fn in_process(
        &self,
        orders: usize,
        markets: u32,
        progress: &Progress,
    ) -> Result<Vec<Measured>, Failure> {
        let mut process = Process::new(env::current_exe()?);
        process.args(["bench", "growth", "--json", "--point"]);
        process.arg(orders.to_string()).arg(markets.to_string());
        for (name, value) in [
            ("--commands", self.commands as u64),
            ("--runs", self.runs.into()),
            ("--seed", self.seed),
        ] {
            process.arg(name).arg(value.to_string());
        }
        let streams = process.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = streams.spawn()?;
        let stderr = child.stderr.take();
        let [shown, many] = [orders as f64, f64::from(markets)].map(format_number);
        let point = format!("{shown} orders, {many} market{}", if markets == 1 { "" } else { "s" });
        let (done, last) = thread::scope(|scope| {
            let last = scope.spawn(|| stderr.map(|lines| last_line(lines, &point, progress)));
            (child.wait_with_output(), last.join().ok().flatten())
        });
        let done = done?;
        if !done.status.success() {
            // A process that is killed says nothing, so this is what it did last.
            let text = last.unwrap_or_default();
            let text = text.trim_start_matches("pricetime: ");
            let text = format!("{point}: {text} ({})", done.status);
            let is_unsound = done.status.code() == Some(UNSOUND);
            return Err(if is_unsound { Failure::Unsound(text) } else { Failure::Failed(text) });
        }
        let report: Report = serde_json::from_slice(&done.stdout).map_err(Failure::failed)?;
        Ok(report.workloads)
    }
}

/// The exit code of a measurement in which the engine did something wrong.
const UNSOUND: i32 = 3;

/// Shows each line that a process writes about its progress. Returns the last one.
fn last_line(lines: ChildStderr, point: &str, progress: &Progress) -> String {
    let mut last = String::new();
    for line in BufReader::new(lines).lines().map_while(Result::ok) {
        progress.now(format!("{point}: {line}"));
        last = line;
    }
    last
}

/// Makes a figure of a point.
fn figure(what: &str, unit: &str, runs: Vec<f64>, (orders, markets): (usize, u32)) -> Measured {
    let rates = runs.iter().map(|value| 1e9 / value.max(1e-9)).collect();
    let value = Runs::new(runs).median;
    let growth = GrowthFigures {
        axis: String::new(),
        orders,
        markets,
        value,
        unit: unit.into(),
        ratio: 1.0,
    };
    Measured {
        workload: what.to_owned(),
        rate: Runs::new(rates),
        growth: Some(growth),
        ..Measured::default()
    }
}
