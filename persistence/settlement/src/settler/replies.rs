//! How a settler handles the results of its steps.

use core::time::Duration;

use pricetime_engine::EpochNumber;

use super::pause::Pause;
use super::standing::Halt;
use super::step::{Locked, Refusals, Reply};
use super::{PendingStep, Settler};
use crate::ledger::{Applied, Claim, Deed, Deposited, LedgerError, Position, Token};
use crate::{Batch, Digest};

/// After more failures in a row than this, the lock is released: another runner may reach the ledger.
const FAILURES_WITH_LOCK: u32 = 2;

impl Settler {
    /// Takes the result of the step that was asked for. Any other result is ignored, and the step is
    /// asked for again.
    pub fn handle_reply(&mut self, now: Duration, reply: Reply) {
        match (self.pending_step.take(), reply) {
            (Some(PendingStep::Checkpoint), Reply::Checkpoint) => self.store_pending = false,
            (Some(PendingStep::ReadPosition), Reply::PositionRead(Ok((token, position)))) => {
                self.ledger_answered();
                self.handle_progress(token, position);
            }
            (Some(PendingStep::RemakeBatches(to)), Reply::BatchesRemade(mut batches)) => {
                batches.retain(|it| (it.market, it.history) == (self.market, self.history));
                let wait = self.jitter.of(self.retry_policy.watch);
                self.deposits.add_batches(to, batches, (now, wait));
            }
            (Some(PendingStep::RemakeBatches(to)), Reply::Gone) => {
                self.handle_batches_gone(now, to)
            }
            (Some(PendingStep::Deposit(epoch)), Reply::Deposited(Ok(deposited))) => {
                self.ledger_answered();
                self.refused = 0;
                self.deposited(epoch, deposited);
            }
            (Some(PendingStep::Read(limit)), Reply::Read(Ok(batches))) => {
                self.ledger_answered();
                self.read(now, limit, batches);
            }
            (Some(PendingStep::Lock), Reply::Locked(locked)) => self.locked(now, &locked),
            (Some(PendingStep::Unlock), Reply::Unlocked) => self.unlocked(),
            (Some(PendingStep::Claim), Reply::Claimed(Ok(claim))) => {
                self.ledger_answered();
                self.claimed(now, claim);
            }
            (Some(PendingStep::Seed), Reply::Seeded(Ok(()))) => {
                self.ledger_answered();
                self.refused = 0;
                let position = Position { history: self.history, last: EpochNumber(0) };
                self.claim = self.claim.map(|it| Claim { position: Some(position), ..it });
            }
            (Some(PendingStep::Apply(epoch, deed)), Reply::Applied(Ok(applied))) => {
                self.ledger_answered();
                self.refused = 0;
                self.applied(now, (epoch, deed), applied);
            }
            (
                Some(PendingStep::Apply(epoch, _)),
                Reply::Applied(Err(LedgerError::Refused { ledger, why })),
            ) => {
                let error = LedgerError::Refused { ledger, why };
                self.count_refusal(now, epoch, error.to_string());
            }
            (Some(PendingStep::Seed), Reply::Seeded(Err(error))) => {
                // Another runner may have seeded or claimed the market. The next claim shows it.
                self.claim = None;
                self.handle_failure(now, &error);
            }
            (Some(PendingStep::ReadPosition), Reply::PositionRead(Err(error)))
            | (Some(PendingStep::Deposit(_)), Reply::Deposited(Err(error)))
            | (Some(PendingStep::Read(_)), Reply::Read(Err(error)))
            | (Some(PendingStep::Claim), Reply::Claimed(Err(error)))
            | (Some(PendingStep::ReadOutcome(_)), Reply::OutcomeRead(Err(error)))
            | (Some(PendingStep::Apply(..)), Reply::Applied(Err(error))) => {
                self.handle_failure(now, &error)
            }
            (Some(_), Reply::NotOpened(error)) => self.handle_not_opened(now, &error),
            (Some(PendingStep::StoreDrops), reply) => self.handle_drops_stored(now, reply),
            (Some(PendingStep::ReadOutcome(epoch)), Reply::OutcomeRead(Ok(deed))) => {
                self.ledger_answered();
                self.handle_outcome(epoch, deed);
            }
            (_, _) => {}
        }
    }

    /// Notes that the ledger has answered. It may still refuse what it refused before.
    fn ledger_answered(&mut self) {
        self.failures = 0;
    }

    pub(super) fn handle_position(&mut self, token: Token, position: Option<Position>) {
        self.raise_floor(token);
        self.due = true;
        self.inbox.clear();
        let Some(Position { history, last }) = position else {
            self.set_position(None);
            return self.deposits.continue_from(EpochNumber(1));
        };
        if history != self.history {
            return self.halt(Halt::History(history));
        }
        self.set_position(Some(last));
        self.deposits.continue_from(last.next());
    }

