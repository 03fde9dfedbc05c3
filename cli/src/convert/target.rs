//! What the commands are written to.

use std::io::Write as _;
use std::path::Path;

use pricetime_engine::{Command, Engine, Group, Timestamp};
use pricetime_recordings::{FromEvents, csv};

#[cfg(not(feature = "parquet"))]
use super::super::failure::Failure;
use super::super::reader::{Stop, append_exported};
use super::errors::unwritten;
use super::file::{Names, NewFile};
use super::folder::NewFolder;
use super::format::TargetFormat;
use super::options::TargetOptions;
#[cfg(feature = "parquet")]
use super::table::TableTarget;
use super::venue::VenueTarget;

/// What the commands are written to, in one of the formats.
pub(super) enum Target {
    /// JSON lines.
    Lines(Box<Lines>),
    /// Rows of CSV.
    Rows(Box<csv::Writer<NewFile>>),
    /// The journal of a new data folder.
    Journal(Box<NewFolder>),
    /// What an exchange would publish.
    Venue(Box<VenueTarget>),
    /// A table of what the engine does.
    #[cfg(feature = "parquet")]
    Table(Box<TableTarget>),
}

/// JSON lines.
pub(super) struct Lines {
    file: NewFile,
    line: Vec<u8>,
    /// How many commands became others.
    changed: u64,
}

/// How a target is created.
pub(super) struct Creation<'a> {
    pub(super) format: TargetFormat,
    pub(super) to: &'a Path,
    pub(super) options: &'a TargetOptions,
    pub(super) markets_max: u32,
    /// The midnight of the input's times, if it was said.
    pub(super) midnight: Option<Timestamp>,
}

impl Creation<'_> {
    /// Creates the files. Their names are added as soon as they exist.
    pub(super) fn create(self, names: &mut Vec<Names>) -> Result<Target, Stop> {
        let Self { format, to, options, markets_max, midnight } = self;
        let replace = options.force;
        Ok(match format {
            TargetFormat::Json => {
                let file = NewFile::create(to, replace, names)?;
                Target::Lines(Box::new(Lines { file, line: Vec::new(), changed: 0 }))
            }
            TargetFormat::Csv => {
                let file = NewFile::create(to, replace, names)?;
                let name = to.display().to_string();
                let rows = csv::Writer::new(file, &name, &csv::Column::ALL).map_err(unwritten)?;
                Target::Rows(Box::new(rows))
            }
            TargetFormat::Journal => {
                Target::Journal(Box::new(NewFolder::create(to, markets_max, names)?))
            }
            TargetFormat::Itch => {
                Target::Venue(Box::new(VenueTarget::itch(to, options, midnight, names)?))
            }
            TargetFormat::Lobster => {
                Target::Venue(Box::new(VenueTarget::lobster(to, options, midnight, names)?))
            }
            #[cfg(feature = "parquet")]
            TargetFormat::Parquet => {
                Target::Table(Box::new(TableTarget::create(to, options, names)?))
            }
            // Refused before.
            #[cfg(not(feature = "parquet"))]
            TargetFormat::Parquet => return Err(Failure::failed("built without Parquet").into()),
        })
    }
}

impl Target {
    /// Returns `true` if it needs the messages that the engine's events become.
    pub(super) const fn is_of_events(&self) -> bool {
        match self {
            Self::Venue(_) => true,
            Self::Lines(_) | Self::Rows(_) | Self::Journal(_) => false,
            #[cfg(feature = "parquet")]
            Self::Table(_) => false,
        }
    }

    /// Returns `true` if it needs what each command did.
    pub(super) const fn is_of_groups(&self) -> bool {
        match self {
            #[cfg(feature = "parquet")]
            Self::Table(_) => true,
            Self::Lines(_) | Self::Rows(_) | Self::Journal(_) | Self::Venue(_) => false,
        }
    }

    /// Returns `true` if commands get their numbers by their order when they are read again.
    pub(super) const fn counts_commands(&self) -> bool {
        match self {
            Self::Lines(_) | Self::Journal(_) => true,
            Self::Rows(_) | Self::Venue(_) => false,
            #[cfg(feature = "parquet")]
            Self::Table(_) => false,
        }
    }

    /// Writes what the last command did.
    #[inline]
    pub(super) fn write_events(&mut self, messages: &mut FromEvents) -> Result<(), Stop> {
        match self {
            Self::Venue(venue) => venue.write(messages),
            Self::Lines(_) | Self::Rows(_) | Self::Journal(_) => Ok(()),
            #[cfg(feature = "parquet")]
            Self::Table(_) => Ok(()),
        }
    }

    /// Writes what the last command did. The engine is the one that executed it.
    #[inline]
    #[cfg_attr(not(feature = "parquet"), expect(unused_variables, reason = "only tables need it"))]
    pub(super) fn write_group(&mut self, group: &Group, engine: &Engine) -> Result<(), Stop> {
        match self {
            #[cfg(feature = "parquet")]
            Self::Table(table) => table.write(group, engine),
            Self::Lines(_) | Self::Rows(_) | Self::Journal(_) | Self::Venue(_) => Ok(()),
        }
    }

    /// Writes a command before the engine executes it.
    #[inline]
    pub(super) fn write(&mut self, command: &Command, engine: &Engine) -> Result<(), Stop> {
        match self {
            Self::Lines(lines) => {
                lines.line.clear();
                let is_same = append_exported(&mut lines.line, command, engine)?;
                lines.changed += u64::from(!is_same);
                Ok(lines.file.write_all(&lines.line)?)
            }
            Self::Rows(rows) => rows.write(command).map_err(unwritten),
            Self::Journal(folder) => folder.append(command),
            Self::Venue(_) => Ok(()),
            #[cfg(feature = "parquet")]
            Self::Table(_) => Ok(()),
        }
    }

    /// Writes and syncs what is left. The files keep their temporary names. Returns the number of messages or
    /// rows, if these were written, and what could not be, with counts.
    pub(super) fn end(self, messages: Option<&FromEvents>) -> Result<Ended, Stop> {
        let mut left_out = Vec::new();
        match self {
            Self::Lines(lines) => {
                lines.file.end()?;
                let text = "commands for markets that do not exist, written as advance_time, because their \
                            prices have no unit";
                left_out.push((lines.changed, text.to_owned()));
            }
            Self::Rows(rows) => rows.finish().map_err(unwritten)?.end()?,
            Self::Journal(folder) => folder.end()?,
            Self::Venue(venue) => {
                if let Some(messages) = messages {
                    let (written, left_out) = venue.end(messages)?;
                    return Ok((Some(written), left_out));
                }
            }
            #[cfg(feature = "parquet")]
            Self::Table(table) => return Ok((Some(table.end()?), left_out)),
        }
        Ok((None, left_out))
    }
}

/// The number of messages or rows, if these were written, and what could not be.
pub(super) type Ended = (Option<u64>, Vec<(u64, String)>);
