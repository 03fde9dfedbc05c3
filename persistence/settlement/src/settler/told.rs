//! How a settler handles the results of its steps.

use core::time::Duration;

use pricetime_engine::EpochNumber;

use super::pause::Pause;
use super::standing::Halt;
use super::step::{Locked, Refusals, Reply};
use super::{Settler, UnderWay};
use crate::ledger::{Applied, Claim, Deed, Deposited, LedgerError, Position, Token};
use crate::{Batch, Digest};

/// After more failures in a row than this, the lock is released: another runner may reach the ledger.
const FAILURES_WITH_LOCK: u32 = 2;

impl Settler {
    /// Takes the result of the step that was asked for. Any other result is ignored, and the step is
    /// asked for again.
    pub fn told(&mut self, now: Duration, came: Reply) {
        match (self.under_way.take(), came) {
            (Some(UnderWay::Keep), Reply::Kept) => self.unkept = false,
            (Some(UnderWay::Look), Reply::Looked(Ok((token, position)))) => {
                self.well();
                self.glanced(token, position);
            }
            (Some(UnderWay::Need(to)), Reply::Given(mut batches)) => {
                batches.retain(|it| (it.market, it.history) == (self.market, self.history));
                let wait = self.chance.of(self.patience.watch);
                self.feed.given(to, batches, (now, wait));
            }
            (Some(UnderWay::Need(to)), Reply::Gone) => self.gone(now, to),
            (Some(UnderWay::Deposit(epoch)), Reply::Deposited(Ok(deposited))) => {
                self.well();
                self.refused = 0;
                self.deposited(epoch, deposited);
            }
            (Some(UnderWay::Read(limit)), Reply::Read(Ok(batches))) => {
                self.well();
                self.read(now, limit, batches);
            }
            (Some(UnderWay::Lock), Reply::Locked(locked)) => self.locked(now, &locked),
            (Some(UnderWay::Unlock), Reply::Unlocked) => self.unlocked(),
            (Some(UnderWay::Claim), Reply::Claimed(Ok(claim))) => {
                self.well();
                self.claimed(now, claim);
            }
            (Some(UnderWay::Seed), Reply::Seeded(Ok(()))) => {
                self.well();
                self.refused = 0;
                let position = Position { history: self.history, last: EpochNumber(0) };
                self.claim = self.claim.map(|it| Claim { position: Some(position), ..it });
            }
            (Some(UnderWay::Apply(epoch, deed)), Reply::Applied(Ok(applied))) => {
                self.well();
                self.refused = 0;
                self.applied(now, (epoch, deed), applied);
            }
            (
                Some(UnderWay::Apply(epoch, _)),
                Reply::Applied(Err(LedgerError::Refused { ledger, why })),
            ) => {
                let error = LedgerError::Refused { ledger, why };
                self.letter(now, epoch, error.to_string());
            }
            (Some(UnderWay::Seed), Reply::Seeded(Err(error))) => {
                // Another runner may have seeded or claimed the market. The next claim shows it.
                self.claim = None;
                self.failed(now, &error);
            }
            (Some(UnderWay::Look), Reply::Looked(Err(error)))
            | (Some(UnderWay::Deposit(_)), Reply::Deposited(Err(error)))
            | (Some(UnderWay::Read(_)), Reply::Read(Err(error)))
            | (Some(UnderWay::Claim), Reply::Claimed(Err(error)))
            | (Some(UnderWay::Recall(_)), Reply::Recalled(Err(error)))
            | (Some(UnderWay::Apply(..)), Reply::Applied(Err(error))) => self.failed(now, &error),
            (Some(_), Reply::Shut(error)) => self.shut(now, &error),
            (Some(UnderWay::Note), came) => self.noted(now, came),
            (Some(UnderWay::Recall(epoch)), Reply::Recalled(Ok(deed))) => {
                self.well();
                self.recalled(epoch, deed);
            }
            (_, _) => {}
        }
    }

    /// Notes that the ledger has answered. It may still refuse what it refused before.
    fn well(&mut self) {
        self.failures = 0;
    }

    pub(super) fn looked(&mut self, token: Token, position: Option<Position>) {
        self.raise(token);
        self.due = true;
        self.inbox.clear();
        let Some(Position { history, last }) = position else {
            self.stands(None);
            return self.feed.go_on_with(EpochNumber(1));
        };
        if history != self.history {
            return self.halt(Halt::History(history));
        }
        self.stands(Some(last));
        self.feed.go_on_with(last.next());
    }

    /// Handles a journal that does not reach back to what is needed.
    fn gone(&mut self, now: Duration, to: EpochNumber) {
        if self.last.is_none() {
            return self.halt(Halt::Unseeded { epoch: self.feed.first() });
        }
        let wait = self.chance.of(self.patience.watch);
        self.feed.given(to, Vec::new(), (now, wait));
    }

    fn deposited(&mut self, epoch: EpochNumber, deposited: Deposited) {
        match deposited {
            Deposited::Fresh | Deposited::Known => {
                self.feed.deposited(epoch);
                self.due = true;
                if self.gap.is_some() {
                    // What was read before does not show whether this batch is pending.
                    self.inbox.clear();
                }
            }
            Deposited::Conflict(theirs) => {
                let ours = self.feed.front().map(Batch::digest);
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
        if self.kept.refusals.as_ref().is_some_and(|it| Some(it.epoch) != front) {
            self.kept.refusals = None;
            self.unkept = true;
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
                    self.step_aside(now, self.patience.lock_wait, "the lock was granted too late");
                }
            }
            Locked::Elsewhere => {
                self.lock_failures = 0;
                self.unlocked();
                let why = "another process has the lock";
                self.step_aside(now, self.patience.lock_wait, why);
            }
            Locked::Unreachable => {
                self.lock_failures = self.lock_failures.saturating_add(1);
                self.unlocked();
                let wait = self.patience.backoff(self.lock_failures);
                self.step_aside(now, wait, "too few lock servers answer");
            }
        }
    }

