//! The choice of workloads, and their commands.

use crate::workload::Workload;
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser as _};
use pricetime_engine::Command;

use crate::failure::Failure;

/// The commands of a measurement.
#[derive(Clone, Debug, Args)]
pub(super) struct Plan {
    /// The workloads to run
    #[arg(long = "workload", value_name = "NAME", default_value = "all", value_delimiter = ',',
        value_parser = names())]
    pub(super) workloads: Vec<String>,
    /// Seed of the commands of a workload
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(super) seed: u64,
    /// Number of commands after the opening, which places the initial orders and is not measured
    #[arg(long, default_value_t = 1_000_000, value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=20_000_000).map(|n| n as usize))]
    pub(super) commands: usize,
}

/// The commands of a workload.
pub(super) struct PreparedCommands {
    pub(super) markets: u32,
    pub(super) opening: Vec<Command>,
    pub(super) flow: Vec<Command>,
}

fn names() -> PossibleValuesParser {
    let known = Workload::ALL.map(|one| PossibleValue::new(one.name()).help(one.about()));
    let all = PossibleValue::new("all").help("every one of them");
    PossibleValuesParser::new(known.into_iter().chain([all]))
}

impl Plan {
    /// The chosen workloads, each once.
    pub(super) fn chosen(&self) -> Result<Vec<Workload>, Failure> {
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
        Ok(chosen)
    }

    /// Makes the commands of a workload and calls `then` with them. The generator is dropped only
    /// after that, so that the measured code cannot reuse its memory.
    pub(super) fn prepare<T>(
        &self,
        workload: Workload,
        then: impl FnOnce(&PreparedCommands) -> T,
    ) -> T {
        let (opening, mut flow) = workload.begin(self.seed);
        let mut commands = Vec::with_capacity(self.commands);
        commands.extend(flow.by_ref().take(self.commands));
        let prepared = PreparedCommands { markets: workload.markets(), opening, flow: commands };
        let done = then(&prepared);
        drop(flow);
        done
    }
}
