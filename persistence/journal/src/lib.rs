//! Durability for an engine: journal, snapshots and recovery.
//!
//! The engine is deterministic: the same commands always produce the same state. So it is enough to store
//! the commands, in order, each before its effects become visible. The [`Journal`] does that. Everything
//! else makes recovery faster. [`LocalSnapshots`] are states to start from. [`Recovery`] restores the
//! newest of them and replays the journal after it.
//!
//! Power loss and damage are always distinguished. Power loss can lose the end of the last write, in any
//! of its sectors. That is repaired silently, because none of it was acknowledged. Anything else is
//! damage: it is reported with the name of the file and the offset in it, and no command is ever skipped.
//!
//! [`FolderReader`] reads a data folder without a lock and without writing, even while another process
//! has it open.
//!
//! Nothing here reads a clock. The only thread is the one that [`Recovery::open_with`] starts and
//! joins. The files of a data folder are accessed only through [`Disk`], so that a test can use a disk
//! that fails as real ones do.

pub mod codec;
pub mod echo;
mod history;
pub mod image;
mod index_key;
pub mod lines;
pub mod private;
pub mod random;
#[cfg(feature = "tls")]
pub mod tls;

mod disk;
mod folder;
mod folder_reader;
mod journal;
mod local;
mod recovery;
mod rename;
mod replay;

pub use history::{BadHistory, History};
pub use index_key::keyed_engine;

pub use disk::{Disk, DiskFile, Lock, RealDisk};
pub use folder::{Folder, FolderError, Terms};
pub use folder_reader::{ArchiveError, BadFile, FolderReader, Packed, check_archive, unpack};
pub use journal::{
    Commands, CutSegment, Journal, JournalError, JournalOptions, JournalReader, JournalState,
    Position, SegmentCheck, SegmentInfo, Tail,
};
pub use local::{LoadedSnapshot, LocalSnapshots, NewestSnapshot, SnapshotError};
pub use recovery::{Progress, Recovered, Recovery, RecoveryError, RecoveryOptions, recover};
pub use rename::rename_new;
pub use replay::Replay;
