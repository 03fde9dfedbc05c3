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
//! [`FolderReader`] reads a data folder without a lock and without writing, beside whoever has it open.
//!
//! Nothing here reads a clock or starts a thread. Files are reached through [`Disk`] alone, so that a test
//! can put a disk in its place that fails as real ones do.

pub mod codec;
pub mod echo;
#[cfg(feature = "tls")]
pub mod encrypt;
mod history;
pub mod image;
mod index_key;
pub mod lines;
pub mod private;
pub mod random;

mod disk;
mod folder;
mod journal;
mod local;
mod look;
mod recovery;
mod rename;
mod replay;

pub use history::{BadHistory, History};
pub use index_key::keyed_engine;

pub use disk::{Disk, DiskFile, Lock, RealDisk};
pub use folder::{Folder, FolderError, Terms};
pub use journal::{
    Commands, CutSegment, Journal, JournalError, JournalOptions, JournalReader, JournalSight,
    Position, SegmentCheck, SegmentSight, Tail,
};
pub use local::{Loaded, LocalSnapshots, Newest, SnapshotError};
pub use look::{ArchiveError, BadFile, FolderReader, Packed, check_archive, unpack};
pub use recovery::{Progress, Recovered, Recovery, RecoveryError, RecoveryOptions, recover};
pub use rename::rename_new;
pub use replay::Replay;
