//! The options of a host.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pricetime_journal::{Disk, JournalOptions, Progress, RealDisk};
use pricetime_redis::RedisOptions;

use crate::core_thread;
use crate::epoch_schedule::EpochSchedule;
use crate::follower::Follower;
use crate::lease::RunnerLock;
use crate::sequencer::{Clock, WallClock};
use crate::settle::Settlement;

/// When a command counts as durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// When its record is on disk. Nothing that was acknowledged is lost.
    #[default]
    Sync,
    /// When it is written; the journal is synced at this interval. A crash of the process loses nothing. A
    /// power cut may lose the last interval, acknowledged or not.
    Interval(Duration),
    /// At once, without a journal. Everything is lost when the process ends. For benchmarks.
    None,
    /// When its epoch has ended and is stored in Redis. Commands are acknowledged before that. This is the
    /// only policy without a data folder, and is not available with one. If the process dies, everything
    /// after the last epoch stored in Redis is lost.
    Epoch,
}

impl Policy {
    /// Returns `true` if an acknowledged command survives a crash of the process.
    #[must_use]
    pub const fn is_durable(self) -> bool {
        match self {
            Self::Sync | Self::Interval(_) => true,
            Self::None | Self::Epoch => false,
        }
    }
}

/// How much of the journal is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retention {
    /// All of it: everything that ever happened can be replayed and inspected.
    #[default]
    All,
    /// The part that a replay from the oldest kept snapshot needs.
    Snapshots,
}

/// The options of a host. [`Options::new`] returns defaults that are meant for production.
pub struct Options {
    /// The data folder: journal, snapshots and the name of their history. Without one, the state is stored
    /// only in Redis, and the policy is [`Policy::Epoch`].
    pub folder: Option<PathBuf>,
    /// The maximum number of markets at a time.
    pub markets_max: u32,
    /// When epochs close by themselves.
    pub gates: EpochSchedule,
    /// When a command counts as durable.
    pub policy: Policy,
    /// The core thread and its ring.
    pub core: core_thread::Options,
    /// Called on the core thread before anything else, for example to pin the thread to a CPU.
    pub on_start: Option<Box<dyn FnOnce() + Send>>,
    /// How many batches may wait for the journal. Beyond that, the core's current batch grows instead. The
    /// core waits once it is ahead of the disk by as many commands as its ring holds.
    pub batches: usize,
    /// How many unread updates a subscription may hold. An update of a whole market is stored once for all
    /// its subscribers.
    pub subscription: usize,
    /// How many commands may be replayed for a subscription that begins at an older command. The replay
    /// begins at the last kept snapshot before it, or at the first command.
    pub subscription_replay: u64,
    /// How many local snapshots are kept, at least two.
    pub snapshots: usize,
    /// How much of the journal is kept.
    pub retention: Retention,
    /// Options of the journal's files.
    pub journal: JournalOptions,
    /// Opens a folder that would otherwise be refused because its end is lost. It continues under a new
    /// history.
    pub accept_loss: bool,
    /// The Redis server that receives the image of every market after each epoch.
    pub redis: Option<RedisOptions>,
    /// The lock that keeps two processes from driving the same markets. Needs a data folder.
    pub lock: Option<RunnerLock>,
    /// How the trades of each epoch are settled.
    pub settlement: Option<Settlement>,
    /// Without a data folder: for how many closed epochs trades are kept in Redis.
    pub trades_epochs: u64,
    /// Without a data folder: how many trades of all markets may wait to be stored in Redis before commands
    /// are refused. Up to as many stored trades are kept in memory too.
    pub trades_max: usize,
    /// Receives everything that becomes durable.
    pub follower: Option<Box<dyn Follower>>,
    /// Receives the progress of the replay while the host is opened.
    pub progress: Option<Box<dyn FnMut(Progress) + Send>>,
    /// The source of the time. Without a clock the host follows the times of a recording: each command
    /// comes with its own time ([`Host::submit_at`](crate::Host::submit_at)). Epochs close and orders
    /// expire by those times, and nothing happens while no command comes.
    pub clock: Option<Box<dyn Clock>>,
    /// The disk that the data folder is on.
    pub disk: Arc<dyn Disk>,
}

impl Options {
    /// Returns the defaults, with this data folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: Some(folder.into()),
            markets_max: 10_000,
            gates: EpochSchedule::default(),
            policy: Policy::default(),
            core: core_thread::Options::default(),
            on_start: None,
            batches: 64,
            subscription: 4_096,
            subscription_replay: 10_000_000,
            snapshots: 2,
            retention: Retention::default(),
            journal: JournalOptions::default(),
            accept_loss: false,
            redis: None,
            lock: None,
            settlement: None,
            trades_epochs: 96,
            trades_max: 1_000_000,
            follower: None,
            progress: None,
            clock: Some(Box::new(WallClock)),
            disk: Arc::new(RealDisk),
        }
    }

    /// Returns the defaults without a data folder. The state is stored only in Redis, as of the end of the
    /// last epoch that was written there. If the process dies, everything acknowledged after that is lost.
    #[must_use]
    pub fn redis_only(redis: RedisOptions) -> Self {
        let (folder, policy) = (None, Policy::Epoch);
        Self { folder, policy, redis: Some(redis), ..Self::new("") }
    }

    /// Returns `true` if the state is stored only in Redis.
    #[must_use]
    pub const fn is_redis_only(&self) -> bool {
        self.folder.is_none()
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("folder", &self.folder)
            .field("gates", &self.gates)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
