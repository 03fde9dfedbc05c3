//! The image of every market in Redis, after each epoch: exact, readable by anybody, never half.
//!
//! A market's keys stand under one hash tag, so they are on one node of a cluster and one
//! transaction reaches all of them. What is written is written under `WATCH`: the writer looks at who
//! wrote last and what, and its transaction counts only if nobody has been there since. No script is
//! needed for that, so it works where `EVAL` is switched off, and there is one way and not two.
//!
//! Up to [`CHANGES_MAX`] changes go into the current keys in one transaction. More go, piece by
//! piece, into a second generation under names of its own, which then takes the place of the first
//! in one transaction of renames. Whoever reads sees one epoch or the next.
//!
//! Whoever claims a market takes the next *term*. A writer whose term is not the stored one has been
//! replaced and writes nothing any more.
//!
//! The client is a plain blocking one on a thread of the host's: a connection that fails in any way
//! is thrown away and made anew, so there is never an answer that belongs to an earlier question.

mod check;
mod count;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod keys;
mod layout;
mod link;
mod options;
mod read;
pub mod redlock;
mod scores;
mod slot;
pub mod stream;
mod text;
mod trades;
mod whole;
mod wire;
mod writer;

pub use check::{Finding, Level, Subject, check, memory};
pub use keys::{BadKeys, KeyNames, Keys};
pub use layout::BadRecord;
pub(crate) use link::fault;
pub use link::{Bound, Link, Traffic};
pub use options::{Address, RedisError, RedisOptions, Server, Tls};
pub use read::{ReadError, ReadImage, read_image, read_markets};
pub use scores::{scores_hold, scores_hold_after};
pub use text::{BadText, ImageText, read_text};
pub use trades::{TradeRecord, Trades};
pub use whole::{
    Found, Holder, Whole, check_whole, find_image, read_holder, read_whole, remove_image,
    written_if_any,
};
pub(crate) use wire::{Peer, Wire};
pub use writer::{How, ImageWriter, Wrote};

/// Above so many changes a second generation is written.
pub const CHANGES_MAX: usize = 1_000;
/// How many orders go in one piece of it.
const PIECE: usize = 500;
