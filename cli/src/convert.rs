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
mod run;
mod summary;
mod target;
mod venue;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use pricetime_journal::keyed_engine;
use pricetime_recordings::{FromEvents, OrderNumbers};
use pricetime_terminal::{Paint, disable_progress};

use super::failure::{Code, Failure};
use super::reader::recording::RecordingOptions;
use super::reader::{self, MarketLimit, Stop};
use file::Names;
use format::TargetFormat;
use input::Input;
use options::TargetOptions;
use run::{Run, Tally};
use summary::Summary;
use target::Creation;

/// Converts a recording into another format.
///
/// The input is whatever `replay` reads: a data folder, JSON lines or CSV of commands, or a day of an exchange
/// (LOBSTER, ITCH 5.0 or Databento). The name of the output tells its format: .jsonl, .csv, .itch, a name with
/// `_message` for LOBSTER, or a new folder for a journal. .gz and .zst behind it compress.
#[derive(Debug, Args)]
#[command(after_help = "\
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
  zcat day.jsonl.gz | pricetime convert - - --to csv   from standard input to standard output

The output gets its name when it is complete. Until then it ends with .part. An output that exists is
refused; --force replaces a file, but no folder. The summary says how much was read and written, and
what the output cannot hold. docs/recordings.md describes the formats.

If the input is faulty, what was converted before stays in the .part file, and the exit code is 3;
with --lenient, faulty rows and messages are reported and skipped, and the exit code is 4.")]
pub(super) struct Convert {
    /// A data folder, files of JSON lines, or one other recording; - is standard input
    #[arg(required = true, value_name = "FROM")]
    from: Vec<PathBuf>,
    /// The file or the new folder to write; - is standard output
    #[arg(value_name = "TO")]
    to: PathBuf,
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
        let format = self.target.format(&self.to)?;
        if self.to == Path::new("-") && io::stdout().is_terminal() {
            disable_progress();
        }
        let book = self.target.book(&self.to).filter(|_| format == TargetFormat::Lobster);
        if book.as_ref() == Some(&self.to) {
            let text = "the messages and the order book need two files: name another --book";
            return Err(Failure::new(Code::Usage, text).into());
        }
        for to in [Some(&self.to), book.as_ref()].into_iter().flatten() {
            input::check_apart(self.from.iter().chain(&self.recording.with), to)?;
        }
        let input = Input::open(&self.from, &self.recording)?;
        let mut names = Vec::new();
        let done = self.write(format, input, &mut names);
        match done {
            Ok((summary, failed)) => self.finish(&summary, failed, &names),
            Err(stop) => {
                names.iter().for_each(Names::discard);
                Err(stop)
            }
        }
    }

    /// Writes the output under its temporary names.
    fn write(
        &self,
        format: TargetFormat,
        input: Input,
        names: &mut Vec<Names>,
    ) -> Result<(Summary, Option<Failure>), Stop> {
        let markets_max = self.markets.markets_max;
        let mode = input.is_venue().then(|| self.recording.mode());
        let creation = Creation {
            format,
            to: &self.to,
            options: &self.target,
            markets_max,
            midnight: self.recording.midnight(),
        };
        let target = creation.create(names)?;
        let ids = if mode.is_some() { OrderNumbers::Keep } else { OrderNumbers::Count };
        let tally = Tally::new(target.is_of_events().then(|| FromEvents::new(ids)));
        let (engine, lenient) = (keyed_engine(markets_max), self.recording.lenient);
        let mut run = Run { engine, tally, target, lenient };
        let mut found = input.convert(&self.recording, &mut run)?;
        let failed = found.end.failed.take();
        let Run { engine, tally, target, .. } = run;
        let (messages, mut left_out) = target.end(tally.messages.as_ref())?;
        let text = "numbers of commands after skipped rows: these got the next ones";
        left_out.push((tally.renumbered, text.to_owned()));
        left_out.retain(|(count, _)| *count > 0);
        let to = self.to.display().to_string();
        Ok((Summary { found, mode, format, to, tally, messages, left_out, engine }, failed))
    }

    /// Gives the output its name, and prints the summary: on standard error if standard output is taken.
    fn finish(
        &self,
        summary: &Summary,
        failed: Option<Failure>,
        names: &[Names],
    ) -> Result<(), Stop> {
        if failed.is_none() {
            names.iter().try_for_each(Names::complete)?;
        } else if summary.is_empty() {
            names.iter().for_each(Names::discard);
        }
        if failed.is_none() || !summary.is_empty() {
            self.print(summary)?;
        }
        let refused = summary.refused();
        if let Some(failed) = failed {
            if !summary.is_empty() {
                for name in names {
                    reader::note(format_args!(
                        "what was converted until then is in {}",
                        name.partial().display()
                    ));
                }
            }
            return Err(failed.into());
        }
        if refused > 0 {
            let text =
                format!("refused {}; the others were converted", reader::many(refused, "line"));
            return Err(Failure::new(Code::Refused, text).into());
        }
        Ok(())
    }

    fn print(&self, summary: &Summary) -> Result<(), Stop> {
        let is_stdout_used = self.to == Path::new("-");
        let mut text = Vec::new();
        if self.json {
            reader::json_line(&mut text, &summary.line())?;
        } else {
            summary.write(&mut text, if is_stdout_used { Paint::err() } else { Paint::out() })?;
        }
        if is_stdout_used {
            io::stderr().write_all(&text)?;
        } else {
            io::stdout().write_all(&text)?;
        }
        Ok(())
    }
}
