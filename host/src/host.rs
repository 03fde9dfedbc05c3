//! The host: threads put together, and what can be asked of them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use pricetime_engine::{
    AccountId, Action, MarketId, MarketSpec, OrderId, OrderRecord, RequestId, RequestRecord,
    Sequence, Timestamp,
};
use pricetime_redis::scores_hold_after;
use tokio::sync::oneshot;

use crate::core_thread::Submitter;
use crate::draft::{Draft, Item};
use crate::feeds::Feeds;
use crate::journal_replay::JournalReplay;
use crate::opening::{OpenError, Start};
use crate::options::{Options, Policy};
use crate::question::{Found, Question};
use crate::refused::Refused;
use crate::resume::{Room, SubscribeError, resume};
use crate::session::{Session, Sessions};
use crate::settle::MarketSettlement;
use crate::start::{self, Started};
use crate::status::{Shared, Status, locked};
use crate::stopped::Stopped;
use crate::subscription::{AccountFeed, MarketFeed};
use crate::threads::Threads;
use crate::ticket::Ticket;
use crate::view::MarketView;

/// A running engine with everything around it. Its methods may be called from any thread, and a clone is
/// another handle of the same host.
///
/// [`close`](Self::close) ends it in order. Dropping the last handle does the same and hides what went wrong.
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
    public: Arc<Mutex<Feeds>>,
    /// Held by the caller that locks the publisher next.
    turn: Mutex<()>,
    shared: Arc<Shared>,
    sessions: Arc<Sessions>,
    /// What a subscription has room for.
    room: Room,
    folder: Option<PathBuf>,
    /// What the journal still tells, where there is one. Who begins there takes his turn: each has an
    /// engine of his own while he looks.
    past: Option<Mutex<JournalReplay>>,
    policy: Policy,
    /// Whether prices are to become scores in Redis.
    scored: bool,
    /// How it came back.
    start: Start,
    threads: Mutex<Option<Threads>>,
}

/// A view of no more levels is made of the image at once. A larger one takes the levels as they are, which
/// costs less than to copy them, and is made when commands can go on.
const DIRECT_MAX: usize = 1_000;

/// Folders whose disk failed under this process.
static POISONED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

