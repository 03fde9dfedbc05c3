//! `pricetime bench`: how fast this build is on this machine, and whether that has changed.
//!
//! What is measured comes from [`crate::workload`], so two reports of the same settings are of
//! the same commands. Commands are made before anything is timed.

mod baseline;
mod core;
mod gateway;
mod growth;
mod host;
mod hostile;
mod load;
mod load_options;
mod machine;
mod memory;
mod numbers;
mod page;
mod plan;
mod prepared;
mod progress;
mod recording;
mod redis;
mod report;
mod runs;
mod settle;
mod show;
mod subscribers;
mod table;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::failure::Failure;
use baseline::compare;
use report::{Compared, Report};

/// Measures this build on this machine, by named workloads.
#[derive(Debug, Args)]
#[command(after_help = "\
Try:
  pricetime bench core                                      every workload through the core alone
  pricetime bench core --workload normal --json > a.json    one workload, to compare with later
  pricetime bench core --workload normal --baseline a.json  the same again: faster or slower?
  pricetime bench host --workload normal --load 10,50,90    a whole host, and its latency under load
  pricetime bench core --recording day.jsonl                your own recording instead of a workload
  pricetime bench gateway --workload normal                 a market behind a socket, over JSON lines
  pricetime bench growth                                    costs from 1,000 to 10 million orders
  pricetime bench redis                                     the image in Redis, beside its own ZADD
  pricetime bench settle                                    batches into each ledger, and locks
  pricetime bench subscribers                               10,000 subscribers, then all reconnect
  pricetime bench hostile                                   attacks beside honest commands
  pricetime bench core --html bench.html                    a page with plots
  pricetime bench compare a.json b.json                     compare two existing reports

A rate is the median of its runs; its spread is the distance between their quartiles, in percent of
the median. One report is faster or slower than another if the medians differ by more than each of
these: either spread, the share of the core that other programs had, and 3 %, the difference between
two processes of one build. In addition, neither median may lie within the runs of the other.")]
pub struct Bench {
    #[command(subcommand)]
    command: BenchCommand,
}

#[derive(Debug, Subcommand)]
enum BenchCommand {
    Core(core::Core),
    Host(host::Host),
    Gateway(gateway::Gateway),
    Growth(growth::Growth),
    Redis(redis::Redis),
    Settle(settle::Settle),
    Subscribers(subscribers::Subscribers),
    Hostile(hostile::Hostile),
    Compare(Compare),
}

/// Compares two reports, without measuring anything.
#[derive(Debug, Args)]
struct Compare {
    /// The earlier report, as `bench … --json` printed it
    before: PathBuf,
    /// The later report
    after: PathBuf,
    /// One JSON object instead of a table
    #[arg(long)]
    json: bool,
    /// Exit with code 1 if anything is slower
    #[arg(long)]
    fail_if_slower: bool,
}

/// How a report is printed.
#[derive(Clone, Debug, Args)]
struct OutputOptions {
    /// One JSON object instead of a table
    #[arg(long)]
    json: bool,
    /// An earlier report, printed with --json: the output says if this build is faster or slower
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Exit with code 1 if anything is slower than in the baseline
    #[arg(long, requires = "baseline")]
    fail_if_slower: bool,
    /// Also write a page with plots here: one file that needs no network
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl Bench {
    /// Runs the measurement and prints its result.
    ///
    /// # Errors
    /// Returns [`Failure`] if there is no report, or if something is slower than allowed.
    pub fn run(&self) -> Result<(), Failure> {
        match &self.command {
            BenchCommand::Core(core) => core.run(),
            BenchCommand::Host(host) => host.run(),
            BenchCommand::Gateway(gateway) => gateway.run(),
            BenchCommand::Growth(growth) => growth.run(),
            BenchCommand::Redis(redis) => redis.run(),
            BenchCommand::Settle(settle) => settle.run(),
            BenchCommand::Subscribers(subscribers) => subscribers.run(),
            BenchCommand::Hostile(hostile) => hostile.run(),
            BenchCommand::Compare(compare) => compare.run(),
        }
    }
}

impl Compare {
    fn run(&self) -> Result<(), Failure> {
        let before = Report::read(&self.before)?;
        let after = Report::read(&self.after)?;
        baseline::check_comparable(&before, &after.head, &self.before)?;
        let compared = compare(&before, &after);
        if self.json {
            show::json(&compared)?;
        } else {
            show::text(&table::compared(&before, &after, &compared))?;
        }
        show::warn(&after, Some(&before));
        check_regression(&compared, self.fail_if_slower)
    }
}

impl OutputOptions {
    /// Reads and checks the baseline, and where the page goes, before anything is measured.
    fn baseline(&self, head: &report::Head) -> Result<Option<Report>, Failure> {
        if let Some(page) = &self.html {
            let above = page.parent().filter(|above| !above.as_os_str().is_empty());
            let has_room = above.is_none_or(std::path::Path::is_dir) && !page.is_dir();
            if !has_room || self.baseline.as_ref() == Some(page) {
                let page = page.display();
                let text =
                    format!("--html {page}: name a file in a folder that exists, not the baseline");
                return Err(Failure::Usage(text));
            }
        }
        let Some(path) = &self.baseline else { return Ok(None) };
        let before = Report::read(path)?;
        baseline::check_comparable(&before, head, path)?;
        Ok(Some(before))
    }

    fn print(&self, mut report: Report, before: Option<&Report>) -> Result<(), Failure> {
        report.compared = before.map(|before| compare(before, &report)).unwrap_or_default();
        if self.json {
            show::json(&report)?;
        } else {
            let mut text = table::report(&report);
            if let Some(before) = before {
                text.push('\n');
                text.push_str(&table::compared(before, &report, &report.compared));
            }
            show::text(&text)?;
        }
        if let Some(path) = &self.html {
            page::write(&report, &table::about(&report), path)?;
        }
        show::warn(&report, before);
        check_regression(&report.compared, self.fail_if_slower)
    }
}

fn check_regression(compared: &[Compared], fail_if_slower: bool) -> Result<(), Failure> {
    let slower: Vec<_> = compared.iter().filter(|one| one.is_slower()).collect();
    if !fail_if_slower || slower.is_empty() {
        return Ok(());
    }
    let names = slower.iter().map(|one| one.workload.as_str()).collect::<Vec<_>>().join(", ");
    Err(Failure::Failed(format!("slower than the baseline: {names}")))
}
