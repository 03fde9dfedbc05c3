//! Compares Pricetime's engine with open engines from the registry.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use clap::builder::PossibleValuesParser;
use pricetime_benches::workload::Workload;
use pricetime_peers::check::is_stuck;
use pricetime_peers::measure::measure;
use pricetime_peers::{Engine, Flow, Report, Settings};

/// Runs the same flow on Pricetime's engine and on open engines from the registry, in one thread.
///
/// The flow is a workload of `pricetime bench core`, reduced to what every engine understands: limit
/// orders and cancels. Each engine is checked first: its fills have to be ours, in order. An engine
/// that differs is reported and not timed. The others are then timed in turn, each once in every
/// round, and the order within a round changes from round to round.
#[derive(Debug, Parser)]
#[command(version, after_long_help = EXAMPLES)]
struct Arguments {
    /// Workload to time; repeat it for several [default: static, normal, sweep-storm]
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(names()))]
    workload: Vec<String>,
    /// Peer to compare with; repeat it for several [default: all]
    #[arg(long, value_name = "CRATE",
        value_parser = PossibleValuesParser::new(Engine::PEERS.map(|it| it.name)))]
    peer: Vec<String>,
    /// Seed of the timed flow; the same seed gives the same commands on every machine
    #[arg(long, default_value_t = 7, value_name = "N")]
    seed: u64,
    /// Number of timed commands, after those that fill the book
    #[arg(long, default_value_t = 300_000, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    commands: u32,
    /// Number of rounds; the figures are medians
    #[arg(long, default_value_t = 7, value_name = "N",
        value_parser = clap::value_parser!(u16).range(..=1_000))]
    rounds: u16,
    /// Number of seeds, from --seed on, with which every peer is checked on every workload
    #[arg(long, default_value_t = 3, value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=1_000))]
    checks: u64,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples, after `cargo run --release --manifest-path benches/peers/Cargo.toml --`:
  (nothing)                                everything, in a few minutes
  --rounds 0 --checks 20                   only the checks, with 20 seeds
  --peer matchcore --workload normal       one peer and one workload
  --json > peers.json                      a report for other programs

How to read it: `time relative to ours` is the peer's CPU time divided by ours in the same round, as
a median with the lowest and the highest. 3.00 means that the peer takes three times as long. Run
nothing else meanwhile: the load of the machine is on the first line.

Exit codes: 0 done, also if a peer differs; 1 the report cannot be written; 2 usage; 3 a timed run
differs from ours.";

fn names() -> impl Iterator<Item = &'static str> {
    Flow::workloads().map(Workload::name)
}

impl Arguments {
    fn workloads(&self) -> Vec<Workload> {
        let chosen = |it: &Workload| self.workload.iter().any(|name| name == it.name());
        let usual = [Workload::Static, Workload::Normal, Workload::SweepStorm];
        let is_usual = |it: &Workload| self.workload.is_empty() && usual.contains(it);
        Flow::workloads().filter(|it| chosen(it) || is_usual(it)).collect()
    }

    fn peers(&self) -> impl Iterator<Item = Engine> {
        let chosen = |name: &str| self.peer.is_empty() || self.peer.iter().any(|it| it == name);
        Engine::PEERS.into_iter().filter(move |it| chosen(it.name))
    }

    /// Checks every peer on all these workloads with all seeds, each until its first difference. The
    /// result is the number of fills that were the same.
    fn checked(&self, workloads: &[Workload]) -> Vec<(Engine, Result<u64, String>)> {
        let mut peers: Vec<_> = self.peers().map(|it| (it, Ok(0))).collect();
        for seed in self.seed..self.seed.saturating_add(self.checks) {
            for workload in workloads {
                let flow = Flow::of(*workload, seed, self.commands as usize);
                for (peer, result) in &mut peers {
                    let Ok(fills) = *result else { continue };
                    eprintln!("{workload}, seed {seed}: checking {}", peer.name);
                    let same = (peer.check)(&flow).map(|more| fills + more);
                    *result = same.map_err(|it| format!("{workload}, seed {seed}, {it}"));
                }
            }
        }
        peers
    }

    fn report(&self) -> Result<Report, String> {
        let Self { seed, checks, .. } = *self;
        let (commands, rounds) = (self.commands as usize, usize::from(self.rounds));
        let mut report = Report::new(Settings { seed, commands, rounds, checks });
        let workloads = self.workloads();
        let mut engines = vec![Engine::OURS];
        for (peer, result) in self.checked(&workloads) {
            if result.is_ok() {
                engines.push(peer);
            }
            report.add_checks(&peer, result);
        }
        if is_stuck() && rounds > 0 {
            eprintln!("Nothing is timed, because an engine that never returned keeps a core busy.");
            eprintln!("Run it again with --peer for each of the others.");
        }
        for workload in workloads.iter().filter(|_| rounds > 0 && !is_stuck()) {
            let flow = Flow::of(*workload, seed, commands);
            let progress = |round| eprintln!("{workload}: round {} of {rounds}", round + 1);
            let (fills, times) = measure(&engines, &flow, rounds, progress)?;
            report.add_times(workload, &flow, fills, &times);
        }
        Ok(report)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let failed = |code: u8, error: String| {
        eprintln!("peers: {error}");
        ExitCode::from(code)
    };
    let report = match arguments.report() {
        Ok(report) => report,
        Err(difference) => return failed(3, difference),
    };
    let text = if arguments.json {
        serde_json::to_string_pretty(&report).map(|text| text + "\n").map_err(io::Error::from)
    } else {
        Ok(report.to_string())
    };
    match text.and_then(|text| io::stdout().write_all(text.as_bytes())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(1, error.to_string()),
    }
}
