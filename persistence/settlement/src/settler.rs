//! The settlement of one market, as a state machine without I/O. It asks for one step at a time and
//! takes the result.
//!
//! It deposits the market's batches in the ledger's inbox. While batches are pending there, its own or
//! another runner's, it takes the lock, claims the market and applies one batch after another. The
//! ledger makes this safe. The settler makes sure that it completes, whatever fails on the way.

mod deposits;
mod drops;
mod ledger_progress;
mod pause;
mod remark;
mod replies;
mod standing;
mod step;
#[cfg(test)]
mod tests;

use core::time::Duration;
use std::collections::VecDeque;

use pricetime_engine::{EpochNumber, MarketId};

use super::batch::Batch;
use super::collector::Closed;
use crate::ledger::{Claim, Deed, Position, Seed};
use pricetime_journal::History;
use pricetime_journal::random::Random;

use deposits::DepositQueue;
use pause::{Jitter, Pause};

pub use drops::{DropState, Drops};
pub use ledger_progress::PutBack;
pub use pause::RetryPolicy;
pub use remark::Remark;
pub use standing::{Halt, Standing};
pub use step::{Checkpoint, Locked, PollResult, Refusals, Reply, Step};

/// The state that a settler starts with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The market.
    pub market: MarketId,
    /// The history whose epochs it settles.
    pub history: History,
    /// The last epoch that has closed by now, or zero if none has.
    pub closed: EpochNumber,
    /// What the last settler of this market stored.
    pub stored: Checkpoint,
    /// The epochs that were dropped in this history, or why they cannot be read. Then nothing is
    /// settled.
    pub drops: Result<Drops, String>,
    /// Any number, a different one for each settler, so that not all wait equally long.
    pub jitter: u64,
}

/// Settles one market.
#[derive(Debug)]
pub struct Settler {
    market: MarketId,
    history: History,
    retry_policy: RetryPolicy,
    jitter: Jitter,
    stored: Checkpoint,
    /// Whether `stored` has changed since the caller last stored it.
    store_pending: bool,
    deposits: DepositQueue,
    pending_step: Option<PendingStep>,
    held: bool,
    halted: Option<Halt>,
    /// Whether batches may be pending.
    due: bool,
    /// When to read the position again if no batch is known to be pending.
    watch: Pause,
    /// The pending batches, as far as they were read.
    inbox: VecDeque<Batch>,
    /// How many of the first pending batches can never be applied, because the ledger begins after them.
    stale: usize,
    /// The ledger's last epoch, as far as the ledger has reported it.
    last: Option<EpochNumber>,
    /// Until when the lock is held, if it is.
    lock: Option<Duration>,
    /// Whether to release the lock.
    release_lock: bool,
    claim: Option<Claim>,
    /// The epochs that operators have dropped, and whether they must be stored before anything else is
    /// done.
    drops: Drops,
    drops_pending: bool,
    /// Why the drops cannot be read.
    drops_error: Option<String>,
    /// The drop that is being tried, until the ledger refuses it too.
    current_drop: Option<EpochNumber>,
    /// Set while a ledger that was put back has not caught up.
    back: Option<PutBack>,
    /// The next settled epoch to look up, and the one that the lookup began with.
    cursor: Option<(EpochNumber, EpochNumber)>,
    /// Whether more epochs are known to be settled than is stored.
    advanced: bool,
    /// When to check how far other runners have come.
    progress_check: Option<Pause>,
    /// What operators should be shown.
    remarks: Vec<Remark>,
    /// The position after which epochs were missing that have been deposited since.
    gap: Option<EpochNumber>,
    /// A wait for the ledger.
    ledger_wait: Option<Pause>,
    /// A wait for another runner.
    runner_wait: Option<Pause>,
    /// Failures in a row, of the ledger and of the lock.
    failures: u32,
    lock_failures: u32,
    /// Refusals in a row that are not about a batch.
    refused: u32,
}

/// The step that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PendingStep {
    Checkpoint,
    ReadPosition,
    RemakeBatches(EpochNumber),
    Deposit(EpochNumber),
    Read(usize),
    Lock,
    Unlock,
    Claim,
    Seed,
    Apply(EpochNumber, Deed),
    StoreDrops,
    ReadOutcome(EpochNumber),
}

