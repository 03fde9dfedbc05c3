//! `pricetime replay`: runs recorded commands through a bare engine.
//!
//! Commands come from a journal or from JSON lines, or are made from the messages of an exchange. They alone
//! determine the result, so a replay ends with the digest of the original process, on every machine.

mod files;
mod pace;
mod report;
mod run;
mod sink;
mod venue;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use pricetime_engine::Sequence;
use pricetime_journal::keyed_engine;
use pricetime_terminal::{Paint, disable_progress};

use super::failure::{Code, Failure};
use super::reader::recording::RecordingOptions;
use super::reader::{
    self, MarketLimit, Moment, OpenFolder, Origin, PreparedReplay, ReplayVerifier, Stop,
};
use files::Found;
pub(super) use pace::Pace;
use report::{ReplayTiming, Report};
use run::Run;

/// Replays a recording: the journal of a data folder, JSON lines of commands, or a day of an exchange.
///
/// The core runs alone and as fast as it can; no file is changed. At the end the outcomes of the commands
/// are printed, and the digest of the state: one number that two runs share only if everything in them is
/// the same.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pricetime replay                                     the journal in ./data or $PRICETIME_FOLDER
  pricetime replay ./data --verify                     compare with snapshots, epochs and image
  pricetime replay ./data --until epoch:7@2            up to the close of epoch 7 of market 2
  pricetime replay ./data --commands day.jsonl         export the journal as JSON lines ...
  pricetime replay day.jsonl                           ... and get the same digest from them
  pricetime replay ./data --events events.jsonl        write all events again
  pricetime replay - --events - --speed 10x <day.jsonl replay at ten times the original speed
  pricetime replay AAPL_message.csv --with AAPL_orderbook.csv
                                                       a day of an exchange: does the engine agree?
  pricetime replay day.dbn.zst --commands day.jsonl    ... and its commands as JSON lines

`pricetime schema` and docs/json.md describe the lines of commands, and docs/recordings.md the other
formats. A line without \"time\" has the time of the line before. A line that is not a command is
reported on standard error with file, line and column, and the others are replayed; the exit code
is then 4. A faulty row of CSV or message of an exchange ends the replay with exit code 3; with
--lenient it is reported and skipped. The exit code is also 3 if --verify finds a difference, or if
the journal or the recording is damaged. Beside a running process, the replay ends with the last
command that is marked as durable; without one, with the last command that was written.")]
pub(super) struct Replay {
    /// A data folder; files of commands (JSON lines or CSV); or a day of an exchange (LOBSTER, ITCH 5.0 or
    /// Databento). Files may be compressed with gzip or zstd; - is standard input
    #[arg(env = "PRICETIME_FOLDER", default_value = "./data", value_name = "FOLDER|FILE")]
    from: Vec<PathBuf>,
    /// A data folder; overrides FOLDER|FILE
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Stop after this command, at the close of this epoch, or at this time: 1200, epoch:7, epoch:7@MARKET,
    /// 2026-11-21T10:15:00Z
    #[arg(long, value_name = "MOMENT")]
    until: Option<Moment>,
    /// Compare with every snapshot, with the totals of each epoch and with the image built from all events
    #[arg(long)]
    verify: bool,
    /// The speed: 1x for the original speed, 10x for ten times that, max for as fast as possible
    #[arg(long, default_value = "max", value_name = "N")]
    speed: Pace,
    /// Write every group of events as a JSON line here; - is standard output
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Write every command as a JSON line here; - is standard output
    #[arg(long, value_name = "FILE")]
    commands: Option<PathBuf>,
    /// Print the result as one JSON line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    recording: RecordingOptions,
    #[command(flatten)]
    markets: MarketLimit,
}

impl Replay {
    /// Replays and prints the result.
    pub(super) fn run(&self) -> Result<(), Failure> {
        reader::finish(self.replay())
    }

    fn replay(&self) -> Result<(), Stop> {
        let to_stdout =
            [&self.events, &self.commands].map(|to| to.as_deref() == Some(Path::new("-")));
        if to_stdout == [true, true] {
            let text = "--events and --commands cannot both go to standard output: name a file";
            return Err(Failure::new(Code::Usage, text).into());
        }
        let is_stdout_used = to_stdout != [false, false];
        if is_stdout_used && io::stdout().is_terminal() {
            disable_progress();
        }
        if let Some(folder) = &self.folder {
            return self.journal(folder, is_stdout_used);
        }
        match self.from.as_slice() {
            [folder] if folder.is_dir() => self.journal(folder, is_stdout_used),
            files => self.files(files, is_stdout_used),
        }
    }

