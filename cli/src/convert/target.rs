//! What the commands are written to.

use std::path::Path;

use pricetime_engine::{Action, Command, Engine};
use pricetime_gateway::json::Line;
use pricetime_recordings::csv;

use super::super::reader::{Stop, json_line};
use super::errors::unwritten;
use super::file::{Names, NewFile};
use super::folder::NewFolder;
use super::format::TargetFormat;

/// What the commands are written to, in one of the formats.
pub(super) enum Target {
    /// JSON lines, and how many commands became others.
    Lines(NewFile, u64),
    /// Rows of CSV.
    Rows(Box<csv::Writer<NewFile>>),
    /// The journal of a new data folder.
    Journal(Box<NewFolder>),
}

impl Target {
    /// Creates the files. Their names are added as soon as they exist.
    pub(super) fn create(
        format: TargetFormat,
        to: &Path,
        replace: bool,
        markets_max: u32,
        names: &mut Vec<Names>,
    ) -> Result<Self, Stop> {
        Ok(match format {
            TargetFormat::Json => Self::Lines(NewFile::create(to, replace, names)?, 0),
            TargetFormat::Csv => {
                let file = NewFile::create(to, replace, names)?;
                let name = to.display().to_string();
                let rows = csv::Writer::new(file, &name, &csv::Column::ALL).map_err(unwritten)?;
                Self::Rows(Box::new(rows))
            }
            TargetFormat::Journal => {
                Self::Journal(Box::new(NewFolder::create(to, markets_max, names)?))
            }
        })
    }

    /// Returns `true` if commands get their numbers by their order when they are read again.
    pub(super) const fn counts_commands(&self) -> bool {
        match self {
            Self::Lines(..) | Self::Journal(_) => true,
            Self::Rows(_) => false,
        }
    }

    /// Writes a command before the engine executes it.
    #[inline]
    pub(super) fn write(&mut self, command: &Command, engine: &Engine) -> Result<(), Stop> {
        match self {
            Self::Lines(file, changed) => {
                let spec = engine.market(command.market).map(|book| book.spec());
                let line = Line::of(command, spec);
                *changed += u64::from(line.is_none());
                // Without a market, a price has no units and cannot be written. Such a command is refused
                // and only takes a sequence number, as an `AdvanceTime` does there.
                let advance = || Command { action: Action::AdvanceTime, ..*command };
                let line = line.or_else(|| Line::of(&advance(), spec));
                line.map_or(Ok(()), |line| json_line(file, &line).map_err(Stop::from))
            }
            Self::Rows(rows) => rows.write(command).map_err(unwritten),
            Self::Journal(folder) => folder.append(command),
        }
    }

    /// Writes and syncs what is left. The files keep their temporary names. Returns what could not be written, with
    /// counts.
    pub(super) fn end(self) -> Result<Vec<(u64, String)>, Stop> {
        let mut left_out = Vec::new();
        match self {
            Self::Lines(file, changed) => {
                file.end()?;
                let text = "commands for markets that do not exist, written as advance_time, because their \
                            prices have no unit";
                left_out.push((changed, text.to_owned()));
            }
            Self::Rows(rows) => rows.finish().map_err(unwritten)?.end()?,
            Self::Journal(folder) => folder.end()?,
        }
        left_out.retain(|(count, _)| *count > 0);
        Ok(left_out)
    }
}
