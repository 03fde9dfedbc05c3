//! The thread that drives all leases. It gives them the time and the answers, and sends their requests.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::clock::Clock;
use super::error::RedlockError;
use super::lease::Lease;
use super::step::{Answer, NodeRequest, Reply, Step};

/// The longest time between two reads of the clock.
const WAKE_MAX: Duration = Duration::from_secs(60);
/// How long the thread still releases locks after it was closed.
const CLOSE_WAIT: Duration = Duration::from_millis(100);

/// A message to the driver.
pub(super) enum Message {
    /// Whether a node can be used.
    NodeReady(Result<(), RedlockError>),
    Begin(Box<ActiveLease>),
    Extend(u64),
    Keep(u64),
    Release(u64),
    Answered {
        lease: u64,
        ask: NodeRequest,
        answer: Answer,
        fault: Option<String>,
    },
    Close,
}

/// A request to a node.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) lease: u64,
    pub(super) ask: NodeRequest,
    pub(super) key: Arc<str>,
    pub(super) owner: Arc<str>,
    pub(super) ttl: Duration,
}

/// A lease, and the state that its holder waits for.
pub(super) struct ActiveLease {
    pub(super) id: u64,
    pub(super) lease: Lease,
    pub(super) key: Arc<str>,
    pub(super) owner: Arc<str>,
    pub(super) ttl: Duration,
    pub(super) view: Arc<LeaseView>,
}

impl Drop for ActiveLease {
    fn drop(&mut self) {
        // Wakes a holder that still waits.
        self.view.change(|state| {
            if matches!(state.status, LeaseStatus::Trying | LeaseStatus::Held) {
                state.status = LeaseStatus::Ended;
            }
        });
    }
}

/// The state of a lease as its holder sees it.
#[derive(Debug, Default)]
pub(super) struct LeaseView {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) status: LeaseStatus,
    pub(super) until: Duration,
    /// How many requests to extend have been answered, and whether the last one was granted.
    pub(super) answers: u64,
    pub(super) extended: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum LeaseStatus {
    #[default]
    Trying,
    Held,
    Refused {
        taken: usize,
        failed: usize,
        why: String,
    },
    Lost,
    Released {
        free: bool,
    },
    Ended,
}

impl LeaseView {
    pub(super) fn lock_state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the condition holds.
    pub(super) fn wait(&self, condition: impl Fn(&State) -> bool) -> State {
        let state = self.changed.wait_while(self.lock_state(), |state| !condition(state));
        state.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until the condition holds, but not longer than `timeout`.
    pub(super) fn wait_for(&self, timeout: Duration, condition: impl Fn(&State) -> bool) {
        drop(
            self.changed.wait_timeout_while(self.lock_state(), timeout, |state| !condition(state)),
        );
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock_state());
        self.changed.notify_all();
    }
}

/// What all clones of a `Redlock` and all its locks share.
pub(super) struct Threads {
    pub(super) nodes: usize,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) driver: Sender<Message>,
    pub(super) ids: AtomicU64,
    pub(super) ends: Option<JoinHandle<()>>,
}

impl Threads {
    pub(super) fn send(&self, message: Message) -> Result<(), RedlockError> {
        self.driver.send(message).map_err(|_| RedlockError::Ended)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // The last locks may still have to be released. A node may hang, so this waits for `CLOSE_WAIT` at
        // most.
        drop(self.send(Message::Close));
        if let Some(driver) = self.ends.take() {
            drop(driver.join());
        }
    }
}

/// Drives all leases.
pub(super) struct Driver {
    clock: Arc<dyn Clock>,
    nodes: Vec<Sender<Request>>,
    /// The last error of each node.
    faults: Vec<Option<String>>,
    leases: BTreeMap<u64, Box<ActiveLease>>,
    /// When the thread ends at the latest, once it was closed.
    ends: Option<Duration>,
}

