//! Writes files.

use std::io::Write;
use std::mem;

use foldhash::HashMap;
use pricetime_engine::Timestamp;

use super::body::{Body, OrderDelete, StockDirectory, SystemEvent};
use super::field::{Alpha, Time};
use super::form::{Form, number, refused};
use super::message::Message;
use crate::error::{Fault, MessageNumber, RecordingError};
use crate::venue::{DayPart, Instrument, InstrumentId, InstrumentName, VenueEvent, VenueMessage};
use crate::venue_book::VenueBook;

/// Writes messages as a file with lengths.
///
/// Stocks get locate codes in the order of their listing. What rested before the recording becomes an order
/// for each price, with the numbers down from 2^64 − 1. Accounts are written if they are four letters or digits,
/// as a market participant id is. A name of more than eight characters is cut, and ends with the number of its
/// instrument. Messages about an instrument that was not listed are ignored.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    name: String,
    midnight: Timestamp,
    stocks: HashMap<InstrumentId, Stock>,
    /// The time and the part of the day of the last message. `None` before the first one.
    last: Option<(Time, DayPart)>,
    /// What one message becomes.
    bodies: Vec<Body>,
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct Stock {
    form: Form,
    book: VenueBook,
}

impl<W: Write> Writer<W> {
    /// Writes a file. `midnight` is subtracted from the times. The name of the file is for errors.
    #[must_use]
    pub fn new(out: W, name: &str, midnight: Timestamp) -> Self {
        let (name, stocks) = (name.to_owned(), HashMap::default());
        let (bodies, bytes) = (Vec::new(), Vec::new());
        Self { out, name, midnight, stocks, last: None, bodies, bytes }
    }

    /// Writes a message, after the start of messages if it is the first one.
    ///
    /// # Errors
    /// Returns an error if the format cannot hold the message, or if it cannot be written.
    pub fn write(&mut self, message: &VenueMessage) -> Result<(), RecordingError> {
        let mut bodies = mem::take(&mut self.bodies);
        bodies.clear();
        let written = self.put_all(message, &mut bodies);
        self.bodies = bodies;
        written.map_err(|error| {
            // The number is that of the message in the file that it was read from.
            error.in_file(&self.name).at_message(MessageNumber::Record(message.number))
        })
    }

    fn put_all(
        &mut self,
        message: &VenueMessage,
        bodies: &mut Vec<Body>,
    ) -> Result<(), RecordingError> {
        let locate = self.bodies(message, bodies)?;
        let time = self.time(message.time)?;
        let begin = Body::SystemEvent(SystemEvent { event: DayPart::MessagesBegin });
        if self.last.is_none() && !bodies.contains(&begin) {
            self.put(0, time, &begin)?;
        }
        bodies.iter().try_for_each(|body| self.put(locate, time, body))
    }

    /// Writes the end of messages if it is missing, and returns what the file was written to.
    ///
    /// # Errors
    /// Returns an error if it cannot be written.
    pub fn finish(mut self) -> Result<W, RecordingError> {
        if let Some((time, part)) = self.last
            && part != DayPart::MessagesEnd
        {
            let end = Body::SystemEvent(SystemEvent { event: DayPart::MessagesEnd });
            self.put(0, time, &end).map_err(|error| error.in_file(&self.name))?;
        }
        self.out.flush().map_err(|error| RecordingError::new(&self.name, Fault::Io(error)))?;
        Ok(self.out)
    }

    fn time(&self, time: Timestamp) -> Result<Time, RecordingError> {
        time.0
            .checked_sub(self.midnight.0)
            .and_then(Time::new)
            .ok_or_else(|| refused("time", time.0, Fault::OutOfRange("within a day of midnight")))
    }

    /// Adds the bodies that a message becomes. Returns the locate code.
    fn bodies(
        &mut self,
        message: &VenueMessage,
        bodies: &mut Vec<Body>,
    ) -> Result<u16, RecordingError> {
        if let VenueEvent::DayPart(event) = message.event {
            bodies.push(Body::SystemEvent(SystemEvent { event }));
            return Ok(0);
        }
        if let VenueEvent::Listed(instrument) = &message.event {
            return self.list(message.instrument, instrument, bodies);
        }
        let Some(Stock { form, book }) = self.stocks.get_mut(&message.instrument) else {
            return Ok(0);
        };
        if message.event == VenueEvent::Cleared {
            let known = book.orders().into_iter().map(|(order, _)| order);
            let earlier = book.all_unreported().into_iter().map(|(order, _)| number(order));
            let orders = known.chain(earlier);
            bodies.extend(orders.map(|order| Body::OrderDelete(OrderDelete { order })));
        }
        let change = book.apply(&message.event);
        form.bodies(&message.event, &change, bodies)?;
        Ok(form.locate)
    }

    fn list(
        &mut self,
        id: InstrumentId,
        instrument: &Instrument,
        bodies: &mut Vec<Body>,
    ) -> Result<u16, RecordingError> {
        let Instrument { name, price_places, round_lot } = *instrument;
        let stock = Alpha::padded(name.as_bytes()).unwrap_or_else(|| shortened(name, id));
        let next = self.stocks.len() + 1;
        let locate = self.stocks.get(&id).map_or(next, |it| it.form.locate.into());
        let locate = u16::try_from(locate).map_err(|_| {
            refused("stock", name, Fault::OutOfRange("one of the first 65535 stocks"))
        })?;
        let form = Form { locate, stock, price_places };
        self.stocks
            .entry(id)
            .and_modify(|it| it.form = form)
            .or_insert_with(|| Stock { form, book: VenueBook::new() });
        let [not_told, no] = [b" ", b"N"].map(|code| Alpha(*code));
        let directory = StockDirectory {
            stock,
            market_category: not_told,
            financial_status: not_told,
            round_lot,
            round_lots_only: no,
            // Other securities, without a class in detail.
            classification: Alpha(*b"O"),
            sub_type: Alpha(*b"Z "),
            authenticity: Alpha(*b"P"),
            short_sale_threshold: not_told,
            ipo: not_told,
            price_band_tier: not_told,
            etp: not_told,
            etp_leverage: 0,
            inverse: no,
        };
        bodies.push(Body::StockDirectory(directory));
        Ok(locate)
    }

    fn put(&mut self, locate: u16, time: Time, body: &Body) -> Result<(), RecordingError> {
        let before = self.last.map_or(DayPart::MessagesBegin, |(_, part)| part);
        let part = if let Body::SystemEvent(it) = *body { it.event } else { before };
        self.last = Some((time, part));
        self.bytes.clear();
        self.bytes.extend_from_slice(&[0, 0]);
        Message { locate, tracking: 0, time, body: *body }.encode(&mut self.bytes);
        // No message is longer than 50 bytes.
        self.bytes[1] = u8::try_from(self.bytes.len() - 2).unwrap_or_default();
        self.out
            .write_all(&self.bytes)
            .map_err(|error| RecordingError::new(&self.name, Fault::Io(error)))
    }
}

/// The beginning of a long name, and the number of its instrument, which no other one has.
fn shortened(name: InstrumentName, id: InstrumentId) -> Alpha<8> {
    let number = format!("_{id}");
    let room = 8_usize.saturating_sub(number.len());
    let start = name.as_bytes().get(..room).unwrap_or_default();
    let text: Vec<u8> = start.iter().copied().chain(number.bytes()).take(8).collect();
    Alpha::padded(&text).unwrap_or(Alpha(*b"        "))
}
