//! The public interface of a running host.

mod submit;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use pricetime_engine::{
    AccountId, MarketId, MarketSpec, OrderId, OrderRecord, RequestId, RequestRecord, Sequence,
};
use tokio::sync::oneshot;

use crate::core_thread::Submitter;
use crate::draft::Item;
use crate::feeds::Feeds;
use crate::journal_replay::JournalReplay;
use crate::opening::{OpenError, Start};
use crate::options::{Options, Policy};
use crate::question::{Found, Question};
use crate::refused::Refused;
use crate::resume::{SubscribeError, SubscriptionLimits, resume};
use crate::session::{Session, Sessions};
use crate::settle::MarketSettlement;
use crate::start::{self, Started};
use crate::status::{Shared, Status, locked};
use crate::stopped::Stopped;
use crate::subscription::{AccountFeed, MarketFeed};
use crate::threads::Threads;
use crate::ticket::Ticket;
use crate::view::MarketView;

/// A running engine with its threads, journal and subscriptions. Its methods may be called from any thread.
/// A clone is another handle to the same host.
///
/// [`close`](Self::close) shuts it down in order. Dropping the last handle does the same, but discards any
/// error.
///
/// ```
/// use pricetime::engine::{AccountId, MarketId, MarketSpec, OrderId, Phase, Place, Side};
/// use pricetime::{Host, Options};
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// let host = Host::open(Options::new(folder))?;
/// let sun = host.operator(MarketId(1));
/// let spec = MarketSpec::new("SUN/EUR".parse()?, "0.0001".parse()?, "0.01".parse()?);
/// sun.add(spec).wait()?.accepted()?;
/// sun.set_phase(Phase::Continuous).wait()?.accepted()?;
/// let order = Place::limit(OrderId(1), Side::Sell, spec.quantity("3")?, spec.price("0.1425")?);
/// host.account(MarketId(1), AccountId(7)).place(order).wait()?.accepted()?;
/// let book = host.view(MarketId(1), 10).ok_or("no such market")?;
/// assert_eq!(spec.show_price(book.asks[0].price), "0.1425");
/// host.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Host(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    submitter: Submitter<Item>,
    feeds: Arc<Mutex<Feeds>>,
    /// Held by the caller that is next to lock `feeds`.
    turn: Mutex<()>,
    shared: Arc<Shared>,
    sessions: Arc<Sessions>,
    /// The limits of a subscription.
    limits: SubscriptionLimits,
    folder: Option<PathBuf>,
    /// Replays the journal, if there is one. Subscriptions from an older command take turns, because each
    /// builds an engine of its own.
    journal_replay: Option<Mutex<JournalReplay>>,
    policy: Policy,
    /// Whether Redis is used. It stores prices as sorted-set scores, which must be exact.
    uses_redis: bool,
    /// How the state was restored.
    start: Start,
    threads: Mutex<Option<Threads>>,
}

/// A view with at most this many levels is built while the feeds are locked. For a larger one, the lock
/// only covers a freeze of the book, which costs less than copying its levels. The view is then built
/// without the lock, while commands continue.
const LOCKED_DEPTH_MAX: usize = 1_000;

/// Data folders whose disk failed in this process.
static POISONED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

