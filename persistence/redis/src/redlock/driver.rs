//! The thread that all leases are driven on: it gives the time, the questions and the answers.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::clock::Clock;
use super::error::RedlockError;
use super::lease::Lease;
use super::step::{Answer, Ask, Reply, Step};

/// It looks at the time at least this often.
const LOOK: Duration = Duration::from_secs(60);
/// So long it goes on freeing when nobody needs it any more.
const LAST: Duration = Duration::from_millis(100);

/// What the driver is told.
pub(super) enum Message {
    /// A node will do, or not.
    Fit(Result<(), RedlockError>),
    Begin(Box<Driven>),
    Extend(u64),
    Keep(u64),
    Release(u64),
    Answered {
        lease: u64,
        ask: Ask,
        answer: Answer,
        fault: Option<String>,
    },
    Close,
}

/// A question on its way to a node.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) lease: u64,
    pub(super) ask: Ask,
    pub(super) key: Arc<str>,
    pub(super) owner: Arc<str>,
    pub(super) ttl: Duration,
}

/// A lease and who waits for it.
pub(super) struct Driven {
    pub(super) id: u64,
    pub(super) lease: Lease,
    pub(super) key: Arc<str>,
    pub(super) owner: Arc<str>,
    pub(super) ttl: Duration,
    pub(super) sight: Arc<Sight>,
}

impl Drop for Driven {
    fn drop(&mut self) {
        // Whoever still waits waits for nothing.
        self.sight.change(|state| {
            if matches!(state.standing, Standing::Trying | Standing::Held) {
                state.standing = Standing::Ended;
            }
        });
    }
}

/// What a holder sees of its lease.
#[derive(Debug, Default)]
pub(super) struct Sight {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) standing: Standing,
    pub(super) until: Duration,
    /// How many questions for more time have been answered, and whether the last one was granted.
    pub(super) answers: u64,
    pub(super) extended: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Standing {
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

impl Sight {
    pub(super) fn look(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until this is so.
    pub(super) fn wait(&self, so: impl Fn(&State) -> bool) -> State {
        let state = self.changed.wait_while(self.look(), |state| !so(state));
        state.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a change, but not longer than this.
    pub(super) fn wait_for(&self, most: Duration, so: impl Fn(&State) -> bool) {
        drop(self.changed.wait_timeout_while(self.look(), most, |state| !so(state)));
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.look());
        self.changed.notify_all();
    }
}

/// What all clones and all locks share.
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
        // What was given back last is still to be freed. A node may hang; nobody waits for that.
        drop(self.send(Message::Close));
        if let Some(driver) = self.ends.take() {
            drop(driver.join());
        }
    }
}

/// The driver.
pub(super) struct Driver {
    clock: Arc<dyn Clock>,
    nodes: Vec<Sender<Request>>,
    /// What each node complained of last.
    faults: Vec<Option<String>>,
    leases: BTreeMap<u64, Box<Driven>>,
    /// When it ends at the latest.
    ends: Option<Duration>,
}

impl Driver {
    pub(super) fn new(clock: Arc<dyn Clock>, nodes: Vec<Sender<Request>>) -> Self {
        let faults = vec![None; nodes.len()];
        Self { clock, nodes, faults, leases: BTreeMap::new(), ends: None }
    }

    pub(super) fn run(mut self, messages: &Receiver<Message>) {
        loop {
            match messages.recv_timeout(self.patience()) {
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

    /// How long nothing needs to be done.
    fn patience(&self) -> Duration {
        let wakes = self.leases.values().filter_map(|driven| driven.lease.wakes_at());
        let wake = wakes.chain(self.ends).min();
        wake.map_or(LOOK, |wake| wake.saturating_sub(self.clock.now()).min(LOOK))
    }

    fn take(&mut self, message: Message) {
        let now = self.clock.now();
        match message {
            // Only whoever opens asks for it.
            Message::Fit(_) => {}
            Message::Begin(driven) => {
                let id = driven.id;
                self.leases.insert(id, driven);
                self.with(id, |_| {});
            }
            Message::Extend(id) => self.with(id, |lease| lease.extend(now)),
            Message::Keep(id) => self.with(id, |lease| lease.keep(now)),
            Message::Release(id) => self.with(id, |lease| lease.release(now)),
            Message::Answered { lease, ask, answer, fault } => {
                if let Some(last) = self.faults.get_mut(ask.node) {
                    *last = fault;
                }
                self.with(lease, |lease| lease.hear(now, &ask, answer));
            }
            Message::Close => self.ends = Some(now + LAST),
        }
    }

    fn tick(&mut self) {
        let now = self.clock.now();
        let due = |driven: &Driven| driven.lease.wakes_at().is_some_and(|wake| wake <= now);
        let due: Vec<u64> = self.leases.values().filter(|it| due(it)).map(|it| it.id).collect();
        for id in due {
            self.with(id, |lease| lease.tick(now));
        }
    }

    /// Does something with a lease, and then what that asks for.
    fn with(&mut self, id: u64, work: impl FnOnce(&mut Lease)) {
        let Some(driven) = self.leases.get_mut(&id) else { return };
        work(&mut driven.lease);
        while let Some(step) = driven.lease.next_step() {
            match step {
                Step::Tell(told) => tell(&driven.sight, told, &self.faults),
                Step::Ask(ask) => {
                    let (key, owner) = (Arc::clone(&driven.key), Arc::clone(&driven.owner));
                    let request = Request { lease: id, ask, key, owner, ttl: driven.ttl };
                    let sent = self.nodes.get(ask.node).map(|node| node.send(request));
                    if !matches!(sent, Some(Ok(()))) {
                        driven.lease.hear(self.clock.now(), &ask, Answer::Failed);
                    }
                }
            }
        }
        if driven.lease.is_over() {
            self.leases.remove(&id);
        }
    }
}

fn tell(sight: &Sight, told: Reply, faults: &[Option<String>]) {
    sight.change(|state| match told {
        Reply::Held { until } => (state.standing, state.until) = (Standing::Held, until),
        Reply::Refused { taken, failed } => {
            let known: Vec<&str> = faults.iter().flatten().map(String::as_str).collect();
            let why = if known.is_empty() { "no answer in time".into() } else { known.join("; ") };
            state.standing = Standing::Refused { taken, failed, why };
        }
        Reply::Extended { until } => {
            (state.until, state.extended) = (until, true);
            state.answers += 1;
        }
        Reply::NotExtended => {
            state.extended = false;
            state.answers += 1;
        }
        Reply::Lost => state.standing = Standing::Lost,
        Reply::Released { free } => state.standing = Standing::Released { free },
    });
}
