//! `pricetime bench subscribers`: the cost of account subscriptions for other commands.

mod reconnect;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::workload::Workload;
use clap::Args;
use clap::builder::TypedValueParser as _;
use pricetime::engine::{AccountId, MarketId};
use pricetime::{AccountFeed, Host, Options};
use tokio::runtime::Builder;

use super::OutputOptions;
use super::host::Scratch;
use super::load;
use super::prepared::{PreparedCommands, prepare};
use super::progress::Progress;
use super::report::{Goal, Head, Measured, RedisFigures, Report, Settings, SubscriberSettings};
use super::runs::Runs;
use crate::failure::Failure;

/// The market of the workload.
const MARKET: MarketId = MarketId(1);
/// Accounts from this number on send nothing.
const IDLE_ACCOUNTS: usize = 1_000_000;
/// The longest time of a run.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// Measures account subscriptions: the rate of a host with subscribers relative to that without,
/// and how long acknowledgements stop while all subscribers reconnect.
///
/// Each subscriber subscribes to an account of its own. First these accounts send nothing, which
/// shows the cost of idle subscriptions. Then 1,000 of them send all commands. So each command is
/// reported to at least one subscriber, which reads it in this process, on the cores of the host.
/// Then, in a market with many resting orders, all subscriptions are dropped and made again at
/// once, with one thread for each core, while commands continue. A digest of the whole state is
/// measured in the same way. The longest time between two acknowledgements is compared with that of
/// an equally long undisturbed time. A missed goal is reported and does not change the exit code.
#[derive(Debug, Args)]
#[command(after_help = "\
Try:
  pricetime bench subscribers                               everything, a minute or two
  pricetime bench subscribers --subscribers 1000            fewer subscribers
  pricetime bench subscribers --json > a.json               a report for --baseline a.json")]
pub(super) struct Subscribers {
    /// Number of subscribers, each to an account of its own
    #[arg(long, default_value_t = 10_000, value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=1_000_000).map(|n| n as usize))]
    subscribers: usize,
    /// Number of resting orders while all subscribers reconnect
    #[arg(long, default_value_t = 1_000_000, value_name = "N",
        value_parser = clap::value_parser!(u64).range(..=1_000_000).map(|n| n as usize))]
    orders: usize,
    /// Number of commands of a host with subscribers, and without
    #[arg(long, default_value_t = 1_000_000, value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=20_000_000).map(|n| n as usize))]
    commands: usize,
    /// Number of runs for each figure
    #[arg(long, default_value_t = 5, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1_000))]
    runs: u32,
    /// Seed of the commands
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Folder for the data folders
    #[arg(long, default_value = ".", value_name = "FOLDER")]
    folder: PathBuf,
    #[command(flatten)]
    output: OutputOptions,
}

/// Makes a figure.
fn figure(name: &str, rates: Vec<f64>, value: f64, (what, unit): (String, &str)) -> Measured {
    let figures = RedisFigures { what, value, unit: unit.to_owned(), goal: None };
    let (workload, rate) = (name.to_owned(), Runs::new(rates));
    Measured { workload, rate, subscribers: Some(figures), ..Measured::default() }
}

impl Subscribers {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let Self { seed, commands, subscribers, orders, .. } = *self;
        let settings = Some(SubscriberSettings { subscribers, orders });
        let settings = Settings { seed, commands, subscribers: settings, ..Settings::default() };
        let head = Head::current(settings);
        let before = self.output.baseline(&head)?;
        let progress = Progress::new(2 * self.runs as usize);
        let mut measured = prepare(Workload::Normal, (seed, commands, None), |prepared| {
            self.rates(prepared, &progress)
        })?;
        let (opening, _) = Workload::Normal.begin(seed);
        measured.extend(reconnect::measure(self, &opening, &progress)?);
        drop(progress);
        self.output.print(Report::new(head, measured), before.as_ref())
    }

    /// The rate of a host without subscribers, with idle ones and with busy ones, in turns.
    fn rates(
        &self,
        prepared: &PreparedCommands,
        progress: &Progress,
    ) -> Result<Vec<Measured>, Failure> {
        let count = self.subscribers;
        let account_ranges = [0..0, IDLE_ACCOUNTS..IDLE_ACCOUNTS + count, 0..count];
        let mut rates = [const { Vec::new() }; 3];
        let mut slow = 0;
        for run in 0..self.runs as usize {
            progress.now("a host with subscribers and without");
            // Each comes first equally often.
            for group in (0..3).map(|at| (run + at) % 3) {
                let rate = rate(prepared, &self.folder, account_ranges[group].clone())?;
                rates[group].push(rate.0);
                slow += rate.1;
            }
            progress.done();
        }
        let part = |with: &[f64]| {
            let parts = with.iter().zip(&rates[0]).map(|(with, alone)| with / alone);
            Runs::new(parts.collect()).median
        };
        let (quiet, busy) = (part(&rates[1]), part(&rates[2]));
        let [alone, beside_quiet, beside_busy] = rates;
        let what = String::from("commands of a host without subscribers");
        let alone = figure("commands-alone", alone, 1.0, (what, "of alone"));
        let what = format!("commands with {count} account subscribers whose accounts are idle");
        let mut quiet = figure("commands-quiet", beside_quiet, quiet, (what, "of alone"));
        if let Some(figures) = &mut quiet.subscribers {
            figures.goal = Some(Goal::AtLeast(0.9));
        }
        let mut what =
            format!("commands with {count} account subscribers, each reported to at least one");
        if slow > 0 {
            what += &format!("; {slow} did not keep up and were disconnected");
        }
        let busy = figure("commands-busy", beside_busy, busy, (what, "of alone"));
        Ok(vec![alone, quiet, busy])
    }
}

/// The account of a subscriber.
fn account(number: usize) -> AccountId {
    AccountId(number as u128 + 1)
}

/// Subscribes to an account.
fn subscribe(host: &Host, account: AccountId) -> Result<AccountFeed, Failure> {
    host.subscribe_account(MARKET, account)
        .ok_or_else(|| Failure::failed("the market of the workload is gone"))
}

/// Returns the commands a second of a host with these subscribers, and how many subscribers were
/// disconnected because they did not keep up.
fn rate(
    prepared: &PreparedCommands,
    folder: &Path,
    subscribers: Range<usize>,
) -> Result<(f64, usize), Failure> {
    let scratch = Scratch::new(folder, "host")?;
    let host = Host::open(Options::new(scratch.0.join("data"))).map_err(Failure::failed)?;
    load::closed(&host, &load::distribute(&prepared.opening, 1), Duration::MAX)?;
    let runtime = Builder::new_multi_thread().worker_threads(1).build()?;
    let stop = Arc::new(AtomicBool::new(false));
    let reading = subscribers.map(|number| {
        let (mut feed, stop) = (subscribe(&host, account(number))?, Arc::clone(&stop));
        Ok(runtime.spawn(async move {
            while feed.updates.next().await.is_ok() {}
            !stop.load(Ordering::Acquire)
        }))
    });
    let reading = reading.collect::<Result<Vec<_>, Failure>>()?;
    let closed = load::closed(&host, &load::distribute(&prepared.flow, 1), TIME_LIMIT)?;
    stop.store(true, Ordering::Release);
    host.close().map_err(Failure::failed)?;
    let slow = runtime.block_on(async {
        let mut slow = 0;
        for one in reading {
            slow += usize::from(one.await.map_err(Failure::failed)?);
        }
        Ok::<_, Failure>(slow)
    })?;
    Ok((closed.done as f64 / closed.elapsed.as_secs_f64(), slow))
}
