//! Files of commands, or of an exchange's messages.

use std::path::PathBuf;

use pricetime_engine::{Command, Engine, Sequence};
use pricetime_journal::keyed_engine;
use pricetime_recordings::Format;

use super::super::failure::{Code, Failure};
use super::super::reader::flow::{self, FlowEnd, FlowSink, VENUE_MARKETS_MAX};
use super::super::reader::recording::{Recording, RecordingOptions, progress_over};
use super::super::reader::{Stop, StoredFiles};
use super::pace::Pacer;
use super::run::Run;
use super::venue::VenueReport;

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
    let (mut found, mut end) = (Found::default(), FlowEnd::default());
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
                if !flow::lines(source, &mut Paced { run, pace }, &mut end)? {
                    break;
                }
            }
            Recording::Rows(_) if run.engine.last_sequence() != Sequence(0) => {
                let text =
                    "the rows of a CSV file count from command 1: name it first, and only one";
                return Err(Failure::new(Code::Usage, text).into());
            }
            Recording::Rows(commands) => {
                if !flow::rows(*commands, options.lenient, &mut Paced { run, pace }, &mut end)? {
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
                end.failed = report.replay(messages, options, run, pace)?;
                found.venue = Some(report);
            }
        }
    }
    Ok(Found { refused: end.refused, failed: end.failed, ..found })
}

/// A replay that waits for the time of each command.
struct Paced<'a> {
    run: &'a mut Run,
    pace: &'a mut Pacer,
}

impl FlowSink for Paced<'_> {
    fn engine(&self) -> &Engine {
        &self.run.engine
    }

    #[inline]
    fn execute(&mut self, command: &Command) -> Result<bool, Stop> {
        self.run.execute(command, self.pace)
    }
}
