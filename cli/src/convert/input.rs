//! Reads the commands of a data folder, of files of commands, or of an exchange's messages.

use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use pricetime_engine::{Action, Command, Sequence};
use pricetime_gateway::why_not_json_lines;
use pricetime_journal::keyed_engine;
use pricetime_journal::lines::{NextLine, next_line};
use pricetime_recordings::{
    CommandSink, Commands, Format, RecordingError, Source, VenueEvent, VenueReader, csv,
};

use super::super::failure::{Code, Failure};
use super::super::reader::recording::{Mode, Recording, RecordingOptions, failure, progress_over};
use super::super::reader::{self, BadLine, OpenFolder, Origin, PreparedReplay, Stop};
use super::run::Run;

/// The most markets of an exchange: ITCH numbers its stocks with 16 bits.
pub(super) const VENUE_MARKETS_MAX: u32 = 1 << 16;
/// The most faulty rows and messages that are reported one by one.
const NOTES_MAX: u64 = 10;

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The format of the first file.
    pub(super) format: Option<Format>,
    /// The number of messages, if they are an exchange's.
    pub(super) messages: Option<u64>,
    /// The messages that became no command, by reason.
    pub(super) without_command: Vec<(u64, String)>,
    /// The number of lines, rows and messages that could not be read.
    pub(super) refused: u64,
    /// Why reading ended early.
    pub(super) failed: Option<Failure>,
}

/// An input that is ready to be read.
pub(super) enum Input {
    Folder(Box<OpenFolder>),
    Files(Vec<(PathBuf, Recording)>),
}

impl Input {
    /// Opens a data folder, or files.
    pub(super) fn open(from: &[PathBuf], options: &RecordingOptions) -> Result<Self, Stop> {
        if let [folder] = from
            && folder.is_dir()
        {
            options.check_folder()?;
            return Ok(Self::Folder(Box::new(OpenFolder::open(folder)?)));
        }
        let progress = progress_over("converting", from);
        let mut files = Vec::new();
        for path in from {
            let recording = options.open(path, &progress)?;
            let alone = match recording {
                Recording::Empty | Recording::Lines(_) => false,
                Recording::Rows(_) | Recording::Venue(..) => true,
            };
            if alone && from.len() > 1 {
                let text = format!("{}: only JSON lines are in several files", path.display());
                return Err(Failure::new(Code::Usage, text).into());
            }
            files.push((path.clone(), recording));
        }
        Ok(Self::Files(files))
    }

    /// Returns `true` if it holds the messages of an exchange.
    pub(super) fn is_venue(&self) -> bool {
        matches!(self, Self::Files(files) if matches!(files[..], [(_, Recording::Venue(..))]))
    }

    /// Converts all of it.
    pub(super) fn convert(self, options: &RecordingOptions, run: &mut Run) -> Result<Found, Stop> {
        let mut found = Found::default();
        let files = match self {
            Self::Folder(data) => {
                found.format = Some(Format::Journal);
                journal(&data, &mut found, run)?;
                return Ok(found);
            }
            Self::Files(files) => files,
        };
        for (_, recording) in files {
            let format = match recording {
                Recording::Empty => continue,
                Recording::Lines(source) => {
                    lines(source, &mut found, run)?;
                    Format::JsonLines
                }
                Recording::Rows(commands) => {
                    rows(*commands, options.lenient, &mut found, run)?;
                    Format::Csv
                }
                Recording::Venue(format, messages) => {
                    venue(messages, options, &mut found, run)?;
                    format
                }
            };
            found.format.get_or_insert(format);
            if found.failed.is_some() {
                break;
            }
        }
        Ok(found)
    }
}

/// Refuses an input that is also the output.
pub(super) fn check_apart(from: &[PathBuf], to: &Path) -> Result<(), Failure> {
    let same = |path: &PathBuf| path.canonicalize().ok().zip(to.canonicalize().ok());
    if from.iter().filter_map(same).any(|(from, to)| from == to) {
        let text = format!("{} is both the input and the output", to.display());
        return Err(Failure::new(Code::Usage, text));
    }
    Ok(())
}

/// Converts the journal of a data folder.
fn journal(data: &OpenFolder, found: &mut Found, run: &mut Run) -> Result<(), Stop> {
    let oldest = data.journal.replayable;
    if oldest > Sequence(1) {
        let text = format!(
            "the journal in {} begins with command {oldest}: what the commands before it did is only in \
             a snapshot, which is no command",
            data.reader.path().display()
        );
        return Err(Failure::failed(text).into());
    }
    let PreparedReplay { commands, .. } = data.begin(Origin::Oldest, run.engine.markets_max())?;
    for command in commands {
        match command {
            Ok(command) => run.execute(&command)?,
            Err(error) => {
                let Stop::Failed(failure) = error.into() else { break };
                found.failed = Some(failure);
                return Ok(());
            }
        }
    }
    found.failed = data.check_undamaged().err();
    Ok(())
}