impl Host {
    /// Opens a data folder, restores its state and starts the host. An empty or missing folder becomes a
    /// new one.
    ///
    /// # Errors
    /// Returns [`OpenError`] if the folder cannot be opened, or if something that was acknowledged cannot
    /// be restored. The error names the file and what you can do.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let (folder, policy) = (options.folder.clone(), options.policy);
        let limits = SubscriptionLimits {
            updates: options.subscription,
            replay: options.subscription_replay,
        };
        if folder.is_none() != (policy == Policy::Epoch) {
            return Err(OpenError::NoSingleStore);
        }
        if let Some(folder) = folder.iter().find(|it| locked(&POISONED).contains(*it)) {
            return Err(OpenError::Poisoned(folder.clone()));
        }
        let uses_redis = options.redis.is_some();
        let Started { submitter, feeds, shared, sessions, threads, start, journal_replay } =
            start::start(options)?;
        Ok(Self(Arc::new(Inner {
            submitter,
            feeds,
            turn: Mutex::new(()),
            shared,
            sessions,
            limits,
            folder,
            journal_replay: journal_replay.map(Mutex::new),
            policy,
            uses_redis,
            start,
            threads: Mutex::new(Some(threads)),
        })))
    }

    /// Locks the feeds. Callers first queue on `turn`, so the publisher usually competes with only one or two
    /// of them.
    fn feeds(&self) -> MutexGuard<'_, Feeds> {
        let _turn = locked(&self.0.turn);
        locked(&self.0.feeds)
    }

    /// Returns how the state was restored when the host was opened.
    #[must_use]
    pub fn start(&self) -> &Start {
        &self.0.start
    }

    /// Returns when a command counts as durable, which decides what an answer promises.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.0.policy
    }

    /// Returns `true` if an acknowledged command survives a crash of this process. If not, commands after
    /// [`Status::durable`] may be lost although they were acknowledged.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.0.policy.is_durable()
    }

    /// Begins a session. Orders placed in it with [`submit_in`](Self::submit_in) or
    /// [`submit_many_in`](Self::submit_many_in) are cancelled when it is dropped.
    #[must_use]
    pub fn session(&self) -> Session {
        Session::new(self.0.submitter.clone(), Arc::clone(&self.0.sessions))
    }

    /// Returns the outcome of an account's request, for a caller that lost the answer. It is known once it
    /// is durable, for as long as the market's request window keeps the request.
    #[must_use]
    pub fn outcome(
        &self,
        market: MarketId,
        account: AccountId,
        request: RequestId,
    ) -> Option<RequestRecord> {
        self.feeds().image.market(market)?.request(account, request).copied()
    }

    /// Returns a market's public book with the best `depth` levels of each side, or `None` if there is no
    /// such market. Commands do not wait for a large view to be copied.
    #[must_use]
    pub fn view(&self, market: MarketId, depth: usize) -> Option<MarketView> {
        if depth <= LOCKED_DEPTH_MAX {
            return self.feeds().view(market, depth);
        }
        let book = self.feeds().freeze(market)?;
        Some(book.view(depth))
    }

    /// Requests a market's book as the core has it at this moment. A crash may still take this state back.
    /// The ticket resolves after everything that was submitted before. In Call, this takes the core time in
    /// proportion to the number of levels.
    ///
    /// # Errors
    /// Returns [`Refused::Busy`] if the ring is full, and [`Refused::Stopped`] if the host has ended.
    pub fn latest(
        &self,
        market: MarketId,
        depth: usize,
    ) -> Result<Ticket<Option<MarketView>>, Refused> {
        let (reply, answer) = oneshot::channel();
        self.0.submitter.submit(Item::Latest(market, depth, reply))?;
        Ok(Ticket { answer, shared: Arc::clone(&self.0.shared) })
    }

    /// Answers a question from the durable state as of now.
    #[must_use]
    pub fn find(&self, question: Question) -> Found {
        let Question::View { market, depth } = question else {
            return self.feeds().find(question);
        };
        if depth <= LOCKED_DEPTH_MAX {
            return self.feeds().find(question);
        }
        let book = self.feeds().freeze(market);
        Found::View(market, book.map(|it| (it.view(depth), it.book.head().spec)))
    }

    /// Asks a question in the order of the commands, without waiting. The ticket resolves with the state
    /// right after every command that was submitted before, once that state is durable. No later command is
    /// included. The question needs no sync of its own. The levels of a view are copied on the thread that
    /// answers commands, so ask for no more of them than you need.
    ///
    /// # Errors
    /// Returns [`Refused::Busy`] if the ring is full, and [`Refused::Stopped`] if the host has ended.
    pub fn ask(&self, question: Question) -> Result<Ticket<Found>, Refused> {
        let (reply, answer) = oneshot::channel();
        self.0.submitter.submit(Item::Ask(question, reply))?;
        Ok(Ticket { answer, shared: Arc::clone(&self.0.shared) })
    }

    /// Returns the ids of all markets.
    #[must_use]
    pub fn markets(&self) -> Vec<MarketId> {
        self.feeds().image.markets().map(|market| market.head().market).collect()
    }

    /// Returns a market's spec with its current terms, or `None` if there is no such market.
    #[must_use]
    pub fn spec(&self, market: MarketId) -> Option<MarketSpec> {
        Some(self.feeds().image.market(market)?.head().spec)
    }

    /// Returns a live order, or `None` if no live order has this id.
    #[must_use]
    pub fn order(&self, market: MarketId, order: OrderId) -> Option<OrderRecord> {
        self.feeds().image.market(market)?.order(order).copied()
    }

    /// Subscribes to a market's public data: its book as of now with all its levels, and every later update
    /// without a gap. Returns `None` if there is no such market. If the host was closed, the updates end at
    /// once.
    #[must_use]
    pub fn subscribe(&self, market: MarketId) -> Option<MarketFeed> {
        let subscription = self.feeds().subscribe(market, self.0.limits.updates)?;
        Some(subscription.into_feed())
    }

    /// Subscribes to an account in a market: its live orders as of now, and every later event that concerns
    /// it, without a gap. Only the account and operators may see these. Returns `None` if there is no such
    /// market.
    #[must_use]
    pub fn subscribe_account(&self, market: MarketId, account: AccountId) -> Option<AccountFeed> {
        let subscription =
            self.feeds().subscribe_account(market, account, self.0.limits.updates)?;
        Some(subscription.into_feed())
    }

    /// Subscribes to a market from an older command, for a reader that was disconnected: the book as of
    /// that command, and every later update without a gap.
    ///
    /// The missed updates are rebuilt from the journal on the calling thread, for one caller at a time.
    /// This takes as long as a replay from the last kept snapshot before that command, or from the first
    /// command if there is none. It also takes the memory of two more states. After 16,384 missed updates
    /// the subscription ends, and the next one can resume from the last of them.
    ///
    /// # Errors
    /// Returns [`SubscribeError`] if the updates after that command cannot be rebuilt. The error says where
    /// a subscription can begin.
    pub fn subscribe_from(
        &self,
        market: MarketId,
        from: Sequence,
    ) -> Result<MarketFeed, SubscribeError> {
        let ask = |feeds: &mut Feeds, capacity| feeds.subscribe(market, capacity);
        let (first, live) = self.resume(market, from, ask)?;
        let first = first.into_feed();
        let updates = first.updates.followed_by(live.map(|it| it.updates));
        Ok(MarketFeed { updates, ..first })
    }

    /// Subscribes to an account in a market from an older command, as
    /// [`subscribe_from`](Self::subscribe_from) does for a market.
    ///
    /// # Errors
    /// Returns the same errors as [`subscribe_from`](Self::subscribe_from).
    pub fn subscribe_account_from(
        &self,
        market: MarketId,
        account: AccountId,
        from: Sequence,
    ) -> Result<AccountFeed, SubscribeError> {
        let ask = |feeds: &mut Feeds, capacity| feeds.subscribe_account(market, account, capacity);
        let (first, live) = self.resume(market, from, ask)?;
        let first = first.into_feed();
        let updates = first.updates.followed_by(live.map(|it| it.updates));
        Ok(AccountFeed { updates, ..first })
    }

    fn resume<F>(
        &self,
        market: MarketId,
        from: Sequence,
        ask: impl Fn(&mut Feeds, usize) -> Option<F>,
    ) -> Result<(F, Option<F>), SubscribeError> {
        let journal_replay =
            locked(self.0.journal_replay.as_ref().ok_or(SubscribeError::NoJournal)?);
        resume(&journal_replay, &self.0.feeds, (market, from), self.0.limits, ask)
    }

    /// Returns one number for the whole durable state as of now. Takes time in proportion to the number of
    /// orders, while commands continue.
    #[must_use]
    pub fn digest(&self) -> u128 {
        let state = self.feeds().image.freeze();
        state.into_snapshot().digest()
    }

    /// Returns the settlement status of each market, or nothing if the host does not settle.
    #[must_use]
    pub fn settlement(&self) -> Vec<MarketSettlement> {
        self.0.shared.settlement()
    }

    /// Returns the current status.
    #[must_use]
    pub fn status(&self) -> Status {
        self.0.shared.status()
    }

    /// Returns a future that resolves when commands may be accepted again after `Busy`. Submit again then,
    /// and wait again if other callers were quicker. It resolves at once if there is room. Without a data
    /// folder, it also waits until Redis has stored enough trades; cancels may be accepted before that.
    ///
    /// ```
    /// use pricetime::{Draft, Host, Refused, Ticket};
    ///
    /// async fn submit(host: &Host, draft: Draft) -> Result<Ticket, Box<dyn std::error::Error>> {
    ///     loop {
    ///         match host.submit(draft) {
    ///             Err(Refused::Busy) => host.ready().await?,
    ///             taken => return Ok(taken?),
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// Returns [`Stopped`] with the reason if the host has stopped or was closed. No command is accepted
    /// after that.
    pub fn ready(&self) -> impl Future<Output = Result<(), Stopped>> + Send + use<> {
        let (submitter, shared) = (self.0.submitter.clone(), Arc::clone(&self.0.shared));
        async move {
            let is_over = || submitter.has_ended() || !shared.is_running();
            let is_ready = || submitter.has_room() && !shared.are_trades_full();
            shared.room.until(|| is_over() || is_ready()).await;
            if is_over() { Err(shared.stopped()) } else { Ok(()) }
        }
    }

    /// Returns a future that resolves when the host has stopped by itself, or when [`close`](Self::close)
    /// has ended it. It holds no handle, so it also resolves when the last handle is dropped.
    ///
    /// # Errors
    /// Returns [`Stopped`] with the reason, unless the host was closed in order.
    pub fn stopped(&self) -> impl Future<Output = Result<(), Stopped>> + Send + use<> {
        let shared = Arc::clone(&self.0.shared);
        async move { shared.until_ended().await }
    }

    /// Shuts the host down in order. Everything submitted so far is carried out, made durable and answered.
    /// Then the journal is sealed and a last snapshot is written. Without a data folder, the current state
    /// is written to Redis, in the middle of its epoch.
    ///
    /// Redis, the ledger and the outlet get four seconds in all. If a server does not answer by then, its
    /// thread is left behind. That thread ends with the server's answer or its timeout, and starts nothing
    /// more. The next start does the rest.
    ///
    /// # Errors
    /// Returns the reason if the host had stopped before. Without a data folder, also returns an error if
    /// Redis did not store the last state.
    pub fn close(&self) -> Result<(), Stopped> {
        self.0.end();
        self.0.shared.end()
    }
}

impl Inner {
    /// Ends the threads, once. Concurrent callers wait until they have ended.
    fn end(&self) {
        let mut threads = locked(&self.threads);
        let Some(threads) = threads.take() else { return };
        threads.end(&self.shared);
        if self.shared.is_disk_failed() {
            locked(&POISONED).extend(self.folder.clone());
        }
        self.shared.set_closed();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.end();
    }
}
