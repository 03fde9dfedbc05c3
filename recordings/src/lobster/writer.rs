//! Writes message files.

use std::io::Write;

use pricetime_engine::{Price, Quantity, Side, Timestamp};

use super::levels::Levels;
use super::row::{DAY, NO_PRICE, PRICE_PLACES, SIZE_MAX};
use crate::error::{Fault, MessageNumber, RecordingError};
use crate::number::{append, append_padded, append_signed, decimal, rescaled};
use crate::venue::{InstrumentId, TradingState, VenueEvent, VenueMessage};
use crate::venue_book::{Change, VenueBook, VenueOrder};

/// Writes the messages of one instrument as a message file, and its order-book file if it is wanted.
///
/// A replaced order becomes a deletion and a new order. Accounts, trade numbers and what rested before
/// the recording are not written, because the format cannot hold them.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    name: String,
    instrument: InstrumentId,
    midnight: Timestamp,
    price_places: u8,
    book: VenueBook,
    line: Vec<u8>,
    rows: Option<Rows<W>>,
}

/// The order-book file.
#[derive(Debug)]
struct Rows<W> {
    out: W,
    name: String,
    shown: usize,
    levels: Levels,
}

/// The columns of a line after the time.
#[derive(Clone, Copy)]
struct Columns {
    kind: u8,
    order: i128,
    size: u64,
    price: i64,
    direction: i8,
}

impl<W: Write> Writer<W> {
    /// Writes the messages of an instrument. `midnight` is subtracted from their times. The name of the file is
    /// for errors.
    #[must_use]
    pub fn new(out: W, name: &str, instrument: InstrumentId, midnight: Timestamp) -> Self {
        let (name, book, line) = (name.to_owned(), VenueBook::new(), Vec::new());
        let price_places = PRICE_PLACES;
        Self { out, name, instrument, midnight, price_places, book, line, rows: None }
    }

    /// Also writes an order-book file with the best levels after each line. The book begins empty.
    #[must_use]
    pub fn with_book(mut self, out: W, name: &str, levels: usize) -> Self {
        let (name, shown) = (name.to_owned(), levels);
        self.rows = Some(Rows { out, name, shown, levels: Levels::default() });
        self
    }

    /// Writes the lines of a message. Messages about other instruments are ignored.
    ///
    /// # Errors
    /// Returns an error if the format cannot hold the message, or if it cannot be written.
    pub fn write(&mut self, message: &VenueMessage) -> Result<(), RecordingError> {
        if message.instrument != self.instrument {
            return Ok(());
        }
        let cleared = matches!(message.event, VenueEvent::Cleared);
        let orders = if cleared { self.book.orders() } else { Vec::new() };
        for (order, live) in orders {
            self.line(message, Columns::of(b'3', order, live, live.open))?;
        }
        self.follow(&message.event);
        let change = self.book.apply(&message.event);
        match (message.event, change) {
            (VenueEvent::Listed(instrument), _) => self.price_places = instrument.price_places,
            (VenueEvent::StateChanged(state), _) => {
                let price = match state {
                    TradingState::Halted | TradingState::Paused => -1,
                    TradingState::Quoting => 0,
                    TradingState::Trading => 1,
                };
                let columns = Columns { kind: b'7', order: 0, size: 0, price, direction: -1 };
                self.put(message, columns)?;
            }
            (VenueEvent::HiddenExecuted { side, price, quantity, .. }, _) => {
                let direction = direction(side.unwrap_or(Side::Sell));
                let columns =
                    Columns { kind: b'5', order: 0, size: quantity.0, price: price.0, direction };
                self.line(message, columns)?;
            }
            (VenueEvent::Crossed { price, quantity, .. }, _) => {
                let columns = Columns {
                    kind: b'6',
                    order: -1,
                    size: quantity.0,
                    price: price.0,
                    direction: -1,
                };
                self.line(message, columns)?;
            }
            (event, change) => self.order(message, &event, change)?,
        }
        Ok(())
    }

    /// Ends the file and returns what it was written to.
    ///
    /// # Errors
    /// Returns an error if it cannot be written.
    pub fn finish(self) -> Result<W, RecordingError> {
        Ok(self.finish_both()?.0)
    }

    /// Ends the files and returns what they were written to.
    ///
    /// # Errors
    /// Returns an error if one of them cannot be written.
    pub fn finish_both(mut self) -> Result<(W, Option<W>), RecordingError> {
        self.out.flush().map_err(|error| RecordingError::new(&self.name, Fault::Io(error)))?;
        if let Some(rows) = &mut self.rows {
            rows.out.flush().map_err(|error| RecordingError::new(&rows.name, Fault::Io(error)))?;
        }
        Ok((self.out, self.rows.map(|rows| rows.out)))
    }

    /// Changes the levels of the order-book file for what has no line.
    fn follow(&mut self, event: &VenueEvent) {
        let Some(Rows { levels, .. }) = &mut self.rows else { return };
        let scaled = |price: Price| rescaled(price.0, self.price_places, PRICE_PLACES);
        if let VenueEvent::Rested { order: None, side, price, quantity } = *event
            && let Some(price) = scaled(price)
        {
            levels.add(side, price, quantity.0);
        } else if let VenueEvent::Vanished { side, price, quantity, .. } = *event
            && let Some(price) = scaled(price)
        {
            levels.take(side, price, quantity.0);
        } else if let VenueEvent::Cleared = event {
            levels.clear();
        }
    }

