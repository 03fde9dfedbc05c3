//! A recording as a workload.

use std::io::BufReader;
use std::path::Path;

use pricetime_engine::{Action, Command, Engine};
use pricetime_gateway::json::{Line, Unreadable};
use pricetime_gateway::why_not_json_lines;
use pricetime_journal::keyed_engine;
use pricetime_journal::lines::{NextLine, next_line, too_long};
use pricetime_recordings::{
    CommandSink, Commands, Fault, Format, Mode, RecordingError, Source, VenueReader, csv,
    databento, itch, lobster,
};

use super::prepared::PreparedCommands;
use crate::failure::Failure;

/// The most markets of a recording: ITCH numbers its stocks with 16 bits.
const MARKETS_MAX: u32 = 1 << 16;
/// The bytes from which the format is recognised.
const BEGINNING: usize = 512;

/// The commands of a recording in memory.
pub(super) struct Recorded {
    /// The name of the file without its folder.
    pub(super) name: String,
    pub(super) prepared: PreparedCommands,
    /// The digest of the state after all of them.
    pub(super) digest: String,
    /// `true` if the recording goes on after the last of them.
    pub(super) goes_on: bool,
    /// Kept so that the measured code cannot reuse its memory.
    _engine: Engine,
}

/// Loads the first commands of a recording. Those that set up the markets before the first order, and `skip`
/// more, are the opening. `commands` more are the flow.
pub(super) fn load(path: &Path, skip: usize, commands: usize) -> Result<Recorded, Failure> {
    let source = Source::open(path).map_err(failure)?;
    let mut loader = Loader {
        engine: keyed_engine(MARKETS_MAX),
        opening: Vec::new(),
        flow: Vec::new(),
        is_setup: true,
        skip,
        commands,
        goes_on: false,
    };
    loader.read(source)?;
    let Loader { engine, opening, flow, goes_on, .. } = loader;
    if flow.is_empty() {
        let (path, skipped) = (path.display(), opening.len());
        let text = format!("{path} has no command to measure after the first {skipped}");
        return Err(Failure::Failed(text));
    }
    let added = |command: &&Command| matches!(command.action, Action::AddMarket(_));
    let markets = opening.iter().chain(&flow).filter(added).count();
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into());
    Ok(Recorded {
        name,
        prepared: PreparedCommands {
            markets: u32::try_from(markets).unwrap_or(u32::MAX),
            opening,
            flow,
        },
        digest: format!("{:032x}", engine.digest()),
        goes_on,
        _engine: engine,
    })
}

fn failure(error: RecordingError) -> Failure {
    if matches!(error.details().fault, Fault::Io(_)) {
        return Failure::Failed(error.to_string());
    }
    Failure::Unsound(error.to_string())
}

/// Collects commands, and executes them to know the markets and the live orders.
struct Loader {
    engine: Engine,
    opening: Vec<Command>,
    flow: Vec<Command>,
    /// `true` until the first command that is not about a market.
    is_setup: bool,
    /// The number of commands that the opening still takes.
    skip: usize,
    /// The number of commands that the flow still takes.
    commands: usize,
    goes_on: bool,
}

impl Loader {
    fn read(&mut self, mut source: Source) -> Result<(), Failure> {
        let format = Format::guess(source.fill(BEGINNING).map_err(failure)?);
        match format {
            Some(Format::JsonLines) => self.lines(source),
            Some(Format::Csv) => {
                let rows = csv::Reader::new(source, csv::Options::default()).map_err(failure)?;
                for command in rows {
                    if self.add(&command.map_err(failure)?) {
                        break;
                    }
                }
                Ok(())
            }
            Some(Format::Lobster) => {
                self.venue(&mut lobster::Reader::new(source, lobster::Options::default()))
            }
            Some(Format::Itch) => {
                self.venue(&mut itch::Reader::new(source, itch::Options::default()))
            }
            Some(Format::Databento) => {
                self.venue(&mut databento::Reader::new(source).map_err(failure)?)
            }
            other => {
                let found = other.map_or_else(|| String::from("unknown"), |it| it.to_string());
                let name = source.name();
                let text = format!(
                    "{name}: the format is {found}; a recording is JSON lines, CSV, LOBSTER messages, \
                     ITCH 5.0 or Databento, plain or compressed with gzip or zstd"
                );
                Err(Failure::Unsound(text))
            }
        }
    }

    fn lines(&mut self, mut source: Source) -> Result<(), Failure> {
        let name = source.name().to_owned();
        if let Some(why) = why_not_json_lines(&name, source.fill(0).map_err(failure)?) {
            return Err(Failure::Unsound(why));
        }
        let mut reader = BufReader::with_capacity(1 << 18, source);
        let mut text = Vec::new();
        for number in 1_u64.. {
            let wrong = |why: String| Failure::Unsound(format!("{name}:{number}{why}"));
            match next_line(&mut reader, &mut text) {
                Ok(NextLine::End) => break,
                Ok(NextLine::Long) => return Err(wrong(format!(": {}", too_long()))),
                Ok(NextLine::Line) => {}
                Err(error) => return Err(Failure::failed(error)),
            }
            if text.trim_ascii().is_empty() {
                continue;
            }
            let line = Line::read(text.trim_ascii_end())
                .map_err(|Unreadable { column, why }| wrong(format!(":{column}: {why}")))?;
            let command = line.recorded(&self.engine).map_err(|bad| wrong(format!(": {bad}")))?;
            if self.add(&command) {
                break;
            }
        }
        Ok(())
    }

    fn venue(&mut self, reader: &mut impl VenueReader) -> Result<(), Failure> {
        let mut commands = Commands::new(Mode::Rematch);
        while !self.goes_on
            && let Some(message) = reader.next().map_err(failure)?
        {
            commands.apply(&message, self);
        }
        commands.finish(self);
        Ok(())
    }

    /// Takes a command. Returns `true` if it is more than the wanted ones.
    fn add(&mut self, command: &Command) -> bool {
        self.is_setup &= command.operator;
        if self.is_setup {
            self.opening.push(*command);
        } else if self.skip > 0 {
            self.skip -= 1;
            self.opening.push(*command);
        } else if self.commands > 0 {
            self.commands -= 1;
            self.flow.push(*command);
        } else {
            self.goes_on = true;
            return true;
        }
        self.engine.apply(command, &mut ());
        false
    }
}

impl CommandSink for Loader {
    fn command(&mut self, command: &Command) {
        self.add(command);
    }

    fn leftover(&mut self, command: &Command) -> bool {
        let Action::Cancel { order } = command.action else { return false };
        let book = self.engine.market(command.market);
        book.is_some_and(|book| book.order(order).is_some()) && !self.add(command)
    }
}