    /// Handles a journal that does not reach back to what is needed.
    fn handle_batches_gone(&mut self, now: Duration, to: EpochNumber) {
        if self.last.is_none() {
            return self.halt(Halt::Unseeded { epoch: self.deposits.first() });
        }
        let wait = self.jitter.of(self.retry_policy.watch);
        self.deposits.add_batches(to, Vec::new(), (now, wait));
    }

    fn deposited(&mut self, epoch: EpochNumber, deposited: Deposited) {
        match deposited {
            Deposited::Fresh | Deposited::Known => {
                self.deposits.deposited(epoch);
                self.due = true;
                if self.gap.is_some() {
                    // What was read before does not show whether this batch is pending.
                    self.inbox.clear();
                }
            }
            Deposited::Conflict(theirs) => {
                let ours = self.deposits.front().map(Batch::digest);
                self.conflict(epoch, ours, theirs);
            }
        }
    }

    fn read(&mut self, now: Duration, limit: usize, mut batches: Vec<Batch>) {
        let many = batches.len();
        let settled = |epoch| self.last.is_some_and(|last| epoch <= last);
        batches.retain(|batch| !settled(batch.epoch));
        self.stale = many - batches.len();
        self.inbox = batches.into();
        // A batch leaves the inbox only with an outcome, so a refused batch that is no longer first has
        // one.
        let front = self.inbox.front().map(|batch| batch.epoch);
        if self.inbox.is_empty() && many >= limit {
            return;
        }
        if self.stored.refusals.as_ref().is_some_and(|it| Some(it.epoch) != front) {
            self.stored.refusals = None;
            self.store_pending = true;
        }
        if front.is_none() {
            self.refused = 0;
            self.idle(now);
        }
    }

    fn locked(&mut self, now: Duration, locked: &Locked) {
        self.lock = None;
        match locked {
            Locked::Until(until) => {
                self.lock_failures = 0;
                self.lock = Some(*until);
                // A lock that has expired already would otherwise be taken over and over.
                if *until <= now {
                    self.yield_to_others(
                        now,
                        self.retry_policy.lock_wait,
                        "the lock was granted too late",
                    );
                }
            }
            Locked::Elsewhere => {
                self.lock_failures = 0;
                self.unlocked();
                let why = "another process has the lock";
                self.yield_to_others(now, self.retry_policy.lock_wait, why);
            }
            Locked::Unreachable => {
                self.lock_failures = self.lock_failures.saturating_add(1);
                self.unlocked();
                let wait = self.retry_policy.backoff(self.lock_failures);
                self.yield_to_others(now, wait, "too few lock servers answer");
            }
        }
    }

    fn unlocked(&mut self) {
        self.lock = None;
        self.release_lock = false;
        self.claim = None;
        self.inbox.clear();
    }

    fn claimed(&mut self, now: Duration, claim: Claim) {
        self.raise_floor(claim.token);
        self.claim = Some(claim);
        let first = self.inbox.front().map_or(EpochNumber(1), |batch| batch.epoch);
        match claim.position {
            None if first == EpochNumber(1) => self.set_position(None),
            None => {
                if self.last.is_some() || self.deposits.is_done() {
                    // The ledger was put back, so the epochs before this one must be deposited again.
                    self.set_position(None);
                    self.deposits.reset();
                }
                // Epoch 1 may still be deposited. If our journal lacks it, that shows when it is asked
                // for.
                let why =
                    "the ledger does not know where the market begins, and epoch 1 is missing";
                self.yield_to_others(now, self.retry_policy.watch, why);
            }
            Some(position) if position.history != self.history => {
                self.halt(Halt::History(position.history));
            }
            Some(position) => self.advance_to(position.last),
        }
    }

    fn applied(&mut self, now: Duration, (epoch, deed): (EpochNumber, Deed), applied: Applied) {
        match applied {
            Applied::Done | Applied::Duplicate(_) => {
                self.gap = None;
                if self.stored.refusals.take_if(|it| it.epoch <= epoch).is_some() {
                    self.store_pending = true;
                }
                self.current_drop.take_if(|it| *it <= epoch);
                // An outcome may be ahead of the ledger's position.
                self.last = self.last.max(Some(epoch));
                self.inbox.retain(|batch| batch.epoch > epoch);
                let known = if let Applied::Duplicate(known) = applied { known } else { deed };
                self.settled(epoch, known);
            }
            Applied::Conflict(theirs) => {
                let ours = self.inbox.front().map(Batch::digest);
                self.conflict(epoch, ours, theirs);
            }
            Applied::Fenced(token) => {
                self.raise_floor(token);
                self.yield_to_others(
                    now,
                    self.retry_policy.lock_wait,
                    "another runner has claimed the market",
                );
            }
            Applied::Unseeded => {
                // The ledger was put back to before it was seeded. Its position, which is read next, shows
                // where to begin again.
                self.set_position(None);
                self.deposits.reset();
                let why = "the ledger does not know where the market begins";
                self.yield_to_others(now, self.retry_policy.lock_wait, why);
            }
            Applied::Gap(last) if last >= epoch => self.advance_to(last),
            Applied::Gap(last) => self.handle_gap(now, last),
        }
    }

