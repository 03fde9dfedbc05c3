//! Reads files.

use std::ops::Range;

use pricetime_engine::Timestamp;

use super::body::{Body, unreadable};
use super::event::event_of;
use super::layout::{Framing, START, length};
use super::message::{Header, time_of_day};
use super::stocks::{Stock, Stocks};
use crate::error::{Fault, MessageNumber, RecordingError};
use crate::format::Format;
use crate::source::Source;
use crate::venue::{InstrumentId, InstrumentName, VenueEvent, VenueMessage, VenueReader};

/// What a file does not tell, and what is wanted from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The time of midnight, to which the times of the file are added.
    pub midnight: Timestamp,
    /// The stocks to read. If there are none, all.
    pub stocks: Vec<InstrumentName>,
    /// The market of the file, whose operational halts count: `Q` is Nasdaq, `B` is BX and `X` is PSX.
    pub market: u8,
}

impl Default for Options {
    fn default() -> Self {
        Self { midnight: Timestamp(0), stocks: Vec::new(), market: b'Q' }
    }
}

/// Reads a file. Messages about stocks that are not wanted are skipped without being decoded.
///
/// ```
/// use pricetime_recordings::{Source, VenueEvent, VenueReader as _, itch};
///
/// let bytes = b"\0\x0cS\0\0\0\0\x0a\x11\xea\x0e\x8c\x43O\0\x0cS\0\0\0\0\x48\xcf\x8d\x4f\x4a\0C";
/// let source = Source::of("01302020.NASDAQ_ITCH50", bytes.as_slice())?;
/// let mut reader = itch::Reader::new(source, itch::Options::default());
/// while let Some(message) = reader.next()? {
///     assert!(matches!(message.event, VenueEvent::DayPart(_)));
/// }
/// # Ok::<(), pricetime_recordings::RecordingError>(())
/// ```
#[derive(Debug)]
pub struct Reader {
    source: Source,
    midnight: Timestamp,
    stocks: Stocks,
    framing: Framing,
    /// The messages that were consumed.
    messages: u64,
}

/// What to do with a message.
enum Step {
    /// Return it.
    Return(VenueMessage),
    /// Return that its stock is listed, and read it again.
    List(VenueMessage),
    /// Go on to the next one.
    Skip,
}

impl Reader {
    /// Reads from a source.
    #[must_use]
    pub fn new(source: Source, options: Options) -> Self {
        let stocks = Stocks::new(options.stocks, options.market);
        let (midnight, framing) = (options.midnight, Framing::Lengths);
        Self { source, midnight, stocks, framing, messages: 0 }
    }

    /// The name of the file.
    #[must_use]
    pub fn name(&self) -> &str {
        self.source.name()
    }

    /// Brings the next message into the buffer. Returns where it is there, without its length, or `None` at
    /// the end of the stream.
    #[inline]
    fn frame(&mut self) -> Result<Option<Range<usize>>, RecordingError> {
        if self.messages == 0 {
            let framing = Framing::of(self.source.fill(START)?);
            self.framing = framing.unwrap_or(Framing::Lengths);
        }
        let frame = match (self.framing, self.source.fill(2)?) {
            (_, []) => return Ok(None),
            (Framing::Lengths, [high, low, ..]) => {
                2..2 + usize::from(u16::from_be_bytes([*high, *low]))
            }
            (Framing::Lengths, [_]) => 2..2,
            (Framing::Bare, [kind, ..]) => match length(*kind) {
                Some(length) => 0..length,
                None => {
                    // Where the next message begins is not known.
                    let error = unreadable(*kind, 1).not_format(Format::Itch, &[]);
                    return Err(self.failed(error, 0));
                }
            },
        };
        if self.source.fill(frame.end)?.len() < frame.end {
            let error = RecordingError::new("ITCH message", Fault::Incomplete);
            return Err(self.failed(error, 0));
        }
        Ok(Some(frame))
    }

    /// Says what to do with a message in the buffer.
    #[inline]
    fn read(&mut self, frame: Range<usize>) -> Result<Step, RecordingError> {
        let bytes = &self.source.fill(frame.end)?[frame];
        let (Header { kind, locate, time, .. }, rest) = Header::read(bytes)?;
        let mut stock = self.stocks.get(locate);
        if stock == Stock::Skipped && kind != b'S' && length(kind) == Some(bytes.len()) {
            return Ok(Step::Skip);
        }
        let time = Timestamp(self.midnight.0.saturating_add(time_of_day(time)?.nanoseconds()));
        let number = self.messages + 1;
        let message = |instrument, event| VenueMessage { time, number, instrument, event };
        let instrument = InstrumentId(locate.into());
        if stock == Stock::Unknown && kind != b'S' {
            if let Some(listed) = self.stocks.meet(locate, &Body::read(kind, rest)?) {
                return Ok(Step::List(message(instrument, VenueEvent::Listed(listed))));
            }
            stock = self.stocks.get(locate);
            if stock == Stock::Skipped || stock == Stock::Unknown && !self.stocks.wants_all() {
                return Ok(Step::Skip);
            }
        }
        let event = match kind {
            b'H' | b'h' => self.stocks.state_after(locate, &Body::read(kind, rest)?),
            _ => event_of(kind, rest)?,
        };
        let instrument = if kind == b'S' { InstrumentId(0) } else { instrument };
        Ok(event.map_or(Step::Skip, |event| Step::Return(message(instrument, event))))
    }

    /// Goes past a message with this length. Adds to its error where it is, and that the file has another
    /// format if not even its first length is possible.
    #[cold]
    fn failed(&mut self, error: RecordingError, length: usize) -> RecordingError {
        let number = MessageNumber::Record(self.messages + 1);
        let mut error = error.at_message(number).at_offset(self.source.offset());
        if self.messages == 0 {
            let start = self.source.fill(0).unwrap_or_default();
            if Framing::of(start).is_none() {
                error = error.not_format(Format::Itch, start);
            }
        }
        self.source.consume(length);
        self.messages += 1;
        self.source.failed(error)
    }
}

impl VenueReader for Reader {
    #[inline]
    fn next(&mut self) -> Result<Option<VenueMessage>, RecordingError> {
        loop {
            let Some(frame) = self.frame()? else { return Ok(None) };
            let length = frame.end;
            let step = match self.read(frame) {
                Ok(step) => step,
                Err(error) => return Err(self.failed(error, length)),
            };
            if let Step::List(message) = step {
                return Ok(Some(message));
            }
            self.source.consume(length);
            self.messages += 1;
            if let Step::Return(message) = step {
                return Ok(Some(message));
            }
        }
    }
}
