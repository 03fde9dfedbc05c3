//! Recorded order streams of exchanges, as commands of the engine.
//!
//! An exchange publishes what happens in its book. To use a recording of that, three steps are needed:
//!
//! 1. A [`Source`] opens the file, compressed or not, as a stream of bytes.
//! 2. A reader of the file's format, such as [`lobster::Reader`], turns the bytes into [`VenueMessage`]s. These
//!    are the same for all formats of exchanges.
//! 3. [`Commands`] turns the messages into commands: either so that the engine's book equals the
//!    exchange's ([`Mode::Reconstruct`]), or so that the engine matches the orders itself ([`Mode::Rematch`]).
//!
//! ```
//! use pricetime_engine::Engine;
//! use pricetime_recordings::{
//!     Agreement, Commands, ComparedEngine, Mode, Source, VenueReader as _, lobster,
//! };
//!
//! // Two asks, and an order that takes the first one and a part of the second.
//! let text = b"34200.1,1,7,100,5853300,-1
//! 34200.2,1,8,100,5853400,-1
//! 34200.3,4,7,100,5853300,-1
//! 34200.3,4,8,50,5853400,-1
//! ";
//! let source = Source::of("AAPL_message.csv", text.as_slice())?;
//! let mut reader = lobster::Reader::new(source, lobster::Options::default());
//! let mut commands = Commands::new(Mode::Rematch);
//! let mut compared = ComparedEngine::new(Engine::new(1), Agreement::default());
//! while let Some(message) = reader.next()? {
//!     commands.apply(&message, &mut compared);
//! }
//! commands.finish(&mut compared);
//!
//! let agreement = &compared.agreement;
//! assert_eq!((agreement.executions, agreement.agreed), (2, 2));
//! # Ok::<(), pricetime_recordings::RecordingError>(())
//! ```
//!
//! A recording of commands, such as a [CSV](csv) file, needs only the first step and its reader, which returns
//! commands.
//!
//! A [report] shows a replay as a page.
//!
//! Everything works in constant memory: proportional to the live orders, never to the length of the
//! recording. Readers never panic, whatever the bytes are: a [`RecordingError`] says which file, where in
//! it, and what is wrong.
//!
//! | format | read | write |
//! |---|---|---|
//! | [NASDAQ TotalView-ITCH 5.0](itch), the whole message set | yes | messages that change a book, trades and halts |
//! | [CSV](csv) of commands | yes | yes |
//! | [Databento](databento) market-by-order files, DBN versions 1 to 3 | yes | – |
//! | [LOBSTER](lobster) message files, with the order-book file as the expected result | yes | yes |
//! | Parquet of trades, book levels and events (feature `parquet`) | – | yes |

mod agreement;
mod commands;
mod compression;
mod compressor;
pub mod csv;
pub mod databento;
mod error;
mod format;
mod from_events;
pub mod itch;
pub mod lobster;
pub mod look;
mod number;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod report;
mod source;
mod venue;
mod venue_book;

pub use agreement::{Agreement, Cause, ComparedEngine, Difference, Executor};
pub use commands::{CommandSink, Commands, Counts, Execution, Mode, Unmatched};
pub use compression::Compression;
pub use compressor::Compressor;
pub use error::{Details, Fault, MessageNumber, RecordingError};
pub use format::Format;
pub use from_events::{FromEvents, LeftOut, OrderNumbers};
pub use source::{Line, Source};
pub use venue::{
    Cross, DayPart, Instrument, InstrumentId, InstrumentName, TradingState, VenueEvent,
    VenueMessage, VenueReader,
};
pub use venue_book::{Change, VenueBook, VenueOrder};