    /// Writes the lines of a message about an order.
    fn order(
        &mut self,
        message: &VenueMessage,
        event: &VenueEvent,
        change: Change,
    ) -> Result<(), RecordingError> {
        let (kind, number, named) = match *event {
            VenueEvent::Added { order, .. } => (b'1', order, None),
            VenueEvent::Replaced { new_order, .. } => (b'1', new_order, None),
            VenueEvent::Reduced { order, quantity, side, price } => {
                (b'2', order, side.zip(price).map(|it| (it, quantity)))
            }
            VenueEvent::Deleted { order, quantity, side, price } => {
                (b'3', order, side.zip(price).zip(quantity))
            }
            VenueEvent::Executed { order, quantity, side, price, .. } => {
                (b'4', order, side.zip(price).map(|it| (it, quantity)))
            }
            VenueEvent::Listed(_)
            | VenueEvent::DayPart(_)
            | VenueEvent::StateChanged(_)
            | VenueEvent::Rested { .. }
            | VenueEvent::Vanished { .. }
            | VenueEvent::HiddenExecuted { .. }
            | VenueEvent::Crossed { .. }
            | VenueEvent::TradeBroken { .. }
            | VenueEvent::Cleared => return Ok(()),
        };
        match change {
            Change::Placed { now, .. } => {
                self.line(message, Columns::of(kind, number, now, now.open))
            }
            Change::Shrunk { before, by, .. } => {
                // The recording may know more than the messages before: a part can have left without one.
                let by = named.map_or(by, |(_, quantity)| quantity);
                self.line(message, Columns::of(kind, number, before, by))
            }
            Change::Moved { order, before, now, .. } => {
                let old = u64::try_from(order.0).unwrap_or(number);
                self.line(message, Columns::of(b'3', old, before, before.open))?;
                self.line(message, Columns::of(kind, number, now, now.open))
            }
            Change::None => Ok(()),
            Change::Unknown | Change::Cleared => {
                let Some(((side, price), open)) = named else {
                    return Err(self.failed(
                        message,
                        Fault::UnknownOrder,
                        ("order id", &number.to_string()),
                    ));
                };
                let order = VenueOrder { side, price, open, account: None };
                self.line(message, Columns::of(kind, number, order, open))
            }
        }
    }

    /// Writes a line whose price has the decimal places of the instrument.
    fn line(&mut self, message: &VenueMessage, columns: Columns) -> Result<(), RecordingError> {
        let refused = |fault, field, value: &str| Err(self.failed(message, fault, (field, value)));
        let Some(price) = rescaled(columns.price, self.price_places, PRICE_PLACES) else {
            let price = decimal(columns.price, self.price_places);
            return refused(Fault::TooPrecise(PRICE_PLACES), "price", &price);
        };
        if price.unsigned_abs() >= NO_PRICE.unsigned_abs() {
            let fault = Fault::OutOfRange("between -999999.9998 and 999999.9998");
            return refused(fault, "price", &decimal(price, PRICE_PLACES));
        }
        if columns.size > SIZE_MAX {
            let fault = Fault::OutOfRange("at most 4294967295");
            return refused(fault, "size", &columns.size.to_string());
        }
        if let Some(Rows { levels, .. }) = &mut self.rows {
            let side = if columns.direction == 1 { Side::Buy } else { Side::Sell };
            match columns.kind {
                b'1' => levels.add(side, price, columns.size),
                b'2'..=b'4' => levels.take(side, price, columns.size),
                _ => {}
            }
        }
        self.put(message, Columns { price, ..columns })
    }

    fn put(&mut self, message: &VenueMessage, columns: Columns) -> Result<(), RecordingError> {
        let time = message.time.0.checked_sub(self.midnight.0).filter(|time| *time < DAY);
        let Some(time) = time else {
            let fault = Fault::OutOfRange("within a day of midnight");
            return Err(self.failed(message, fault, ("time", &message.time.to_string())));
        };
        let Columns { kind, order, size, price, direction } = columns;
        let (seconds, nanoseconds) = (time / 1_000_000_000, time % 1_000_000_000);
        let line = &mut self.line;
        line.clear();
        append(line, seconds);
        line.push(b'.');
        append_padded::<9>(line, nanoseconds);
        while line.ends_with(b"0") {
            line.pop();
        }
        line.truncate(line.strip_suffix(b".").unwrap_or(line).len());
        line.extend_from_slice(&[b',', kind, b',']);
        match u64::try_from(order) {
            Ok(order) => append(line, order),
            Err(_) => line.extend_from_slice(b"-1"),
        }
        line.push(b',');
        append(line, size);
        line.push(b',');
        append_signed(line, price);
        line.extend_from_slice(if direction == 1 { b",1\n" } else { b",-1\n" });
        let failed = |name: &str, error| RecordingError::new(name, Fault::Io(error));
        self.out.write_all(line).map_err(|error| failed(&self.name, error))?;
        if let Some(Rows { out, name, shown, levels }) = &mut self.rows {
            line.clear();
            levels.append_row(*shown, line);
            out.write_all(line).map_err(|error| failed(name, error))?;
        }
        Ok(())
    }

    #[cold]
    fn failed(
        &self,
        message: &VenueMessage,
        fault: Fault,
        field: (&'static str, &str),
    ) -> RecordingError {
        // The number is that of the message in the file that it was read from.
        let (name, value) = field;
        let number = MessageNumber::Record(message.number);
        RecordingError::new(&self.name, fault).at_message(number).field(name, value.as_bytes())
    }
}

impl Columns {
    fn of(kind: u8, order: u64, live: VenueOrder, size: Quantity) -> Self {
        let VenueOrder { side, price: Price(price), .. } = live;
        Self { kind, order: order.into(), size: size.0, price, direction: direction(side) }
    }
}

const fn direction(side: Side) -> i8 {
    match side {
        Side::Buy => 1,
        Side::Sell => -1,
    }
}
