//! Recorded order streams of exchanges, as commands of the engine.

mod agreement;
mod commands;
mod compression;
mod error;
mod format;
mod source;
mod venue;
mod venue_book;

pub use agreement::{Agreement, Cause, ComparedEngine, Difference};
pub use commands::{CommandSink, Commands, Counts, Execution, Mode, Unmatched};
pub use compression::Compression;
pub use error::{Details, Fault, MessageNumber, RecordingError};
pub use format::Format;
pub use source::{Line, Source};
pub use venue::{
    Cross, DayPart, Instrument, InstrumentId, InstrumentName, TradingState, VenueEvent, VenueMessage,
    VenueReader,
};
pub use venue_book::{Change, VenueBook, VenueOrder};