impl Settler {
    /// Creates a settler that does not know the ledger's position yet.
    #[must_use]
    pub fn new(start: Start, retry_policy: RetryPolicy) -> Self {
        let mut settler = Self {
            market: start.market,
            history: start.history,
            retry_policy,
            jitter: Jitter(Random::new(start.jitter)),
            stored: start.stored,
            store_pending: false,
            deposits: DepositQueue::new(start.closed, retry_policy.batches_max),
            pending_step: None,
            held: false,
            halted: None,
            due: true,
            watch: Pause::new(Duration::ZERO, Duration::ZERO, String::new()),
            inbox: VecDeque::new(),
            stale: 0,
            last: None,
            lock: None,
            release_lock: false,
            claim: None,
            drops: Drops::new(),
            drops_pending: false,
            drops_error: None,
            current_drop: None,
            back: None,
            cursor: None,
            advanced: false,
            progress_check: None,
            remarks: Vec::new(),
            gap: None,
            ledger_wait: None,
            runner_wait: None,
            failures: 0,
            lock_failures: 0,
            refused: 0,
        };
        settler.set_drops(start.drops);
        settler
    }

    /// Takes the result of a closed epoch of this market. Epochs come in order. A result that was passed
    /// before changes nothing.
    pub fn closed(&mut self, closed: Closed) {
        match closed {
            Closed::Whole(batch) => self.deposits.closed(batch.epoch, Some(batch)),
            Closed::Part { epoch, .. } => self.deposits.closed(epoch, None),
        }
    }

    /// Returns what to do next. While a step is under way there is nothing to do.
    pub fn poll(&mut self, now: Duration) -> PollResult {
        if self.pending_step.is_some() {
            return PollResult::Wait(None);
        }
        match self.choose(now) {
            Ok(step) => {
                self.pending_step = Some(match &step {
                    Step::Checkpoint(_) => PendingStep::Checkpoint,
                    Step::ReadPosition => PendingStep::ReadPosition,
                    Step::RemakeBatches { to, .. } => PendingStep::RemakeBatches(*to),
                    Step::Deposit(batch) => PendingStep::Deposit(batch.epoch),
                    Step::Read { limit } => PendingStep::Read(*limit),
                    Step::Lock => PendingStep::Lock,
                    Step::Unlock => PendingStep::Unlock,
                    Step::Claim { .. } => PendingStep::Claim,
                    Step::Seed { .. } => PendingStep::Seed,
                    Step::Apply { batch, deed, .. } => PendingStep::Apply(batch.epoch, *deed),
                    Step::StoreDrops(_) => PendingStep::StoreDrops,
                    Step::ReadOutcome(epoch) => PendingStep::ReadOutcome(*epoch),
                });
                PollResult::Step(step)
            }
            Err(until) => PollResult::Wait(until),
        }
    }

    /// Returns the next step, or until when there is none.
    fn choose(&mut self, now: Duration) -> Result<Step, Option<Duration>> {
        if self.store_pending {
            return Ok(Step::Checkpoint(self.stored.clone()));
        }
        if self.drops_pending && wait(&mut self.ledger_wait, now).is_ok() {
            // This is set again if the step fails, or if another epoch is dropped in the meantime.
            self.drops_pending = false;
            return Ok(Step::StoreDrops(self.drops.clone()));
        }
        if self.inbox.front().is_some_and(|batch| self.is_dead_letter(batch.epoch)) {
            self.idle(now);
        }
        let stopped = self.held || self.halted.is_some() || self.drops_error.is_some();
        if self.lock.is_some() && (stopped || self.release_lock || !self.due) {
            return Ok(Step::Unlock);
        }
        if stopped {
            return Err(None);
        }
        wait(&mut self.ledger_wait, now)?;
        if let Some(step) = self.deposits.step(now) {
            return Ok(step);
        }
        if self.progress_check_due(now) {
            return Ok(Step::ReadPosition);
        }
        wait(&mut self.runner_wait, now).map_err(|until| until.map(|it| self.next_deadline(it)))?;
        if !self.due && self.watch.is_over(now) {
            // Another runner may have settled our batches, or the ledger may have been put back.
            self.due = true;
            self.deposits.reset();
            return Ok(Step::ReadPosition);
        }
        if !self.due {
            let next_unknown = self.next_unknown().map(Step::ReadOutcome);
            return next_unknown.ok_or_else(|| Some(self.next_deadline(self.watch.until)));
        }
        let Some(batch) = self.inbox.front() else {
            return Ok(Step::Read { limit: self.stale + self.retry_policy.batches_max.max(1) });
        };
        if self.lock.is_none_or(|until| now >= until) {
            return Ok(Step::Lock);
        }
        let Some(claim) = self.claim else {
            return Ok(Step::Claim { floor: self.stored.floor });
        };
        if claim.position.is_none() {
            let position = Position { history: self.history, last: EpochNumber(0) };
            let (market, balances) = (self.market, Vec::new());
            let seed = Seed { market, position, replaces: None, balances };
            return Ok(Step::Seed { seed, token: claim.token });
        }
        let deed = self.deed(batch.epoch);
        Ok(Step::Apply { batch: batch.clone(), token: claim.token, deed })
    }

