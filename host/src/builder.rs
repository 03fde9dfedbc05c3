//! Opens a host with defaults for production.

use std::path::PathBuf;
use std::time::Duration;

use pricetime_journal::Progress;

use crate::epoch_schedule::EpochSchedule;
use crate::follower::Follower;
use crate::host::Host;
use crate::opening::OpenError;
use crate::options::{Options, Policy, Retention};
use crate::sequencer::Clock;
use crate::settle::Settlement;

/// The default length of an epoch.
const EPOCH: Duration = Duration::from_secs(15 * 60);

/// Opens a [`Host`]. Its defaults are for production:
///
/// - The epochs of all markets close every 15 minutes, at :00, :15, :30 and :45 UTC.
/// - A command is acknowledged when its record is on disk ([`Policy::Sync`]).
/// - A local snapshot is written when an epoch has closed, and the last two are kept.
/// - The journal is kept whole ([`Retention::All`]): everything that ever happened can be replayed, and
///   the data folder grows with each command.
///
/// ```no_run
/// use std::time::Duration;
/// use pricetime::{Host, OpenError, Retention};
///
/// # fn example() -> Result<(), OpenError> {
/// let host = Host::builder("./data")
///     .epochs_every(Duration::from_secs(5 * 60))
///     .retention(Retention::Snapshots)
///     .open()?;
/// # Ok(())
/// # }
/// ```
///
/// A builder sets the fields of an [`Options`]. For a field that has no method here, use
/// [`into_options`](Self::into_options). [`Options::new`] itself differs in one default: its epochs do not
/// close by themselves.
#[derive(Debug)]
#[must_use = "nothing is opened before `open` is called"]
pub struct Builder(Options);

impl Host {
    /// Returns a builder with defaults for production. The data folder is created if it is missing.
    pub fn builder(folder: impl Into<PathBuf>) -> Builder {
        Builder(Options { gates: EpochSchedule::Aligned(EPOCH), ..Options::new(folder) })
    }
}

impl Builder {
    /// Closes the epochs of all markets whenever the clock shows a multiple of this length since
    /// 1970-01-01T00:00Z. With one hour, they close at every full hour UTC.
    pub fn epochs_every(mut self, length: Duration) -> Self {
        self.0.gates = EpochSchedule::Aligned(length);
        self
    }

    /// Closes epochs only when [`Operator::close_epoch`](crate::Operator::close_epoch) is called.
    pub fn epochs_by_hand(mut self) -> Self {
        self.0.gates = EpochSchedule::OnRequest;
        self
    }

    /// Sets when a command counts as durable, and so when it is acknowledged.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.0.policy = policy;
        self
    }

    /// Sets how much of the journal is kept.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.0.retention = retention;
        self
    }

    /// Sets how many local snapshots are kept, at least two.
    pub fn snapshots(mut self, kept: usize) -> Self {
        self.0.snapshots = kept;
        self
    }

    /// Sets the maximum number of markets at a time. The default is 10,000.
    pub fn markets_max(mut self, most: u32) -> Self {
        self.0.markets_max = most;
        self
    }

    /// Settles the trades of each epoch.
    pub fn settlement(mut self, settlement: Settlement) -> Self {
        self.0.settlement = Some(settlement);
        self
    }

    /// Calls this follower with everything that becomes durable, in order.
    pub fn follower(mut self, follower: impl Follower) -> Self {
        self.0.follower = Some(Box::new(follower));
        self
    }

    /// Reads the time from this clock instead of the system's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.0.clock = Some(Box::new(clock));
        self
    }

    /// Calls this with the progress of the replay while the host is opened.
    pub fn progress(mut self, progress: impl FnMut(Progress) + Send + 'static) -> Self {
        self.0.progress = Some(Box::new(progress));
        self
    }

    /// Opens a folder that would otherwise be refused because part of what it held is lost. What is left
    /// continues under a new history.
    pub fn accept_loss(mut self) -> Self {
        self.0.accept_loss = true;
        self
    }

    /// Returns the options, to set what has no method here. Pass them to [`Host::open`].
    #[must_use]
    pub fn into_options(self) -> Options {
        self.0
    }

    /// Opens the data folder, restores its state and starts the host.
    ///
    /// # Errors
    /// Returns [`OpenError`] if the folder cannot be opened, or if something that was acknowledged cannot
    /// be restored. The error names the file and what you can do.
    pub fn open(self) -> Result<Host, OpenError> {
        Host::open(self.0)
    }
}

impl Builder {
    /// Writes the image of every market to Redis after each epoch.
    pub fn redis(mut self, redis: pricetime_redis::RedisOptions) -> Self {
        self.0.redis = Some(redis);
        self
    }

    /// Opens only once this process holds the lock, and acknowledges only while it holds it, so that two
    /// processes do not drive the same markets.
    pub fn lock(mut self, lock: crate::lease::RunnerLock) -> Self {
        self.0.lock = Some(lock);
        self
    }
}