impl Host {
    /// Opens a data folder, brings back what it holds, and starts. An empty or missing folder
    /// becomes a new one.
    ///
    /// # Errors
    /// Where the folder cannot be had, and where there is no way back to everything that was
    /// acknowledged; the error names the file and what can be done.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let (folder, policy) = (options.folder.clone(), options.policy);
        let room = Room { updates: options.subscription, replay: options.subscription_replay };
        if folder.is_none() != (policy == Policy::Epoch) {
            return Err(OpenError::NoSingleStore);
        }
        if let Some(folder) = folder.iter().find(|it| locked(&POISONED).contains(*it)) {
            return Err(OpenError::Poisoned(folder.clone()));
        }
        let scored = options.redis.is_some();
        let Started { submitter, public, shared, sessions, threads, start, past } =
            start::start(options)?;
        Ok(Self(Arc::new(Inner {
            submitter,
            public,
            turn: Mutex::new(()),
            shared,
            sessions,
            room,
            folder,
            past: past.map(Mutex::new),
            policy,
            scored,
            start,
            threads: Mutex::new(Some(threads)),
        })))
    }

    /// Locks the publisher. Callers take turns, so the publisher's thread as a rule waits for one or two of
    /// them, however many there are.
    fn public(&self) -> MutexGuard<'_, Feeds> {
        let _turn = locked(&self.0.turn);
        locked(&self.0.public)
    }

    /// How it came back when it was opened.
    #[must_use]
    pub fn start(&self) -> &Start {
        &self.0.start
    }

    /// When a command counts as durable, and with it what an answer promises.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.0.policy
    }

    /// Whether what a ticket tells outlives a crash of this process. Where it does not, what was told
    /// after [`Status::durable`] may be taken back.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.0.policy.is_durable()
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
        self.submit_at(None, draft)
    }

    /// Submits a command of a recording with the time at which it happened; without one it happens at
    /// the time of the command before. Only a host without a clock ([`Options::clock`]) follows that
    /// time.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub fn submit_at(&self, time: Option<Timestamp>, draft: Draft) -> Result<Ticket, Refused> {
        let (sender, answer) = oneshot::channel();
        self.enter(draft, time, Some(sender))?;
        Ok(Ticket { answer, shared: Arc::clone(&self.0.shared) })
    }

    /// Begins a session: what is placed in it with [`submit_in`](Self::submit_in) is cancelled when it is
    /// dropped.
    #[must_use]
    pub fn session(&self) -> Session {
        Session::new(self.0.submitter.clone(), Arc::clone(&self.0.sessions))
    }

    /// Submits a command. If it places an order, the order ends with the session.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub fn submit_in(&self, session: &mut Session, draft: Draft) -> Result<Ticket, Refused> {
        if !matches!(draft.action, Action::Place(_)) {
            return self.submit(draft);
        }
        session.markets.insert(draft.market);
        self.submit(Draft { session: Some(session.id), ..draft })
    }

    /// Submits a command without wanting an answer: it comes with a subscription, or with
    /// [`outcome`](Self::outcome).
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub fn tell(&self, draft: Draft) -> Result<(), Refused> {
        self.enter(draft, None, None)
    }

    fn enter(
        &self,
        draft: Draft,
        time: Option<Timestamp>,
        answer: Option<oneshot::Sender<pricetime_engine::Group>>,
    ) -> Result<(), Refused> {
        if self.0.scored && !scores_hold_after(&draft.action) {
            return Err(Refused::Scores);
        }
        let urgent = matches!(
            draft.action,
            Action::Cancel { .. } | Action::CancelAll { .. } | Action::CancelSession { .. }
        );
        if self.0.policy == Policy::Epoch {
            self.may_enter(&draft.action)?;
        }
        let item = Item::Draft(draft, time, answer);
        let entered = if urgent {
            self.0.submitter.submit_urgently(item)
        } else {
            self.0.submitter.submit(item)
        };
        Ok(entered?)
    }

    /// Refuses where another has taken over, and what may trade where as many trades as there may be
    /// wait to stand in Redis.
    fn may_enter(&self, action: &Action) -> Result<(), Refused> {
        if !self.0.shared.is_well() {
            return Err(Refused::Stopped);
        }
        let makes_room = matches!(
            action,
            Action::Cancel { .. }
                | Action::CancelAll { .. }
                | Action::CancelSession { .. }
                | Action::CloseEpoch { .. }
        );
        if !makes_room && self.0.shared.are_trades_full() {
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
        self.public().image.market(market)?.request(account, request).copied()
    }

    /// A market's book as everybody may know it, best levels first, `depth` of them. However many they are,
    /// no command waits until they are copied.
    #[must_use]
    pub fn view(&self, market: MarketId, depth: usize) -> Option<MarketView> {
        if depth <= DIRECT_MAX {
            return self.public().view(market, depth);
        }
        let book = self.public().freeze(market)?;
        Some(book.view(depth))
    }

    /// A market's book as the core has it at this moment: a crash may still take it back. Resolves
    /// from the core's thread, behind what was submitted before. In call it takes the core time with the
    /// number of levels.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub fn latest(
        &self,
        market: MarketId,
        depth: usize,
    ) -> Result<Ticket<Option<MarketView>>, Refused> {
        let (reply, answer) = oneshot::channel();
        self.0.submitter.submit(Item::Latest(market, depth, reply))?;
        Ok(Ticket { answer, shared: Arc::clone(&self.0.shared) })
    }

    /// Answers a question from the durable state as it is now.
    #[must_use]
    pub fn find(&self, question: Question) -> Found {
        let Question::View { market, depth } = question else {
            return self.public().find(question);
        };
        if depth <= DIRECT_MAX {
            return self.public().find(question);
        }
        let book = self.public().freeze(market);
        Found::View(market, book.map(|it| (it.view(depth), it.book.head().spec)))
    }

    /// Asks a question in the order of the commands, and never waits. The ticket resolves with the
    /// state right behind every command that was submitted before, once that is durable; no command
    /// that is submitted later is in it. The question needs no sync of its own. The levels of a view are
    /// copied on the thread that answers commands, so ask for no more of them than you need.
    ///
    /// # Errors
    /// Returns `Busy` if the ring is full, and `Stopped` if the host has ended.
    pub fn ask(&self, question: Question) -> Result<Ticket<Found>, Refused> {
        let (reply, answer) = oneshot::channel();
        self.0.submitter.submit(Item::Ask(question, reply))?;
        Ok(Ticket { answer, shared: Arc::clone(&self.0.shared) })
    }

    /// The markets that there are.
    #[must_use]
    pub fn markets(&self) -> Vec<MarketId> {
        self.public().image.markets().map(|market| market.head().market).collect()
    }

    /// What a market is, with its terms as they are now.
    #[must_use]
    pub fn spec(&self, market: MarketId) -> Option<MarketSpec> {
        Some(self.public().image.market(market)?.head().spec)
    }

    /// A live order.
    #[must_use]
    pub fn order(&self, market: MarketId, order: OrderId) -> Option<OrderRecord> {
        self.public().image.market(market)?.order(order).copied()
    }

    /// A market's book as of now, and everything behind it without a gap: what anybody may see.
    #[must_use]
    pub fn subscribe(&self, market: MarketId) -> Option<MarketFeed> {
        let begun = self.public().subscribe(market, self.0.room.updates)?;
        Some(begun.into_feed())
    }

    /// An account's orders in a market as of now, and everything behind that without a gap: what
    /// only it may see.
    #[must_use]
    pub fn subscribe_account(&self, market: MarketId, account: AccountId) -> Option<AccountFeed> {
        let begun = self.public().subscribe_account(market, account, self.0.room.updates)?;
        Some(begun.into_feed())
    }

    /// A market's book as of an older command, and everything behind that without a gap: for who was
    /// away since then. What happened meanwhile is made again from the journal, on this thread: that
    /// takes as long as a replay from the last snapshot before it that is kept (from the first command
    /// where there is none), and the memory of two more states meanwhile; one at a time. Where it is more
    /// than 16,384 updates the subscription ends after so many, and the next one goes on from the last
    /// of them.
    ///
    /// # Errors
    /// Where nothing tells what came behind that command: the error says from where one can begin.
    pub fn subscribe_from(
        &self,
        market: MarketId,
        from: Sequence,
    ) -> Result<MarketFeed, SubscribeError> {
        let ask = |public: &mut Feeds, room| public.subscribe(market, room);
        let (first, live) = self.resume(market, from, ask)?;
        let first = first.into_feed();
        let updates = first.updates.followed_by(live.map(|it| it.updates));
        Ok(MarketFeed { updates, ..first })
    }

    /// An account's orders in a market as of an older command, and everything behind that without a
    /// gap, as [`subscribe_from`](Self::subscribe_from) has it.
    ///
    /// # Errors
    /// As there.
    pub fn subscribe_account_from(
        &self,
        market: MarketId,
        account: AccountId,
        from: Sequence,
    ) -> Result<AccountFeed, SubscribeError> {
        let ask = |public: &mut Feeds, room| public.subscribe_account(market, account, room);
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
        let past = locked(self.0.past.as_ref().ok_or(SubscribeError::NoJournal)?);
        resume(&past, &self.0.public, (market, from), self.0.room, ask)
    }

    /// One number for the whole durable state as it is now. Takes time with the number of all orders;
    /// commands go on meanwhile.
    #[must_use]
    pub fn digest(&self) -> u128 {
        let state = self.public().image.freeze();
        state.into_snapshot().digest()
    }

    /// How the settlement of each market stands; nothing where there is none.
    #[must_use]
    pub fn settlement(&self) -> Vec<MarketSettlement> {
        self.0.shared.settlement()
    }

    /// How it is.
    #[must_use]
    pub fn status(&self) -> Status {
        self.0.shared.status()
    }

    /// Returns a future that resolves when a command may be taken again after `Busy`: submit again then, and
    /// wait again if others were quicker. It resolves at once if there is room. Without a data folder it
    /// also waits until Redis has taken enough trades; cancels may be taken before that.
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
    /// Returns why, if the host has stopped or was closed: no command is taken any more.
    pub fn ready(&self) -> impl Future<Output = Result<(), Stopped>> + Send + use<> {
        let (submitter, shared) = (self.0.submitter.clone(), Arc::clone(&self.0.shared));
        async move {
            let is_over = || submitter.has_ended() || !shared.is_well();
            let is_ready = || submitter.has_room() && !shared.are_trades_full();
            shared.room.until(|| is_over() || is_ready()).await;
            if is_over() { Err(shared.stopped()) } else { Ok(()) }
        }
    }

    /// Returns a future that resolves when the host has stopped by itself, or when [`close`](Self::close)
    /// has ended it. It keeps no handle, so it also resolves when the last handle is dropped.
    ///
    /// # Errors
    /// Returns why the host has stopped, unless it was closed in order.
    pub fn stopped(&self) -> impl Future<Output = Result<(), Stopped>> + Send + use<> {
        let shared = Arc::clone(&self.0.shared);
        async move { shared.until_ended().await }
    }

    /// Ends in order: what was submitted so far is carried out, made durable and told; the journal
    /// is sealed and a last snapshot written. Without a folder the state as it is goes to Redis, in the
    /// middle of its epoch.
    ///
    /// Redis, the ledger and the outlet get four seconds in all. Their threads are left behind if a
    /// server does not answer by then; they end with its answer or their timeout and start nothing
    /// more. The next start does what they left out.
    ///
    /// # Errors
    /// Something had stopped before: the reason. Without a folder also that Redis did not take the
    /// last state.
    pub fn close(&self) -> Result<(), Stopped> {
        self.0.end();
        self.0.shared.end()
    }
}

impl Inner {
    /// Ends the threads, once. Whoever calls this meanwhile waits until they have ended.
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
