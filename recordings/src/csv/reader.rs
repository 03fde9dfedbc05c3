//! Reads commands.

use pricetime_engine::{
    AccountId, Action, Command, MarketSpec, Phase, Sequence, Symbol, Timestamp,
};

use super::amount::Units;
use super::fault::CsvFault;
use super::header::{Header, parse as header};
use super::markets::Markets;
use super::parse::{Context, command};
use super::row::{BadRow, Fields};
use crate::error::{Fault, MessageNumber, RecordingError};
use crate::format::Format;
use crate::source::{Line, Source};

/// The length of the shortest header. The format of a binary file is guessed from as many bytes.
const START: usize = "action,market".len();

/// What a file does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What a market gets that no row adds, except for its symbol. Before the first command for it the reader
    /// returns two more, which add the market and set its phase to Continuous. Then all commands are numbered
    /// anew. If this is `None`, a symbol that was not added is an error.
    pub new_markets: Option<MarketSpec>,
}

/// Reads a CSV file of commands: an iterator of commands.
///
/// After an error [in one row](RecordingError::is_in_one_message) it goes on with the next row. After any other
/// error it ends.
#[derive(Debug)]
pub struct Reader {
    source: Source,
    options: Options,
    new_units: Option<Units>,
    header: Header,
    fields: Fields,
    markets: Markets,
    /// The lines that were read.
    lines: u64,
    /// The sequence and the time of the last command.
    sequence: Sequence,
    time: Timestamp,
    /// The next commands, the last one first.
    waiting: Vec<Command>,
}

impl Reader {
    /// Reads the header.
    ///
    /// # Errors
    /// Returns an error if the first line is no header of this format, if it names a column that does not exist
    /// or one twice, or if it cannot be read.
    pub fn new(mut source: Source, options: Options) -> Result<Self, RecordingError> {
        let start = source.fill(START)?;
        let start = start[..start.len().min(START)].to_vec();
        let header = match source.line() {
            Ok(Some(line)) => {
                header(line.text).map_err(|bad| {
                    // A header of ours can have a faulty column. Everything else is another format.
                    let is_ours = matches!(
                        bad.fault,
                        Fault::Csv(CsvFault::UnknownColumn(_) | CsvFault::RepeatedColumn)
                    );
                    let error = bad.error(1, line);
                    if is_ours { error } else { error.not_format(Format::Csv, line.text) }
                })
            }
            Ok(None) => Err(RecordingError::new("", Fault::Empty)),
            Err(error) => Err(error.not_format(Format::Csv, &start)),
        };
        let header = header.map_err(|error| source.failed(error))?;
        Ok(Self {
            source,
            options,
            new_units: options.new_markets.as_ref().map(Units::of),
            header,
            fields: Fields::default(),
            markets: Markets::new(),
            lines: 1,
            sequence: Sequence(0),
            time: Timestamp(0),
            waiting: Vec::new(),
        })
    }

    /// The name of the file.
    #[must_use]
    pub fn name(&self) -> &str {
        self.source.name()
    }

    /// Numbers a command of a file whose rows are numbered anew, and adds its market before it.
    #[cold]
    fn renumber(&mut self, mut command: Command, new: Option<(Symbol, MarketSpec)>) -> Command {
        let mut next = || {
            self.sequence.0 = self.sequence.0.saturating_add(1);
            self.sequence
        };
        let Some((symbol, spec)) = new else {
            command.sequence = next();
            self.markets.follow(&command);
            return command;
        };
        let spec = MarketSpec { symbol, ..spec };
        let of = |sequence, action| Command {
            operator: true,
            ..Command::new(sequence, command.timestamp, command.market, AccountId(0), action)
        };
        let add = of(next(), Action::AddMarket(spec));
        let open = of(next(), Action::SetPhase(Phase::Continuous));
        command.sequence = next();
        self.markets.add(command.market, &spec);
        self.markets.follow(&command);
        self.waiting.extend([command, open]);
        add
    }
}

impl Iterator for Reader {
    type Item = Result<Command, RecordingError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if let Some(command) = self.waiting.pop() {
            return Some(Ok(command));
        }
        let line = loop {
            match self.source.line() {
                Ok(line) => {
                    let line = line?;
                    self.lines += 1;
                    if !line.text.is_empty() {
                        break line;
                    }
                }
                Err(error) => return Some(Err(error)),
            }
        };
        let Header { separator, columns, set } = &self.header;
        let context = Context {
            markets: &self.markets,
            new_units: self.new_units.as_ref(),
            columns: *set,
            sequence: self.sequence,
            time: self.time,
        };
        let split = self.fields.split(line.text, columns, *separator);
        let parsed = split.and_then(|()| command(self.fields.row(line.text), &context));
        let (command, new) = match parsed {
            Ok(parsed) => parsed,
            Err(bad) => {
                let error = bad.error(self.lines, line);
                return Some(Err(self.source.failed(error)));
            }
        };
        self.time = command.timestamp;
        let Some(spec) = self.options.new_markets else {
            self.sequence = command.sequence;
            self.markets.follow(&command);
            return Some(Ok(command));
        };
        Some(Ok(self.renumber(command, new.map(|symbol| (symbol, spec)))))
    }
}

impl BadRow<'_> {
    /// The error about a line.
    #[cold]
    fn error(self, number: u64, line: Line<'_>) -> RecordingError {
        let is_cut_off = !line.ended && matches!(self.fault, Fault::Columns { .. });
        let fault = if is_cut_off && number > 1 { Fault::Incomplete } else { self.fault };
        let error = RecordingError::new("", fault)
            .at_message(MessageNumber::Line(number))
            .at_offset(line.offset);
        match self.field {
            Some((name, value)) => error.field(name, value),
            None => error,
        }
    }
}
