//! What the program prints.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::measure::Timed;
use crate::{Engine, Flow, Reports, Step, machine};

/// All results.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    machine: String,
    build: &'static str,
    settings: Settings,
    peers: Vec<Peer>,
    workloads: Vec<Measured>,
}

/// What was asked for.
#[derive(Clone, Debug, Serialize)]
pub struct Settings {
    /// The seed of the timed flows, and the first of those that are checked.
    pub seed: u64,
    /// The least number of timed commands.
    pub commands: usize,
    /// The number of rounds.
    pub rounds: usize,
    /// The number of seeds that are checked.
    pub checks: u64,
}

#[derive(Clone, Debug, Serialize)]
struct Peer {
    name: &'static str,
    version: &'static str,
    compared: &'static str,
    /// The number of fills that were the same, if all were.
    same_fills: Option<u64>,
    difference: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Measured {
    workload: String,
    /// The number of commands before the timed ones, which fill the book.
    opening: usize,
    commands: usize,
    cancels: usize,
    fills: u64,
    engines: Vec<Times>,
}

#[derive(Clone, Debug, Serialize)]
struct Times {
    name: &'static str,
    ns_per_command: Spread,
    commands_per_second: f64,
    /// The time relative to ours in the same round.
    ratio: Spread,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = |at: usize| sorted.get(at).copied().unwrap_or(f64::NAN);
        let last = sorted.len().saturating_sub(1);
        Self {
            median: f64::midpoint(at(last / 2), at(last.div_ceil(2))),
            min: at(0),
            max: at(last),
        }
    }
}

impl Report {
    /// Starts a report and looks at the machine.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let build = if cfg!(debug_assertions) {
            "debug build, whose times mean nothing"
        } else {
            "release build"
        };
        let (peers, workloads) = (Vec::new(), Vec::new());
        Self { machine: machine::describe(), build, settings, peers, workloads }
    }

    /// Adds the result of a peer's checks.
    pub fn add_checks(&mut self, engine: &Engine, result: Result<u64, String>) {
        let compared = match engine.reports {
            Reports::Fills => "every fill",
            Reports::Quantities => "quantities only",
        };
        let (name, version) = (engine.name, engine.version());
        let (same_fills, difference) = (result.as_ref().ok().copied(), result.err());
        self.peers.push(Peer { name, version, compared, same_fills, difference });
    }

    /// Adds the times of a workload. The first engine is ours.
    pub fn add_times(
        &mut self,
        workload: impl fmt::Display,
        flow: &Flow,
        fills: u64,
        times: &[Timed],
    ) {
        let commands = flow.timed();
        let each = |(engine, own): &Timed| {
            let ns = |time: &Duration| time.as_nanos() as f64 / commands as f64;
            let ours = times.first().into_iter().flat_map(|(_, ours)| ours);
            let ratios = own.iter().zip(ours).map(|(own, ours)| ns(own) / ns(ours));
            let ns_per_command = Spread::of(own.iter().map(ns));
            Times {
                name: engine.name,
                ns_per_command,
                commands_per_second: 1e9 / ns_per_command.median,
                ratio: Spread::of(ratios),
            }
        };
        let engines = times.iter().map(each).collect();
        let timed = &flow.steps[flow.opening..];
        let cancels = timed.iter().filter(|step| matches!(step, Step::Cancel(_))).count();
        let (workload, opening) = (workload.to_string(), flow.opening);
        self.workloads.push(Measured { workload, opening, commands, cancels, fills, engines });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { seed, rounds, checks, .. } = self.settings;
        writeln!(f, "{}; {}, pricetime-engine {}", self.machine, self.build, ours())?;
        writeln!(f, "\nChecked with {checks} seeds from {seed} on, before anything was timed:\n")?;
        for Peer { name, version, compared, same_fills, difference } in &self.peers {
            write!(f, "  {name:<17} {version:<7} ")?;
            match (same_fills, difference) {
                (_, Some(difference)) => writeln!(f, "differs, not timed:\n    {difference}")?,
                (fills, None) => {
                    writeln!(f, "same ({compared}; {} fills)", fills.unwrap_or_default())?;
                }
            }
        }
        for Measured { workload, opening, commands, cancels, fills, engines } in &self.workloads {
            writeln!(
                f,
                "\n{workload}, seed {seed}: {commands} commands after {opening}, {cancels} cancels, {fills} fills; \
                 rounds: {rounds}\n\n  {:<17} {:>28} {:>12} {:>22}",
                "engine", "CPU ns a command (low, high)", "commands/s", "time relative to ours",
            )?;
            for Times { name, ns_per_command, commands_per_second, ratio } in engines {
                let range = |it: &Spread, digits: usize| {
                    let Spread { median, min, max } = it;
                    format!("{median:.digits$} ({min:.digits$}, {max:.digits$})")
                };
                let (ns, ratio) = (range(ns_per_command, 0), range(ratio, 2));
                let rate = commands_per_second / 1e6;
                writeln!(f, "  {name:<17} {ns:>28} {rate:>10.2} M {ratio:>22}")?;
            }
        }
        Ok(())
    }
}

fn ours() -> &'static str {
    Engine::OURS.version()
}
