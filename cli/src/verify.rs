//! `pricetime verify`: checks everything in a data folder, or repeats the replay of a certificate.

mod checks;
mod ranges;
mod repeat;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use pricetime_journal::{FolderError, FolderReader, JournalError, RealDisk};
use pricetime_terminal::{Paint, SuspendingWriter, Tone};
use serde::Serialize;

use super::failure::{Code, Failure};
use super::reader::{self, MarketLimit, Stop};
use checks::Checks;

/// Checks a whole data folder: journal, snapshots and epochs, and whether they agree. Or repeats the replay of
/// a certificate.
///
/// It checks the checksum and number of every record, and every durability mark. Of every snapshot it
/// checks the envelope, whether an engine can load it, the digest it states, and whether a replay reaches
/// the same state. It also checks the totals of every epoch, and at the end the state that the events add
/// up to. All errors are reported, not just the first.
///
/// A certificate is a file that `pricetime replay --certificate` has written. Its replay is repeated, and
/// everything is compared: the inputs, the number of commands, the digest at each close of an epoch, and the
/// digest at the end.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pricetime verify                     check the folder ./data, or $PRICETIME_FOLDER
  pricetime verify /srv/market/data    check another folder
  pricetime verify --json | tail -n 1  only the verdict, for a program
  pricetime verify day.json            repeat the replay of a certificate and compare
  pricetime verify day.json /tmp/day.jsonl
                                       the same, if its input is elsewhere now

Exit codes: 0 all checks pass; 3 something is wrong; 1 the folder cannot be read, or the certificate
is of other rules.

Nothing is changed. Beside a running process, verify checks up to the last command that is marked as
durable and reports how many are left out; without one, it checks every command, as opening the folder
would. Bytes after the last command that a power cut or a kill left unfinished are not damage:
they were never acknowledged, and the next opening removes them.")]
pub(super) struct Verify {
    /// A data folder, or a certificate
    #[arg(env = "PRICETIME_FOLDER", default_value = "./data", value_name = "FOLDER|CERTIFICATE")]
    from: PathBuf,
    /// The inputs of the certificate in its order, if they are elsewhere now
    #[arg(value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// The data folder; overrides FOLDER
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Print one JSON object per check, then the verdict
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    markets: MarketLimit,
}

/// A line of output.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Output<'a> {
    Check { of: &'a str, right: bool, what: &'a str },
    Verified { right: bool, checks: u64, wrong: u64 },
}

/// Prints each finding as soon as it is known.
#[derive(Debug)]
struct Reporter {
    json: bool,
    checks: u64,
    wrong: u64,
}

impl Verify {
    /// Runs the checks, prints the findings and returns an error if any check failed.
    pub(super) fn run(&self) -> Result<(), Failure> {
        reader::finish(self.verify())
    }

    fn verify(&self) -> Result<(), Stop> {
        let mut reporter = Reporter { json: self.json, checks: 0, wrong: 0 };
        let from = self.folder.as_ref().unwrap_or(&self.from);
        if from.is_file() {
            repeat::repeat(from, &self.inputs, &mut reporter)?;
            return reporter.verdict();
        }
        if let Some(input) = self.inputs.first() {
            let (from, input) = (from.display(), input.display());
            let text = format!("{from} is no certificate, so it has no input {input}");
            return Err(Failure::new(Code::Usage, text).into());
        }
        match FolderReader::open(Arc::new(RealDisk), from) {
            Ok(reader) if reader.is_new() => {
                reporter
                    .report("history", Ok("a new folder: nothing has been stored in it".into()))?;
            }
            Ok(reader) => {
                reporter.report("history", Ok(format!("{}, the current one", reader.history())))?;
                for other in reader.others()? {
                    let what = format!("{other} was abandoned and is still there, not checked");
                    reporter.report("history", Ok(what))?;
                }
                Checks {
                    reader: &reader,
                    reporter: &mut reporter,
                    markets: self.markets.markets_max,
                }
                .all()?;
            }
            Err(error @ FolderError::Damaged(_)) => {
                reporter.report("history", Err(error.to_string()))?
            }
            Err(error) => return Err(error.into()),
        }
        reporter.verdict()
    }
}

impl Reporter {
    /// Prints the result of a check.
    fn report(&mut self, of: &str, found: Result<String, String>) -> io::Result<()> {
        self.checks += 1;
        let right = found.is_ok();
        self.wrong += u64::from(!right);
        let what = found.unwrap_or_else(|wrong| wrong);
        let mut line = Vec::new();
        if self.json {
            reader::json_line(&mut line, &Output::Check { of, right, what: &what })?;
        } else {
            let (tone, verdict) = if right { (Tone::Good, "right") } else { (Tone::Bad, "WRONG") };
            writeln!(line, "{}  {of:<9} {what}", Paint::out().text(tone, verdict))?;
        }
        SuspendingWriter(io::stdout()).write_all(&line)
    }

    fn verdict(&self) -> Result<(), Stop> {
        let Self { json, checks, wrong } = *self;
        let mut out = io::stdout().lock();
        if json {
            reader::json_line(&mut out, &Output::Verified { right: wrong == 0, checks, wrong })?;
        } else if wrong == 0 {
            let text = format!("all {checks} checks passed");
            writeln!(out, "{}", Paint::out().text(Tone::Good, text))?;
        }
        if wrong == 0 {
            return Ok(());
        }
        let text = format!("{wrong} of {checks} checks failed");
        Err(Failure::new(Code::Unsound, text).into())
    }
}

/// The text of a failed check. If the journal cannot be read at all, nothing is known, and the error ends
/// the whole verification.
fn wrong(error: JournalError) -> Result<String, Stop> {
    match error {
        JournalError::Io { .. }
        | JournalError::NewerVersion { .. }
        | JournalError::OtherRules { .. } => Err(error.into()),
        JournalError::Missing(_)
        | JournalError::Damaged { .. }
        | JournalError::OtherHistory { .. }
        | JournalError::NotDense { .. }
        | JournalError::Gone { .. }
        | JournalError::Replaced { .. }
        | JournalError::Poisoned(_) => Ok(error.to_string()),
    }
}
