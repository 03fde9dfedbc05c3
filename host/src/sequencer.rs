//! The work of the core thread: it stamps commands, inserts those that are due, applies them and passes
//! batches on.
//!
//! In the host, only this file reads the wall clock, once per step. Time never goes back: if the clock
//! does, the last time holds until the clock has caught up. Without a clock the commands bring their times,
//! and nothing happens between them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{SendError, SendTimeoutError, Sender};
use pricetime_engine::{AccountId, Action, Command, Engine, MarketId, Sequence, Timestamp};
use tokio::sync::oneshot;

use crate::answers::Answers;
use crate::batch::{Batch, Waiting};
use crate::core_thread::Work;
use crate::draft::{Draft, Item};
use crate::empty_batches::EmptyBatches;
use crate::epoch_schedule::Schedule;
use crate::question::PendingQuestion;
use crate::session::{EndedSession, Sessions};
use crate::status::Shared;
use crate::view::MarketView;

/// A source of the time, in nanoseconds since 1970-01-01T00:00Z.
pub trait Clock: Send + 'static {
    /// Returns the current time. It may go back.
    fn now(&mut self) -> Timestamp;
}

/// The system's wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct WallClock;

impl Clock for WallClock {
    fn now(&mut self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        // A time before 1970 counts as 1970.
        let nanoseconds = since.map_or(0, |since| since.as_nanos());
        Timestamp(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}

/// The longest sleep of the core while an order may expire.
const EXPIRY_POLL: Duration = Duration::from_millis(250);

/// How long the core waits for the journal before it continues without it, and the longest sleep before it
/// tries again.
const HANDOFF_TIMEOUT: Duration = Duration::from_micros(200);

/// A batch with this many commands is passed on within a step, if commands were submitted together. A step
/// takes a limited number of items, and each may have many commands.
const BATCH_MAX: usize = 1_024;

/// Sessions that have ended and whose orders are still to be cancelled.
#[derive(Debug, Default)]
pub(crate) struct EndedSessions {
    /// The host's sessions, which report their end here.
    pub(crate) sessions: Arc<Sessions>,
    /// How many items have been handled.
    handled: u64,
    /// Sessions that have ended. All items of a session are handled once `handled` reaches the number
    /// beside it.
    pending: Vec<(u64, EndedSession)>,
}

/// The work of the core thread.
pub(crate) struct Sequencer {
    pub(crate) engine: Engine,
    pub(crate) clock: Option<Box<dyn Clock>>,
    pub(crate) schedule: Schedule,
    pub(crate) batch: Batch,
    /// To the journal thread.
    pub(crate) next: Sender<Batch>,
    /// How many commands the core may be ahead of the durable ones before it waits.
    pub(crate) ahead_max: u64,
    /// Called once, before anything else.
    pub(crate) on_start: Option<Box<dyn FnOnce() + Send>>,
    /// Shows whether the other threads are still running.
    pub(crate) shared: Arc<Shared>,
    /// Published batches, to be filled again.
    pub(crate) empty_batches: EmptyBatches,
    pub(crate) ended_sessions: EndedSessions,
}

impl fmt::Debug for Sequencer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sequencer").field("schedule", &self.schedule).finish_non_exhaustive()
    }
}

impl Work for Sequencer {
    type Item = Item;