impl Driver {
    pub(super) fn new(clock: Arc<dyn Clock>, nodes: Vec<Sender<Request>>) -> Self {
        let faults = vec![None; nodes.len()];
        Self { clock, nodes, faults, leases: BTreeMap::new(), ends: None }
    }

    pub(super) fn run(mut self, messages: &Receiver<Message>) {
        loop {
            match messages.recv_timeout(self.max_wait()) {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.tick();
            let late = self.ends.is_some_and(|ends| ends <= self.clock.now());
            if late || (self.ends.is_some() && self.leases.is_empty()) {
                return;
            }
        }
    }

    /// How long the thread may wait for a message.
    fn max_wait(&self) -> Duration {
        let wakes = self.leases.values().filter_map(|active| active.lease.wakes_at());
        let wake = wakes.chain(self.ends).min();
        wake.map_or(WAKE_MAX, |wake| wake.saturating_sub(self.clock.now()).min(WAKE_MAX))
    }

    fn take(&mut self, message: Message) {
        let now = self.clock.now();
        match message {
            // Only `Redlock::open` waits for this.
            Message::NodeReady(_) => {}
            Message::Begin(active) => {
                let id = active.id;
                self.leases.insert(id, active);
                self.with(id, |_| {});
            }
            Message::Extend(id) => self.with(id, |lease| lease.extend(now)),
            Message::Keep(id) => self.with(id, |lease| lease.keep(now)),
            Message::Release(id) => self.with(id, |lease| lease.release(now)),
            Message::Answered { lease, ask, answer, fault } => {
                if let Some(last) = self.faults.get_mut(ask.node) {
                    *last = fault;
                }
                self.with(lease, |lease| lease.handle_answer(now, &ask, answer));
            }
            Message::Close => self.ends = Some(now + CLOSE_WAIT),
        }
    }

    fn tick(&mut self) {
        let now = self.clock.now();
        let due = |active: &ActiveLease| active.lease.wakes_at().is_some_and(|wake| wake <= now);
        let due: Vec<u64> = self.leases.values().filter(|it| due(it)).map(|it| it.id).collect();
        for id in due {
            self.with(id, |lease| lease.tick(now));
        }
    }

    /// Does something with a lease, and then carries out the steps that it returns.
    fn with(&mut self, id: u64, work: impl FnOnce(&mut Lease)) {
        let Some(active) = self.leases.get_mut(&id) else { return };
        work(&mut active.lease);
        while let Some(step) = active.lease.next_step() {
            match step {
                Step::Notify(reply) => apply_reply(&active.view, reply, &self.faults),
                Step::NodeRequest(ask) => {
                    let (key, owner) = (Arc::clone(&active.key), Arc::clone(&active.owner));
                    let request = Request { lease: id, ask, key, owner, ttl: active.ttl };
                    let sent = self.nodes.get(ask.node).map(|node| node.send(request));
                    if !matches!(sent, Some(Ok(()))) {
                        active.lease.handle_answer(self.clock.now(), &ask, Answer::Failed);
                    }
                }
            }
        }
        if active.lease.is_over() {
            self.leases.remove(&id);
        }
    }
}

fn apply_reply(view: &LeaseView, reply: Reply, faults: &[Option<String>]) {
    view.change(|state| match reply {
        Reply::Held { until } => (state.status, state.until) = (LeaseStatus::Held, until),
        Reply::Refused { taken, failed } => {
            let known: Vec<&str> = faults.iter().flatten().map(String::as_str).collect();
            let why = if known.is_empty() { "no answer in time".into() } else { known.join("; ") };
            state.status = LeaseStatus::Refused { taken, failed, why };
        }
        Reply::Extended { until } => {
            (state.until, state.extended) = (until, true);
            state.answers += 1;
        }
        Reply::NotExtended => {
            state.extended = false;
            state.answers += 1;
        }
        Reply::Lost => state.status = LeaseStatus::Lost,
        Reply::Released { free } => state.status = LeaseStatus::Released { free },
    });
}
