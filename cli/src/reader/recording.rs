//! Recordings in files: which format they have, and how an exchange's messages become commands.

use std::fs::{File, Metadata};
use std::io::{self, IsTerminal as _, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use pricetime_engine::Timestamp;
use pricetime_gateway::json::Time;
use pricetime_recordings::{Fault, Format, RecordingError, Source, VenueReader, lobster};
use pricetime_terminal::{Progress, disable_progress};

use super::super::failure::{Code, Failure};

/// How a recording is read.
#[derive(Clone, Debug, Args)]
pub(in super::super) struct RecordingOptions {
    /// The format of the files, if it is not recognised
    #[arg(long, value_name = "FORMAT")]
    format: Option<NamedFormat>,
    /// How the messages of an exchange become commands
    #[arg(long, default_value = "rematch", value_name = "MODE")]
    pub(in super::super) mode: Mode,
    /// The midnight from which the times of LOBSTER count, like 2012-06-21T04:00Z; without it, the
    /// times are those of 1970-01-01
    #[arg(long, value_name = "TIME")]
    midnight: Option<Time>,
    /// Count faulty messages of an exchange and go on, where the format allows it
    #[arg(long)]
    pub(in super::super) lenient: bool,
}

/// A format that can be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum NamedFormat {
    /// JSON lines of commands
    Json,
    /// A LOBSTER message file
    Lobster,
}

/// How the messages of an exchange become commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in super::super) enum Mode {
    /// Orders and cancels go in, and the engine matches them
    Rematch,
    /// The exchange's own fills are applied, so that the book equals the exchange's
    Reconstruct,
}

impl Mode {
    /// Its name on the command line.
    pub(in super::super) const fn name(self) -> &'static str {
        match self {
            Self::Rematch => "rematch",
            Self::Reconstruct => "reconstruct",
        }
    }
}

impl From<Mode> for pricetime_recordings::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Rematch => Self::Rematch,
            Mode::Reconstruct => Self::Reconstruct,
        }
    }
}

/// An opened recording.
pub(in super::super) enum Recording {
    /// Nothing: the file has no byte.
    Empty,
    /// JSON lines of commands.
    Lines(Source),
    /// The messages of an exchange.
    Venue(Format, Box<dyn VenueReader>),
}

impl RecordingOptions {
    /// Opens a file; `-` is standard input.
    pub(in super::super) fn open(
        &self,
        path: &Path,
        progress: &Arc<Progress>,
    ) -> Result<Recording, Failure> {
        let mut source = match source(path, progress) {
            Ok(source) => source,
            Err(error) if matches!(error.details().fault, Fault::Empty) => {
                return Ok(Recording::Empty);
            }
            Err(error) => return Err(failure(&error)),
        };
        let start = source.fill(1).map_err(|error| failure(&error))?;
        let format = match self.format {
            Some(NamedFormat::Json) => Some(Format::JsonLines),
            Some(NamedFormat::Lobster) => Some(Format::Lobster),
            None => Format::guess(start),
        };
        match format {
            Some(format @ Format::Lobster) => {
                let midnight = self.midnight.map_or(Timestamp(0), |time| time.0);
                let options = lobster::Options { midnight, ..lobster::Options::default() };
                Ok(Recording::Venue(format, Box::new(lobster::Reader::new(source, options))))
            }
            Some(
                format @ (Format::LobsterBook
                | Format::Itch
                | Format::Databento
                | Format::Csv
                | Format::Journal
                | Format::Parquet
                | Format::Zip),
            ) => Err(Failure::new(Code::Usage, unreadable_format(&source, format))),
            _ => Ok(Recording::Lines(source)),
        }
    }
}

fn unreadable_format(source: &Source, format: Format) -> String {
    let name = source.name();
    let hint = if format == Format::Zip {
        "unpack it first"
    } else if format == Format::Journal {
        "name the data folder in which it is"
    } else if format == Format::LobsterBook {
        "name the message file that belongs to it"
    } else {
        "this format is not read here"
    };
    format!("{name} looks like {format}: {hint}")
}

/// The failure for a recording that cannot be read: exit code 3 if its bytes are at fault.
pub(in super::super) fn failure(error: &RecordingError) -> Failure {
    let fault = &error.details().fault;
    let code = if matches!(fault, Fault::Io(_)) {
        Code::Failed
    } else if matches!(fault, Fault::Directory | Fault::Empty) {
        Code::Usage
    } else {
        Code::Unsound
    };
    Failure::new(code, error.to_string())
}

fn source(path: &Path, progress: &Arc<Progress>) -> Result<Source, RecordingError> {
    let progress = Arc::clone(progress);
    if path == Path::new("-") {
        if io::stdin().is_terminal() {
            disable_progress();
        }
        return Source::of("-", Counted { from: io::stdin(), progress });
    }
    let name = path.display().to_string();
    let failed = |error| RecordingError::new(&name, Fault::Io(error));
    let from = File::open(path).map_err(failed)?;
    if from.metadata().map_err(failed)?.is_dir() {
        return Err(RecordingError::new(&name, Fault::Directory));
    }
    Source::of(&name, Counted { from, progress })
}

/// A bar for the bytes of these files.
pub(in super::super) fn progress_over(what: &str, files: &[PathBuf]) -> Arc<Progress> {
    let length = |path: &PathBuf| path.metadata().ok().filter(Metadata::is_file).map(|it| it.len());
    Arc::new(Progress::bytes(what, files.iter().map(length).sum()))
}

/// An input whose bytes are counted.
struct Counted<R> {
    from: R,
    progress: Arc<Progress>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.progress.add(read as u64);
        Ok(read)
    }
}
