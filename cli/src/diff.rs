//! `pricetime diff`: the first difference of two recordings.

mod report;
mod side;

use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread::{self, ScopedJoinHandle};

use clap::Args;
use pricetime_engine::{Command, Engine};

use super::failure::{Code, Failure};
use super::reader::flow::FlowEnd;
use super::reader::recording::RecordingOptions;
use super::reader::{self, MarketLimit, Stop, exported};
use report::{Difference, Report};
use side::{Reading, Side};

/// Compares two recordings, and shows the first command that differs.
///
/// Both are read side by side. The books before the command that differs are the same in both; that of its
/// market is shown, and what each of the two commands does there.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pricetime diff ./data day.jsonl                      is the export the same as the journal?
  pricetime diff monday.jsonl tuesday.jsonl --ignore-times
  pricetime diff day.csv.gz day.jsonl --json

Any two of these can be compared: data folders, JSON lines and CSV of commands, and days of an exchange.
The options about the days of exchanges apply to both sides. So if only one side needs them, convert it
first (`pricetime convert`).

Exit codes: 0 they are the same; 3 they differ, or one is damaged; 4 they are the same, but some lines were
refused.")]
pub(super) struct Diff {
    /// A data folder or a file; - is standard input
    #[arg(value_name = "A")]
    a: PathBuf,
    /// Another one
    #[arg(value_name = "B")]
    b: PathBuf,
    /// Do not compare the times of commands
    #[arg(long)]
    ignore_times: bool,
    /// How many levels of the book to show per side
    #[arg(long, default_value_t = 5, value_name = "N")]
    depth: usize,
    /// Print the result as one JSON line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    recording: RecordingOptions,
    #[command(flatten)]
    markets: MarketLimit,
}

impl Diff {
    /// Compares, and prints the result.
    pub(super) fn run(&self) -> Result<(), Failure> {
        reader::finish(self.compare())
    }

    fn compare(&self) -> Result<(), Stop> {
        if self.a == self.b && self.a == Path::new("-") {
            let text = "standard input cannot be both sides: name a file for one of them";
            return Err(Failure::new(Code::Usage, text).into());
        }
        let markets = self.markets.markets_max;
        let (walked, ends) = thread::scope(|scope| {
            let [(mut a, to_a), (mut b, to_b)] = [Side::new(), Side::new()];
            let read = |path, to: Reading| {
                let read = move || to.read(path, &self.recording, markets);
                thread::Builder::new().name("pt-diff".into()).spawn_scoped(scope, read)
            };
            let reads = [read(&self.a, to_a), read(&self.b, to_b)];
            let walked = self.walk(&mut a, &mut b);
            // A reader ends once its receiver is dropped.
            drop((a, b));
            let end =
                |read: ScopedJoinHandle<'_, _>| read.join().unwrap_or_else(|it| resume_unwind(it));
            (walked, reads.map(|read| read.map(end)))
        });
        let [a, b] = ends;
        let (a, b) = (a??, b??);
        let mut report = walked?;
        report.keep_if_read([a.failed.is_some(), b.failed.is_some()]);
        report.print(self.json)?;
        let is_same = report.is_same();
        let refused = a.refused + b.refused;
        if let Some(failed) = a.failed.or(b.failed) {
            return Err(failed.into());
        }
        if !is_same {
            return Err(Failure::new(Code::Unsound, "").into());
        }
        Ok(FlowEnd { refused, ..FlowEnd::default() }.result()?)
    }

    /// Executes the commands that both sides share.
    fn walk(&self, a: &mut Side, b: &mut Side) -> Result<Report, Stop> {
        let mut engine = match (a.start(), b.start()) {
            (Some(a), Some(b)) if a.digest == b.digest => a.engine()?,
            (Some(a), Some(b)) => {
                let text = format!(
                    "A begins after command {}, and B after command {}, in another state: there is \
                     nothing to compare",
                    a.state.last_sequence, b.state.last_sequence
                );
                return Err(Failure::new(Code::Unsound, text).into());
            }
            // One of them could not be opened, which its reader reports.
            (Some(_) | None, _) => return Ok(Report::default()),
        };
        let mut same = 0;
        let difference = loop {
            match [a.next(), b.next()] {
                [Some(a), Some(b)] if self.is_same(&engine, &a, &b) => {
                    engine.apply(&a, &mut ());
                    same += 1;
                }
                [None, None] => break None,
                different => break Some(Difference::of(&engine, different, self.depth)?),
            }
        };
        Ok(Report::new(same, &engine, difference))
    }

    fn is_same(&self, engine: &Engine, a: &Command, b: &Command) -> bool {
        let timestamp = if self.ignore_times { a.timestamp } else { b.timestamp };
        let b = Command { timestamp, ..*b };
        // Without a market, an export has another command, which is refused in its place.
        *a == b
            || (engine.market(a.market).is_none() && exported(a, engine) == exported(&b, engine))
    }
}
