//! LOBSTER message files, with the order-book file as the expected result.
//!
//! A message file has one line for each message, without a header: seconds after midnight, type, order id,
//! size, price × 10,000, and direction of the order that rests (1 is buy, −1 is sell). In newer files the market
//! participant or `null` follows. The order-book file has one line for each line of the message file: ask price,
//! ask size, bid price and bid size of each level, after the message.
//!
//! | type | columns | message |
//! |---|---|---|
//! | 1 | | [`Added`](VenueEvent::Added) |
//! | 2 | size: what was cancelled | [`Reduced`](VenueEvent::Reduced) |
//! | 3 | | [`Deleted`](VenueEvent::Deleted) |
//! | 4 | id and direction: of the order that rests | [`Executed`](VenueEvent::Executed) |
//! | 5 | id: 0; direction: of the hidden order, but always 1 since 2014 | [`HiddenExecuted`](VenueEvent::HiddenExecuted) |
//! | 6 | id: −1 | [`Crossed`](VenueEvent::Crossed) |
//! | 7 | price: −1 halts, 0 resumes quoting, 1 resumes trading | [`StateChanged`](VenueEvent::StateChanged) |
//!
//! A message file begins while the book is full, and has no messages about orders that are deeper than the levels of
//! its order-book file. [`Reader::with_book`] takes these from that file, as [`Rested`](VenueEvent::Rested) and
//! [`Vanished`](VenueEvent::Vanished). [`check_book`] compares every line of it with the engine's book.
//!
//! LOBSTER does not mark executions in a cross. An execution while the instrument is halted is taken for one.

#[cfg(doc)]
use crate::venue::VenueEvent;

mod book_check;
mod book_row;
mod correction;
mod levels;
mod reader;
mod row;
mod window;
mod writer;

pub use book_check::{BookAgreement, BookCause, BookDifference, check_book};
pub use book_row::{BookLevel, BookReader, BookRow};
pub use reader::{Learn, Options, Reader};
pub use window::Revealed;
pub use writer::Writer;

#[cfg(test)]
mod tests;
