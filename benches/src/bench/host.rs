//! `pricetime bench host`: a whole host, from submission to the durable answer.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, process};

use crate::workload::Workload;
use clap::builder::TypedValueParser as _;
use clap::{Args, ValueEnum};
use pricetime::{Draft, Host as RunningHost, Options, Policy};

use super::OutputOptions;
use super::load::{self, Closed};
use super::load_options::LoadOptions;
use super::plan::{Chosen, Plan};
use super::prepared::PreparedCommands;
use super::progress::Progress;
use super::report::{Head, HostFigures, HostSettings, Load, Measured, Report, Settings};
use super::runs::Runs;
use crate::failure::Failure;

/// Measures a whole host: its rate, and its latency under load.
///
/// First, submitters send as fast as answers arrive, each with 4,096 commands in flight. This gives
/// the rate. Then one generator sends commands when they are due, whether answers arrive or not, in
/// bursts 150 µs apart. The time of a command counts from when its burst was due, so a command that
/// is due while the host is stuck has waited too. Every measurement has a data folder of its own,
/// which is removed, and ends when its commands are used up. Submitters and generator run on the
/// cores of the host.
#[derive(Debug, Args)]
pub(super) struct Host {
    #[command(flatten)]
    plan: Plan,
    /// Number of concurrent submitters for the rate; each account stays with one of them
    #[arg(long, default_value_t = 1, value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=64).map(|n| n as usize))]
    submitters: usize,
    /// Number of commands that a submitter submits together, for the rate
    #[arg(long, default_value_t = 1, value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=TOGETHER_MAX).map(|n| n as usize))]
    together: usize,
    /// When a command counts as durable
    #[arg(long, default_value = "sync")]
    policy: Durable,
    /// How often the journal is synced with `--policy interval`
    #[arg(long, default_value = "10ms", value_name = "DURATION",
        value_parser = humantime::parse_duration)]
    interval: Duration,
    #[command(flatten)]
    loads: LoadOptions,
    /// Folder for the data folders; its disk is the one that is measured
    #[arg(long, default_value = ".", value_name = "FOLDER")]
    folder: PathBuf,
    #[command(flatten)]
    output: OutputOptions,
}

const TOGETHER_MAX: u64 = RunningHost::SUBMIT_MANY_MAX as u64;

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Durable {
    /// When it is on disk
    Sync,
    /// When it is written to the file, which is synced at intervals
    Interval,
    /// At once, without a journal
    None,
}

/// A data folder that is removed when this value is dropped.
#[derive(Debug)]
pub(super) struct Scratch(pub(super) PathBuf);

impl Scratch {
    pub(super) fn new(parent: &Path, what: &str) -> Result<Self, Failure> {
        let folder = parent.join(format!(".pricetime-bench-{what}-{}", process::id()));
        let cannot = |error| {
            Failure::failed(format_args!("cannot make the folder {}: {error}", folder.display()))
        };
        fs::create_dir(&folder).map_err(cannot)?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A folder that cannot be removed is left; its name shows where it came from.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Host {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let policy = match self.policy {
            Durable::Sync => String::from("sync"),
            Durable::Interval => {
                format!("interval --interval {}", humantime::format_duration(self.interval))
            }
            Durable::None => String::from("none"),
        };
        let (submitters, together) = (self.submitters, self.together);
        let host = Some(HostSettings { policy, submitters, together });
        let chosen = self.plan.chosen()?;
        let head = Head::current(Settings { host, ..self.plan.settings(&chosen) });
        let before = self.output.baseline(&head)?;
        // Checks that a folder can be made before it makes the commands.
        drop(Scratch::new(&self.folder, "host")?);
        let steps = self.loads.measurements();
        let workloads: &[Workload] = match &chosen {
            Chosen::Workloads(workloads) => workloads,
            Chosen::Recording(_) => &[],
        };
        let progress = Progress::new(steps * workloads.len().max(1));
        let mut measured = Vec::new();
        if let Chosen::Recording(recorded) = &chosen {
            measured.push(self.measure(&recorded.name, &recorded.prepared, &progress)?);
        }
        for workload in workloads {
            progress.now(format!("{workload}: making its commands"));
            let measure = |prepared: &_| self.measure(workload.name(), prepared, &progress);
            measured.push(self.plan.prepare(*workload, measure)?);
        }
        drop(progress);
        self.output.print(Report::new(head, measured), before.as_ref())
    }

    fn measure(
        &self,
        workload: &str,
        prepared: &PreparedCommands,
        progress: &Progress,
    ) -> Result<Measured, Failure> {
        let (mut rates, mut done, mut refused) = (Vec::new(), 0, 0);
        let per_submitter = load::distribute(&prepared.flow, self.submitters);
        for _ in 0..self.loads.runs {
            progress.now(format!("{workload}: as fast as answers arrive"));
            let closed: Closed = self.with_host(prepared, |host| {
                load::closed_together(host, &per_submitter, self.together, self.loads.time_limit())
            })?;
            rates.push(closed.done as f64 / closed.elapsed.as_secs_f64());
            done += closed.done;
            refused += closed.refused;
            progress.done();
        }
        drop(per_submitter);
        let rate = Runs::new(rates);
        let drafts: Vec<Draft> = prepared.flow.iter().map(load::draft).collect();
        let mut loads = Vec::new();
        for (percent, due) in self.loads.of_rate(rate.median) {
            progress.now(format!("{workload}: {due:.0} commands a second"));
            let (load, _) = self.with_host(prepared, |host| {
                load::open(host, &drafts, due, self.loads.time_limit())
            })?;
            loads.push(Load { percent, ..load });
            progress.done();
        }
        let refused_percent = 100.0 * refused as f64 / done.max(1) as f64;
        let host = Some(HostFigures { refused_percent, loads });
        let workload = workload.to_owned();
        Ok(Measured { workload, rate, host, ..Measured::default() })
    }

    /// Calls `then` with a host that has executed the opening.
    fn with_host<T>(
        &self,
        prepared: &PreparedCommands,
        then: impl FnOnce(&RunningHost) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let scratch = Scratch::new(&self.folder, "host")?;
        let policy = match self.policy {
            Durable::Sync => Policy::Sync,
            Durable::Interval => Policy::Interval(self.interval),
            Durable::None => Policy::None,
        };
        let options = Options::new(scratch.0.join("journal"));
        let markets_max = options.markets_max.max(prepared.markets);
        let host = RunningHost::open(Options { policy, markets_max, ..options })
            .map_err(Failure::failed)?;
        let opening = load::distribute(&prepared.opening, 1);
        load::closed(&host, &opening, Duration::MAX)?;
        let done = then(&host)?;
        host.close().map_err(Failure::failed)?;
        Ok(done)
    }
}
