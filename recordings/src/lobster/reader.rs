//! Reads message files.

use pricetime_engine::Timestamp;

use super::book_row::{BookReader, BookRow};
use super::row::{PRICE_PLACES, parse, parse_plain};
use super::window::{Revealed, Window};
use crate::error::{Fault, RecordingError};
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

/// How much of the order-book file a reader learns from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Learn {
    /// What rested before the first message.
    FirstRow,
    /// Also what comes into view later, from behind the levels that the file shows.
    #[default]
    EveryRow,
}

/// Reads a message file. The first message lists the instrument, with number 1 like the first line.
#[derive(Debug)]
pub struct Reader {
    source: Source,
    options: Options,
    book: Option<Box<Followed>>,
    /// The lines that were read.
    lines: u64,
    /// The messages that precede the next line, the last one first.
    waiting: Vec<VenueMessage>,
}

/// The order-book file that belongs to a message file.
#[derive(Debug)]
struct Followed {
    rows: BookReader,
    learn: Learn,
    window: Window,
    /// `true` if the row of the last line was read.
    current: bool,
    revealed: Vec<VenueEvent>,
}

impl Reader {
    /// Reads a message file alone.
    #[must_use]
    pub fn new(source: Source, options: Options) -> Self {
        Self { source, options, book: None, lines: 0, waiting: Vec::new() }
    }

    /// Reads the order-book file as well, and reports what it shows and no message tells:
    /// [`Rested`](VenueEvent::Rested) and [`Vanished`](VenueEvent::Vanished), before the message of the same line.
    #[must_use]
    pub fn with_book(self, rows: BookReader, learn: Learn) -> Self {
        let (window, revealed) = (Window::new(), Vec::new());
        let book = Some(Box::new(Followed { rows, learn, window, current: false, revealed }));
        Self { book, ..self }
    }

    /// The name of the file.
    #[must_use]
    pub fn name(&self) -> &str {
        self.source.name()
    }

    /// The row of the order-book file after the last message, or `None` if more messages of its line follow.
    #[must_use]
    pub fn row(&self) -> Option<&BookRow> {
        let book = self.book.as_ref().filter(|it| it.current && self.waiting.is_empty())?;
        Some(book.rows.row())
    }

    /// What the order-book file revealed so far.
    #[must_use]
    pub fn revealed(&self) -> Revealed {
        self.book.as_ref().map_or(Revealed::default(), |it| it.window.revealed())
    }

    fn instrument(&self) -> Instrument {
        let name = self.options.name.unwrap_or_else(|| {
            let file = self.source.name().rsplit('/').next().unwrap_or_default();
            InstrumentName::new(file.split_once('_').map_or("LOBSTER", |(name, _)| name).as_bytes())
        });
        Instrument { name, price_places: PRICE_PLACES, round_lot: 1 }
    }

    /// Reads the message of the next line.
    #[inline]
    fn message(&mut self) -> Result<Option<VenueMessage>, RecordingError> {
        let (time, event) = if let Some(plain) = parse_plain(self.source.buffered()) {
            self.source.consume(plain.length);
            self.lines += 1;
            (plain.time, plain.event)
        } else {
            let Some(parsed) = self.unusual_line()? else { return Ok(None) };
            parsed
        };
        let time = Timestamp(self.options.midnight.0.saturating_add(time));
        Ok(Some(VenueMessage { time, number: self.lines, instrument: INSTRUMENT, event }))
    }

    #[cold]
    fn unusual_line(&mut self) -> Result<Option<(u64, VenueEvent)>, RecordingError> {
        let Some(line) = self.source.line()? else { return Ok(None) };
        self.lines += 1;
        match parse(line.text) {
            Ok(parsed) => Ok(Some(parsed)),
            Err(bad) => {
                let error = bad.error(self.lines, line, Format::Lobster);
                Err(self.source.failed(error))
            }
        }
    }

    /// Reads the first line, or a line that has a row in the order-book file. Returns its first message.
    fn line(&mut self) -> Result<Option<VenueMessage>, RecordingError> {
        let is_first = self.lines == 0;
        let message = self.message();
        if message.as_ref().is_err_and(|error| !error.is_in_one_message()) {
            self.book = None;
        }
        let failed = self.book.as_mut().and_then(|book| book.follow(&message, &self.source).err());
        let message = message?;
        self.waiting.extend(message);
        if let (Some(message), Some(book)) = (message, &mut self.book) {
            let of_line = |event| VenueMessage { event, ..message };
            self.waiting.extend(book.revealed.drain(..).rev().map(of_line));
        }
        if let Some(message) = message.filter(|_| is_first) {
            let event = VenueEvent::Listed(self.instrument());
            self.waiting.push(VenueMessage { event, ..message });
        }
        if let Some(error) = failed {
            if !error.is_in_one_message() {
                (self.book, self.waiting) = (None, Vec::new());
                self.source.end();
            }
            return Err(error);
        }
        Ok(self.waiting.pop())
    }
}

impl Followed {
    /// Reads the row of a line, and what it reveals.
    ///
    /// # Errors
    /// Returns an error if the row is faulty, or if one of the files has no such line.
    fn follow(
        &mut self,
        message: &Result<Option<VenueMessage>, RecordingError>,
        messages: &Source,
    ) -> Result<(), RecordingError> {
        self.current = false;
        let row = self.rows.next();
        match (message, row) {
            (Ok(Some(message)), Ok(Some(row))) => {
                self.current = true;
                if self.learn == Learn::EveryRow || message.number == 1 {
                    self.window.reveal(&message.event, row, &mut self.revealed);
                    self.window.apply(&message.event);
                }
                Ok(())
            }
            (Ok(Some(message)), Err(error)) => {
                self.window.apply(&message.event);
                self.window.forget();
                Err(error)
            }
            (Err(_), Ok(_)) => {
                self.window.forget();
                Ok(())
            }
            (_, Err(error)) => Err(error),
            (Ok(None), Ok(None)) => Ok(()),
            (Ok(Some(_)), Ok(None)) => {
                let fault = Fault::Shorter(messages.name().to_owned());
                Err(RecordingError::new(self.rows.name(), fault))
            }
            (Ok(None), Ok(Some(_))) => {
                let fault = Fault::Shorter(self.rows.name().to_owned());
                Err(RecordingError::new(messages.name(), fault))
            }
        }
    }
}

impl VenueReader for Reader {
    #[inline]
    fn next(&mut self) -> Result<Option<VenueMessage>, RecordingError> {
        if let Some(message) = self.waiting.pop() {
            return Ok(Some(message));
        }
        if self.book.is_none() && self.lines > 0 { self.message() } else { self.line() }
    }
}
