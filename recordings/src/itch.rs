//! NASDAQ TotalView-ITCH 5.0: the files of Nasdaq, BX and PSX, which have one day each.
//!
//! [`Message`] decodes and encodes every type. [`Reader`] turns a file into [`VenueMessage`]s, and [`Writer`]
//! writes them.
//!
//! | type | message |
//! |---|---|
//! | S | [`DayPart`](VenueEvent::DayPart) |
//! | R | [`Listed`](VenueEvent::Listed) |
//! | H, h | [`StateChanged`](VenueEvent::StateChanged): a stock trades if both allow it |
//! | A, F | [`Added`](VenueEvent::Added); only F has an account |
//! | E | [`Executed`](VenueEvent::Executed) at the order's own price |
//! | C | [`Executed`](VenueEvent::Executed) at its price; if not printable, as a part of a cross |
//! | X | [`Reduced`](VenueEvent::Reduced) |
//! | D | [`Deleted`](VenueEvent::Deleted) |
//! | U | [`Replaced`](VenueEvent::Replaced), and the new order loses its place in the queue |
//! | P | [`HiddenExecuted`](VenueEvent::HiddenExecuted) |
//! | Q | [`Crossed`](VenueEvent::Crossed) |
//! | B | [`TradeBroken`](VenueEvent::TradeBroken) |
//! | Y, L, V, W, K, J, I, N, O | none |
//!
//! The locate code of a stock is its [`InstrumentId`]. Prices have four decimal places. Times count from
//! midnight in New York, and [`Options::midnight`] is added to them.
//!
//! If a file begins in the middle of a day, a stock is listed by the first message that names it. Messages before
//! it are about orders that are not known, and [`Counts::unlisted`] counts them.

#[cfg(doc)]
use crate::{
    commands::Counts,
    venue::{InstrumentId, VenueEvent, VenueMessage},
};

mod body;
mod event;
mod field;
mod form;
pub(crate) mod layout;
mod message;
mod reader;
mod stocks;
mod writer;

pub use body::{
    AddAttributedOrder, AddOrder, AuctionCollar, Body, BreakerLevels, BreakerStatus, BrokenTrade,
    CrossTrade, DirectListing, Imbalance, OperationalHalt, OrderCancel, OrderDelete, OrderExecuted,
    OrderExecutedWithPrice, OrderReplace, ParticipantPosition, QuotationRelease, RetailInterest,
    ShortSaleRestriction, StockDirectory, SystemEvent, Trade, TradingAction,
};
pub use field::{Alpha, HaltAction, Time};
pub use message::Message;
pub use reader::{Options, Reader};
pub use writer::Writer;

#[cfg(test)]
mod tests;
