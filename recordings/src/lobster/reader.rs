//! Reads message files.

use pricetime_engine::Timestamp;

use super::book_row::BookRow;
use super::row::{PRICE_PLACES, parse};
use crate::error::RecordingError;
use crate::format::Format;
use crate::source::Source;
use crate::venue::{
    Instrument, InstrumentId, InstrumentName, VenueEvent, VenueMessage, VenueReader,
};

/// The only instrument of a file.
const INSTRUMENT: InstrumentId = InstrumentId(1);

/// What a message file does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The instrument's name. If there is none, it is the part of the file's name before the first `_`.
    pub name: Option<InstrumentName>,
    /// The time of midnight, to which the times of the file are added.
    pub midnight: Timestamp,
}

/// Reads a message file. The first message lists the instrument, with number 1 like the first line.
#[derive(Debug)]
pub struct Reader {
    source: Source,
    options: Options,
    first_row: Option<BookRow>,
    /// The lines that were read.
    lines: u64,
    /// The messages that precede the next line, the last one first.
    waiting: Vec<VenueMessage>,
}

impl Reader {
    /// Reads from a source.
    #[must_use]
    pub fn new(source: Source, options: Options) -> Self {
        Self { source, options, first_row: None, lines: 0, waiting: Vec::new() }
    }

    /// Begins with what rested before the first message, taken from the first line of the order-book file.
    #[must_use]
    pub fn starting_with(self, first: &BookRow) -> Self {
        Self { first_row: Some(first.clone()), ..self }
    }

    /// The name of the file.
    #[must_use]
    pub fn name(&self) -> &str {
        self.source.name()
    }

    fn instrument(&self) -> Instrument {
        let name = self.options.name.unwrap_or_else(|| {
            let file = self.source.name().rsplit('/').next().unwrap_or_default();
            InstrumentName::new(file.split_once('_').map_or("LOBSTER", |(name, _)| name).as_bytes())
        });
        Instrument { name, price_places: PRICE_PLACES, round_lot: 1 }
    }

    /// Puts the messages into the queue that come before the first line, and the line's own.
    fn begin(&mut self, first: VenueMessage) {
        let message = |event| VenueMessage { event, ..first };
        let listed = message(VenueEvent::Listed(self.instrument()));
        let earlier = self.first_row.take().map(|row| row.before(&first.event)).unwrap_or_default();
        self.waiting.push(first);
        self.waiting.extend(earlier.into_iter().rev().map(message));
        self.waiting.push(listed);
    }
}

impl VenueReader for Reader {
    #[inline]
    fn next(&mut self) -> Result<Option<VenueMessage>, RecordingError> {
        if let Some(message) = self.waiting.pop() {
            return Ok(Some(message));
        }
        let Some(line) = self.source.line()? else { return Ok(None) };
        self.lines += 1;
        let number = self.lines;
        let (time, event) = match parse(line.text) {
            Ok(it) => it,
            Err(bad) => {
                let error = bad.error(number, line, Format::Lobster);
                return Err(self.source.failed(error));
            }
        };
        let time = Timestamp(self.options.midnight.0.saturating_add(time));
        let message = VenueMessage { time, number, instrument: INSTRUMENT, event };
        if number == 1 {
            self.begin(message);
            return Ok(self.waiting.pop());
        }
        Ok(Some(message))
    }
}
