//! What an exchange reports, in terms that all formats share.
//!
//! A reader turns each line or record of its format into a [`VenueMessage`]. These messages describe what
//! happened in the exchange's book. They are not commands: an execution, for example, names the order that
//! rested and not the order that hit it. [`Commands`](crate::Commands) turns them into commands.
//!
//! A message is `Copy` and small, because a day of a large exchange has hundreds of millions of them.

use std::fmt;
use std::num::NonZeroU64;

use pricetime_engine::{Price, Quantity, Side, Timestamp};

use crate::error::RecordingError;

/// A stream of messages of an exchange.
pub trait VenueReader {
    /// Returns the next message, or `None` after the last one.
    ///
    /// An instrument is [listed](VenueEvent::Listed) before any other message about it. If the recording begins
    /// later, messages before the first one that names the instrument are about unknown orders.
    ///
    /// # Errors
    /// Returns an error if a message is faulty. If it
    /// [is in one message](RecordingError::is_in_one_message), the next call returns the message after it.
    /// After any other error the next call returns `None`.
    fn next(&mut self) -> Result<Option<VenueMessage>, RecordingError>;
}

/// One message of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VenueMessage {
    /// When it happened, in nanoseconds. The format decides since when: midnight or the Unix epoch.
    pub time: Timestamp,
    /// The line or record that reports it, counted from 1. Several messages can have one number.
    pub number: u64,
    /// The instrument. [`VenueEvent::DayPart`] concerns all of them, and has instrument 0.
    pub instrument: InstrumentId,
    /// What happened.
    pub event: VenueEvent,
}

/// The number that a reader gives an instrument, unique in its recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstrumentId(pub u32);

/// What happened at an exchange.
///
/// Prices are whole numbers of the instrument's [price unit](Instrument::price_places). Orders have the
/// numbers that the exchange gave them, unique among the live orders of the instrument. `side` and `price` of
/// an order that is already in the book are `None` if the format does not repeat them. An order that is added with
/// quantity 0 does not enter the book, and one that is replaced by quantity 0 leaves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VenueEvent {
    /// An instrument exists. It comes again if its definition changes.
    Listed(Instrument),
    /// The exchange's day goes on to its next part.
    DayPart(DayPart),
    /// The instrument begins or stops to trade. It trades from its listing on unless this says otherwise.
    StateChanged(TradingState),
    /// This quantity rests at a price, in orders that no message has added: they were there when the recording
    /// began, or entered while it did not show this price. It rested before the messages of this time. Its orders
    /// appear for the first time when they are executed or cancelled.
    Rested {
        /// `None` for orders that no message has added. Otherwise a live order, which is behind all others at this
        /// price from now on, because a guess about its place in the queue was wrong.
        order: Option<u64>,
        /// Buy or sell.
        side: Side,
        /// The price.
        price: Price,
        /// The quantity of all orders at this price.
        quantity: Quantity,
    },
    /// Less rests at a price than the messages say, because the recording did not show this price for a while.
    /// This was so before the messages of this time.
    Vanished {
        /// The order; `None` if it is what [`Rested`](Self::Rested) at this price.
        order: Option<u64>,
        /// Buy or sell.
        side: Side,
        /// The price.
        price: Price,
        /// The quantity that is gone.
        quantity: Quantity,
    },
    /// An order entered the book.
    Added {
        /// The order.
        order: u64,
        /// Buy or sell.
        side: Side,
        /// The limit price.
        price: Price,
        /// The quantity that rests.
        quantity: Quantity,
        /// The account or firm, if the exchange tells. Of a market participant id of four letters it is the
        /// big-endian number.
        account: Option<NonZeroU64>,
    },
    /// An order was cancelled in part. It keeps its place in the queue.
    Reduced {
        /// The order.
        order: u64,
        /// The quantity that was cancelled.
        quantity: Quantity,
        /// Its side.
        side: Option<Side>,
        /// Its price.
        price: Option<Price>,
    },
    /// An order was cancelled.
    Deleted {
        /// The order.
        order: u64,
        /// The quantity that it still had, if the format repeats it.
        quantity: Option<Quantity>,
        /// Its side.
        side: Option<Side>,
        /// Its price.
        price: Option<Price>,
    },
    /// An order was changed, or replaced by one with another number.
    Replaced {
        /// The order.
        order: u64,
        /// Its number from now on, which may be the same.
        new_order: u64,
        /// Its price from now on.
        price: Price,
        /// Its open quantity from now on.
        quantity: Quantity,
        /// Its side.
        side: Option<Side>,
        /// `true` if the exchange leaves it in its place in the queue as long as the number and the price stay
        /// and the quantity does not grow.
        keeps_priority: bool,
    },
    /// A visible order traded, and its open quantity shrank. If this leaves nothing, the order is gone.
    Executed {
        /// The order that rested.
        order: u64,
        /// The quantity that traded.
        quantity: Quantity,
        /// Its side, which is opposite to that of the aggressor.
        side: Option<Side>,
        /// The price of the trade; `None` if it is the order's own.
        price: Option<Price>,
        /// The exchange's number of the trade.
        trade: Option<NonZeroU64>,
        /// The exchange's number of the order that hit it.
        aggressor: Option<NonZeroU64>,
        /// `true` if the trade is part of a cross, so that no order hit this one.
        cross: bool,
    },
    /// An order that the book does not show traded.
    HiddenExecuted {
        /// The side of the hidden order, if the exchange tells.
        side: Option<Side>,
        /// The price of the trade.
        price: Price,
        /// The quantity that traded.
        quantity: Quantity,
        /// The exchange's number of the trade.
        trade: Option<NonZeroU64>,
    },
    /// An auction took place. Executions of visible orders in it are messages of their own.
    Crossed {
        /// Which auction.
        kind: Cross,
        /// The price of all its trades.
        price: Price,
        /// The quantity that traded, which may be zero.
        quantity: Quantity,
        /// The exchange's number of the trade.
        trade: Option<NonZeroU64>,
    },
    /// The exchange cancelled a trade afterwards. The book does not change.
    TradeBroken {
        /// The exchange's number of the trade.
        trade: NonZeroU64,
    },
    /// Every order of the instrument is gone. Often a snapshot follows.
    Cleared,
}

