//! The host: threads put together, and what can be asked of them.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pricetime_engine::thread::Entrance;
use pricetime_engine::{
    AccountId, Action, MarketId, MarketSpec, OrderId, OrderRecord, RequestId, RequestRecord,
};
#[cfg(feature = "redis")]
use pricetime_persistence::redis::{ReadError, scores_hold_after};
#[cfg(feature = "redis")]
use pricetime_persistence::redlock::RedlockError;
use pricetime_persistence::{FolderError, RecoveryError};
use tokio::sync::oneshot;

use crate::options::Options;
use crate::publisher::Publisher;
use crate::refused::Refused;
use crate::scribe::Policy;
use crate::sequencer::{Draft, Item};
use crate::settle::MarketSettlement;
use crate::start::{self, Started};
use crate::status::{Shared, Status, Stopped};
use crate::subscription::{AccountFeed, MarketFeed};
use crate::threads::Threads;
use crate::ticket::Ticket;
use crate::view::MarketView;

/// Why a host cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// There is no way back to what it held.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// Redis holds what the folder does not come from, and what may not be lost.
    #[cfg(feature = "redis")]
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
    #[cfg(feature = "redis")]
    #[error(
        "the prices of market {0} go beyond ±2^53 ticks, and scores in Redis cannot tell one from the \
         next there: run without Redis, or narrow its band first"
    )]
    Scores(
        /// The market.
        MarketId,
    ),
    /// The image in Redis cannot be restored.
    #[cfg(feature = "redis")]
    #[error("nothing can be restored from Redis: {0}")]
    Image(#[from] ReadError),
    /// Without a folder: the state cannot be had from where alone it stands.
    #[cfg(feature = "redis")]
    #[error(
        "there is no data folder, so only Redis knows the state, and it cannot be had from there: \
         {0}; start again when that is mended"
    )]
    Alone(
        /// Why.
        ReadError,
    ),
    /// The options say nowhere where the state is to be, or twice.
    #[error(
        "a host has a data folder and any policy but `epoch`, or no folder, Redis, and policy \
         `epoch`: Options::new and Options::redis_only give the one and the other"
    )]
    Home,
    /// Something needs a journal, and there is none.
    #[error(
        "events are published and trades settled from the journal: that needs a data folder and \
         another policy than none"
    )]
    NoJournal,
    /// Another process drives these markets, and this one was not to wait.
    #[cfg(feature = "redis")]
    #[error(
        "another process drives the set of markets {set:?}, or nobody knows: {why}; stop that one, or \
         stand by until it has ended"
    )]
    Locked {
        /// The set.
        set: String,
        /// What was found.
        why: String,
    },
    /// The servers of the lock will not do.
    #[cfg(feature = "redis")]
    #[error("the lock of the runner: {0}")]
    Lock(#[from] RedlockError),
    /// There is a lock and no folder.
    #[cfg(feature = "redis")]
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

/// A running engine with everything around it. Its methods may be called from any thread.
///
/// [`close`](Self::close) ends it in order. Dropping it does the same and hides what went wrong.
#[derive(Debug)]
pub struct Host {
    entrance: Entrance<Item>,
    public: Arc<Mutex<Publisher>>,
    shared: Arc<Shared>,
    /// What a subscription has room for.
    room: usize,
    folder: Option<PathBuf>,
    policy: Policy,
    /// Whether prices are to become scores in Redis.
    #[cfg(feature = "redis")]
    scored: bool,
    /// How it came back.
    start: Start,
    threads: Option<Threads>,
}

/// How a host came back.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// Folders whose disk failed under this process.
static POISONED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic may have left half done under a lock is told of as stopped, not as locked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Host {
    /// Opens a data folder, brings back what it holds, and starts. An empty or missing folder
    /// becomes a new one.
    ///
    /// # Errors
    /// Where the folder cannot be had, and where there is no way back to everything that was
    /// acknowledged; the error names the file and what can be done.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let (folder, policy, room) = (options.folder.clone(), options.policy, options.subscription);
        if folder.is_none() != (policy == Policy::Epoch) {
            return Err(OpenError::Home);
        }
        if let Some(folder) = folder.iter().find(|it| locked(&POISONED).contains(*it)) {
            return Err(OpenError::Poisoned(folder.clone()));
        }
        #[cfg(feature = "redis")]
        let scored = options.redis.is_some();
        let Started { entrance, public, shared, threads, start } = start::start(options)?;
        Ok(Self {
            entrance,
            public,
            shared,
            room,
            folder,
            policy,
            #[cfg(feature = "redis")]
            scored,
            start,
            threads: Some(threads),
        })
    }

    /// How it came back when it was opened.
    #[must_use]
    pub const fn start(&self) -> &Start {
        &self.start
    }

    /// When a command counts as durable, and with it what an answer promises.
    #[must_use]
    pub const fn policy(&self) -> Policy {
        self.policy
    }

    /// Whether what a ticket tells outlives a crash of this process. Where it does not, what was told
    /// after [`Status::durable`] may be taken back.
    #[must_use]
    pub const fn is_durable(&self) -> bool {
        self.policy.is_durable()
    }

    /// Submits a command, and never waits. The ticket resolves when what it did is durable;
    /// under [`Policy::Epoch`] at once.
    ///
    /// # Errors
    /// `Busy` where as much waits as there is room for (cancels have a reserve), `Stopped` where the
    /// host has ended, `Scores` where a market's prices are more than Redis can tell apart. Without a
    /// folder `Busy` too where as many trades as there may be wait for Redis: only cancels and
    /// `CloseEpoch` are taken then.
    pub fn submit(&self, draft: Draft) -> Result<Ticket, Refused> {
        let (sender, answer) = oneshot::channel();
        self.enter(draft, Some(sender))?;
        Ok(Ticket { answer, shared: Arc::clone(&self.shared) })
    }

    /// Submits a command without wanting an answer: it comes with a subscription, or with
    /// [`outcome`](Self::outcome).
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub fn tell(&self, draft: Draft) -> Result<(), Refused> {
        self.enter(draft, None)
    }

    fn enter(
        &self,
        draft: Draft,
        answer: Option<oneshot::Sender<pricetime_engine::Group>>,
    ) -> Result<(), Refused> {
        #[cfg(feature = "redis")]
        if self.scored && !scores_hold_after(&draft.action) {
            return Err(Refused::Scores);
        }
        let urgent = matches!(draft.action, Action::Cancel { .. } | Action::CancelAll { .. });
        if self.policy == Policy::Epoch {
            self.may_enter(&draft.action)?;
        }
        let item = Item::Draft(draft, answer);
        let entered =
            if urgent { self.entrance.submit_urgently(item) } else { self.entrance.submit(item) };
        Ok(entered?)
    }

    /// Refuses where another has taken over, and what may trade where as many trades as there may be
    /// wait to stand in Redis.
    fn may_enter(&self, action: &Action) -> Result<(), Refused> {
        if !self.shared.is_well() {
            return Err(Refused::Stopped);
        }
        let makes_room = matches!(
            action,
            Action::Cancel { .. } | Action::CancelAll { .. } | Action::CloseEpoch { .. }
        );
        if !makes_room && self.shared.are_trades_full() {
            return Err(Refused::Busy);
        }
        Ok(())
    }

    /// What became of an account's request, for who lost the answer: known as long as the market's
    /// window of requests reaches back, and never before it is durable.
    #[must_use]
    pub fn outcome(
        &self,
        market: MarketId,
        account: AccountId,
        request: RequestId,
    ) -> Option<RequestRecord> {
        locked(&self.public).image.market(market)?.request(account, request).copied()
    }

    /// A market's book as everybody may know it, best levels first, `depth` of them.
    #[must_use]
    pub fn view(&self, market: MarketId, depth: usize) -> Option<MarketView> {
        locked(&self.public).view(market, depth)
    }

    /// A market's book as the core has it at this moment: a crash may still take it back. Resolves
    /// from the core's thread, behind what was submitted before.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub fn latest(
        &self,
        market: MarketId,
        depth: usize,
    ) -> Result<oneshot::Receiver<Option<MarketView>>, Refused> {
        let (reply, view) = oneshot::channel();
        self.entrance.submit(Item::Latest(market, depth, reply))?;
        Ok(view)
    }

    /// What a market is, with its terms as they are now.
    #[must_use]
    pub fn spec(&self, market: MarketId) -> Option<MarketSpec> {
        Some(locked(&self.public).image.market(market)?.head().spec)
    }

    /// A live order.
    #[must_use]
    pub fn order(&self, market: MarketId, order: OrderId) -> Option<OrderRecord> {
        locked(&self.public).image.market(market)?.order(order).copied()
    }

    /// A market's book as of now, and everything behind it without a gap: what anybody may see.
    #[must_use]
    pub fn subscribe(&self, market: MarketId) -> Option<MarketFeed> {
        locked(&self.public).subscribe(market, self.room)
    }

    /// An account's orders in a market as of now, and everything behind that without a gap: what
    /// only it may see.
    #[must_use]
    pub fn subscribe_account(&self, market: MarketId, account: AccountId) -> Option<AccountFeed> {
        locked(&self.public).subscribe_account(market, account, self.room)
    }

    /// One number for the whole durable state. Takes time with the number of all orders.
    #[must_use]
    pub fn digest(&self) -> u128 {
        locked(&self.public).image.snapshot().digest()
    }

    /// How the settlement of each market stands; nothing where there is none.
    #[must_use]
    pub fn settlement(&self) -> Vec<MarketSettlement> {
        self.shared.settlement()
    }

    /// How it is.
    #[must_use]
    pub fn status(&self) -> Status {
        let mut status = self.shared.status();
        let core = || self.entrance.failure().map(|why| format!("the core failed: {why}"));
        status.stopped = status.stopped.or_else(core);
        status
    }

    /// Ends in order: what was submitted so far is carried out, made durable and told; the journal
    /// is sealed and a last snapshot written. Without a folder the state as it is goes to Redis, in the
    /// middle of its epoch.
    ///
    /// # Errors
    /// Something had stopped before: the reason. Without a folder also that Redis did not take the
    /// last state.
    pub fn close(mut self) -> Result<(), Stopped> {
        self.end();
        match self.shared.status().stopped {
            Some(reason) => Err(Stopped { reason }),
            None => Ok(()),
        }
    }

    fn end(&mut self) {
        let Some(threads) = self.threads.take() else { return };
        threads.end(&self.shared);
        if self.shared.is_disk_failed() {
            locked(&POISONED).extend(self.folder.clone());
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.end();
    }
}
