//! `pricetime replay`: runs recorded commands through a bare engine.
//!
//! Commands come from a journal or from JSON lines, or are made from the messages of an exchange. They alone
//! determine the result, so a replay ends with the digest of the original process, on every machine.

mod certificate;
mod files;
mod marks;
mod pace;
mod page;
mod report;
mod run;
mod sink;
mod venue;
mod watch;
mod whole_file;

use std::fs;
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
    self, ByteHash, MarketLimit, Moment, OpenFolder, Origin, PreparedReplay, ReplayVerifier, Stop,
    StoredFiles, StoredInput,
};
pub(super) use certificate::{Certificate, is_certificate};
use files::Found;
pub(super) use marks::{Difference, EpochMark, EpochMarks};
pub(super) use pace::Pace;
use report::{ReplayTiming, Report};
use run::Run;
use watch::Watch;
use whole_file::WholeFile;

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
  pricetime replay day.jsonl --report day.html         a page with charts, for a browser
  pricetime replay day.jsonl --certificate day.json    a certificate: `pricetime verify day.json`
                                                       repeats the replay and compares

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
    /// Write a page about the replay here: prices, depth, epochs, latency and agreement, as one HTML file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write a certificate here: the hash of the input, the options and the digests, which `verify` compares
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// Print the result as one JSON line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    recording: RecordingOptions,
    #[command(flatten)]
    markets: MarketLimit,
}

/// A replay that has ended.
pub(super) struct Done {
    run: Run,
    timing: ReplayTiming,
    found: Found,
    /// What was read, if it was hashed.
    inputs: Vec<StoredInput>,
    is_folder: bool,
    /// The digest of the state with which the replay began.
    base: u128,
}

impl Replay {
    /// Replays and prints the result.
    pub(super) fn run(&self) -> Result<(), Failure> {
        reader::finish(self.replay())
    }

    /// A replay that writes no file.
    fn again(
        from: Vec<PathBuf>,
        until: Option<Moment>,
        recording: RecordingOptions,
        markets_max: u32,
    ) -> Self {
        Self {
            from,
            folder: None,
            until,
            verify: false,
            speed: Pace::MAX,
            events: None,
            commands: None,
            report: None,
            certificate: None,
            json: false,
            recording,
            markets: MarketLimit { markets_max },
        }
    }

    /// The inputs in the order of a certificate.
    pub(super) fn inputs(&self) -> impl Iterator<Item = &PathBuf> {
        self.from.iter().chain(&self.recording.with)
    }

    /// Replays for a comparison with the certificate of an earlier replay. Returns its own certificate, the
    /// first close of an epoch that differs, and why it ended early.
    pub(super) fn compare(
        &self,
        expected: Vec<EpochMark>,
    ) -> Result<(Certificate, Option<Difference>, Option<Failure>), Stop> {
        let marks = Some(Box::new(EpochMarks::new(expected)));
        let mut done = self.execute(Watch { hash: true, measured: None, marks })?;
        let marks = done.run.watch.marks.as_ref();
        let difference = marks.and_then(|marks| marks.difference()).cloned();
        let certificate = Certificate::of(self, &mut done);
        Ok((certificate, difference, done.found.failed))
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
        self.check_outputs()?;
        let create = |option, to: &Option<PathBuf>| {
            to.as_ref().map(|to| WholeFile::create(option, to)).transpose()
        };
        let page = create("--report", &self.report)?;
        let certificate = create("--certificate", &self.certificate)?;
        let mut done = self.execute(Watch {
            hash: page.is_some() || certificate.is_some(),
            measured: page.is_some().then(Box::default),
            marks: certificate.is_some().then(|| Box::new(EpochMarks::new(Vec::new()))),
        })?;
        let refused = done.found.refused();
        let failed = done.found.failed.take_if(|_| done.run.sink.tally.commands == 0);
        if let Some(failed) = failed {
            return Err(failed.into());
        }
        done.run.flush()?;
        if let Some(page) = page {
            page.complete(|out| page::write(self, &done, out))?;
        }
        if let Some(certificate) = certificate {
            self.certify(&mut done, certificate)?;
        }
        self.end(done, is_stdout_used)?;
        if refused > 0 {
            let text =
                format!("refused {}; the others were carried out", reader::many(refused, "line"));
            return Err(Failure::new(Code::Refused, text).into());
        }
        Ok(())
    }