    fn step(&mut self, items: &mut Vec<Item>) -> Result<Option<Duration>, String> {
        if let Some(on_start) = self.on_start.take() {
            on_start();
        }
        let idle = items.is_empty();
        // The ring has just been drained.
        self.shared.room.wake_if_awaited();
        let now = self.advance_time(idle);
        self.end_sessions(idle, now);
        self.ended_sessions.handled =
            self.ended_sessions.handled.saturating_add(items.len() as u64);
        let mut forward_at = BATCH_MAX;
        for item in items.drain(..) {
            match item {
                Item::Draft(draft, time, ticket) => {
                    let group = self.sequence(draft, time, now);
                    if let Some(ticket) = ticket {
                        self.batch.waiting.push(Waiting::One(group, ticket));
                    }
                }
                Item::Drafts(drafts, reply, places) => {
                    self.sequence_all(drafts, reply, now);
                    drop(places);
                    if self.batch.len() >= forward_at {
                        // If the journal is behind, this waits once for so many commands.
                        self.forward_batch()?;
                        forward_at = self.batch.len().saturating_add(BATCH_MAX);
                    }
                }
                Item::Wake => {}
                Item::Latest(market, depth, reply) => {
                    let sequence = self.engine.last_sequence();
                    let book = self.engine.market(market);
                    // The caller may have dropped its ticket.
                    let _ = reply.send(book.map(|book| MarketView::of_book(book, sequence, depth)));
                }
                Item::Ask(question, reply) => {
                    self.batch.questions.push(PendingQuestion {
                        at: self.batch.len(),
                        question,
                        reply,
                    });
                }
            }
        }
        // The items have left their places.
        self.shared.room.wake_if_awaited();
        self.collect_ended();
        let forwarded = self.forward_batch()?;
        if !self.shared.is_running() {
            return Err(self.shared.stopped().reason());
        }
        if !forwarded {
            return Ok(Some(HANDOFF_TIMEOUT));
        }
        if !self.ended_sessions.pending.is_empty() {
            return Ok(Some(Duration::ZERO));
        }
        if self.clock.is_none() {
            return Ok(None);
        }
        let until_next = self.schedule.until_next(now);
        // After an idle step, checks whether an order will expire. After any other step, assumes that one
        // will.
        let ends = !idle || self.engine.markets().any(|book| book.next_expiry().is_some());
        Ok(if ends {
            Some(until_next.map_or(EXPIRY_POLL, |until_next| until_next.min(EXPIRY_POLL)))
        } else {
            until_next
        })
    }
}

impl Sequencer {
    /// Returns the current time, which never goes back.
    fn now(&mut self) -> Timestamp {
        let last = self.engine.last_timestamp();
        self.clock.as_mut().map_or(last, |clock| last.max(clock.now()))
    }

    /// Closes the epochs that are due. In an idle step, also expires orders. Returns the current time.
    fn advance_time(&mut self, idle: bool) -> Timestamp {
        let now = self.now();
        if self.clock.is_some() {
            if let Some(gate) = self.schedule.take_due(now) {
                self.close_epochs(gate);
            }
            if idle {
                self.expire_orders(now);
            }
        }
        now
    }

    /// Returns the time of a recorded command, after closing the epochs that ended before it.
    fn recorded_time(&mut self, time: Option<Timestamp>) -> Timestamp {
        let last = self.engine.last_timestamp();
        let at = time.map_or(last, |time| last.max(time));
        while let Some(gate) = self.schedule.take_next_due(at) {
            self.close_epochs(gate);
        }
        at
    }

    /// Carries out a submitted command, and closes the epochs that end with it. Returns its group in the
    /// batch.
    fn sequence(&mut self, draft: Draft, time: Option<Timestamp>, now: Timestamp) -> usize {
        let at = if self.clock.is_some() { now } else { self.recorded_time(time) };
        let group = self.batch.len();
        self.apply_draft(draft, at);
        if self.schedule.count() {
            self.close_epochs(at);
        }
        group
    }

    /// Carries out commands that were submitted together.
    fn sequence_all(
        &mut self,
        drafts: Vec<(Option<Timestamp>, Draft)>,
        reply: oneshot::Sender<Answers>,
        now: Timestamp,
    ) {
        let from = self.batch.several.len();
        for (time, draft) in drafts {
            let group = self.sequence(draft, time, now);
            self.batch.several.push(group);
        }
        self.batch.waiting.push(Waiting::Several(from..self.batch.several.len(), reply));
    }

    fn apply_draft(&mut self, draft: Draft, timestamp: Timestamp) {
        let Draft { market, account, operator, request, session, action } = draft;
        let sequence = Sequence(self.engine.last_sequence().0.saturating_add(1));
        let command =
            Command { sequence, timestamp, market, account, operator, request, action, session };
        self.batch.commands.push(command);
        self.engine.apply(&command, &mut self.batch);
    }

