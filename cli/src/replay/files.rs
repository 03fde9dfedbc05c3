//! Files of commands, or of an exchange's messages.

use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use pricetime_engine::Sequence;
use pricetime_gateway::why_not_json_lines;
use pricetime_journal::keyed_engine;
use pricetime_journal::lines::{NextLine, next_line};
use pricetime_recordings::{Format, RecordingError, Source, csv};

use super::super::failure::{Code, Failure};
use super::super::reader::recording::{
    NOTES_MAX, Recording, RecordingOptions, failure, progress_over,
};
use super::super::reader::{self, BadLine, Stop, StoredFiles};
use super::pace::Pacer;
use super::run::Run;
use super::venue::VenueReport;

/// The most markets of an exchange: ITCH numbers its stocks with 16 bits.
const VENUE_MARKETS_MAX: u32 = 1 << 16;

/// What was found in the files, besides what their commands did.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The number of lines and rows that are no commands. Each line has been reported, and the first ten rows.
    pub(super) refused: u64,
    /// The format of the files, if all have the same.
    pub(super) format: Option<Format>,
    /// What was read of an exchange's messages.
    pub(super) venue: Option<VenueReport>,
    /// Why reading ended early.
    pub(super) failed: Option<Failure>,
}

impl Found {
    /// The number of lines, rows and messages that were refused.
    pub(super) fn refused(&self) -> u64 {
        self.refused + self.venue.as_ref().map_or(0, VenueReport::faulty)
    }
}

/// Replays these files in order. With `stored`, they are hashed.
pub(super) fn replay(
    files: &[PathBuf],
    options: &RecordingOptions,
    run: &mut Run,
    pace: &mut Pacer,
    stored: Option<&StoredFiles>,
) -> Result<Found, Stop> {
    let progress = progress_over("replaying", files);
    let mut found = Found::default();
    for (number, path) in files.iter().enumerate() {
        let recording = match stored {
            Some(stored) => options.open_hashed(path, &progress, stored)?,
            None => options.open(path, &progress)?,
        };
        let format = recording.format();
        found.format = format.filter(|_| number == 0 || found.format == format);
        match recording {
            Recording::Empty => {}
            Recording::Lines(source) => {
                if !lines(source, &mut found, run, pace)? {
                    break;
                }
            }
            Recording::Rows(_) if run.engine.last_sequence() != Sequence(0) => {
                let text =
                    "the rows of a CSV file count from command 1: name it first, and only one";
                return Err(Failure::new(Code::Usage, text).into());
            }
            Recording::Rows(commands) => {
                if !rows(*commands, options.lenient, &mut found, run, pace)? {
                    break;
                }
            }
            Recording::Venue(..) if files.len() > 1 => {
                let name = path.display();
                let text = format!("{name} is a recording of an exchange: name it alone");
                return Err(Failure::new(Code::Usage, text).into());
            }
            Recording::Venue(format, messages) => {
                // No command has been executed yet, so the engine may be replaced by a larger one.
                let markets = run.engine.markets_max().max(VENUE_MARKETS_MAX);
                run.engine = keyed_engine(markets);
                let mut report = VenueReport::new(format, options);
                found.failed = report.replay(messages, options, run, pace)?;
                found.venue = Some(report);
            }
        }
    }
    Ok(found)
}

/// Replays JSON lines. Returns `false` if the replay has reached its end before the lines have.
fn lines(source: Source, found: &mut Found, run: &mut Run, pace: &mut Pacer) -> Result<bool, Stop> {
    let name = source.name().to_owned();
    let mut reader = BufReader::with_capacity(1 << 18, source);
    let start = reader.fill_buf().map_err(|error| unread(&name, error))?;
    if let Some(why) = why_not_json_lines(&name, start) {
        return Err(Failure::new(Code::Usage, why).into());
    }
    let (mut text, mut number) = (Vec::new(), 0_u64);
    loop {
        let read = match next_line(&mut reader, &mut text) {
            Ok(NextLine::End) => return Ok(true),
            Ok(read) => read,
            Err(error) => {
                found.failed = Some(unread(&name, error));
                return Ok(false);
            }
        };
        number += 1;
        let command = match read {
            NextLine::Long => Err(BadLine::too_long()),
            NextLine::Line | NextLine::End if text.trim_ascii().is_empty() => continue,
            NextLine::Line | NextLine::End => reader::command(&text, &run.engine),
        };
        match command {
            Ok(command) => {
                if !run.execute(&command, pace)? {
                    return Ok(false);
                }
            }
            Err(bad) => {
                found.refused += 1;
                reader::note(bad.text(&name, number));
            }
        }
    }
}

/// Replays rows. Returns `false` if the replay ends with them.
fn rows(
    commands: csv::Reader,
    lenient: bool,
    found: &mut Found,
    run: &mut Run,
    pace: &mut Pacer,
) -> Result<bool, Stop> {
    for command in commands {
        match command {
            Ok(command) if run.execute(&command, pace)? => {}
            Ok(_) => return Ok(false),
            Err(error) if lenient && error.is_in_one_message() => {
                found.refused += 1;
                if found.refused <= NOTES_MAX {
                    reader::note(error);
                }
            }
            Err(error) => {
                found.failed = Some(failure(&error));
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// The failure for lines that cannot be read.
fn unread(name: &str, error: io::Error) -> Failure {
    match error.downcast::<RecordingError>() {
        Ok(error) => failure(&error),
        Err(error) => Failure::failed(reader::unreadable(name, &error)),
    }
}
