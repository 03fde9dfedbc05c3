//! One line of a message file.

use pricetime_engine::{Price, Quantity, Side};

use crate::error::{Fault, MessageNumber, RecordingError};
use crate::format::Format;
use crate::number::{decimal, signed, unsigned};
use crate::source::Line;
use crate::venue::{Cross, TradingState, VenueEvent};

/// The decimal places of LOBSTER's prices.
pub(super) const PRICE_PLACES: u8 = 4;
/// The nanoseconds of a day.
pub(super) const DAY: u64 = 86_400_000_000_000;
/// The columns of a message file.
const COLUMNS: usize = 6;

/// A line that cannot be read.
#[derive(Debug)]
pub(super) struct BadLine<'a> {
    pub(super) fault: Fault,
    pub(super) field: Option<(&'static str, &'a [u8])>,
}

impl BadLine<'_> {
    /// The error about a line. If the first line of a file is faulty, the file has another format. If the
    /// last one is, it is cut off.
    #[cold]
    pub(super) fn error(self, number: u64, line: Line<'_>, format: Format) -> RecordingError {
        let error = |fault| {
            RecordingError::new("", fault)
                .at_message(MessageNumber::Line(number))
                .at_offset(line.offset)
        };
        if number > 1 && !line.ended {
            return error(Fault::Incomplete);
        }
        let mut error = error(self.fault);
        if let Some((name, value)) = self.field {
            error = error.field(name, value);
        }
        if number == 1 { error.not_format(format, line.text) } else { error }
    }
}

/// Parses a column.
pub(super) fn column<'a, T>(
    name: &'static str,
    text: &'a [u8],
    parse: impl FnOnce(&[u8]) -> Result<T, Fault>,
) -> Result<T, BadLine<'a>> {
    parse(text).map_err(|fault| BadLine { fault, field: Some((name, text)) })
}

/// Splits a line of a message file.
fn columns(line: &[u8]) -> Option<[&[u8]; COLUMNS]> {
    let mut found = [[].as_slice(); COLUMNS];
    let mut parts = line.split(|b| *b == b',');
    for column in &mut found {
        *column = parts.next()?;
    }
    parts.next().is_none().then_some(found)
}

/// Parses a line: the nanoseconds after midnight, and what happened.
#[inline]
pub(super) fn parse(line: &[u8]) -> Result<(u64, VenueEvent), BadLine<'_>> {
    let Some([time, kind, order, size, price, direction]) = columns(line) else {
        let found = line.split(|b| *b == b',').count();
        return Err(BadLine { fault: Fault::Columns { expected: COLUMNS, found }, field: None });
    };
    let time = column("time", time, |text| match decimal(text, 9)? {
        time if time < DAY => Ok(time),
        _ => Err(Fault::OutOfRange("below 86400 seconds")),
    })?;
    let side = column("direction", direction, |text| match text {
        b"1" => Ok(Side::Buy),
        b"-1" => Ok(Side::Sell),
        _ => Err(Fault::UnknownCode("1 and -1")),
    })?;
    let [kind_of_message] = *kind else { return Err(unknown_type(kind)) };
    let amount = |least| {
        column("size", size, |text| match unsigned(text)? {
            quantity if quantity >= least => Ok(Quantity(quantity)),
            _ => Err(Fault::OutOfRange("above 0")),
        })
    };
    let at = || column("price", price, |text| signed(text).map(Price));
    let id = || column("order id", order, unsigned);
    let event = match kind_of_message {
        b'1' => VenueEvent::Added {
            order: id()?,
            side,
            price: at()?,
            quantity: amount(1)?,
            account: None,
        },
        b'2' => {
            let (side, price) = (Some(side), Some(at()?));
            VenueEvent::Reduced { order: id()?, quantity: amount(1)?, side, price }
        }
        b'3' => {
            let (side, price) = (Some(side), Some(at()?));
            VenueEvent::Deleted { order: id()?, quantity: Some(amount(1)?), side, price }
        }
        b'4' => VenueEvent::Executed {
            order: id()?,
            quantity: amount(1)?,
            side: Some(side),
            price: Some(at()?),
            trade: None,
            aggressor: None,
            cross: false,
        },
        b'5' => {
            let (price, quantity) = (at()?, amount(1)?);
            VenueEvent::HiddenExecuted { side: Some(side), price, quantity, trade: None }
        }
        b'6' => {
            let (price, quantity) = (at()?, amount(0)?);
            VenueEvent::Crossed { kind: Cross::Unknown, price, quantity, trade: None }
        }
        b'7' => VenueEvent::StateChanged(column("price", price, |text| match text {
            b"-1" => Ok(TradingState::Halted),
            b"0" => Ok(TradingState::Quoting),
            b"1" => Ok(TradingState::Trading),
            _ => Err(Fault::UnknownCode("-1, 0 and 1, which a message of type 7 has")),
        })?),
        _ => return Err(unknown_type(kind)),
    };
    Ok((time, event))
}

fn unknown_type(kind: &[u8]) -> BadLine<'_> {
    BadLine { fault: Fault::UnknownCode("1 to 7"), field: Some(("type", kind)) }
}