/// Converts JSON lines.
fn lines(source: Source, found: &mut Found, run: &mut Run) -> Result<(), Stop> {
    let name = source.name().to_owned();
    let mut reader = BufReader::with_capacity(1 << 18, source);
    let start = reader.fill_buf().map_err(|error| unread(&name, error))?;
    if let Some(why) = why_not_json_lines(&name, start) {
        return Err(Failure::new(Code::Usage, why).into());
    }
    let (mut text, mut number) = (Vec::new(), 0_u64);
    loop {
        let read = match next_line(&mut reader, &mut text) {
            Ok(NextLine::End) => return Ok(()),
            Ok(read) => read,
            Err(error) => {
                found.failed = Some(unread(&name, error));
                return Ok(());
            }
        };
        number += 1;
        let command = match read {
            NextLine::Long => Err(BadLine::too_long()),
            NextLine::Line | NextLine::End if text.trim_ascii().is_empty() => continue,
            NextLine::Line | NextLine::End => reader::command(&text, &run.engine),
        };
        match command {
            Ok(command) => run.execute(&command)?,
            Err(bad) => {
                found.refused += 1;
                reader::note(bad.text(&name, number));
            }
        }
    }
}

/// Converts rows of commands.
fn rows(
    commands: csv::Reader,
    lenient: bool,
    found: &mut Found,
    run: &mut Run,
) -> Result<(), Stop> {
    for command in commands {
        match command {
            Ok(command) => run.execute(&command)?,
            Err(error) => {
                if !found.goes_on(lenient, error) {
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Converts the messages of an exchange.
fn venue(
    mut messages: Box<dyn VenueReader>,
    options: &RecordingOptions,
    found: &mut Found,
    run: &mut Run,
) -> Result<(), Stop> {
    // No command has been executed yet, so the engine may be replaced by a larger one.
    run.engine = keyed_engine(run.engine.markets_max().max(VENUE_MARKETS_MAX));
    let mut commands = Commands::new(options.mode().into());
    let mut executed = Executed { run, done: Ok(()) };
    let mut missing = options.stock.clone();
    while executed.done.is_ok() {
        match messages.next() {
            Ok(Some(message)) => {
                if !missing.is_empty()
                    && let VenueEvent::Listed(instrument) = &message.event
                {
                    missing.retain(|name| name.as_bytes() != instrument.name.as_bytes());
                }
                commands.apply(&message, &mut executed);
            }
            Ok(None) => break,
            Err(error) => {
                if !found.goes_on(options.lenient, error) {
                    break;
                }
            }
        }
    }
    commands.finish(&mut executed);
    executed.done?;
    let counts = commands.counts();
    found.messages = Some(counts.messages);
    found.without_command = [
        (counts.unknown_orders, "messages are about orders from before the recording"),
        (counts.unlisted, "messages are about an instrument that is not listed"),
    ]
    .map(|(count, what)| (count, what.to_owned()))
    .to_vec();
    let rejected = run.tally.outcomes.rejected();
    if options.mode() == Mode::Reconstruct && rejected > 0 && found.failed.is_none() {
        let text = "commands were rejected, so the book is not the exchange's";
        found.failed = Some(Failure::new(Code::Unsound, format!("{rejected} {text}")));
    }
    if let Some(name) = missing.first().filter(|_| found.failed.is_none()) {
        let text = format!("stock {name} is not in the recording; names are in capital letters");
        found.failed = Some(Failure::failed(text));
    }
    Ok(())
}

impl Found {
    /// Counts a faulty row or message. Returns `false` if reading ends there.
    fn goes_on(&mut self, lenient: bool, error: RecordingError) -> bool {
        if !lenient || !error.is_in_one_message() {
            self.failed = Some(failure(&error));
            return false;
        }
        self.refused += 1;
        if self.refused <= NOTES_MAX {
            reader::note(error);
        }
        true
    }
}

/// Executes the commands that messages become.
struct Executed<'a> {
    run: &'a mut Run,
    done: Result<(), Stop>,
}

impl CommandSink for Executed<'_> {
    #[inline]
    fn command(&mut self, command: &Command) {
        if self.done.is_ok() {
            self.done = self.run.execute(command);
        }
    }

    fn leftover(&mut self, command: &Command) -> bool {
        let Action::Cancel { order } = command.action else { return false };
        let book = self.run.engine.market(command.market);
        let is_live = book.is_some_and(|book| book.order(order).is_some());
        if is_live {
            self.command(command);
        }
        is_live
    }
}

/// The failure for lines that cannot be read.
fn unread(name: &str, error: io::Error) -> Failure {
    match error.downcast::<RecordingError>() {
        Ok(error) => failure(&error),
        Err(error) => Failure::failed(reader::unreadable(name, &error)),
    }
}
