//! Files of commands, or of an exchange's messages.

use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use pricetime_gateway::why_not_json_lines;
use pricetime_journal::lines::{NextLine, next_line};
use pricetime_recordings::{Source, csv};

use super::super::failure::{Code, Failure};
use super::super::reader::recording::{Recording, RecordingOptions, failure, progress_over};
use super::super::reader::{self, BadLine, Stop};
use super::pace::Pacer;
use super::run::Run;
use super::venue::VenueReport;

/// What was found in the files, besides what their commands did.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The number of lines that are no commands. Each of them has been reported.
    pub(super) refused: u64,
    /// What was read of an exchange's messages.
    pub(super) venue: Option<VenueReport>,
    /// Why reading ended early.
    pub(super) failed: Option<Failure>,
}

/// Replays these files in order.
pub(super) fn replay(
    files: &[PathBuf],
    options: &RecordingOptions,
    run: &mut Run,
    pace: &mut Pacer,
) -> Result<Found, Stop> {
    let progress = progress_over("replaying", files);
    let mut found = Found::default();
    for path in files {
        match options.open(path, &progress)? {
            Recording::Empty => {}
            Recording::Lines(source) => {
                if !lines(source, &mut found.refused, run, pace)? {
                    break;
                }
            }
            Recording::Rows(commands) => {
                if !rows(*commands, options.lenient, &mut found, run, pace)? {
                    break;
                }
            }
            Recording::Venue(..) if files.len() > 1 => {
                let text = "the messages of an exchange are one file: name it alone";
                return Err(Failure::new(Code::Usage, text).into());
            }
            Recording::Venue(format, messages) => {
                let mut report = VenueReport::new(format, options);
                found.failed = report.replay(messages, options, run, pace)?;
                found.venue = Some(report);
            }
        }
    }
    Ok(found)
}

/// Replays JSON lines. Returns `false` if the replay has reached its end before the lines have.
fn lines(source: Source, refused: &mut u64, run: &mut Run, pace: &mut Pacer) -> Result<bool, Stop> {
    let name = source.name().to_owned();
    let failed = |error: io::Error| Failure::failed(reader::unreadable(&name, &error));
    let mut reader = BufReader::with_capacity(1 << 18, source);
    if let Some(why) = why_not_json_lines(&name, reader.fill_buf().map_err(failed)?) {
        return Err(Failure::new(Code::Usage, why).into());
    }
    let (mut text, mut number) = (Vec::new(), 0_u64);
    loop {
        let read = next_line(&mut reader, &mut text).map_err(failed)?;
        if read == NextLine::End {
            return Ok(true);
        }
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
                *refused += 1;
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
                reader::note(error);
            }
            Err(error) => {
                found.failed = Some(failure(&error));
                return Ok(false);
            }
        }
    }
    Ok(true)
}
