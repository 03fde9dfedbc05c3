//! `pricetime bench settle`: the cost of settlement, and what matching loses by it.

mod batches;
mod books;
mod locks;
mod matching;
mod postgres;

use std::path::PathBuf;
use std::time::Instant;

use crate::workload::Workload;
use clap::Args;
use clap::builder::TypedValueParser as _;
use pricetime::persistence::settlement::Batch;
use pricetime::persistence::settlement::ledger::{Applied, Deed, Ledger, Token};
use pricetime_engine::MarketId;

use super::OutputOptions;
use super::prepared::prepare;
use super::progress::Progress;
use super::report::{Goal, Head, Measured, RedisFigures, Report, Settings, SettleSettings};
use super::runs::Runs;
use crate::failure::Failure;
use books::MeasuredLedger;

/// Measures settlement: batches into each ledger, locks over five servers, and matching beside it.
///
/// The embedded ledger is always measured. Redis and PostgreSQL are the servers that are given.
/// Otherwise they are started if their programs are installed, and stopped afterwards. Locks use
/// five `redis-server` processes of their own, one of which hangs in the second part. A ledger that
/// is given keeps its content: everything is written under names of its own and removed again. A
/// missed goal is reported and does not change the exit code.
#[derive(Debug, Args)]
#[command(after_help = "\
Try:
  pricetime bench settle                                    everything, a few minutes
  pricetime bench settle --trades 1 --locks 0 --commands 0  small batches only
  pricetime bench settle --postgres postgres://me:it@host/books
  pricetime bench settle --json > a.json                    a report for --baseline a.json")]
pub(super) struct Settle {
    /// Address of a ledger in Redis, redis://host:port; otherwise a server is started
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// Address of a ledger in PostgreSQL, postgres://user:password@host/database; otherwise one is
    /// started
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// Numbers of trades in the batches
    #[arg(long, value_name = "N", default_value = "1,1000,100000", value_delimiter = ',',
        value_parser = clap::value_parser!(u64).range(1..=1_000_000).map(|n| n as usize))]
    trades: Vec<usize>,
    /// Number of batches of one trade that are settled in a row in a run; 0 skips this
    #[arg(long, default_value_t = 500, value_name = "N",
        value_parser = clap::value_parser!(u64).range(..=1_000_000).map(|n| n as usize))]
    small: usize,
    /// Number of locks to take; 0 skips this
    #[arg(long, default_value_t = 1_000, value_name = "N",
        value_parser = clap::value_parser!(u64).range(..=1_000_000).map(|n| n as usize))]
    locks: usize,
    /// Number of commands of a host with settlement, and without; 0 skips this
    #[arg(long, default_value_t = 1_000_000, value_name = "N",
        value_parser = clap::value_parser!(u64).range(..=20_000_000).map(|n| n as usize))]
    commands: usize,
    /// Number of runs; each figure is their median
    #[arg(long, default_value_t = 5, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1_000))]
    runs: u32,
    /// Seed of the batches and commands
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Folder for the data folders
    #[arg(long, default_value = ".", value_name = "FOLDER")]
    folder: PathBuf,
    #[command(flatten)]
    output: OutputOptions,
}

/// Makes a figure.
fn figure(name: String, rates: Vec<f64>, value: f64, (what, unit): (String, &str)) -> Measured {
    let settle = Some(RedisFigures { what, value, unit: unit.to_owned(), goal: None });
    Measured { workload: name, rate: Runs::new(rates), settle, ..Measured::default() }
}

/// Makes a figure of times in milliseconds.
fn times(name: String, times: Vec<f64>, what: String) -> Measured {
    let value = Runs::new(times.clone()).median;
    let rates = times.into_iter().map(|ms| 1e3 / ms.max(1e-9)).collect();
    figure(name, rates, value, (what, "ms"))
}

impl Settle {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let (seed, commands) = (self.seed, self.commands);
        let settle = Some(SettleSettings { trades: self.trades.clone(), small: self.small });
        let head = Head::current(Settings { seed, commands, settle, ..Settings::default() });
        let before = self.output.baseline(&head)?;
        let mut books = books::all(self)?;
        let with_locks = self.locks > 0 && locks::is_redis_installed();
        let steps = books.len() * (self.trades.len() + 1)
            + 2 * usize::from(with_locks)
            + self.runs as usize * usize::from(commands > 0);
        let progress = Progress::new(steps);
        let mut measured = Vec::new();
        for books in &mut books {
            measured.extend(self.batches(books, &progress)?);
        }
        drop(books);
        if with_locks {
            measured.extend(locks::measure(self, &progress)?);
        }
        if commands > 0 {
            measured.extend(prepare(Workload::Normal, (seed, commands, None), |prepared| {
                matching::measure(prepared, (self.runs, &self.folder), &progress)
            })?);
        }
        drop(progress);
        self.output.print(Report::new(head, measured), before.as_ref())
    }

    /// Measures batches of each size, and small ones in a row.
    fn batches(
        &self,
        measured_ledger: &mut MeasuredLedger,
        progress: &Progress,
    ) -> Result<Vec<Measured>, Failure> {
        let (name, mut measured) = (measured_ledger.name, Vec::new());
        for (at, trades) in self.trades.iter().enumerate() {
            progress.now(format!("{name}: batches of {trades} trades"));
            let market = MarketId(at as u32 + 1);
            batches::seed(&mut *measured_ledger.ledger, market)?;
            let mut times_ms = Vec::new();
            for run in 1..=u64::from(self.runs) {
                let batch = batches::batch(market, run, (*trades, self.seed));
                let started = Instant::now();
                let token =
                    measured_ledger.ledger.claim(market, Token(0)).map_err(Failure::failed)?.token;
                post(&mut *measured_ledger.ledger, &batch, token)?;
                times_ms.push(started.elapsed().as_secs_f64() * 1e3);
            }
            let accounts = batches::accounts(*trades);
            let what =
                format!("deposit, claim and apply a batch: {trades} trades, {accounts} accounts");
            measured.push(times(format!("{name}-{trades}"), times_ms, what));
            progress.done();
        }
        if self.small > 0 {
            progress.now(format!("{name}: small batches in a row"));
            let market = MarketId(books::SMALL);
            let token = batches::seed(&mut *measured_ledger.ledger, market)?;
            let mut rates = Vec::new();
            for run in 0..u64::from(self.runs) {
                let first = run * self.small as u64 + 1;
                let epochs = first..first + self.small as u64;
                let small: Vec<Batch> =
                    epochs.map(|epoch| batches::batch(market, epoch, (1, self.seed))).collect();
                let started = Instant::now();
                for batch in &small {
                    post(&mut *measured_ledger.ledger, batch, token)?;
                }
                rates.push(self.small as f64 / started.elapsed().as_secs_f64());
            }
            let value = Runs::new(rates.clone()).median;
            let what = String::from("batches of one trade, one after the other");
            measured.push(figure(format!("{name}-row"), rates, value, (what, "a second")));
        }
        progress.done();
        Ok(measured)
    }
}

/// Settles one batch.
fn post(ledger: &mut dyn Ledger, batch: &Batch, token: Token) -> Result<(), Failure> {
    ledger.deposit(batch).map_err(Failure::failed)?;
    let applied = ledger.apply(batch, token, Deed::Post).map_err(Failure::failed)?;
    if applied == Applied::Done {
        return Ok(());
    }
    Err(Failure::failed(format_args!("a batch was not posted: {applied:?}")))
}

/// The least share of its rate that matching should keep.
const RATE_GOAL: Goal = Goal::AtLeast(0.9);
