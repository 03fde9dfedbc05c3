//! What keeps an engine over a power cut.
//!
//! The engine is a value, and the same commands make the same value. So what has to be kept is the
//! commands, in order, each before anybody hears what it did: that is the [`Journal`]. Everything
//! else only shortens the way back: a [`LocalSnapshots`] folder holds states to start from, and
//! [`Recovery`] puts the newest of them and the journal after it together again.
//!
//! Two things are told apart everywhere. What power loss can do (the end of the last write is
//! missing, in any of its sectors) is repaired in silence, for nobody was told of it. What power
//! loss cannot do is damage, and is refused with the name of the file and the place in it; nothing
//! is ever skipped.
//!
//! [`Look`] reads a data folder without a lock and without writing, beside whoever has it open.
//!
//! Nothing here reads a clock or starts a thread, but for the shell of [`redlock`], whose locks are a
//! matter of time. Files are reached through [`Disk`] alone, so that a test can put a disk in its
//! place that fails as real ones do; only the embedded [`ledger`] has a store of its own, which does
//! that by itself.

pub mod codec;
pub mod echo;
#[cfg(any(feature = "tls", feature = "postgres-tls"))]
mod encrypt;
mod history;
pub mod image;
mod index_key;
pub mod ledger;
pub mod lines;
pub mod private;
pub mod random;
pub mod settlement;

#[cfg(feature = "local")]
mod disk;
#[cfg(feature = "local")]
mod folder;
#[cfg(feature = "local")]
mod journal;
#[cfg(feature = "local")]
mod local;
#[cfg(feature = "local")]
mod look;
#[cfg(feature = "local")]
mod recount;
#[cfg(feature = "local")]
mod recovery;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "redis")]
pub mod redlock;

pub use history::{BadHistory, History};
pub use index_key::keyed_engine;

#[cfg(feature = "local")]
pub use disk::{Disk, DiskFile, Lock, RealDisk};
#[cfg(feature = "local")]
pub use folder::{Folder, FolderError, Terms};
#[cfg(feature = "local")]
pub use journal::{
    Commands, CutSegment, Journal, JournalError, JournalOptions, JournalReader, JournalSight,
    Position, SegmentCheck, SegmentSight, Tail,
};
#[cfg(feature = "local")]
pub use local::{Loaded, LocalSnapshots, Newest, SnapshotError};
#[cfg(feature = "local")]
pub use look::{ArchiveError, BadFile, Look, Packed, check_archive, unpack};
#[cfg(feature = "local")]
pub use recount::{Go, Listener, Recount, RecountError};
#[cfg(feature = "local")]
pub use recovery::{Progress, Recovered, Recovery, RecoveryError, RecoveryOptions, recover};