    /// Replays the journal of a folder.
    fn journal(&self, folder: &Path, is_stdout_used: bool) -> Result<(), Stop> {
        self.recording.check_folder()?;
        let data = OpenFolder::open(folder)?;
        let PreparedReplay { engine, base, commands } =
            data.begin(Origin::Oldest, self.markets.markets_max)?;
        let after = engine.last_sequence();
        self.report_origin(&data, after);
        let mut run = Run::new(engine, self.until)?;
        run.write_to(self.events.as_deref(), self.commands.as_deref())?;
        if self.verify {
            let all = &data.snapshots;
            let verifier =
                ReplayVerifier::new(data.reader.snapshots(), all, after, self.markets.markets_max);
            run.verify_with(verifier, base.as_ref());
        }
        drop(base);
        let started = Instant::now();
        let mut pace = self.speed.begin();
        let mut damaged = None;
        for command in commands {
            match command {
                Ok(command) if run.execute(&command, &mut pace)? => {}
                Ok(_) => break,
                Err(error) => damaged = Some(error),
            }
        }
        let timing = ReplayTiming { after, wall: started.elapsed() };
        self.end(run, &timing, &Found::default(), is_stdout_used)?;
        match damaged {
            None if self.until.is_some() => Ok(()),
            None => Ok(data.check_undamaged()?),
            Some(error) => Err(error.into()),
        }
    }

    /// Reports where the replay begins, if that is not the first command.
    fn report_origin(&self, data: &OpenFolder, after: Sequence) {
        let oldest = data.journal.oldest();
        if after > Sequence(0) {
            reader::note(format_args!(
                "the journal begins with command {oldest}; the replay begins with the snapshot of \
                 command {after}"
            ));
            if self.commands.is_some() {
                reader::note(
                    "the exported commands continue that snapshot: replayed by themselves they give \
                     another state",
                );
            }
        }
    }

    /// Replays files in order.
    fn files(&self, files: &[PathBuf], is_stdout_used: bool) -> Result<(), Stop> {
        if self.verify {
            let text = "--verify compares a data folder with its journal: name a folder";
            return Err(Failure::new(Code::Usage, text).into());
        }
        let mut run = Run::new(keyed_engine(self.markets.markets_max), self.until)?;
        run.write_to(self.events.as_deref(), self.commands.as_deref())?;
        let started = Instant::now();
        let found = files::replay(files, &self.recording, &mut run, &mut self.speed.begin())?;
        let timing = ReplayTiming { after: Sequence(0), wall: started.elapsed() };
        if run.engine.last_sequence() > Sequence(0) || found.failed.is_none() {
            self.end(run, &timing, &found, is_stdout_used)?;
        }
        let refused = found.refused();
        if let Some(failed) = found.failed {
            return Err(failed.into());
        }
        if refused > 0 {
            let text = format!("{refused} lines were refused, the others were carried out");
            return Err(Failure::new(Code::Refused, text).into());
        }
        Ok(())
    }

    /// Prints the result: on standard error if standard output is taken by events or commands.
    fn end(
        &self,
        run: Run,
        timing: &ReplayTiming,
        found: &Found,
        is_stdout_used: bool,
    ) -> Result<(), Stop> {
        let until = self.until.filter(|_| !run.is_reached() && found.failed.is_none());
        let (report, verifier) = Report::of(run, timing, found)?;
        let mut text = Vec::new();
        if self.json {
            reader::json_line(&mut text, &report)?;
        } else {
            let paint = if is_stdout_used { Paint::err() } else { Paint::out() };
            report.write(&mut text, paint)?;
            if let Some(venue) = &found.venue {
                venue.write(&mut text, paint)?;
            }
        }
        if is_stdout_used {
            io::stderr().write_all(&text)?;
        } else {
            io::stdout().write_all(&text)?;
        }
        if let Some(verifier) = verifier {
            let wrong: Vec<_> = verifier
                .findings
                .iter()
                .filter(|(right, _)| !right)
                .map(|(_, text)| text.as_str())
                .collect();
            if !wrong.is_empty() {
                return Err(Failure::new(Code::Unsound, wrong.join("\npricetime: ")).into());
            }
        }
        if let Some(until) = until {
            let text = format!("{until} was not reached");
            return Err(Failure::new(Code::Failed, text).into());
        }
        Ok(())
    }
}
