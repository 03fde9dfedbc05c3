//! A recording of any kind as one flow of commands.

use std::io::{self, BufRead as _, BufReader};
use std::path::PathBuf;

use pricetime_engine::{Action, Command, Engine};
use pricetime_gateway::why_not_json_lines;
use pricetime_journal::keyed_engine;
use pricetime_journal::lines::{NextLine, next_line};
use pricetime_recordings::{CommandSink, Counts, RecordingError, Source, VenueReader, csv};

use super::super::failure::{Code, Failure};
use super::recording::{NOTES_MAX, Recording, RecordingOptions, failure, progress_over};
use super::venue_ahead::{self, VenueEnd, VenueSink};
use super::{
    BadLine, OpenFolder, Origin, PreparedReplay, ReadAhead, Stop, command, many, note, unreadable,
};

/// The most markets of an exchange: ITCH numbers its stocks with 16 bits.
pub(in super::super) const VENUE_MARKETS_MAX: u32 = 1 << 16;

/// Executes the commands of a recording.
pub(in super::super) trait FlowSink {
    /// The engine, which is needed to read the next command.
    fn engine(&self) -> &Engine;

    /// Executes a command. Returns `false` if no more is wanted.
    fn execute(&mut self, command: &Command) -> Result<bool, Stop>;
}

/// A sink that takes any state in which a flow begins.
pub(in super::super) trait FlowStart: FlowSink {
    /// Takes the engine in which the flow begins.
    fn start(&mut self, engine: Engine) -> Result<(), Stop>;
}

/// How the end of a flow was reached.
#[derive(Debug, Default)]
pub(in super::super) struct FlowEnd {
    /// The number of lines, rows and messages that are no commands.
    pub(in super::super) refused: u64,
    /// What was found in the messages of an exchange.
    pub(in super::super) counts: Option<Counts>,
    /// Why reading ended early.
    pub(in super::super) failed: Option<Failure>,
}

impl FlowEnd {
    /// The result of a command whose flow ended so.
    pub(in super::super) fn result(self) -> Result<(), Failure> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        if self.refused > 0 {
            let text =
                format!("refused {}; the others were carried out", many(self.refused, "line"));
            return Err(Failure::new(Code::Refused, text));
        }
        Ok(())
    }

    /// Counts a faulty row or message. Returns `false` if reading ends there.
    fn goes_on(&mut self, lenient: bool, error: &RecordingError) -> bool {
        if !lenient || !error.is_in_one_message() {
            self.failed = Some(failure(error));
            return false;
        }
        self.refused += 1;
        if self.refused <= NOTES_MAX {
            note(error);
        }
        true
    }
}

/// Executes the commands of a data folder, or of files in order.
pub(in super::super) fn each(
    from: &[PathBuf],
    options: &RecordingOptions,
    markets_max: u32,
    to: &mut impl FlowStart,
) -> Result<FlowEnd, Stop> {
    if let [folder] = from
        && folder.is_dir()
    {
        options.check_folder()?;
        let data = OpenFolder::open(folder)?;
        let PreparedReplay { engine, commands, .. } = data.begin(Origin::Oldest, markets_max)?;
        to.start(engine)?;
        return journal(&data, commands, to);
    }
    let progress = progress_over("reading", from);
    let mut end = FlowEnd::default();
    let mut is_first = true;
    for path in from {
        let recording = options.open(path, &progress)?;
        let is_venue = matches!(recording, Recording::Venue(..));
        if !is_first && matches!(recording, Recording::Rows(_) | Recording::Venue(..)) {
            let name = path.display();
            let text = format!("{name} counts from command 1: name it first, or alone");
            return Err(Failure::new(Code::Usage, text).into());
        }
        if is_first {
            let markets = if is_venue { markets_max.max(VENUE_MARKETS_MAX) } else { markets_max };
            to.start(keyed_engine(markets))?;
        }
        is_first &= matches!(recording, Recording::Empty);
        let goes_on = match recording {
            Recording::Empty => true,
            Recording::Lines(source) => lines(source, to, &mut end)?,
            Recording::Rows(commands) => rows(*commands, options.lenient, to, &mut end)?,
            Recording::Venue(_, messages) => venue(messages, options, to, &mut end)?,
        };
        if !goes_on {
            break;
        }
    }
    Ok(end)
}

