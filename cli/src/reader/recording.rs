//! Recordings in files: which format they have, and how an exchange's messages become commands.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use pricetime_engine::Timestamp;
use pricetime_gateway::json::Time;
use pricetime_recordings::{
    Fault, Format, InstrumentName, RecordingError, Source, VenueReader, csv, databento, itch,
    lobster,
};
use pricetime_terminal::Progress;
use serde::{Deserialize, Serialize};

use super::super::failure::{Code, Failure};
use super::stored::{StoredFiles, source};

/// A day in nanoseconds.
const DAY: u64 = 86_400_000_000_000;

/// The number of faulty rows or messages that are reported one by one.
pub(in super::super) const NOTES_MAX: u64 = 10;

/// How a recording is read.
#[derive(Clone, Debug, Default, Args, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in super::super) struct RecordingOptions {
    /// The format of the files, if it is not recognised
    #[arg(long, value_name = "FORMAT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<NamedFormat>,
    /// How the messages of an exchange become commands; without it, rematch
    #[arg(long, value_name = "MODE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    /// A second file of the recording: LOBSTER's order-book file, or Databento's definitions
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) with: Option<PathBuf>,
    /// A stock of an ITCH file, instead of all of them; can be given several times
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in super::super) stock: Vec<String>,
    /// The midnight from which the times of LOBSTER and ITCH count, like 2012-06-21T04:00Z; without it, the
    /// times are those of 1970-01-01
    #[arg(long, value_name = "TIME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    midnight: Option<Time>,
    /// Count faulty messages and rows and go on, where the format allows it
    #[arg(long)]
    pub(in super::super) lenient: bool,
}

/// A format that can be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NamedFormat {
    /// JSON lines of commands
    Json,
    /// CSV of commands
    Csv,
    /// A LOBSTER message file
    Lobster,
    /// NASDAQ TotalView-ITCH 5.0
    Itch,
    /// Databento market by order
    Databento,
}

impl NamedFormat {
    /// The name of a format that can be named.
    fn of(format: Format) -> Option<Self> {
        let mut all = Self::value_variants().iter().copied();
        all.find(|named| Format::from(*named) == format)
    }
}

impl From<NamedFormat> for Format {
    fn from(named: NamedFormat) -> Self {
        match named {
            NamedFormat::Json => Self::JsonLines,
            NamedFormat::Csv => Self::Csv,
            NamedFormat::Lobster => Self::Lobster,
            NamedFormat::Itch => Self::Itch,
            NamedFormat::Databento => Self::Databento,
        }
    }
}

/// How the messages of an exchange become commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// Rows of commands.
    Rows(Box<csv::Reader>),
    /// The messages of an exchange.
    Venue(Format, Box<dyn VenueReader + Send>),
}

impl Recording {
    /// Its format, unless it is empty.
    pub(in super::super) const fn format(&self) -> Option<Format> {
        match self {
            Self::Empty => None,
            Self::Lines(_) => Some(Format::JsonLines),
            Self::Rows(_) => Some(Format::Csv),
            Self::Venue(format, _) => Some(*format),
        }
    }
}

impl RecordingOptions {
    /// How the messages of an exchange become commands.
    pub(in super::super) fn mode(&self) -> Mode {
        self.mode.unwrap_or(Mode::Rematch)
    }

    /// The same options with the format and the mode that were chosen for a file.
    pub(in super::super) fn resolved(&self, format: Option<Format>) -> Self {
        let named = format.and_then(NamedFormat::of);
        let is_venue = format.is_some_and(is_venue);
        let mode = is_venue.then(|| self.mode());
        Self { format: named, mode, ..self.clone() }
    }

    /// The midnight from which times count, if it was said.
    pub(in super::super) fn midnight(&self) -> Option<Timestamp> {
        self.midnight.map(|time| time.0)
    }

    /// Refuses options that only files have.
    pub(in super::super) fn check_folder(&self) -> Result<(), Failure> {
        let Self { format, mode, with, stock, midnight, lenient } = self;
        let none = format.is_none() && mode.is_none() && with.is_none() && midnight.is_none();
        if none && stock.is_empty() && !lenient {
            return Ok(());
        }
        let text = "--format, --mode, --with, --stock, --midnight and --lenient are only for files";
        Err(Failure::new(Code::Usage, text))
    }

    /// Opens a file; `-` is standard input.
    pub(in super::super) fn open(
        &self,
        path: &Path,
        progress: &Arc<Progress>,
    ) -> Result<Recording, Failure> {
        self.open_with(path, progress, None)
    }

    /// Opens a file. It and its second file are hashed while they are read.
    pub(in super::super) fn open_hashed(
        &self,
        path: &Path,
        progress: &Arc<Progress>,
        stored: &StoredFiles,
    ) -> Result<Recording, Failure> {
        self.open_with(path, progress, Some(stored))
    }

