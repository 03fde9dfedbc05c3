//! Writes what an exchange would publish: ITCH or LOBSTER.

use std::path::Path;

use pricetime_engine::{MarketId, Timestamp};
use pricetime_recordings::{
    FromEvents, InstrumentId, LeftOut, RecordingError, VenueEvent, VenueMessage, itch, lobster,
};

use super::super::failure::{Code, Failure};
use super::super::reader::Stop;
use super::errors::unwritten;
use super::file::{Names, NewFile};
use super::options::TargetOptions;

/// A day in nanoseconds.
const DAY: u64 = 86_400_000_000_000;

/// A file of an exchange's messages.
pub(super) struct VenueTarget {
    name: String,
    options: TargetOptions,
    /// The midnight of the times; `None` until the first message tells it.
    midnight: Option<Timestamp>,
    writer: Writer,
    written: u64,
    /// Messages about markets that a LOBSTER file does not have.
    of_others: u64,
    /// Messages from before the midnight.
    early: u64,
}

/// A message file, and an order-book file with its name.
struct LobsterFiles {
    messages: NewFile,
    book: Option<(String, NewFile)>,
}

enum Writer {
    /// The files before the first message.
    Itch(Box<NewFile>),
    Lobster(Box<LobsterFiles>),
    /// The files after it.
    ItchOpen(Box<itch::Writer<NewFile>>),
    LobsterOpen(InstrumentId, Box<lobster::Writer<NewFile>>),
    /// While a file is opened.
    None,
}

impl VenueTarget {
    /// Creates an ITCH file.
    pub(super) fn itch(
        to: &Path,
        options: &TargetOptions,
        midnight: Option<Timestamp>,
        names: &mut Vec<Names>,
    ) -> Result<Self, Failure> {
        let writer = Writer::Itch(Box::new(NewFile::create(to, options.force, names)?));
        Ok(Self::new(to, options, midnight, writer))
    }

    /// Creates a LOBSTER message file, and an order-book file if it has a name.
    pub(super) fn lobster(
        to: &Path,
        options: &TargetOptions,
        midnight: Option<Timestamp>,
        names: &mut Vec<Names>,
    ) -> Result<Self, Failure> {
        let book = match options.book(to) {
            None => None,
            Some(book) => {
                let file = NewFile::create(&book, options.force, names)?;
                Some((book.display().to_string(), file))
            }
        };
        let messages = NewFile::create(to, options.force, names)?;
        let writer = Writer::Lobster(Box::new(LobsterFiles { messages, book }));
        Ok(Self::new(to, options, midnight, writer))
    }

    fn new(
        to: &Path,
        options: &TargetOptions,
        midnight: Option<Timestamp>,
        writer: Writer,
    ) -> Self {
        let midnight = options.to_midnight.map(|time| time.0).or(midnight);
        let (name, options) = (to.display().to_string(), options.clone());
        Self { name, options, midnight, writer, written: 0, of_others: 0, early: 0 }
    }

    /// Writes the messages that the last command became.
    #[inline]
    pub(super) fn write(&mut self, messages: &mut FromEvents) -> Result<(), Stop> {
        for message in messages.drain().map_err(unwritten)? {
            match self.midnight {
                Some(midnight) if message.time < midnight => {
                    // Orders of an earlier day rest when the day begins.
                    self.early += 1;
                    self.message(&VenueMessage { time: midnight, ..message })?;
                }
                Some(_) | None => self.message(&message)?,
            }
        }
        Ok(())
    }

    #[inline]
    fn message(&mut self, message: &VenueMessage) -> Result<(), Stop> {
        let written = match &mut self.writer {
            Writer::ItchOpen(writer) => writer.write(message),
            Writer::LobsterOpen(instrument, writer) => {
                if message.instrument != *instrument {
                    return self.of_another(message);
                }
                writer.write(message)
            }
            Writer::Itch(_) | Writer::Lobster(_) | Writer::None => {
                return self.open(message);
            }
        };
        self.written += 1;
        written.map_err(|error| self.unwritten(message, error))
    }

    /// Opens the files with the first message that they can hold.
    fn open(&mut self, message: &VenueMessage) -> Result<(), Stop> {
        let first = Timestamp(message.time.0 / DAY * DAY);
        let midnight = *self.midnight.get_or_insert(first);
        let name = &self.name;
        self.writer = match std::mem::replace(&mut self.writer, Writer::None) {
            Writer::Itch(file) => {
                Writer::ItchOpen(Box::new(itch::Writer::new(*file, name, midnight)))
            }
            Writer::Lobster(files) => {
                let market = message.instrument;
                let is_wanted = is_wanted(&self.options, message);
                if is_wanted == Some(false) {
                    self.writer = Writer::Lobster(files);
                    self.of_others += 1;
                    return Ok(());
                }
                let LobsterFiles { messages, book } = *files;
                let mut writer = lobster::Writer::new(messages, name, market, midnight);
                if let Some((name, book)) = book {
                    writer = writer.with_book(book, &name, self.options.levels().into());
                }
                Writer::LobsterOpen(market, Box::new(writer))
            }
            opened @ (Writer::ItchOpen(_) | Writer::LobsterOpen(..) | Writer::None) => opened,
        };
        self.message(message)
    }

    /// Counts a message of a market that the LOBSTER file does not have.
    fn of_another(&mut self, message: &VenueMessage) -> Result<(), Stop> {
        if matches!(message.event, VenueEvent::Listed(_))
            && is_wanted(&self.options, message).is_none()
        {
            let text =
                "a LOBSTER file has one market, and there are several: name one with --market";
            return Err(Failure::new(Code::Usage, text).into());
        }
        self.of_others += 1;
        Ok(())
    }

    /// The reason to stop, with the command whose message cannot be written.
    fn unwritten(&self, message: &VenueMessage, error: RecordingError) -> Stop {
        match unwritten(error) {
            Stop::EndedEarly => Stop::EndedEarly,
            Stop::Failed(failure) => {
                let text = format!("command {}: {}", message.number, failure.text());
                Failure::failed(text).into()
            }
        }
    }

    /// Writes and syncs what is left. Returns the number of messages and what was left out.
    pub(super) fn end(self, messages: &FromEvents) -> Result<(u64, Vec<(u64, String)>), Stop> {
        match self.writer {
            Writer::Itch(file) => file.end()?,
            Writer::ItchOpen(writer) => writer.finish().map_err(unwritten)?.end()?,
            Writer::Lobster(files) => {
                if let Some(market) = &self.options.market {
                    let text = format!("there is no market {market} in the recording");
                    return Err(Failure::failed(text).into());
                }
                files.messages.end()?;
                files.book.map_or(Ok(()), |(_, book)| book.end())?;
            }
            Writer::LobsterOpen(_, writer) => {
                let (file, book) = writer.finish_both().map_err(unwritten)?;
                file.end()?;
                book.map_or(Ok(()), NewFile::end)?;
            }
            Writer::None => {}
        }
        let mut left_out = vec![
            (self.of_others, String::from("messages of other markets")),
            (self.early, String::from("times before the midnight, which are written as midnight")),
        ];
        let counted = LeftOut::ALL.iter().map(|it| (messages.left_out(*it), it.to_string()));
        left_out.extend(counted);
        Ok((self.written, left_out))
    }
}

fn is_wanted(options: &TargetOptions, message: &VenueMessage) -> Option<bool> {
    let VenueEvent::Listed(instrument) = &message.event else { return Some(false) };
    options.is_wanted(MarketId(message.instrument.0), instrument.name.as_bytes())
}
