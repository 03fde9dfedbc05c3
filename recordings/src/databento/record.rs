//! One record about an order.

use pricetime_engine::{Price, Quantity, Side, Timestamp};

use super::frames::field;
use crate::error::{Fault, RecordingError};
use crate::venue::VenueEvent;

/// The decimal places of Databento's prices.
pub(super) const PLACES_MAX: u8 = 9;
/// The price of a record that has none.
const UNDEF_PRICE: i64 = i64::MAX;
/// The time of a record that has none.
const UNDEF_TIME: u64 = u64::MAX;

/// The length of a record, without the time when it was sent.
pub(super) const LENGTH: usize = 56;

/// The record is the last one of an event.
const F_LAST: u8 = 1 << 7;
/// The record is part of a snapshot.
const F_SNAPSHOT: u8 = 1 << 5;
/// The record is about the best price of a side, which has no orders.
const F_TOB: u8 = 1 << 6;
/// The record is about all orders at a price.
const F_MBP: u8 = 1 << 4;

/// What happened to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Add,
    Cancel,
    Modify,
    Clear,
    Trade,
    Fill,
    None,
}

/// One record about an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) number: u64,
    pub(super) time: Timestamp,
    pub(super) action: Action,
    pub(super) side: Option<Side>,
    pub(super) order: u64,
    pub(super) price: Option<Price>,
    pub(super) quantity: Quantity,
    pub(super) is_last: bool,
    is_snapshot: bool,
    /// `true` if it is about a price level, which takes the place of an order.
    is_level: bool,
}

/// How an instrument's prices are counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit {
    places: u8,
    billionths: i64,
}

impl Unit {
    /// The unit of prices with so many decimal places, at most 9.
    pub(super) fn new(places: u8) -> Self {
        let more = PLACES_MAX.saturating_sub(places);
        Self { places, billionths: 10_i64.pow(more.into()) }
    }

    #[inline]
    fn price(self, billionths: i64) -> Result<Option<Price>, RecordingError> {
        match billionths {
            UNDEF_PRICE => Ok(None),
            // Without a definition, prices stay as they are.
            it if self.billionths == 1 => Ok(Some(Price(it))),
            it if it % self.billionths == 0 => Ok(Some(Price(it / self.billionths))),
            it => Err(wrong("price", &price_text(it), Fault::TooPrecise(self.places))),
        }
    }
}

impl Record {
    /// Decodes a record.
    #[inline]
    pub(super) fn parse(
        number: u64,
        bytes: &[u8; LENGTH],
        unit: Unit,
    ) -> Result<Self, RecordingError> {
        let [flags, _, action, side] = field(bytes, 36);
        let action = match action {
            b'A' => Action::Add,
            b'C' => Action::Cancel,
            b'M' => Action::Modify,
            b'R' => Action::Clear,
            b'T' => Action::Trade,
            b'F' => Action::Fill,
            b'N' => Action::None,
            _ => return Err(unknown("action", action, "A, C, F, M, N, R and T")),
        };
        let side = match side {
            b'B' => Some(Side::Buy),
            b'A' => Some(Side::Sell),
            b'N' if action != Action::Add => None,
            b'N' => return Err(unknown("side", side, "A and B, which a new order has")),
            _ => return Err(unknown("side", side, "A, B and N")),
        };
        let is_level = flags & (F_TOB | F_MBP) != 0;
        let billionths = i64::from_le_bytes(field(bytes, 24));
        let price = match action {
            Action::Add | Action::Modify | Action::Trade | Action::Fill => {
                unit.price(billionths)?
            }
            Action::Cancel | Action::Clear | Action::None => None,
        };
        let size = u32::from_le_bytes(field(bytes, 32));
        match action {
            Action::Add if is_level && price.is_none() => {}
            Action::Add | Action::Modify | Action::Fill if price.is_none() || size == 0 => {
                return Err(incomplete(price.is_some()));
            }
            Action::Trade if price.is_none() => return Err(incomplete(false)),
            Action::Cancel if size == 0 => return Err(incomplete(true)),
            Action::Add | Action::Modify | Action::Trade | Action::Fill => {}
            Action::Cancel | Action::Clear | Action::None => {}
        }
        let order = match side {
            Some(side) if flags & F_TOB != 0 => u64::from(side == Side::Sell),
            // Prices of both signs have numbers of their own.
            Some(_) if is_level => billionths.cast_unsigned(),
            Some(_) | None => u64::from_le_bytes(field(bytes, 16)),
        };
        Ok(Self {
            number,
            time: time(bytes)?,
            action,
            side,
            order,
            price,
            quantity: Quantity(size.into()),
            is_last: flags & F_LAST != 0,
            is_snapshot: flags & F_SNAPSHOT != 0,
            is_level,
        })
    }