/// An instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instrument {
    /// Its name at the exchange.
    pub name: InstrumentName,
    /// The number of decimal places of its prices: a price is a whole number times 10 to the power of minus
    /// this.
    pub price_places: u8,
    /// The quantity of a round lot, or 1 if the format does not tell.
    pub round_lot: u32,
}

/// A name of an instrument, of at most [`LENGTH_MAX`](Self::LENGTH_MAX) bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct InstrumentName {
    length: u8,
    bytes: [u8; Self::LENGTH_MAX],
}

/// A part of an exchange's day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayPart {
    /// The recording of the day begins.
    MessagesBegin,
    /// Orders are accepted.
    SystemOpens,
    /// Regular trading begins.
    MarketOpens,
    /// Regular trading ends.
    MarketCloses,
    /// Orders are no longer accepted.
    SystemCloses,
    /// The recording of the day ends.
    MessagesEnd,
}

/// Whether an instrument trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TradingState {
    /// It trades.
    Trading,
    /// It does not trade, and no orders are displayed.
    Halted,
    /// It does not trade for a short time, because its price moved too fast.
    Paused,
    /// It does not trade yet, but orders are collected for the auction that ends a halt.
    Quoting,
}

/// An auction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cross {
    /// The opening auction.
    Opening,
    /// The closing auction.
    Closing,
    /// The auction after a halt, or the first one of a new share.
    Halt,
    /// The format does not tell.
    Unknown,
}

impl InstrumentName {
    /// The maximum length of a name, in bytes.
    pub const LENGTH_MAX: usize = 31;

    /// Creates a name. What is longer than [`LENGTH_MAX`](Self::LENGTH_MAX) bytes is cut.
    #[must_use]
    pub fn new(name: &[u8]) -> Self {
        let name = name.get(..Self::LENGTH_MAX).unwrap_or(name);
        let mut bytes = [0; Self::LENGTH_MAX];
        bytes[..name.len()].copy_from_slice(name);
        Self { length: u8::try_from(name.len()).unwrap_or_default(), bytes }
    }

    /// The bytes of the name.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl fmt::Debug for InstrumentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl fmt::Display for InstrumentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_bytes().escape_ascii())
    }
}

impl fmt::Display for InstrumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_fits_in_96_bytes() {
        assert!(size_of::<VenueMessage>() <= 96, "{}", size_of::<VenueMessage>());
    }

    #[test]
    fn long_name_is_cut() {
        let name = InstrumentName::new(&[b'A'; 40]);
        assert_eq!(name.as_bytes(), [b'A'; 31]);
        assert_eq!(InstrumentName::new(b"BRK.A").to_string(), "BRK.A");
    }
}
