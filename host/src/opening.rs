//! How a host is opened: what can fail, and how its state was restored.

use std::io;
use std::path::PathBuf;

use pricetime_engine::MarketId;
use pricetime_journal::{FolderError, RecoveryError};
use pricetime_redis::ReadError;
use pricetime_redis::redlock::RedlockError;

/// Why a host cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The data folder cannot be opened.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The state of the folder cannot be restored.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// Redis holds an image that the folder does not come from and must not overwrite.
    #[error(
        "{} {own}, but Redis holds an image of history {history} up to command {sequence} (market \
         {market}): use the folder of that history; or, in a new folder, restore from the image \
         and accept the loss of everything after it; or drop the image if you do not need it",
        folder.display()
    )]
    ForeignImage {
        /// The folder.
        folder: PathBuf,
        /// Whether the folder is new or of another history, as text.
        own: String,
        /// The history of the image.
        history: String,
        /// The last command in the image.
        sequence: String,
        /// A market in the image.
        market: MarketId,
    },
    /// A market of the folder has prices that Redis cannot tell apart.
    #[error(
        "the prices of market {0} go beyond ±2^53 ticks, where scores in Redis are not exact: run \
         without Redis, or narrow the market's price band first"
    )]
    Scores(
        /// The market.
        MarketId,
    ),
    /// The image in Redis cannot be restored.
    #[error("cannot restore from Redis: {0}")]
    Image(#[from] ReadError),
    /// Without a data folder: the state cannot be read from Redis, its only store.
    #[error(
        "there is no data folder, so only Redis has the state, and it cannot be read: {0}; fix \
         this, then start again"
    )]
    StateUnreadable(
        /// The reason.
        ReadError,
    ),
    /// The options do not name exactly one store for the state.
    #[error(
        "a host needs a data folder and any policy but `epoch` (Options::new), or no folder, \
         Redis, and policy `epoch` (Options::redis_only)"
    )]
    NoSingleStore,
    /// Publishing or settlement needs a journal, and there is none.
    #[error(
        "publishing events and settling trades need the journal: use a data folder and a policy \
         other than `none`"
    )]
    NoJournal,
    /// Another process drives these markets, and this one is not to wait for it
    /// ([`Standby::Exit`](crate::Standby::Exit)).
    #[error(
        "another process drives, or may drive, the set of markets {set:?}: {by}; stop it, or stand \
         by until it has ended"
    )]
    Locked {
        /// The set of markets.
        set: String,
        /// The lock or the folder that keeps this process out.
        by: LockedBy,
    },
    /// The lock servers cannot be used.
    #[error("the runner's lock: {0}")]
    Lock(#[from] RedlockError),
    /// There is a lock but no data folder.
    #[error(
        "the runner's lock needs a data folder: a standby takes over its predecessor's folder, and \
         only an operator may take over a state that is in Redis alone"
    )]
    LockWithoutFolder,
    /// The system cannot start a thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
    /// The disk of the folder failed earlier in this process.
    #[error(
        "the disk of {} failed under this process, so it is unknown what the disk holds: start a \
         new process", .0.display()
    )]
    Poisoned(
        /// The folder.
        PathBuf,
    ),
}

/// The reason that a process may not drive a set of markets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockedBy {
    /// The lock: another process holds it, or too few of its servers answer.
    #[error(transparent)]
    Lock(RedlockError),
    /// The data folder: a process without the lock has it open.
    #[error("no process holds {key}, but a running process has {} open", folder.display())]
    Folder {
        /// The key of the lock.
        key: String,
        /// The folder.
        folder: PathBuf,
    },
}

/// How the state of a host was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Start {
    /// The name of the history that it continues.
    pub history: String,
    /// The sequence of the snapshot that it began with; zero if there was none.
    pub snapshot: u64,
    /// How many commands were replayed after that.
    pub replayed: u64,
    /// Snapshots that could not be read and were not needed. Check that disk.
    pub damaged: Vec<String>,
    /// The history that was given up, if a loss was accepted.
    pub lost: Option<String>,
    /// The history of the image in Redis that this folder was restored from, if it was.
    pub image: Option<String>,
}