    /// Handles a gap after this epoch, the ledger's last one.
    fn handle_gap(&mut self, now: Duration, last: EpochNumber) {
        self.set_position(Some(last));
        self.inbox.clear();
        let again = self.gap.replace(last) == Some(last);
        if self.deposits.last_closed > last && !again {
            self.deposits.continue_from(last.next());
        } else if self.deposits.last_closed > last && self.deposits.is_done() {
            // Everything is in the inbox, and yet it is not pending.
            self.halt(Halt::PositionBehind { last });
        } else {
            self.gap = None;
            let why = format!("epoch {} is missing", last.next().0);
            self.yield_to_others(now, self.retry_policy.watch, &why);
        }
    }

    /// Notes that the ledger's last epoch is this one.
    pub(super) fn advance_to(&mut self, last: EpochNumber) {
        self.set_position(Some(last));
        self.inbox.retain(|batch| batch.epoch > last);
    }

    pub(super) fn raise_floor(&mut self, token: Token) {
        if token > self.stored.floor {
            self.stored.floor = token;
            self.store_pending = true;
        }
    }

    fn halt(&mut self, halt: Halt) {
        self.halted = Some(halt);
        self.inbox.clear();
    }

    fn conflict(&mut self, epoch: EpochNumber, ours: Option<Digest>, theirs: Digest) {
        // If our batch is not queued any more, the ledger will be asked again.
        if let Some(ours) = ours {
            self.halt(Halt::Conflict { epoch, ours, theirs });
        }
    }

    /// Leaves the market to other runners for a while.
    fn yield_to_others(&mut self, now: Duration, wait: Duration, why: &str) {
        self.release_lock = self.lock.is_some();
        self.inbox.clear();
        self.claim = None;
        self.due = true;
        self.runner_wait = Some(Pause::new(now, self.jitter.of(wait), why.to_owned()));
    }

    /// Counts a batch that the ledger refused.
    fn count_refusal(&mut self, now: Duration, epoch: EpochNumber, why: String) {
        let before = self.stored.refusals.take().filter(|it| it.epoch == epoch);
        let tries = before.map_or(0, |it| it.tries).saturating_add(1);
        self.stored.refusals = Some(Refusals { epoch, tries, why: why.clone() });
        self.store_pending = true;
        // If it was to be dropped, it waits for an operator again.
        self.current_drop = None;
        if tries < self.retry_policy.refusals_max {
            let wait = self.jitter.of(self.retry_policy.backoff(tries));
            self.ledger_wait = Some(Pause::new(now, wait, why));
        }
    }

    /// Handles a ledger that could not be opened. No batch is at fault, so it is retried without limit.
    fn handle_not_opened(&mut self, now: Duration, error: &LedgerError) {
        if let LedgerError::Damaged { .. } = error {
            return self.halt(Halt::Damaged(error.to_string()));
        }
        self.failures = self.failures.saturating_add(1);
        self.wait_for_ledger(now, self.failures, error.to_string());
    }

    /// Handles a ledger that did not do what was asked.
    fn handle_failure(&mut self, now: Duration, error: &LedgerError) {
        let why = error.to_string();
        let tries = match error {
            LedgerError::Unreachable { .. } => {
                self.failures = self.failures.saturating_add(1);
                self.failures
            }
            LedgerError::Refused { .. } => {
                self.refused = self.refused.saturating_add(1);
                if self.refused >= self.retry_policy.refusals_max {
                    return self.halt(Halt::Refused(why));
                }
                self.refused
            }
            LedgerError::Damaged { .. } => return self.halt(Halt::Damaged(why)),
        };
        self.wait_for_ledger(now, tries, why);
    }

    fn wait_for_ledger(&mut self, now: Duration, tries: u32, why: String) {
        self.release_lock |= self.lock.is_some() && tries > FAILURES_WITH_LOCK;
        let wait = self.jitter.of(self.retry_policy.backoff(tries));
        self.ledger_wait = Some(Pause::new(now, wait, why));
    }
}
