//! Redis: the image of every market after each epoch, event streams ([`stream`]), and locks over several
//! servers ([`redlock`]).
//!
//! The image is exact, never half written, and any client can read it. The keys of a market share one
//! hash tag, so they are on one node of a cluster and one transaction reaches all of them. Each write
//! runs under `WATCH`: the writer checks which writer wrote last and what it wrote, and Redis carries out
//! the transaction only if no key has changed since. No script is needed, so one code path works even if
//! `EVAL` is disabled.
//!
//! Up to [`CHANGES_MAX`] changes go into the current keys in one transaction. More changes go, piece by
//! piece, into a second generation of keys, which then replaces the first in one transaction of renames.
//! So a reader sees one epoch or the next.
//!
//! A writer that claims a market takes the next *term*. A writer whose term is not the stored one has
//! been replaced and stops writing.
//!
//! The client blocks, on a thread of the host. A connection with any error is dropped, so that no reply
//! can belong to an earlier request.

mod all_images;
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
mod wire;
mod writer;

pub use all_images::{
    AllImages, ExistingImage, Holder, check_all_images, check_no_orphan_keys, find_image,
    read_all_images, read_all_images_with, read_holder, remove_image,
};
pub use check::{Finding, Level, Subject, check, memory};
pub use keys::{BadKeys, KeyNames, Keys};
pub use layout::BadRecord;
pub(crate) use link::fault;
pub use link::{Bound, Link, Traffic};
pub use options::{Address, RedisError, RedisOptions, Server, Tls};
pub use read::{ReadError, ReadImage, read_image, read_markets};
pub use scores::{scores_are_exact, scores_are_exact_after};
pub use text::{BadText, ImageText, read_text};
pub use trades::{TradeRecord, Trades};
pub(crate) use wire::{Peer, Wire};
pub use writer::{ImageWriter, WriteKind, WriteSummary};

/// The most changes that are written in one transaction. More changes are written as a second generation.
pub const CHANGES_MAX: usize = 1_000;
/// The number of orders in one piece of a second generation.
const PIECE: usize = 500;