    /// Returns the next time at which something is to be done, which is `until` at the latest.
    fn next_deadline(&self, until: Duration) -> Duration {
        let others = [self.deposits.journal_wait(), self.progress_check.as_ref()];
        others.into_iter().flatten().map(|it| it.until).fold(until, Duration::min)
    }

    /// Stops until [`Settler::resume`]. A step that is under way is completed.
    pub fn hold(&mut self) {
        self.held = true;
    }

    /// Continues after a hold or a halt, from the ledger's current position.
    pub fn resume(&mut self) {
        self.held = false;
        self.halted = None;
        self.deposits.reset();
        self.retry_now();
    }

    /// Ends all waits and retries at once, even a dead letter.
    pub fn retry(&mut self) {
        if self.stored.refusals.take().is_some() {
            self.store_pending = true;
        }
        self.retry_now();
    }

    fn retry_now(&mut self) {
        self.due = true;
        self.ledger_wait = None;
        self.runner_wait = None;
        (self.failures, self.lock_failures, self.refused) = (0, 0, 0);
        self.gap = None;
    }

    /// Returns the last closed epoch that was passed to this settler.
    #[must_use]
    pub fn last_closed(&self) -> EpochNumber {
        self.deposits.last_closed
    }

    /// Returns the last epoch that has an outcome in the ledger, as far as this settler knows.
    #[must_use]
    pub fn last_settled(&self) -> Option<EpochNumber> {
        self.last
    }

    /// Takes the remarks since the last call, which operators should be shown.
    pub fn remarks(&mut self) -> Vec<Remark> {
        core::mem::take(&mut self.remarks)
    }

    /// Returns what the settler is doing.
    #[must_use]
    pub fn standing(&self) -> Standing {
        if let Some(why) = &self.drops_error {
            return Standing::Halted(Halt::Damaged(why.clone()));
        }
        if let Some(halt) = &self.halted {
            return Standing::Halted(halt.clone());
        }
        if self.held {
            return Standing::Held;
        }
        if let Some(it) = self.stored.refusals.as_ref().filter(|it| self.is_dead_letter(it.epoch)) {
            let (epoch, tries, why) = (it.epoch, it.tries, it.why.clone());
            return Standing::DeadLetter { epoch, tries, why };
        }
        if let Some(Pause { until, why, .. }) = &self.ledger_wait {
            return Standing::Retry { at: *until, why: why.clone() };
        }
        if self.deposits.is_starting() {
            return Standing::Starting;
        }
        if let (None, false, Some(batch)) =
            (self.deposits.journal_wait(), self.deposits.is_done(), self.deposits.front())
        {
            return Standing::Depositing(batch.epoch);
        }
        if let Some(Pause { until, why, .. }) = &self.runner_wait {
            return Standing::Waiting { at: *until, why: why.clone() };
        }
        if let Some(batch) = self.inbox.front() {
            return Standing::Applying(batch.epoch);
        }
        let waits = |it: &Pause| Standing::Waiting { at: it.until, why: it.why.clone() };
        self.deposits.journal_wait().map_or(Standing::Idle, waits)
    }

    /// Returns `true` if the epoch is a dead letter about which no operator has decided yet.
    fn is_dead_letter(&self, epoch: EpochNumber) -> bool {
        let max = self.retry_policy.refusals_max;
        let refused = |it: &Refusals| it.epoch == epoch && it.tries >= max;
        self.current_drop != Some(epoch) && self.stored.refusals.as_ref().is_some_and(refused)
    }

    /// Stops looking for pending batches for a while: there are none that this settler could apply.
    fn idle(&mut self, now: Duration) {
        self.due = false;
        self.inbox.clear();
        self.store_pending |= core::mem::take(&mut self.advanced);
        self.watch = Pause::new(now, self.jitter.of(self.retry_policy.watch), String::new());
    }
}

/// Returns until when a pause lasts, unless it is over.
fn wait(pause: &mut Option<Pause>, now: Duration) -> Result<(), Option<Duration>> {
    if pause.as_mut().is_some_and(|pause| pause.is_over(now)) {
        *pause = None;
    }
    pause.as_ref().map_or(Ok(()), |pause| Err(Some(pause.until)))
}
