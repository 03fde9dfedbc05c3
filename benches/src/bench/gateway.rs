//! `pricetime bench gateway`: a running market as its clients see it, over a socket.

mod client;
mod lines;
mod load;
mod server;

use std::path::PathBuf;

use clap::Args;
use clap::builder::TypedValueParser as _;

use super::OutputOptions;
use super::load_options::LoadOptions;
use super::plan::{Chosen, Plan};
use super::prepared::PreparedCommands;
use super::progress::Progress;
use super::report::{GatewaySettings, Head, HostFigures, Load, Measured, Report, Settings};
use super::runs::Runs;
use crate::failure::Failure;
use client::Target;
use lines::BenchMarkets;
use load::Lines;

/// Measures a running market over its socket, with JSON lines: the rate, and the latency under load.
///
/// First, every connection sends as fast as answers arrive, with --window lines in flight. This gives the rate.
/// Then each sends lines when they are due, whether answers arrive or not. The time of a line counts from when it
/// was due, so a line that is due while the market is stuck has waited too. Every answer is checked: its line, its
/// market, its account and its command. The commands go into markets that are added for that and removed again.
/// This needs an operator: the Unix socket, or the token of one. Without an address, the program starts a market
/// of its own. It and this program share the cores unless they run on two machines.
#[derive(Debug, Args)]
#[command(after_help = "\
Try:
  pricetime bench gateway --workload normal                 a market of its own
  pricetime bench gateway --workload normal --unix ./pricetime.sock
  pricetime bench gateway --workload normal --tcp venue:7070 --token-file operator.token --rate 5000
  pricetime bench gateway --recording day.jsonl --connections 64")]
pub(super) struct Gateway {
    #[command(flatten)]
    plan: Plan,
    /// The Unix socket of a running market
    #[arg(long, value_name = "PATH")]
    unix: Option<PathBuf>,
    /// The address of a running market, like localhost:7070
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "unix")]
    tcp: Option<String>,
    /// A file with the token of an operator in its first line
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Number of connections; each account stays with one of them
    #[arg(long, default_value_t = 4, value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=1_000).map(|n| n as usize))]
    connections: usize,
    /// Number of lines in flight on each connection, for the rate
    #[arg(long, default_value_t = 64, value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=4_096).map(|n| n as usize))]
    window: usize,
    #[command(flatten)]
    loads: LoadOptions,
    /// Folder for the data folder of a market of its own
    #[arg(long, default_value = ".", value_name = "FOLDER", conflicts_with_all = ["unix", "tcp"])]
    folder: PathBuf,
    #[command(flatten)]
    output: OutputOptions,
}

impl Gateway {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let chosen = self.plan.chosen()?;
        let address = match (&self.unix, &self.tcp) {
            (None, None) => "own",
            (Some(_), _) => "unix",
            (None, Some(_)) => "tcp",
        };
        let (connections, window) = (self.connections, self.window);
        let settings = GatewaySettings { address: address.into(), connections, window };
        let settings = Settings { gateway: Some(settings), ..self.plan.settings(&chosen) };
        let head = Head::current(settings);
        let before = self.output.baseline(&head)?;
        let own = if address == "own" { Some(server::Server::start(&self.folder)?) } else { None };
        let target = match (&own, &self.unix, &self.tcp) {
            (Some(own), ..) => Target::unix(own.socket.clone()),
            (None, Some(path), _) => Target::unix(path.clone()),
            (None, None, address) => Target::tcp(address.clone().unwrap_or_default()),
        };
        let target = target.with_token(self.token_file.as_deref())?;
        let mut measured = Vec::new();
        let steps = self.loads.measurements();
        match &chosen {
            Chosen::Recording(recorded) => {
                let progress = Progress::new(steps);
                measured.push(self.measure(
                    &recorded.name,
                    &recorded.prepared,
                    (&target, &progress),
                )?);
            }
            Chosen::Workloads(workloads) => {
                let progress = Progress::new(steps * workloads.len());
                for workload in workloads {
                    progress.now(format!("{workload}: making its commands"));
                    measured.push(self.plan.prepare(*workload, |prepared| {
                        self.measure(workload.name(), prepared, (&target, &progress))
                    })?);
                }
            }
        }
        drop(own);
        self.output.print(Report::new(head, measured), before.as_ref())
    }

    fn measure(
        &self,
        workload: &str,
        prepared: &PreparedCommands,
        (target, progress): (&Target, &Progress),
    ) -> Result<Measured, Failure> {
        let (mut rates, mut done, mut refused) = (Vec::new(), 0, 0);
        for _ in 0..self.loads.runs {
            progress.now(format!("{workload}: as fast as answers arrive"));
            let closed = self.with_markets(prepared, target, |lines| {
                load::closed(target, lines, self.window, self.loads.time_limit())
            })?;
            rates.push(closed.answered as f64 / closed.elapsed.as_secs_f64());
            done += closed.answered;
            refused += closed.rejected;
            progress.done();
        }
        let rate = Runs::new(rates);
        let mut loads = Vec::new();
        for (percent, due) in self.loads.of_rate(rate.median) {
            progress.now(format!("{workload}: {due:.0} lines a second"));
            let load = self.with_markets(prepared, target, |lines| {
                load::open(target, lines, due, self.loads.time_limit())
            })?;
            loads.push(Load { percent, ..load });
            progress.done();
        }
        let refused_percent = 100.0 * refused as f64 / done.max(1) as f64;
        let host = Some(HostFigures { refused_percent, loads });
        Ok(Measured { workload: workload.to_owned(), rate, host, ..Measured::default() })
    }

    /// Calls `then` with the lines of each connection, for new markets in which the opening has been executed.
    fn with_markets<T>(
        &self,
        prepared: &PreparedCommands,
        target: &Target,
        then: impl FnOnce(&[Lines]) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut client = target.connect()?;
        let all = prepared.opening.iter().chain(&prepared.flow);
        let mut markets = BenchMarkets::begin(&mut client, all)?;
        let done = markets.open(&mut client, &prepared.opening);
        let lines = done.and_then(|()| markets.lines(&prepared.flow, self.connections));
        let done = lines.and_then(|lines| then(&lines));
        // Whatever went wrong, the markets must not stay. The first connection may be broken.
        let removed = target.connect().and_then(|mut client| markets.remove(&mut client));
        let done = done?;
        removed.map(|()| done)
    }
}
