//! `pricetime convert`: turns a recording of one format into another.
//!
//! Every command is also executed by an engine, because the formats of exchanges say what happened, and because the
//! digest then shows that two formats hold the same.

mod errors;
mod file;
mod folder;
mod format;
mod input;
mod options;
mod output;
mod record;
mod run;
mod summary;
#[cfg(feature = "parquet")]
mod table;
mod target;
mod venue;

use std::path::PathBuf;

use clap::Args;

use super::failure::{Code, Failure};
use super::reader::recording::RecordingOptions;
use super::reader::{self, MarketLimit, Stop};
use input::Input;
use options::TargetOptions;
use output::{Output, Reading};

pub(super) use record::Record;

/// Converts a recording into another format.
///
/// The input is whatever `replay` reads: a data folder, JSON lines or CSV of commands, or a day of an exchange
/// (LOBSTER, ITCH 5.0 or Databento). The name of the output tells its format: .jsonl, .csv, .itch, .parquet, a
/// name with `_message` for LOBSTER, or a new folder for a journal. .gz and .zst behind it compress.
#[derive(Debug, Args)]
#[command(
    override_usage = "pricetime convert [OPTIONS] <FROM>... <TO>",
    after_help = "\
Examples:
  pricetime convert ./data day.jsonl.zst               the journal in ./data as JSON lines
  pricetime convert day.jsonl day.csv                  JSON lines as CSV ...
  pricetime convert day.csv ./copy                     ... and CSV as the journal of a new data folder
  pricetime convert day.dbn.zst day.csv.gz             a day of Databento as commands
  pricetime convert AAPL_message.csv aapl.jsonl --with AAPL_orderbook.csv --mode reconstruct
                                                       commands that lead to the book of the exchange
  pricetime convert day.jsonl.zst day.itch             what an exchange would have published
  pricetime convert 01302020.NASDAQ_ITCH50.gz AAPL_message_10.csv --stock AAPL --mode reconstruct
                                                       a stock of ITCH as files of LOBSTER
  pricetime convert day.dbn.zst trades.parquet         the engine's trades, for pyarrow and polars
  pricetime convert day.dbn.zst book.parquet --table levels --levels 5
                                                       the five best levels of each side
  zcat day.jsonl.gz | pricetime convert - - --to csv   from standard input to standard output

The output gets its name when it is complete. Until then it ends with .part. An output that exists is
refused; --force replaces a file, but no folder. The summary says how much was read and written, and
what the output cannot hold. docs/recordings.md describes the formats.

If the input is faulty, what was converted before stays in the .part file, and the exit code is 3;
with --lenient, faulty rows and messages are reported and skipped, and the exit code is 4."
)]
pub(super) struct Convert {
    /// FROM is a data folder, files of JSON lines, or one other recording. TO is the file or the new folder to
    /// write. - is standard input or standard output
    // One list, because clap does not find the last path if options stand before it.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Print the summary as one JSON line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetOptions,
    #[command(flatten)]
    recording: RecordingOptions,
    #[command(flatten)]
    markets: MarketLimit,
}

impl Convert {
    /// Converts and prints the summary.
    pub(super) fn run(&self) -> Result<(), Failure> {
        reader::finish(self.convert())
    }

    fn convert(&self) -> Result<(), Stop> {
        let Some((to, from)) = self.paths.split_last().filter(|(_, from)| !from.is_empty()) else {
            let text = "two names are needed: what to convert, and the output";
            return Err(Failure::new(Code::Usage, text).into());
        };
        let output = Output::new(to, &self.target, self.json)?;
        output.check_apart(from.iter().chain(&self.recording.with))?;
        let input = Input::open(from, &self.recording)?;
        let reading = Reading {
            mode: input.is_venue().then(|| self.recording.mode()),
            lenient: self.recording.lenient,
            midnight: self.recording.midnight(),
            markets_max: self.markets.markets_max,
            is_only_copy: false,
        };
        output.write(&reading, |run| input.convert(&self.recording, run))
    }
}
