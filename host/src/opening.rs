//! How a host is opened: what can stand against it, and how it came back.

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
    /// The data folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// There is no way back to what it held.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// Redis holds what the folder does not come from, and what may not be lost.
    #[error(
        "{} {own}, but Redis holds an image of history {history} up to command {sequence} (market \
         {market}): name the folder of that history; or, in a new folder, restore from the image by \
         accepting the loss of what came after it; or drop the image if nobody wants it",
        folder.display()
    )]
    ImageElsewhere {
        /// The folder.
        folder: PathBuf,
        /// What it is: new, or of which history.
        own: String,
        /// The image's history.
        history: String,
        /// Its sequence.
        sequence: String,
        /// A market that is in it.
        market: MarketId,
    },
    /// A market of the folder has prices that Redis cannot tell apart.
    #[error(
        "the prices of market {0} go beyond ±2^53 ticks, and scores in Redis cannot tell one from the \
         next there: run without Redis, or narrow its band first"
    )]
    Scores(
        /// The market.
        MarketId,
    ),
    /// The image in Redis cannot be restored.
    #[error("nothing can be restored from Redis: {0}")]
    Image(#[from] ReadError),
    /// Without a folder: the state cannot be had from where alone it stands.
    #[error(
        "there is no data folder, so only Redis knows the state, and it cannot be had from there: \
         {0}; start again when that is mended"
    )]
    StateUnreadable(
        /// Why.
        ReadError,
    ),
    /// The options say nowhere where the state is to be, or twice.
    #[error(
        "a host has a data folder and any policy but `epoch`, or no folder, Redis, and policy \
         `epoch`: Options::new and Options::redis_only give the one and the other"
    )]
    NoSingleStore,
    /// Something needs a journal, and there is none.
    #[error(
        "events are published and trades settled from the journal: that needs a data folder and \
         another policy than none"
    )]
    NoJournal,
    /// Another process drives these markets, and this one was not to wait.
    #[error(
        "another process drives the set of markets {set:?}, or nobody knows: {by}; stop that one, or \
         stand by until it has ended"
    )]
    Locked {
        /// The set.
        set: String,
        /// What keeps this process out.
        by: LockedBy,
    },
    /// The servers of the lock will not do.
    #[error("the lock of the runner: {0}")]
    Lock(#[from] RedlockError),
    /// There is a lock and no folder.
    #[error(
        "the lock of the runner is for a data folder: a standby takes over with its predecessor's, \
         and only an operator takes over what stands in Redis alone"
    )]
    LockAlone,
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
    /// In this process a disk error befell it.
    #[error(
        "the disk of {} failed under this process, so nobody knows what it holds: start a new \
         process", .0.display()
    )]
    Poisoned(
        /// The folder.
        PathBuf,
    ),
}

/// What keeps a process from driving a set of markets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockedBy {
    /// The lock: another process has it, or too few of its servers answer.
    #[error(transparent)]
    Lock(RedlockError),
    /// The data folder: a process without the lock has it open.
    #[error("nobody holds {key}, but a process that runs has {} open", folder.display())]
    Folder {
        /// The name of the lock.
        key: String,
        /// The folder.
        folder: PathBuf,
    },
}

/// How a host came back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Start {
    /// The name of the history that it continues.
    pub history: String,
    /// The sequence of the snapshot that it began with, zero where there was none.
    pub snapshot: u64,
    /// How many commands it replayed after that.
    pub replayed: u64,
    /// Snapshots that could not be read and were not needed: somebody should look at that disk.
    pub damaged: Vec<String>,
    /// The history that was given up, where a loss was accepted.
    pub lost: Option<String>,
    /// The history of the image in Redis that this folder was made from, where it was.
    pub image: Option<String>,
}