    fn open_with(
        &self,
        path: &Path,
        progress: &Arc<Progress>,
        stored: Option<&StoredFiles>,
    ) -> Result<Recording, Failure> {
        let mut source = match source(path, Some(progress), stored) {
            Ok(source) => source,
            Err(error) if matches!(error.details().fault, Fault::Empty) => {
                return Ok(Recording::Empty);
            }
            Err(error) => return Err(failed(error)),
        };
        let guessed = Format::guess(beginning(&mut source).map_err(failed)?);
        let Some(format) = self.format.map(Format::from).or(guessed) else {
            let text = "the format is none of JSON lines, CSV, LOBSTER, ITCH 5.0 and Databento; \
                        --format can name it, and only gzip and zstd are decompressed";
            return Err(Failure::new(Code::Unsound, format!("{}: {text}", source.name())));
        };
        self.check(format)?;
        if format == Format::JsonLines {
            return Ok(Recording::Lines(source));
        }
        if format == Format::Csv {
            let rows = csv::Reader::new(source, csv::Options::default());
            return Ok(Recording::Rows(Box::new(rows.map_err(failed)?)));
        }
        Ok(Recording::Venue(format, self.messages(format, source, stored)?))
    }

    /// Refuses options that this format does not have.
    fn check(&self, format: Format) -> Result<(), Failure> {
        let refused = |option: &str, what: &str| {
            Err(Failure::new(
                Code::Usage,
                format!("{option} is only for {what}, and this is {format}"),
            ))
        };
        if self.mode.is_some() && !is_venue(format) {
            return refused("--mode", "recordings of exchanges");
        }
        if self.lenient && format == Format::JsonLines {
            return refused("--lenient", "CSV and recordings of exchanges");
        }
        if let Some(name) = self.stock.iter().find(|name| !(1..=8).contains(&name.len())) {
            let text = format!("--stock {name:?}: a stock has a name of 1 to 8 characters");
            return Err(Failure::new(Code::Usage, text));
        }
        let latest = Time(Timestamp(u64::MAX - 2 * DAY));
        if let Some(time) = self.midnight.filter(|time| *time > latest) {
            let text = format!("--midnight {time} is too late: give a time up to {latest}");
            return Err(Failure::new(Code::Usage, text));
        }
        if self.with.is_some() && !matches!(format, Format::Lobster | Format::Databento) {
            return refused("--with", "LOBSTER and Databento");
        }
        if !self.stock.is_empty() && format != Format::Itch {
            return refused("--stock", "ITCH");
        }
        if self.midnight.is_some() && !matches!(format, Format::Lobster | Format::Itch) {
            return refused("--midnight", "LOBSTER and ITCH");
        }
        Ok(())
    }

    /// The messages of an exchange.
    fn messages(
        &self,
        format: Format,
        from: Source,
        stored: Option<&StoredFiles>,
    ) -> Result<Box<dyn VenueReader + Send>, Failure> {
        let midnight = self.midnight.map_or(Timestamp(0), |time| time.0);
        let with = self.with.as_ref().map(|path| source(path, None, stored));
        let with = with.transpose().map_err(failed)?;
        if format == Format::Lobster {
            let options = lobster::Options { midnight, ..lobster::Options::default() };
            let reader = lobster::Reader::new(from, options);
            return Ok(Box::new(match with {
                Some(book) => {
                    reader.with_book(lobster::BookReader::new(book), lobster::Learn::EveryRow)
                }
                None => reader,
            }));
        }
        if format == Format::Itch {
            let stocks =
                self.stock.iter().map(|name| InstrumentName::new(name.as_bytes())).collect();
            let options = itch::Options { midnight, stocks, ..itch::Options::default() };
            return Ok(Box::new(itch::Reader::new(from, options)));
        }
        if format == Format::Databento {
            let reader = databento::Reader::new(from).map_err(failed)?;
            return Ok(Box::new(match with {
                Some(definitions) => reader
                    .with_definitions(databento::Definitions::read(definitions).map_err(failed)?),
                None => reader,
            }));
        }
        let text = format!("{} is {format}: {}", from.name(), format.advice());
        Err(Failure::new(Code::Usage, text))
    }
}

/// Returns `true` for a format of an exchange's messages.
const fn is_venue(format: Format) -> bool {
    !matches!(format, Format::JsonLines | Format::Csv)
}

/// Returns the first bytes: as many as tell the format, but no more than a slow pipe has to have.
fn beginning(source: &mut Source) -> Result<&[u8], RecordingError> {
    const ENOUGH: usize = 512;
    let mut wanted = 1;
    loop {
        let start = source.fill(wanted)?;
        let length = start.len();
        let is_enough = start.starts_with(b"{") || start.contains(&b'\n');
        if is_enough || length < wanted || length >= ENOUGH {
            return source.fill(0);
        }
        wanted = length + 1;
    }
}

fn failed(error: RecordingError) -> Failure {
    failure(&error)
}

/// The failure for a recording that cannot be read: exit code 3 if its bytes are at fault.
pub(in super::super) fn failure(error: &RecordingError) -> Failure {
    let is_io = matches!(error.details().fault, Fault::Io(_));
    let code = if is_io { Code::Failed } else { Code::Unsound };
    Failure::new(code, error.to_string())
}

/// A bar for the bytes of these files.
pub(in super::super) fn progress_over(what: &str, files: &[PathBuf]) -> Arc<Progress> {
    let length = |path: &PathBuf| path.metadata().ok().filter(Metadata::is_file).map(|it| it.len());
    Arc::new(Progress::bytes(what, files.iter().map(length).sum()))
}
