//! The choice of workloads, and their commands.

use std::path::PathBuf;

use crate::workload::Workload;
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser as _};

use super::prepared::{PreparedCommands, prepare};
use super::recording::{Recorded, load};
use super::report::{RecordingSettings, Settings};
use super::show;
use crate::failure::Failure;

/// The commands of a measurement.
#[derive(Clone, Debug, Args)]
pub(super) struct Plan {
    /// The workloads to run
    #[arg(long = "workload", value_name = "NAME", default_value = "all", value_delimiter = ',',
        value_parser = names())]
    workloads: Vec<String>,
    /// A recording instead of a workload: JSON lines or CSV of commands, or a day of an exchange in LOBSTER,
    /// ITCH 5.0 or Databento, which the engine matches itself
    #[arg(long, value_name = "FILE", conflicts_with_all = ["workloads", "orders"])]
    recording: Option<PathBuf>,
    /// Number of commands of the recording that fill the books first and are not measured, after those that
    /// add the markets
    #[arg(long, default_value_t = 0, value_name = "N", requires = "recording",
        value_parser = clap::value_parser!(u64).range(..=COMMANDS_MAX).map(|n| n as usize))]
    skip: usize,
    /// Number of orders that rest at the start, instead of the workload's own
    #[arg(long, value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=10_000_000).map(|n| n as usize))]
    orders: Option<usize>,
    /// Seed of the commands of a workload
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(super) seed: u64,
    /// Number of commands after the opening, which places the initial orders and is not measured. Of a
    /// recording at most as many are read
    #[arg(long, default_value_t = 1_000_000, value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=COMMANDS_MAX).map(|n| n as usize))]
    pub(super) commands: usize,
}

/// The most commands that are kept in memory.
const COMMANDS_MAX: u64 = 20_000_000;

/// What is measured: the workloads, each once, or a recording.
pub(super) enum Chosen {
    Workloads(Vec<Workload>),
    Recording(Box<Recorded>),
}

fn names() -> PossibleValuesParser {
    let known = Workload::ALL.map(|one| PossibleValue::new(one.name()).help(one.about()));
    let all = PossibleValue::new("all").help("every one of them");
    PossibleValuesParser::new(known.into_iter().chain([all]))
}

impl Plan {
    /// The chosen workloads, or the recording, which is read now.
    pub(super) fn chosen(&self) -> Result<Chosen, Failure> {
        if let Some(path) = &self.recording {
            let recorded = load(path, self.skip, self.commands)?;
            if recorded.goes_on {
                let (name, count) = (&recorded.name, recorded.prepared.flow.len());
                show::note(&format!("{name} goes on after the {count} commands of --commands"));
            }
            return Ok(Chosen::Recording(Box::new(recorded)));
        }
        let mut chosen = Vec::new();
        for name in &self.workloads {
            let more = match name.as_str() {
                "all" => Workload::ALL.to_vec(),
                name => vec![name.parse().map_err(Failure::failed)?],
            };
            for workload in more {
                if !chosen.contains(&workload) {
                    chosen.push(workload);
                }
            }
        }
        if self.orders.is_some() && chosen.contains(&Workload::Epochs) {
            let text = "the workload epochs starts with an empty book: name others with --workload, or leave \
                        out --orders";
            return Err(Failure::Usage(text.into()));
        }
        Ok(Chosen::Workloads(chosen))
    }

    /// The settings that two reports of the same commands share.
    pub(super) fn settings(&self, chosen: &Chosen) -> Settings {
        let Self { seed, commands, orders, .. } = *self;
        match chosen {
            Chosen::Workloads(_) => Settings { seed, commands, orders, ..Settings::default() },
            Chosen::Recording(recorded) => {
                let recording = RecordingSettings {
                    file: recorded.name.clone(),
                    skip: self.skip,
                    digest: recorded.digest.clone(),
                };
                let (commands, recording) = (recorded.prepared.flow.len(), Some(recording));
                Settings { seed, commands, recording, ..Settings::default() }
            }
        }
    }

    /// The arguments that select the same commands, except for the workload.
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments =
            vec![format!("--seed={}", self.seed), format!("--commands={}", self.commands)];
        arguments.extend(self.orders.map(|orders| format!("--orders={orders}")));
        arguments
    }

    /// Makes the commands of a workload and calls `then` with them.
    pub(super) fn prepare<T>(
        &self,
        workload: Workload,
        then: impl FnOnce(&PreparedCommands) -> T,
    ) -> T {
        prepare(workload, (self.seed, self.commands, self.orders), then)
    }
}