    /// Refuses to write over a file that is read.
    fn check_outputs(&self) -> Result<(), Failure> {
        let inputs: Vec<_> = self.inputs().filter_map(|path| fs::canonicalize(path).ok()).collect();
        let outputs = [&self.events, &self.commands, &self.report, &self.certificate];
        let outputs: Vec<_> = outputs.into_iter().flatten().collect();
        for (number, output) in outputs.iter().enumerate() {
            if outputs.iter().skip(number + 1).any(|other| other == output) {
                let text = format!("{} is named for two outputs", output.display());
                return Err(Failure::new(Code::Usage, text));
            }
            if fs::canonicalize(output).is_ok_and(|path| inputs.contains(&path)) {
                let text =
                    format!("{} is an input: name another file for the output", output.display());
                return Err(Failure::new(Code::Usage, text));
            }
        }
        Ok(())
    }

    fn execute(&self, watch: Watch) -> Result<Done, Stop> {
        match (&self.folder, self.from.as_slice()) {
            (Some(folder), _) => self.journal(folder, watch),
            (None, [folder]) if folder.is_dir() => self.journal(folder, watch),
            (None, files) => self.files(files, watch),
        }
    }

    /// Replays the journal of a folder.
    fn journal(&self, folder: &Path, watch: Watch) -> Result<Done, Stop> {
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
        let base = if watch.hash { run.engine.digest() } else { 0 };
        run.command_hash = watch.hash.then(ByteHash::default);
        run.watch = watch;
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
        let damaged = match damaged {
            None if self.until.is_some() => Ok(()),
            None => data.check_undamaged(),
            Some(error) => reader::finish(Err(error.into())),
        };
        let found = Found { failed: damaged.err(), ..Found::default() };
        let name = folder.display().to_string();
        let inputs = run.command_hash.iter().map(|hash| hash.stored(name.clone())).collect();
        Ok(Done { run, timing, found, inputs, is_folder: true, base })
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
    fn files(&self, files: &[PathBuf], watch: Watch) -> Result<Done, Stop> {
        if self.verify {
            let text = "--verify compares a data folder with its journal: name a folder";
            return Err(Failure::new(Code::Usage, text).into());
        }
        let mut run = Run::new(keyed_engine(self.markets.markets_max), self.until)?;
        run.write_to(self.events.as_deref(), self.commands.as_deref())?;
        let stored = watch.hash.then(StoredFiles::default);
        let base = if watch.hash { run.engine.digest() } else { 0 };
        run.watch = watch;
        let started = Instant::now();
        let pace = &mut self.speed.begin();
        let found = files::replay(files, &self.recording, &mut run, pace, stored.as_ref())?;
        let timing = ReplayTiming { after: Sequence(0), wall: started.elapsed() };
        let inputs = stored.as_ref().map_or_else(|| Ok(Vec::new()), StoredFiles::finish)?;
        Ok(Done { run, timing, found, inputs, is_folder: false, base })
    }

    /// Writes the certificate, unless the replay is not what was asked for.
    fn certify(&self, done: &mut Done, to: WholeFile) -> Result<(), Stop> {
        if done.found.failed.is_some() || !done.run.is_reached() {
            reader::note(
                "the replay is not complete, so no certificate is written; a file of this name stays as it was",
            );
            return Ok(());
        }
        let certificate = Certificate::of(self, done);
        to.complete(|out| {
            serde_json::to_writer_pretty(&mut *out, &certificate)?;
            out.write_all(b"\n")
        })?;
        Ok(())
    }

    /// Prints the result: on standard error if standard output is taken by events or commands. Returns an error if
    /// the replay is not what was asked for.
    fn end(&self, done: Done, is_stdout_used: bool) -> Result<(), Stop> {
        let Done { run, timing, mut found, .. } = done;
        let failed = found.failed.take();
        let until = self.until.filter(|_| !run.is_reached() && failed.is_none());
        let (report, verifier) = Report::of(run, &timing, &found)?;
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
        failed.map_or(Ok(()), |failed| Err(failed.into()))
    }
}