/// Executes the commands of a journal.
pub(in super::super) fn journal(
    data: &OpenFolder,
    commands: ReadAhead,
    to: &mut impl FlowSink,
) -> Result<FlowEnd, Stop> {
    let mut end = FlowEnd::default();
    for command in commands {
        match command {
            Ok(command) if to.execute(&command)? => {}
            Ok(_) => return Ok(end),
            Err(error) => {
                if let Stop::Failed(failed) = error.into() {
                    end.failed = Some(failed);
                }
                return Ok(end);
            }
        }
    }
    end.failed = data.check_undamaged().err();
    Ok(end)
}

/// Executes JSON lines. Returns `false` if the flow ends with them.
pub(in super::super) fn lines(
    source: Source,
    to: &mut impl FlowSink,
    end: &mut FlowEnd,
) -> Result<bool, Stop> {
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
                end.failed = Some(unread(&name, error));
                return Ok(false);
            }
        };
        number += 1;
        let command = match read {
            NextLine::Long => Err(BadLine::too_long()),
            NextLine::Line | NextLine::End if text.trim_ascii().is_empty() => continue,
            NextLine::Line | NextLine::End => command(&text, to.engine()),
        };
        match command {
            Ok(command) if to.execute(&command)? => {}
            Ok(_) => return Ok(false),
            Err(bad) => {
                end.refused += 1;
                note(bad.text(&name, number));
            }
        }
    }
}

/// Executes rows. Returns `false` if the flow ends with them.
pub(in super::super) fn rows(
    commands: csv::Reader,
    lenient: bool,
    to: &mut impl FlowSink,
    end: &mut FlowEnd,
) -> Result<bool, Stop> {
    for command in commands {
        match command {
            Ok(command) if to.execute(&command)? => {}
            Ok(_) => return Ok(false),
            Err(error) if end.goes_on(lenient, &error) => {}
            Err(_) => return Ok(false),
        }
    }
    Ok(true)
}

/// Executes the commands of an exchange's messages. Returns `false` if the flow ends with them.
pub(in super::super) fn venue(
    messages: Box<dyn VenueReader + Send>,
    options: &RecordingOptions,
    to: &mut impl FlowSink,
    end: &mut FlowEnd,
) -> Result<bool, Stop> {
    let mut sink = Executed { to, goes_on: Ok(true) };
    let VenueEnd { counts, faulty, failed } = venue_ahead::execute(messages, options, &mut sink)?;
    let goes_on = sink.goes_on?;
    end.counts = Some(counts);
    end.refused += faulty;
    end.failed = failed;
    Ok(goes_on)
}

/// The failure for lines that cannot be read.
fn unread(name: &str, error: io::Error) -> Failure {
    match error.downcast::<RecordingError>() {
        Ok(error) => failure(&error),
        Err(error) => Failure::failed(unreadable(name, &error)),
    }
}

/// Executes the commands that follow from an exchange's messages.
struct Executed<'a, E> {
    to: &'a mut E,
    goes_on: Result<bool, Stop>,
}

impl<E: FlowSink> VenueSink for Executed<'_, E> {
    #[inline]
    fn goes_on(&self) -> bool {
        matches!(self.goes_on, Ok(true))
    }
}

impl<E: FlowSink> CommandSink for Executed<'_, E> {
    #[inline]
    fn command(&mut self, command: &Command) {
        if let Ok(true) = self.goes_on {
            self.goes_on = self.to.execute(command);
        }
    }

    fn leftover(&mut self, command: &Command) -> bool {
        let Action::Cancel { order } = command.action else { return false };
        let book = self.to.engine().market(command.market);
        if book.and_then(|book| book.order(order)).is_none() {
            return false;
        }
        self.command(command);
        true
    }
}
