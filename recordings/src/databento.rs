//! Databento market-by-order files: DBN versions 1 to 3, schema `mbo`.
//!
//! A file begins with metadata, which names the instruments. Then come records of 56 bytes, or of 64 if they say when
//! they were sent. Prices have nine decimal places, times are nanoseconds since 1970.
//!
//! | action | outside of an event that trades | in an event that trades |
//! |---|---|---|
//! | A | [`Added`](VenueEvent::Added) | the same; of an aggressor, right after its executions |
//! | C | [`Reduced`](VenueEvent::Reduced) | what its fills do not explain; before the executions if there are none |
//! | M | [`Replaced`](VenueEvent::Replaced), same number | the same; of an aggressor, `Deleted` and `Added` |
//! | R | [`Cleared`](VenueEvent::Cleared), [`StateChanged`](VenueEvent::StateChanged) | ends the event |
//! | T | | the aggressor; what its fills do not explain is [`HiddenExecuted`](VenueEvent::HiddenExecuted) |
//! | F | | [`Executed`](VenueEvent::Executed), or `HiddenExecuted` if no C or M follows |
//! | N | – | – |
//!
//! An event ends with the flag `F_LAST`. If it trades or has several records, the reader collects and joins them. Other
//! records become messages at once. `docs/recordings-databento.md` has the details, for each exchange.
//!
//! An instrument trades from its first T with a side on, after its listing and after each R. What rests before may be
//! crossed, because the file does not say whether an auction is being prepared.
//!
//! Records are decoded here and not by the crate `dbn`. Its decoder is not slower, but its errors have no offset, and it
//! needs 9 more crates and second versions of 5 others.

#[cfg(doc)]
use crate::venue::VenueEvent;

mod definitions;
mod frames;
mod instruments;
mod metadata;
mod reader;
mod record;
mod trade_event;

pub use definitions::Definitions;
pub use reader::Reader;

#[cfg(test)]
mod tests;
