//! Reads files.

use std::collections::VecDeque;

use pricetime_engine::Timestamp;

use super::definitions::Definitions;
use super::frames::{Frame, Frames, Key, beyond, key};
use super::instruments::Instruments;
use super::metadata::MBO;
use super::record::{Action, LENGTH, Record, time};
use super::trade_event::Joiner;
use crate::error::{Fault, RecordingError};
use crate::source::Source;
use crate::venue::{TradingState, VenueEvent, VenueMessage, VenueReader};

/// The type of a record about an order.
const KIND: u8 = 160;
/// The length of a record about an order, and with the time when it was sent.
const LENGTHS: [usize; 2] = [LENGTH, LENGTH + 8];
/// The number of records after which all events are taken for complete, so that the memory does not depend on the
/// file.
const OPEN_RECORDS_MAX: usize = 1 << 16;
/// The number of instruments that a file can have records of.
const INSTRUMENTS_MAX: usize = 1 << 18;
const TOO_MANY: Fault = Fault::OutOfRange("one of the first 262144 instruments of the file");

/// Reads a market-by-order file.
///
/// Each pair of publisher and instrument is an instrument of its own, listed before its first record. Without
/// [definitions](Self::with_definitions) its prices have nine places, and its name is the symbol that was asked for.
#[derive(Debug)]
pub struct Reader {
    frames: Frames,
    instruments: Instruments,
    joiner: Joiner,
    /// The number of records in events that are not complete.
    open: usize,
    /// The messages that were not returned yet.
    ready: VecDeque<VenueMessage>,
}

impl Reader {
    /// Reads the metadata of a file.
    ///
    /// # Errors
    /// Returns an error if the bytes are not DBN, or have another version or another schema than `mbo`.
    pub fn new(source: Source) -> Result<Self, RecordingError> {
        let (frames, names) = Frames::new(source, MBO)?;
        let instruments = Instruments::new(names);
        Ok(Self { frames, instruments, joiner: Joiner::default(), open: 0, ready: VecDeque::new() })
    }

    /// Takes names from definitions, and as many decimal places as the ticks have.
    #[must_use]
    pub fn with_definitions(mut self, definitions: Definitions) -> Self {
        self.instruments.definitions = Some(definitions);
        self
    }

    /// The name of the file.
    #[must_use]
    pub fn name(&self) -> &str {
        self.frames.name()
    }

    /// Ends the events that are not complete. Returns `true` if that leads to messages.
    #[cold]
    fn finish(&mut self) -> bool {
        (0..self.instruments.all.len()).for_each(|at| self.join(at));
        !self.ready.is_empty()
    }

    /// Passes over a record of another type.
    #[cold]
    fn other(&mut self, kind: u8, length: usize) -> Result<(), RecordingError> {
        match kind {
            KIND => Err(self.frames.wrong_length(length, "56 or 64 bytes, which this type has")),
            // Status, definitions, imbalances, errors, symbols, messages of the system and statistics.
            18..=24 => Ok(()),
            _ => {
                let fault = Fault::UnknownCode("160 (mbo) and 18 to 24, which are passed over");
                let error = RecordingError::new("", fault);
                Err(self.frames.failed(error.field("record type", kind.to_string().as_bytes())))
            }
        }
    }

    /// Returns the message of a record that stands for itself. If other messages precede it, or if it belongs to an
    /// event, it waits with them.
    #[inline]
    fn take(&mut self, at: usize, record: &Record) -> Option<VenueMessage> {
        let traded = &self.instruments.all[at];
        if !traded.event.is_empty() || !record.is_whole_event() {
            self.collect(at, record);
            return None;
        }
        let (time, number, instrument) = (record.time, record.number, traded.id);
        let event = record.event()?;
        let message = VenueMessage { time, number, instrument, event };
        if self.ready.is_empty() && event != VenueEvent::Cleared {
            return Some(message);
        }
        self.ready.push_back(message);
        if event == VenueEvent::Cleared {
            self.instruments.all[at].trades = false;
            let event = VenueEvent::StateChanged(TradingState::Quoting);
            self.ready.push_back(VenueMessage { event, ..message });
        }
        None
    }

    /// Adds a record to the event of its instrument, and joins the event if it is complete.
    fn collect(&mut self, at: usize, record: &Record) {
        let open = self.instruments.all[at].event.first();
        // Some files do not mark where an event ends. Its records have one time.
        if open.is_some_and(|it| it.time != record.time || record.action == Action::Clear) {
            self.join(at);
            let message = self.take(at, record);
            return self.ready.extend(message);
        }
        self.instruments.all[at].event.push(*record);
        self.open += 1;
        if record.is_last {
            self.join(at);
        } else if self.open == OPEN_RECORDS_MAX {
            self.finish();
        }
    }

    /// Joins the records of an instrument's event.
    fn join(&mut self, at: usize) {
        let traded = &mut self.instruments.all[at];
        let Some(Record { time, number, .. }) = traded.event.first().copied() else { return };
        let (instrument, ready) = (traded.id, &mut self.ready);
        let mut report = |number, event| {
            ready.push_back(VenueMessage { time, number, instrument, event });
        };
        let has_side = |it: &Record| it.action == Action::Trade && it.side.is_some();
        if !traded.trades && traded.event.iter().any(has_side) {
            traded.trades = true;
            report(number, VenueEvent::StateChanged(TradingState::Trading));
        }
        self.joiner.join(&traded.event, &mut report);
        self.open -= traded.event.len();
        traded.event.clear();
    }
}

/// Lists an instrument, which does not trade yet. Returns its index.
#[cold]
fn list(
    instruments: &mut Instruments,
    key: Key,
    (number, time): (u64, Timestamp),
    ready: &mut VecDeque<VenueMessage>,
) -> usize {
    let (at, instrument, listed) = instruments.add(key);
    let state = VenueEvent::StateChanged(TradingState::Quoting);
    for event in [VenueEvent::Listed(listed), state] {
        ready.push_back(VenueMessage { time, number, instrument, event });
    }
    at
}

impl VenueReader for Reader {
    #[inline]
    fn next(&mut self) -> Result<Option<VenueMessage>, RecordingError> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok(Some(message));
            }
            let frame = self.frames.next().map_err(|error| self.instruments.failed(error))?;
            let Some(Frame { number, bytes, kind }) = frame else {
                if self.finish() {
                    continue;
                }
                return Ok(None);
            };
            let (length, record) = (bytes.len(), bytes.first_chunk());
            let Some(record) = record.filter(|_| kind == KIND && LENGTHS.contains(&length)) else {
                self.other(kind, length).map_err(|error| self.instruments.failed(error))?;
                continue;
            };
            let key = key(record);
            let at = match self.instruments.find(key) {
                Some(at) => at,
                None if self.instruments.all.len() == INSTRUMENTS_MAX => {
                    return Err(self.frames.failed(beyond(key, TOO_MANY)));
                }
                None => {
                    let first = (number, time(record).unwrap_or_default());
                    list(&mut self.instruments, key, first, &mut self.ready)
                }
            };
            match Record::parse(number, record, self.instruments.all[at].unit) {
                Ok(record) => {
                    if let Some(message) = self.take(at, &record) {
                        return Ok(Some(message));
                    }
                }
                Err(error) => return Err(self.frames.failed(error)),
            }
        }
    }
}
