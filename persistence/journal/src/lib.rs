//! Durability of an engine: journal, snapshots, recovery.
//!
//! The engine is a value, and the same commands make the same value. So the commands are what must be
//! kept, in order, each before its effects are visible: that is the [`Journal`]. Everything else shortens
//! the way back. [`LocalSnapshots`] are states to start from, and [`Recovery`] combines the newest of them
//! with the journal after it.
//!
//! Power loss and damage are told apart everywhere. Power loss can lose the end of the last write, in any
//! of its sectors; that is repaired silently, because nothing of it was acknowledged. Anything else is
//! damage. It is refused with the name of the file and the place in it, and nothing is ever skipped.
//!
//! [`FolderReader`] reads a data folder without a lock and without writing, while another process has it
//! open.
//!
//! Nothing here reads a clock or starts a thread. All files are reached through [`Disk`], so that a test
//! can use a disk that fails as real ones do.

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
