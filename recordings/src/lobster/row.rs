//! One line of a message file.

use std::num::NonZeroU64;

use pricetime_engine::{Price, Quantity, Side};

use crate::error::{Fault, MessageNumber, RecordingError};
use crate::format::Format;
use crate::number::{leading_digits, rounded_decimal, signed, unsigned};
use crate::source::Line;
use crate::venue::{Cross, TradingState, VenueEvent};

/// The decimal places of LOBSTER's prices.
pub(super) const PRICE_PLACES: u8 = 4;
/// The nanoseconds of a day.
pub(super) const DAY: u64 = 86_400_000_000_000;
/// The columns of a message file. A newer file has one more.
const COLUMNS: usize = 6;
/// The largest size of an order. The exchange has 32 bits for it.
pub(super) const SIZE_MAX: u64 = u32::MAX as u64;
/// The price that stands for no price in an order-book file; of a bid it is negative.
pub(super) const NO_PRICE: i64 = 9_999_999_999;

/// The powers of 10.
const POWERS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

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

/// Parses a price.
pub(super) fn price(text: &[u8]) -> Result<Price, Fault> {
    match signed(text)? {
        price if price.unsigned_abs() < NO_PRICE.unsigned_abs() => Ok(Price(price)),
        _ => Err(Fault::OutOfRange("between -9999999998 and 9999999998")),
    }
}

/// Parses the seventh column: the market participant, if the exchange tells.
fn attribution(text: &[u8]) -> Result<Option<NonZeroU64>, Fault> {
    if text.is_empty() || text == b"null" {
        return Ok(None);
    }
    if text.len() > 8 || !text.iter().all(u8::is_ascii_alphanumeric) {
        return Err(Fault::UnknownCode("null and ids of up to eight letters and digits"));
    }
    Ok(NonZeroU64::new(text.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))))
}

/// The columns of a message of type 1 to 5.
struct Columns {
    kind: u8,
    order: u64,
    quantity: Quantity,
    price: Price,
    side: Side,
    account: Option<NonZeroU64>,
}

impl Columns {
    /// What happened, or `None` if the type is another one.
    #[inline]
    fn event(self) -> Option<VenueEvent> {
        let Self { kind, order, quantity, price, side, account } = self;
        let (some_side, some_price) = (Some(side), Some(price));
        Some(match kind {
            b'1' => VenueEvent::Added { order, side, price, quantity, account },
            b'2' => VenueEvent::Reduced { order, quantity, side: some_side, price: some_price },
            b'3' => {
                let quantity = Some(quantity);
                VenueEvent::Deleted { order, quantity, side: some_side, price: some_price }
            }
            b'4' => VenueEvent::Executed {
                order,
                quantity,
                side: some_side,
                price: some_price,
                trade: None,
                aggressor: None,
                cross: false,
            },
            b'5' => VenueEvent::HiddenExecuted { side: some_side, price, quantity, trade: None },
            _ => return None,
        })
    }
}

/// Parses a line: the nanoseconds after midnight, and what happened.
pub(super) fn parse(line: &[u8]) -> Result<(u64, VenueEvent), BadLine<'_>> {
    let mut columns = line.split(|b| *b == b',');
    let mut next = || columns.next().unwrap_or_default();
    let [time, kind, order, size, at, direction] = std::array::from_fn(|_| next());
    let (seventh, eighth) = (columns.next(), columns.next());
    let found = line.split(|b| *b == b',').count();
    if found < COLUMNS || eighth.is_some() {
        return Err(BadLine { fault: Fault::Columns { expected: COLUMNS, found }, field: None });
    }
    let time = column("time", time, |text| match rounded_decimal(text, 9)? {
        time if time < DAY => Ok(time),
        _ => Err(Fault::OutOfRange("below 86400 seconds")),
    })?;
    let side = column("direction", direction, |text| match text {
        b"1" => Ok(Side::Buy),
        b"-1" => Ok(Side::Sell),
        _ => Err(Fault::UnknownCode("1 and -1")),
    })?;
    let account = column("attribution", seventh.unwrap_or_default(), attribution)?;
    let [kind_of_message] = *kind else { return Err(unknown_type(kind)) };
    if kind_of_message == b'7' {
        let state = column("price", at, |text| match text {
            b"-1" => Ok(TradingState::Halted),
            b"0" => Ok(TradingState::Quoting),
            b"1" => Ok(TradingState::Trading),
            _ => Err(Fault::UnknownCode("-1, 0 and 1, which a message of type 7 has")),
        })?;
        return Ok((time, VenueEvent::StateChanged(state)));
    }
    if !(b'1'..=b'6').contains(&kind_of_message) {
        return Err(unknown_type(kind));
    }
    let is_cross = kind_of_message == b'6';
    // A cross has the order id -1.
    let order = if is_cross { 0 } else { column("order id", order, unsigned)? };
    let quantity = column("size", size, |text| match unsigned(text)? {
        0 if !is_cross => Err(Fault::OutOfRange("above 0")),
        size if size <= SIZE_MAX => Ok(Quantity(size)),
        _ => Err(Fault::OutOfRange("below 4294967296")),
    })?;
    let price = column("price", at, price)?;
    let columns = Columns { kind: kind_of_message, order, quantity, price, side, account };
    let cross = VenueEvent::Crossed { kind: Cross::Unknown, price, quantity, trade: None };
    Ok((time, columns.event().unwrap_or(cross)))
}

