//! `pricetime record`: turns a running market into a recording.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use pricetime_engine::{Action, Command, Sequence};
use pricetime_journal::JournalError;
use pricetime_recordings::Format;
use pricetime_terminal::Progress;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::super::failure::{Code, Failure};
use super::super::reader::flow::FlowEnd;
use super::super::reader::{self, FolderOptions, Followed, Moment, OpenFolder, Stop, note};
use super::input::{Found, check_begins};
use super::options::TargetOptions;
use super::output::{Output, Reading};
use super::run::Run;

/// The longest time until a signal is noticed.
const NOTICED: Duration = Duration::from_millis(50);
/// How often in a row the journal may be unreadable. Its owner may be replacing a file at that moment.
const FAULTS_MAX: u32 = 5;

/// Records a running market until it ends, or until Ctrl-C.
///
/// It reads the data folder that the market writes, without disturbing it, and writes every command since the first
/// one, in any format of `convert`. It ends when no process has the folder open any more, when --until is reached, or
/// with Ctrl-C or SIGTERM: then everything that is durable at that moment is written.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pricetime record day.jsonl.zst                       the market in ./data or $PRICETIME_FOLDER
  pricetime record day.csv --folder /srv/data          the market in another folder, as CSV
  pricetime record day.jsonl --until epoch:96          until epoch 96 is closed
  pricetime record day.itch --until 2026-06-02T00:00Z  until midnight, as an exchange would publish it

The recording gets its name when it ends. Until then it ends with .part. `replay` of a recording of JSON
lines, of CSV or of a journal leads to the digest in the summary. A time is reached with the first command after it,
which is not recorded.

A market with `journal.retention = \"snapshots\"` no longer stores its first commands after a while. It can
only be recorded from its beginning on.")]
pub(in super::super) struct Record {
    /// The file or the new folder to write; - is standard output
    #[arg(value_name = "TO")]
    to: PathBuf,
    /// Where to end: a command's number like 1200, an epoch like epoch:7 or epoch:7@2, or a time
    #[arg(long, value_name = "MOMENT")]
    until: Option<Moment>,
    /// Print the summary as one JSON line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetOptions,
    #[command(flatten)]
    folder: FolderOptions,
}

impl Record {
    /// Records and prints the summary.
    pub(in super::super) fn run(&self) -> Result<(), Failure> {
        reader::finish(self.record())
    }

    fn record(&self) -> Result<(), Stop> {
        let output = Output::new(&self.to, &self.target, self.json)?;
        if self.until == Some(Moment::Sequence(Sequence(0))) {
            let text = "--until 0: the first command is number 1";
            return Err(Failure::new(Code::Usage, text).into());
        }
        self.check_outside()?;
        let data = OpenFolder::open(&self.folder.folder)?;
        data.check_undamaged()?;
        check_begins(&data)?;
        let ended = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // The second one ends the process at once.
            flag::register_conditional_default(signal, Arc::clone(&ended))?;
            flag::register(signal, Arc::clone(&ended))?;
        }
        let markets_max = self.folder.markets.markets_max;
        let (mode, midnight) = (None, None);
        let reading = Reading { mode, lenient: false, midnight, markets_max, is_only_copy: true };
        output.write(&reading, |run| {
            let until = self.until;
            let mut recording = Recording { run, until, is_reached: false, ended: &ended };
            let failed = recording.follow(data)?;
            if let Some(until) = until.filter(|_| !recording.is_reached && failed.is_none()) {
                note(format_args!("the recording ends before {until}"));
            }
            let end = FlowEnd { failed, ..FlowEnd::default() };
            Ok(Found { format: Some(Format::Journal), end })
        })
    }

    /// Refuses an output in the folder that is recorded.
    fn check_outside(&self) -> Result<(), Failure> {
        let above = self.to.parent().filter(|above| !above.as_os_str().is_empty());
        let above = above.unwrap_or(Path::new(".")).canonicalize();
        let folder = self.folder.folder.canonicalize();
        if let (Ok(above), Ok(folder)) = (above, folder)
            && above.starts_with(&folder)
            && self.to != Path::new("-")
        {
            let text = format!("{} is in the data folder: name another one", self.to.display());
            return Err(Failure::new(Code::Usage, text));
        }
        Ok(())
    }
}

/// A recording in progress.
struct Recording<'a> {
    run: &'a mut Run,
    until: Option<Moment>,
    is_reached: bool,
    /// Becomes `true` with a signal.
    ended: &'a AtomicBool,
}

impl Recording<'_> {
    /// Records a journal until its owner ends. Returns the reason if it can no longer be read.
    fn follow(&mut self, data: OpenFolder) -> Result<Option<Failure>, Stop> {
        let progress = Progress::count("recording, Ctrl-C ends it", "commands", None);
        let mut followed = Followed::after(Sequence(0), data.reader, data.journal);
        let (mut faults, mut wanted) = (0, None);
        loop {
            // A look that begins after the owner has ended, or after a signal, finds everything.
            let (was_in_use, is_ended) =
                (followed.journal.in_use, self.ended.load(Ordering::Relaxed));
            let read = match followed.look() {
                Ok(()) => self.read(&mut followed, &progress)?,
                Err(error) => Err(error),
            };
            if let Err(error) = read {
                faults += 1;
                if faults == FAULTS_MAX {
                    let Stop::Failed(failure) = error.into() else { return Ok(None) };
                    return Ok(Some(failure));
                }
            } else {
                faults = 0;
                // The last commands were answered a moment before the journal says that they are durable.
                wanted = wanted.or(is_ended.then_some(followed.journal.last));
                let has_all = wanted.is_some_and(|last| followed.journal.through() >= last);
                if self.is_reached || !was_in_use || has_all {
                    return Ok(None);
                }
            }
            self.wait_until(followed.due, faults == 0);
        }
    }

    /// Records what was there at the last look.
    fn read(
        &mut self,
        followed: &mut Followed,
        progress: &Progress,
    ) -> Result<Result<(), JournalError>, Stop> {
        loop {
            match followed.next() {
                Ok(Some(command)) => self.record(&command)?,
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            }
            if self.is_reached {
                return Ok(Ok(()));
            }
            progress.add(1);
        }
    }

    /// Records a command, unless it comes after the end.
    fn record(&mut self, command: &Command) -> Result<(), Stop> {
        let accepted = self.run.tally.outcomes.accepted;
        match self.until {
            Some(Moment::Time(time)) if command.timestamp > time => {
                self.is_reached = true;
                return Ok(());
            }
            Some(Moment::Sequence(at)) => self.is_reached = command.sequence >= at,
            Some(Moment::Time(_) | Moment::Epoch(..)) | None => {}
        }
        self.run.convert(command)?;
        if let Some(until @ Moment::Epoch(..)) = self.until
            && let Action::CloseEpoch { number } = command.action
        {
            let is_closed = self.run.tally.outcomes.accepted > accepted;
            self.is_reached = is_closed && until.is_close(command.market, number);
        }
        Ok(())
    }

    /// Waits until this moment, or until a signal if that may end the wait.
    fn wait_until(&self, due: Instant, may_end: bool) {
        loop {
            thread::sleep(NOTICED);
            if Instant::now() >= due || may_end && self.ended.load(Ordering::Relaxed) {
                return;
            }
        }
    }
}
