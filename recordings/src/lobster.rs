//! LOBSTER message files, with the order-book file as the expected result.
//!
//! A message file has one line for each message, without a header: seconds after midnight, type, order id,
//! size, price × 10,000, and direction of the order that rests (1 is buy, −1 is sell). The order-book file has
//! one line for each line of the message file: ask price, ask size, bid price and bid size of each level,
//! after the message.
//!
//! | type | columns | message |
//! |---|---|---|
//! | 1 | | [`Added`](VenueEvent::Added) |
//! | 2 | size: what was cancelled | [`Reduced`](VenueEvent::Reduced) |
//! | 3 | | [`Deleted`](VenueEvent::Deleted) |
//! | 4 | id and direction: of the order that rests | [`Executed`](VenueEvent::Executed) |
//! | 5 | id: 0 | [`HiddenExecuted`](VenueEvent::HiddenExecuted) |
//! | 6 | id: −1 | [`Crossed`](VenueEvent::Crossed) |
//! | 7 | price: −1 halts, 0 resumes quoting, 1 resumes trading | [`StateChanged`](VenueEvent::StateChanged) |
//!
//! A file usually begins while the book is full. [`Reader::starting_with`] takes what rested before from the
//! first line of the order-book file. [`check_book`] compares every line of that file with the engine's book.
//!
//! LOBSTER does not mark executions in a cross. An execution while the instrument is halted is taken for one.

#[cfg(doc)]
use crate::venue::VenueEvent;

mod book_check;
mod book_row;
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
