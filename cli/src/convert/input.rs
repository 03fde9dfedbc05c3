//! Reads the commands of a data folder, of files of commands, or of an exchange's messages.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pricetime_engine::{Command, Engine, Sequence};
use pricetime_journal::keyed_engine;
use pricetime_recordings::{Format, VenueReader};
use pricetime_terminal::Progress;

use super::super::failure::{Code, Failure};
use super::super::reader::flow::{self, FlowEnd, FlowSink, VENUE_MARKETS_MAX};
use super::super::reader::recording::{Recording, RecordingOptions, progress_over};
use super::super::reader::venue_ahead::not_reconstructed;
use super::super::reader::{OpenFolder, Origin, PreparedReplay, Stop};
use super::run::Run;

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The format of the first file.
    pub(super) format: Option<Format>,
    /// How the end was reached.
    pub(super) end: FlowEnd,
}

/// An input that is ready to be read.
pub(super) enum Input {
    Folder(Box<OpenFolder>),
    /// Files, and the bar of their bytes.
    Files(Vec<Recording>, Arc<Progress>),
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
            files.push(recording);
        }
        Ok(Self::Files(files, progress))
    }

    /// Returns `true` if it holds the messages of an exchange.
    pub(super) fn is_venue(&self) -> bool {
        matches!(self, Self::Files(files, _) if matches!(files[..], [Recording::Venue(..)]))
    }

    /// Converts all of it.
    pub(super) fn convert(self, options: &RecordingOptions, run: &mut Run) -> Result<Found, Stop> {
        let mut found = Found::default();
        let (files, _progress) = match self {
            Self::Folder(data) => {
                found.format = Some(Format::Journal);
                found.end = journal(&data, run)?;
                return Ok(found);
            }
            Self::Files(files, progress) => (files, progress),
        };
        for recording in files {
            let format = match recording {
                Recording::Empty => continue,
                Recording::Lines(source) => {
                    flow::lines(source, run, &mut found.end)?;
                    Format::JsonLines
                }
                Recording::Rows(commands) => {
                    flow::rows(*commands, options.lenient, run, &mut found.end)?;
                    Format::Csv
                }
                Recording::Venue(format, messages) => {
                    venue(messages, options, run, &mut found.end)?;
                    format
                }
            };
            found.format.get_or_insert(format);
            if found.end.failed.is_some() {
                break;
            }
        }
        Ok(found)
    }
}

/// Refuses an output that is also an input.
pub(super) fn check_apart<'a>(
    from: impl Iterator<Item = &'a PathBuf>,
    to: &Path,
) -> Result<(), Failure> {
    let Ok(to) = to.canonicalize() else { return Ok(()) };
    if from.filter_map(|path| path.canonicalize().ok()).any(|from| from == to) {
        let text = format!("{} is both an input and an output", to.display());
        return Err(Failure::new(Code::Usage, text));
    }
    Ok(())
}

/// Refuses a journal that does not begin with the first command.
pub(super) fn check_begins(data: &OpenFolder) -> Result<(), Failure> {
    let oldest = data.journal.replayable;
    if oldest > Sequence(1) {
        let text = format!(
            "the journal in {} begins with command {oldest}: what the commands before it did is only in \
             a snapshot, which is no command",
            data.reader.path().display()
        );
        return Err(Failure::failed(text));
    }
    Ok(())
}

/// Converts the journal of a data folder.
fn journal(data: &OpenFolder, run: &mut Run) -> Result<FlowEnd, Stop> {
    check_begins(data)?;
    let PreparedReplay { commands, .. } = data.begin(Origin::Oldest, run.engine.markets_max())?;
    flow::journal(data, commands, run)
}

/// Converts the messages of an exchange.
fn venue(
    messages: Box<dyn VenueReader + Send>,
    options: &RecordingOptions,
    run: &mut Run,
    end: &mut FlowEnd,
) -> Result<(), Stop> {
    // No command has been executed yet, so the engine may be replaced by a larger one.
    run.engine = keyed_engine(run.engine.markets_max().max(VENUE_MARKETS_MAX));
    flow::venue(messages, options, run, end)?;
    let failed = not_reconstructed(options.mode(), run.tally.outcomes.rejected());
    end.failed = end.failed.take().or(failed);
    Ok(())
}

impl FlowSink for Run {
    fn engine(&self) -> &Engine {
        &self.engine
    }

    #[inline]
    fn execute(&mut self, command: &Command) -> Result<bool, Stop> {
        self.convert(command).map(|()| true)
    }
}