    /// Returns `true` if no other record belongs to it, unless an event is open.
    #[inline]
    pub(super) fn is_whole_event(&self) -> bool {
        match self.action {
            Action::Trade | Action::Fill => false,
            Action::Clear => true,
            Action::Add | Action::Cancel | Action::Modify | Action::None => {
                self.is_last || self.is_snapshot
            }
        }
    }

    /// What the record does to the book, if it stands for itself.
    #[inline]
    pub(super) fn event(&self) -> Option<VenueEvent> {
        let Self { order, side, price, quantity, .. } = *self;
        Some(match (self.action, price) {
            (Action::Add, Some(price)) if !self.is_level => {
                VenueEvent::Added { order, side: side?, price, quantity, account: None }
            }
            (Action::Add | Action::Modify, Some(price)) => VenueEvent::Replaced {
                order,
                new_order: order,
                price,
                quantity,
                side,
                keeps_priority: true,
            },
            (Action::Add | Action::Modify, None) => {
                VenueEvent::Deleted { order, quantity: None, side, price: None }
            }
            (Action::Cancel, _) => VenueEvent::Reduced { order, quantity, side, price: None },
            (Action::Clear, _) => VenueEvent::Cleared,
            (Action::Trade | Action::Fill | Action::None, _) => return None,
        })
    }
}

/// When it happened: by the clock of the exchange, or if that is not known, when Databento received it.
#[inline]
pub(super) fn time(bytes: &[u8; LENGTH]) -> Result<Timestamp, RecordingError> {
    match (u64::from_le_bytes(field(bytes, 8)), u64::from_le_bytes(field(bytes, 40))) {
        (UNDEF_TIME, UNDEF_TIME) => {
            Err(wrong("ts_recv", "UNDEF_TIMESTAMP", Fault::OutOfRange("a time")))
        }
        (UNDEF_TIME, time) | (time, _) => Ok(Timestamp(time)),
    }
}

#[cold]
fn unknown(field: &'static str, code: u8, codes: &'static str) -> RecordingError {
    RecordingError::new("", Fault::UnknownCode(codes)).field(field, &[code])
}

/// The error about a record that needs a price and a size.
#[cold]
fn incomplete(has_price: bool) -> RecordingError {
    if has_price {
        wrong("size", "0", Fault::OutOfRange("above 0"))
    } else {
        wrong("price", "UNDEF_PRICE", Fault::OutOfRange("a price"))
    }
}

#[cold]
fn wrong(field: &'static str, value: &str, fault: Fault) -> RecordingError {
    RecordingError::new("", fault).field(field, value.as_bytes())
}

/// A price in billionths as a decimal.
fn price_text(billionths: i64) -> String {
    let (sign, digits) = (if billionths < 0 { "-" } else { "" }, billionths.unsigned_abs());
    let text = format!("{sign}{}.{:09}", digits / 1_000_000_000, digits % 1_000_000_000);
    String::from(text.trim_end_matches('0').trim_end_matches('.'))
}
