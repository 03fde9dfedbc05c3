//! What a host is like.

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
    /// When its record is on disk. Nothing is ever taken back.
    #[default]
    Sync,
    /// When it is written, with a sync at these intervals. A crash of the process loses nothing; a
    /// power cut may take back the last interval, told or not.
    Interval(Duration),
    /// At once, without a journal: everything is gone with the process. For benchmarks.
    None,
    /// At the end of its epoch, when that stands in Redis; who asks is answered at once. Without a
    /// data folder, and only so: what came after the last epoch that stands there is gone with the
    /// process.
    Epoch,
}

impl Policy {
    /// Whether what an answer says outlives a crash of the process.
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
    /// All of it: everything that ever happened can be replayed and looked into.
    #[default]
    All,
    /// What the oldest kept snapshot needs to be replayed from.
    Snapshots,
}

/// What a host is like. [`Options::new`] gives what is meant for production.
pub struct Options {
    /// The data folder: journal, snapshots and the name of their history. Without one the state
    /// stands in Redis alone, and the policy is [`Policy::Epoch`].
    pub folder: Option<PathBuf>,
    /// How many markets there may be at a time.
    pub markets_max: u32,
    /// When epochs close by themselves.
    pub gates: EpochSchedule,
    /// When a command counts as durable.
    pub policy: Policy,
    /// The core's thread and its ring.
    pub core: core_thread::Options,
    /// Called on the core's thread before it does anything else, to pin it for instance.
    pub on_start: Option<Box<dyn FnOnce() + Send>>,
    /// How many batches may wait for the journal before they grow instead. The core itself waits where
    /// it is ahead of the disk by as many commands as its ring has room for.
    pub batches: usize,
    /// How many updates a subscription has room for. One that a whole market sees is kept once for all its
    /// subscribers.
    pub subscription: usize,
    /// How many commands are replayed at most for a subscription that begins at an older one: from the
    /// last snapshot before it that is kept, or from the first command.
    pub subscription_replay: u64,
    /// How many local snapshots are kept, two at least.
    pub snapshots: usize,
    /// How much of the journal is kept.
    pub retention: Retention,
    /// The journal's files.
    pub journal: JournalOptions,
    /// Opens what would otherwise be refused because its end is lost: under a new history.
    pub accept_loss: bool,
    /// Where the image of every market is brought after each epoch.
    pub redis: Option<RedisOptions>,
    /// What keeps two processes from driving the same markets. Needs a data folder.
    pub lock: Option<RunnerLock>,
    /// Where each epoch's trades are settled.
    pub settlement: Option<Settlement>,
    /// Without a folder: of how many closed epochs the trades stay in Redis.
    pub trades_epochs: u64,
    /// Without a folder: how many trades of all markets may wait to stand in Redis before no more
    /// commands are taken. So many of those that stand there are kept in memory too.
    pub trades_max: usize,
    /// Hears of everything that is durable.
    pub follower: Option<Box<dyn Follower>>,
    /// Hears how far the replay has come while the host is opened.
    pub progress: Option<Box<dyn FnMut(Progress) + Send>>,
    /// What time it is. Without a clock the host follows the times of a recording: each command comes
    /// with its own ([`Host::submit_at`](crate::Host::submit_at)), epochs close and orders expire by
    /// them, and nothing happens while no command comes.
    pub clock: Option<Box<dyn Clock>>,
    /// Where files are.
    pub disk: Arc<dyn Disk>,
}

impl Options {
    /// The defaults, with this data folder.
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

    /// The defaults without a data folder: the state stands in Redis alone, as of the end of the last
    /// epoch that was brought there. What was answered after that is gone with the process.
    #[must_use]
    pub fn redis_only(redis: RedisOptions) -> Self {
        let (folder, policy) = (None, Policy::Epoch);
        Self { folder, policy, redis: Some(redis), ..Self::new("") }
    }

    /// Whether the state stands in Redis alone.
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