    /// Sends a command to a market in the host's own name.
    fn command(&mut self, market: MarketId, action: Action, timestamp: Timestamp) {
        let account = AccountId(0);
        let (request, session) = (None, None);
        let draft = Draft { market, account, operator: true, request, session, action };
        self.apply_draft(draft, timestamp);
    }

    /// Cancels what is left of earlier sessions, because they ended with their process. Then lets time pass
    /// to the present, before the first command.
    pub(crate) fn begin(mut self) -> Self {
        let ended = self.engine.last_timestamp();
        let holding = self.engine.markets().filter(|book| book.holds_sessions());
        let markets: Vec<_> = holding.map(|book| book.head().market).collect();
        for market in markets {
            self.command(market, Action::CancelSession { session: None }, ended);
        }
        self.advance_time(true);
        self
    }

    /// Takes note of the sessions that have ended. Their last commands are at most still in the ring. They
    /// have been carried out once the ring has been empty, or once as many items as it holds have been
    /// handled.
    fn collect_ended(&mut self) {
        let due_at = self.ended_sessions.handled.saturating_add(self.ahead_max);
        let ended = self.ended_sessions.sessions.take_ended();
        self.ended_sessions
            .pending
            .extend(ended.into_iter().map(|ended_session| (due_at, ended_session)));
    }

    /// Cancels the orders of sessions that were noticed earlier, if all their commands have been carried
    /// out. `empty` means that the ring has been empty since then.
    fn end_sessions(&mut self, empty: bool, now: Timestamp) {
        let handled = self.ended_sessions.handled;
        let due = |(due_at, _): &mut (u64, EndedSession)| empty || *due_at <= handled;
        let ended: Vec<_> = self.ended_sessions.pending.extract_if(.., due).collect();
        for (_, EndedSession { session, markets }) in ended {
            for market in markets {
                self.command(market, Action::CancelSession { session: Some(session) }, now);
            }
        }
    }

    /// Closes the epoch of every market.
    fn close_epochs(&mut self, gate: Timestamp) {
        let markets: Vec<_> =
            self.engine.markets().map(|book| (book.head().market, book.head().epoch)).collect();
        for (market, number) in markets {
            self.command(market, Action::CloseEpoch { number }, gate);
        }
    }

    /// Expires orders in markets that receive no commands.
    fn expire_orders(&mut self, now: Timestamp) {
        let due = |expiry: Option<Timestamp>| expiry.is_some_and(|expiry| expiry <= now);
        let markets: Vec<_> = self
            .engine
            .markets()
            .filter(|book| due(book.next_expiry()))
            .map(|book| book.head().market)
            .collect();
        for market in markets {
            self.command(market, Action::AdvanceTime, now);
        }
    }

    /// Passes the batch on to the journal thread, and waits briefly if that is behind. After that the batch
    /// stays and grows, so that the core does not stop while a disk stalls. If too many commands are not
    /// durable yet, it waits for as long as it takes, and new submissions fill the ring until they are
    /// refused as `Busy`. Returns `true` if no batch stayed.
    fn forward_batch(&mut self) -> Result<bool, String> {
        if self.batch.is_empty() {
            return Ok(true);
        }
        let ahead = self.engine.last_sequence().0.saturating_sub(self.shared.durable().0);
        let full = std::mem::take(&mut self.batch);
        let sent = if ahead < self.ahead_max {
            self.next.send_timeout(full, HANDOFF_TIMEOUT)
        } else {
            self.next.send(full).map_err(|SendError(full)| SendTimeoutError::Disconnected(full))
        };
        match sent {
            Ok(()) => self.batch = self.empty_batches.take(),
            Err(SendTimeoutError::Timeout(full)) => self.batch = full,
            Err(SendTimeoutError::Disconnected(_)) => {
                return Err(String::from("the journal thread has ended"));
            }
        }
        Ok(self.batch.is_empty())
    }

    /// Passes on what is left, for the last time. If the journal thread has ended, it has set the reason,
    /// which the waiting callers receive.
    pub(crate) fn end(mut self) {
        self.collect_ended();
        let now = self.now();
        self.end_sessions(true, now);
        if !self.batch.is_empty() {
            let _ = self.next.send(self.batch);
        }
    }
}