/// A line that was parsed the fast way.
pub(super) struct Plain {
    /// The number of its bytes, with its end.
    pub(super) length: usize,
    pub(super) time: u64,
    pub(super) event: VenueEvent,
}

/// Parses the line that the bytes begin with, if it is whole and as most lines are. For every other line it returns
/// `None`, and [`parse`] decides. It is three times as fast, because it looks at each byte once.
#[inline]
pub(super) fn parse_plain(bytes: &[u8]) -> Option<Plain> {
    let (seconds, rest) = short_number(bytes, b'.')?;
    let (fraction, digits) = leading_digits(rest)?;
    let rest = &rest[digits..];
    let (nanoseconds, rest) = match *rest.first()? {
        b',' => (fraction * POWERS[9 - digits], &rest[1..]),
        ninth @ b'0'..=b'9' if digits == 8 && rest.get(1) == Some(&b',') => {
            (fraction * 10 + u64::from(ninth - b'0'), &rest[2..])
        }
        _ => return None,
    };
    let &[kind @ b'1'..=b'5', b',', ref rest @ ..] = rest else { return None };
    let (order, rest) = number(rest)?;
    let (size, rest) = short_number(rest, b',')?;
    let (price, rest) = number(rest)?;
    let (side, rest) = match rest {
        [b'1', rest @ ..] => (Side::Buy, rest),
        [b'-', b'1', rest @ ..] => (Side::Sell, rest),
        _ => return None,
    };
    let rest = rest.strip_prefix(b",null").unwrap_or(rest);
    let rest = rest.strip_prefix(b"\r").unwrap_or(rest).strip_prefix(b"\n")?;
    if size == 0 || seconds >= DAY / 1_000_000_000 || price >= NO_PRICE.unsigned_abs() {
        return None;
    }
    let (quantity, price) = (Quantity(size), Price(price.cast_signed()));
    let event = Columns { kind, order, quantity, price, side, account: None }.event()?;
    let length = bytes.len() - rest.len();
    Some(Plain { length, time: seconds * 1_000_000_000 + nanoseconds, event })
}

/// A number of at most eight digits and what follows its end.
#[inline]
fn short_number(bytes: &[u8], end: u8) -> Option<(u64, &[u8])> {
    let (number, digits) = leading_digits(bytes)?;
    let rest = bytes.get(digits..)?;
    (*rest.first()? == end).then(|| (number, &rest[1..]))
}

/// A number of at most 16 digits and what follows the comma behind it.
#[inline]
fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (high, digits) = leading_digits(bytes)?;
    let rest = bytes.get(digits..)?;
    if let [b',', rest @ ..] = rest {
        return Some((high, rest));
    }
    let (low, more) = leading_digits(rest).filter(|_| digits == 8)?;
    let rest = rest.get(more..)?;
    let number = high * POWERS[more] + low;
    (*rest.first()? == b',').then(|| (number, &rest[1..]))
}

fn unknown_type(kind: &[u8]) -> BadLine<'_> {
    BadLine { fault: Fault::UnknownCode("1 to 7"), field: Some(("type", kind)) }
}