    fn unlocked(&mut self) {
        self.lock = None;
        self.leave = false;
        self.claim = None;
        self.inbox.clear();
    }

    fn claimed(&mut self, now: Duration, claim: Claim) {
        self.raise(claim.token);
        self.claim = Some(claim);
        let first = self.inbox.front().map_or(EpochNumber(1), |batch| batch.epoch);
        match claim.position {
            None if first == EpochNumber(1) => self.stands(None),
            None => {
                if self.last.is_some() || self.feed.is_done() {
                    // The ledger was put back, so the epochs before this one must be deposited again.
                    self.stands(None);
                    self.feed.anew();
                }
                // Epoch 1 may still be deposited. If our journal lacks it, that shows when it is asked
                // for.
                let why =
                    "the ledger does not know where the market begins, and epoch 1 is missing";
                self.step_aside(now, self.patience.watch, why);
            }
            Some(position) if position.history != self.history => {
                self.halt(Halt::History(position.history));
            }
            Some(position) => self.stands_at(position.last),
        }
    }

    fn applied(&mut self, now: Duration, (epoch, deed): (EpochNumber, Deed), applied: Applied) {
        match applied {
            Applied::Done | Applied::Duplicate(_) => {
                self.gap = None;
                if self.kept.refusals.take_if(|it| it.epoch <= epoch).is_some() {
                    self.unkept = true;
                }
                self.drop.take_if(|it| *it <= epoch);
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
                self.raise(token);
                self.step_aside(
                    now,
                    self.patience.lock_wait,
                    "another runner has claimed the market",
                );
            }
            Applied::Unseeded => {
                // The ledger was put back to before it was seeded. The next look shows where to begin
                // again.
                self.stands(None);
                self.feed.anew();
                let why = "the ledger does not know where the market begins";
                self.step_aside(now, self.patience.lock_wait, why);
            }
            Applied::Gap(last) if last >= epoch => self.stands_at(last),
            Applied::Gap(last) => self.behind(now, last),
        }
    }

    /// Handles a gap after this epoch, the ledger's last one.
    fn behind(&mut self, now: Duration, last: EpochNumber) {
        self.stands(Some(last));
        self.inbox.clear();
        let again = self.gap.replace(last) == Some(last);
        if self.feed.made > last && !again {
            self.feed.go_on_with(last.next());
        } else if self.feed.made > last && self.feed.is_done() {
            // Everything is in the inbox, and yet it is not pending.
            self.halt(Halt::Astray { last });
        } else {
            self.gap = None;
            let why = format!("epoch {} is missing", last.next().0);
            self.step_aside(now, self.patience.watch, &why);
        }
    }

    /// Notes that the ledger's last epoch is this one.
    pub(super) fn stands_at(&mut self, last: EpochNumber) {
        self.stands(Some(last));
        self.inbox.retain(|batch| batch.epoch > last);
    }

    pub(super) fn raise(&mut self, token: Token) {
        if token > self.kept.floor {
            self.kept.floor = token;
            self.unkept = true;
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
    fn step_aside(&mut self, now: Duration, wait: Duration, why: &str) {
        self.leave = self.lock.is_some();
        self.inbox.clear();
        self.claim = None;
        self.due = true;
        self.aside = Some(Pause::new(now, self.chance.of(wait), why.to_owned()));
    }

    /// Counts a batch that the ledger refused.
    fn letter(&mut self, now: Duration, epoch: EpochNumber, why: String) {
        let before = self.kept.refusals.take().filter(|it| it.epoch == epoch);
        let tries = before.map_or(0, |it| it.tries).saturating_add(1);
        self.kept.refusals = Some(Refusals { epoch, tries, why: why.clone() });
        self.unkept = true;
        // If it was to be dropped, it waits for an operator again.
        self.drop = None;
        if tries < self.patience.refusals_max {
            let wait = self.chance.of(self.patience.backoff(tries));
            self.rest = Some(Pause::new(now, wait, why));
        }
    }

    /// Handles a ledger that could not be opened. No batch is at fault, so it is retried without limit.
    fn shut(&mut self, now: Duration, error: &LedgerError) {
        if let LedgerError::Damaged { .. } = error {
            return self.halt(Halt::Damaged(error.to_string()));
        }
        self.failures = self.failures.saturating_add(1);
        self.wait_for_ledger(now, self.failures, error.to_string());
    }

    /// Handles a ledger that did not do what was asked.
    fn failed(&mut self, now: Duration, error: &LedgerError) {
        let why = error.to_string();
        let tries = match error {
            LedgerError::Unreachable { .. } => {
                self.failures = self.failures.saturating_add(1);
                self.failures
            }
            LedgerError::Refused { .. } => {
                self.refused = self.refused.saturating_add(1);
                if self.refused >= self.patience.refusals_max {
                    return self.halt(Halt::Refused(why));
                }
                self.refused
            }
            LedgerError::Damaged { .. } => return self.halt(Halt::Damaged(why)),
        };
        self.wait_for_ledger(now, tries, why);
    }

    fn wait_for_ledger(&mut self, now: Duration, tries: u32, why: String) {
        self.leave |= self.lock.is_some() && tries > FAILURES_WITH_LOCK;
        let wait = self.chance.of(self.patience.backoff(tries));
        self.rest = Some(Pause::new(now, wait, why));
    }
}
