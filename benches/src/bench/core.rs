//! `pricetime bench core`: the core alone, with one thread, in memory.

mod pass;

use std::env;
use std::process::Command as Process;
use std::time::Duration;

use crate::workload::Workload;
use clap::Args;

use super::OutputOptions;
use super::plan::{Chosen, Plan};
use super::prepared::PreparedCommands;
use super::progress::Progress;
use super::report::{CoreFigures, Head, Latency, Measured, Memory, Report};
use super::runs::Runs;
use crate::failure::Failure;
use pass::{Pass, Times};

/// Measures the core alone: its rate, the time of a command, and its memory.
///
/// A run begins with a new engine and the workload's opening. Then all commands run as fast as
/// possible, which gives the rate. A second pass times each command, which gives the percentiles.
/// If there are several workloads, each runs in a process of its own, so that none reuses the
/// memory of another. Allocations are those of an engine that grows, because a warm engine makes
/// none. They are counted only in a build with `--features count-allocations`.
#[derive(Debug, Args)]
pub(super) struct Core {
    #[command(flatten)]
    plan: Plan,
    /// Number of runs that count
    #[arg(long, default_value_t = 5, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1_000))]
    runs: u32,
    /// Number of warm-up runs before them, which do not count
    #[arg(long, default_value_t = 1, value_name = "N",
        value_parser = clap::value_parser!(u32).range(..=1_000))]
    warmup: u32,
    #[command(flatten)]
    output: OutputOptions,
}

impl Core {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let chosen = self.plan.chosen()?;
        let head = Head::current(self.plan.settings(&chosen));
        let before = self.output.baseline(&head)?;
        let measured = match &chosen {
            Chosen::Recording(recorded) => {
                let progress = self.progress();
                vec![self.passes(&recorded.name, &recorded.prepared, &progress)?]
            }
            Chosen::Workloads(workloads) if workloads.len() == 1 => {
                workloads.iter().map(|one| self.measure(*one)).collect::<Result<_, _>>()?
            }
            Chosen::Workloads(many) => {
                let progress = Progress::new(many.len());
                let each = |one: &Workload| {
                    progress.now(one.name());
                    self.measure_in_process(*one).inspect(|_| progress.done())
                };
                many.iter().map(each).collect::<Result<Vec<_>, _>>()?
            }
        };
        self.output.print(Report::new(head, measured), before.as_ref())
    }

    /// Measures a workload in a process of its own.
    fn measure_in_process(&self, workload: Workload) -> Result<Measured, Failure> {
        let mut process = Process::new(env::current_exe()?);
        process.args(["bench", "core", "--json", "--workload", workload.name()]);
        process.args(self.plan.arguments());
        process.arg("--runs").arg(self.runs.to_string());
        process.arg("--warmup").arg(self.warmup.to_string());
        let done = process.output()?;
        if !done.status.success() {
            let stderr = String::from_utf8_lossy(&done.stderr);
            let stderr = stderr.trim().trim_start_matches("pricetime: ");
            return Err(Failure::failed(format_args!("{workload}: {stderr}")));
        }
        let report: Report = serde_json::from_slice(&done.stdout).map_err(Failure::failed)?;
        let measured = report.workloads.into_iter().next();
        measured.ok_or_else(|| Failure::failed(format_args!("{workload}: nothing was measured")))
    }

    fn measure(&self, workload: Workload) -> Result<Measured, Failure> {
        let progress = self.progress();
        progress.now(format!("{workload}: making its commands"));
        self.plan.prepare(workload, |prepared| {
            progress.done();
            self.passes(workload.name(), prepared, &progress)
        })
    }

    fn progress(&self) -> Progress {
        Progress::new((self.warmup + self.runs) as usize + 1)
    }

    fn passes(
        &self,
        workload: &str,
        prepared: &PreparedCommands,
        progress: &Progress,
    ) -> Result<Measured, Failure> {
        let first = Pass::untimed(prepared);
        let check_digest = |digest: u128| {
            let text = format!("{workload}: the same commands gave two different states");
            let unsound = || Failure::Unsound(text);
            (digest == first.digest).then_some(()).ok_or_else(unsound)
        };
        for _ in 0..self.warmup {
            progress.now(format!("{workload}: warming up"));
            pass::run(prepared);
            progress.done();
        }
        let (mut rates, mut times) = (Vec::new(), Times::new());
        let (mut elapsed, mut cpu_time) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..self.runs {
            progress.now(format!("{workload}: measuring"));
            let run = pass::run(prepared);
            check_digest(run.digest)?;
            check_digest(times.pass(prepared))?;
            rates.push(prepared.flow.len() as f64 / run.elapsed.as_secs_f64());
            elapsed += run.elapsed;
            cpu_time += run.cpu_time;
            progress.done();
        }
        let cpu_share = cpu_time.as_secs_f64() / elapsed.as_secs_f64();
        let core =
            CoreFigures { cpu_percent: 100.0 * cpu_share, ..figures(prepared, &first, &times) };
        let workload = workload.to_owned();
        Ok(Measured { workload, rate: Runs::new(rates), core: Some(core), ..Measured::default() })
    }
}

fn figures(prepared: &PreparedCommands, first: &Pass, times: &Times) -> CoreFigures {
    /// With fewer orders, the pages of the process itself hide their memory.
    const RESTING_LEAST: u64 = 10_000;
    let per_order = |bytes: u64| bytes / first.resting_first.max(1);
    let enough = first.resting_first >= RESTING_LEAST;
    let millions = prepared.flow.len() as f64 / 1e6;
    let per_million = |count: u64| count as f64 / millions;
    CoreFigures {
        digest: format!("{:032x}", first.digest),
        resting_first: first.resting_first,
        resting_last: first.resting_last,
        trades: first.trades,
        cpu_percent: 100.0,
        latency: Latency::of(&times.commands),
        clock_ns: times.clock.value_at_quantile(0.5),
        memory: Memory {
            peak_growth_bytes: first.peak_growth,
            bytes_per_order: first.opening_growth.filter(|_| enough).map(per_order),
            faults_per_million: first.faults.map(per_million),
            allocations_per_million: first.allocations.map(per_million),
        },
    }
}
