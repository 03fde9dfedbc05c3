//! CSV of commands.
//!
//! The first line names the columns. They can come in any order, and columns that no row uses can be left out.
//! `docs/recordings-csv.md` describes each [`Column`] and which action uses it.
//!
//! ```
//! use pricetime_engine::{Command, Engine, MarketId, Price, Side};
//! use pricetime_recordings::{RecordingError, Source, csv};
//!
//! let text = b"action,market,phase,tick,lot,account,order,side,price,quantity
//! add_market,SUN/EUR,,0.0001,0.01,,,,,
//! set_phase,SUN/EUR,continuous,,,,,,,
//! place,SUN/EUR,,,,7,1,sell,0.1425,3.00
//! ";
//! let source = Source::of("orders.csv", text.as_slice())?;
//! let mut engine = Engine::new(1);
//! for command in csv::Reader::new(source, csv::Options::default())? {
//!     engine.apply(&command?, &mut ());
//! }
//! let best = engine.market(MarketId(1)).and_then(|book| book.best(Side::Sell)).expect("an ask");
//! assert_eq!(best.price, Price(1_425));
//! # Ok::<(), RecordingError>(())
//! ```
//!
//! The reader splits rows itself. No value of ours has a line feed or a quote in it, so a field is a part of the
//! line and nothing is copied, which `csv-core` cannot do.

mod action;
mod amount;
mod cells;
mod column;
mod compose;
mod fault;
mod header;
mod id;
mod markets;
mod parse;
mod reader;
mod row;
mod time;
mod words;
mod writer;

pub use column::Column;
pub use fault::CsvFault;
pub use reader::{Options, Reader};
pub use writer::Writer;

#[cfg(feature = "parquet")]
pub(crate) use id::write as write_id;
#[cfg(feature = "parquet")]
pub(crate) use words::{Kind, Lasting, word};

#[cfg(test)]
mod tests;
