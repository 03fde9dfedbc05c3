//! `pricetime bench hostile`: the effect of a hostile client on honest commands.
//!
//! A client that only sends many commands takes capacity, and the limit on connections is what
//! stops it. So honest commands beside an attacker are not compared with honest commands alone, but
//! with those beside a harmless client that sends as many plain commands. The difference is what
//! the attacker's commands cost more than plain ones.

mod attacks;
mod client;
mod market;
mod readers;
mod rounds;
mod step;

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser as _};

use super::OutputOptions;
use super::memory;
use super::progress::Progress;
use super::report::{Attacked, Head, HostileSettings, Measured, Report, Resident, Settings};
use crate::failure::Failure;
use attacks::Attack;
use rounds::{Rates, Rounds};
use step::{StartedClient, harmless};

/// Measures the effect of hostile clients on honest commands, and on the memory of the process.
///
/// Honest commands are plain orders of many accounts in a market with many orders, at a steady
/// rate. The time of a command counts from when it was due to its durable answer. One client
/// attacks at the same time. In another host, in turn, a harmless client sends plain commands at
/// the same rate. The p99 beside the attacker should be at most twice the p99 beside the harmless
/// client. The medians of the rounds count. The memory of the process is read before the attack, at
/// its peak, and after the attack; it includes the clients. A missed goal is reported and does not
/// change the exit code.
#[derive(Debug, Args)]
#[command(after_help = "\
Try:
  pricetime bench hostile                                   all attacks, about four minutes
  pricetime bench hostile --attack dry-runs --runs 15       one attack, with more rounds
  pricetime bench hostile --json > a.json                   a report for --baseline a.json")]
pub(super) struct Hostile {
    /// The attacks to run
    #[arg(long = "attack", value_name = "NAME", default_value = "all", value_delimiter = ',',
        value_parser = names())]
    attacks: Vec<String>,
    /// Number of resting orders in the market; the size of some attacks follows from it
    #[arg(long, default_value_t = 100_000, value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=1_000_000).map(|n| n as usize))]
    orders: usize,
    /// Honest commands a second
    #[arg(long, default_value_t = 1_000, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// Commands or calls a second of the other client, hostile or not
    #[arg(long, default_value_t = 1_000, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    hostile_rate: u32,
    /// Honest commands in a round
    #[arg(long, default_value_t = 2_000, value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=10_000_000).map(|n| n as usize))]
    commands: usize,
    /// Number of rounds with the attacker, and of rounds without
    #[arg(long, default_value_t = 5, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1_000))]
    runs: u32,
    /// Seed of the books and commands
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Folder for the data folders
    #[arg(long, default_value = ".", value_name = "FOLDER")]
    folder: PathBuf,
    #[command(flatten)]
    output: OutputOptions,
}

fn names() -> PossibleValuesParser {
    let known = attacks::ALL.map(|one| PossibleValue::new(one.name).help(one.what));
    let all = PossibleValue::new("all").help("every one of them");
    PossibleValuesParser::new(known.into_iter().chain([all]))
}

impl Hostile {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let Self { seed, commands, orders, rate, hostile_rate, .. } = *self;
        let hostile = Some(HostileSettings { orders, rate, hostile_rate });
        let head = Head::current(Settings { seed, commands, hostile, ..Settings::default() });
        let before = self.output.baseline(&head)?;
        let is_selected = |name: &str| self.attacks.iter().any(|it| it == name || it == "all");
        let attacks: Vec<_> =
            attacks::ALL.into_iter().filter(|one| is_selected(one.name)).collect();
        let progress = Progress::new(attacks.len() * self.runs as usize);
        let measured: Result<_, Failure> =
            attacks.iter().map(|attack| self.measure(attack, &progress)).collect();
        let measured = measured?;
        drop(progress);
        self.output.print(Report::new(head, measured), before.as_ref())
    }

    /// Measures two hosts in turns, one with the harmless client and one with the attacker.
    fn measure(&self, attack: &Attack, progress: &Progress) -> Result<Measured, Failure> {
        progress.now(attack.name);
        let rates = Rates { honest: self.rate, client: self.hostile_rate };
        let open = |name| Rounds::new(&self.folder, name, self.orders, self.seed);
        let (mut harmless, mut hostile) = (open("harmless")?, open("hostile")?);
        let mut plain = self::harmless(self.seed);
        let memory_before = memory::resident().zip(memory::reset_peak());
        let StartedClient { opening, mut step } =
            (attack.begin)(hostile.host(), self.orders, self.seed)?;
        for run in 0..self.runs {
            // Each comes first equally often.
            if run % 2 == 0 {
                harmless.round(self.commands, rates, Some(&mut plain))?;
            }
            hostile.round(self.commands, rates, step.as_mut())?;
            if run % 2 == 1 {
                harmless.round(self.commands, rates, Some(&mut plain))?;
            }
            progress.done();
        }
        let highest = memory::peak();
        drop(step);
        let memory = memory_before.zip(highest).zip(memory::resident());
        let memory = memory.map(|(((before_bytes, ()), highest_bytes), after_bytes)| Resident {
            before_bytes,
            highest_bytes,
            after_bytes,
        });
        let rate = hostile.rates();
        let results = [harmless.end()?, hostile.end()?];
        let hostile = Some(Attacked::new((attack.what, opening), results, memory));
        Ok(Measured { workload: attack.name.to_owned(), rate, hostile, ..Measured::default() })
    }
}
