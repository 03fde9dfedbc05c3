//! The settlement of one market, as a state machine without I/O. It asks for one step at a time and
//! takes the result.
//!
//! It deposits the market's batches in the ledger's inbox. While batches are pending there, its own or
//! another runner's, it takes the lock, claims the market and applies one batch after another. The
//! ledger makes this safe. The settler makes sure that it completes, whatever fails on the way.

mod drops;
mod feed;
mod known;
mod pause;
mod remark;
mod standing;
mod step;
#[cfg(test)]
mod tests;
mod told;

use core::time::Duration;
use std::collections::VecDeque;

use pricetime_engine::{EpochNumber, MarketId};

use super::batch::Batch;
use super::collector::Closed;
use crate::ledger::{Claim, Deed, Position, Seed};
use pricetime_journal::History;
use pricetime_journal::random::Random;

use feed::Feed;
use pause::{Chance, Pause};

pub use drops::{Dropping, Drops};
pub use known::PutBack;
pub use pause::RetryPolicy;
pub use remark::Remark;
pub use standing::{Halt, Standing};
pub use step::{Ask, Kept, Locked, Refusals, Reply, Step};

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
    pub kept: Kept,
    /// The epochs that were dropped in this history, or why they cannot be read. Then nothing is
    /// settled.
    pub drops: Result<Drops, String>,
    /// Any number, a different one for each settler, so that not all wait equally long.
    pub chance: u64,
}

/// Settles one market.
#[derive(Debug)]
pub struct Settler {
    market: MarketId,
    history: History,
    patience: RetryPolicy,
    chance: Chance,
    kept: Kept,
    /// Whether `kept` has changed since it was last stored.
    unkept: bool,
    feed: Feed,
    under_way: Option<UnderWay>,
    held: bool,
    halted: Option<Halt>,
    /// Whether batches may be pending.
    due: bool,
    /// When to look again if no batch is known to be pending.
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
    leave: bool,
    claim: Option<Claim>,
    /// The epochs that operators have dropped, and whether they must be stored before anything else is
    /// done.
    drops: Drops,
    unnoted: bool,
    /// Why the drops cannot be read.
    unread: Option<String>,
    /// The drop that is being tried, until the ledger refuses it too.
    drop: Option<EpochNumber>,
    /// Set while a ledger that was put back has not caught up.
    back: Option<PutBack>,
    /// The next settled epoch to look up, and the one that the lookup began with.
    cursor: Option<(EpochNumber, EpochNumber)>,
    /// Whether more epochs are known to be settled than is stored.
    advanced: bool,
    /// When to check how far other runners have come.
    glance: Option<Pause>,
    /// What operators should be shown.
    remarks: Vec<Remark>,
    /// The position after which epochs were missing that have been deposited since.
    gap: Option<EpochNumber>,
    /// A wait for the ledger.
    rest: Option<Pause>,
    /// A wait for another runner.
    aside: Option<Pause>,
    /// Failures in a row, of the ledger and of the lock.
    failures: u32,
    lock_failures: u32,
    /// Refusals in a row that are not about a batch.
    refused: u32,
}

/// The step that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UnderWay {
    Keep,
    Look,
    Need(EpochNumber),
    Deposit(EpochNumber),
    Read(usize),
    Lock,
    Unlock,
    Claim,
    Seed,
    Apply(EpochNumber, Deed),
    Note,
    Recall(EpochNumber),
}

impl Settler {
    /// Creates a settler that does not know the ledger's position yet.
    #[must_use]
    pub fn new(start: Start, patience: RetryPolicy) -> Self {
        let mut settler = Self {
            market: start.market,
            history: start.history,
            patience,
            chance: Chance(Random::new(start.chance)),
            kept: start.kept,
            unkept: false,
            feed: Feed::new(start.closed, patience.batches_max),
            under_way: None,
            held: false,
            halted: None,
            due: true,
            watch: Pause::new(Duration::ZERO, Duration::ZERO, String::new()),
            inbox: VecDeque::new(),
            stale: 0,
            last: None,
            lock: None,
            leave: false,
            claim: None,
            drops: Drops::new(),
            unnoted: false,
            unread: None,
            drop: None,
            back: None,
            cursor: None,
            advanced: false,
            glance: None,
            remarks: Vec::new(),
            gap: None,
            rest: None,
            aside: None,
            failures: 0,
            lock_failures: 0,
            refused: 0,
        };
        settler.learn_drops(start.drops);
        settler
    }

    /// Takes the result of a closed epoch of this market. Epochs come in order. A result that was passed
    /// before changes nothing.
    pub fn closed(&mut self, closed: Closed) {
        match closed {
            Closed::Whole(batch) => self.feed.closed(batch.epoch, Some(batch)),
            Closed::Part { epoch, .. } => self.feed.closed(epoch, None),
        }
    }

    /// Returns what to do next. While a step is under way there is nothing to do.
    pub fn poll(&mut self, now: Duration) -> Ask {
        if self.under_way.is_some() {
            return Ask::Rest(None);
        }
        match self.choose(now) {
            Ok(step) => {
                self.under_way = Some(match &step {
                    Step::Keep(_) => UnderWay::Keep,
                    Step::Look => UnderWay::Look,
                    Step::Need { to, .. } => UnderWay::Need(*to),
                    Step::Deposit(batch) => UnderWay::Deposit(batch.epoch),
                    Step::Read { limit } => UnderWay::Read(*limit),
                    Step::Lock => UnderWay::Lock,
                    Step::Unlock => UnderWay::Unlock,
                    Step::Claim { .. } => UnderWay::Claim,
                    Step::Seed { .. } => UnderWay::Seed,
                    Step::Apply { batch, deed, .. } => UnderWay::Apply(batch.epoch, *deed),
                    Step::Note(_) => UnderWay::Note,
                    Step::Recall(epoch) => UnderWay::Recall(*epoch),
                });
                Ask::Step(step)
            }
            Err(until) => Ask::Rest(until),
        }
    }

    /// Returns the next step, or until when there is none.
    fn choose(&mut self, now: Duration) -> Result<Step, Option<Duration>> {
        if self.unkept {
            return Ok(Step::Keep(self.kept.clone()));
        }
        if self.unnoted && wait(&mut self.rest, now).is_ok() {
            // This is set again if the step fails, or if another epoch is dropped in the meantime.
            self.unnoted = false;
            return Ok(Step::Note(self.drops.clone()));
        }
        if self.inbox.front().is_some_and(|batch| self.is_dead(batch.epoch)) {
            self.idle(now);
        }
        let stands = self.held || self.halted.is_some() || self.unread.is_some();
        if self.lock.is_some() && (stands || self.leave || !self.due) {
            return Ok(Step::Unlock);
        }
        if stands {
            return Err(None);
        }
        wait(&mut self.rest, now)?;
        if let Some(step) = self.feed.step(now) {
            return Ok(step);
        }
        if self.glances(now) {
            return Ok(Step::Look);
        }
        wait(&mut self.aside, now).map_err(|until| until.map(|it| self.earlier(it)))?;
        if !self.due && self.watch.over(now) {
            // Another runner may have settled our batches, or the ledger may have been put back.
            self.due = true;
            self.feed.anew();
            return Ok(Step::Look);
        }
        if !self.due {
            let unknown = self.unknown().map(Step::Recall);
            return unknown.ok_or_else(|| Some(self.earlier(self.watch.until)));
        }
        let Some(batch) = self.inbox.front() else {
            return Ok(Step::Read { limit: self.stale + self.patience.batches_max.max(1) });
        };
        if self.lock.is_none_or(|until| now >= until) {
            return Ok(Step::Lock);
        }
        let Some(claim) = self.claim else {
            return Ok(Step::Claim { floor: self.kept.floor });
        };
        if claim.position.is_none() {
            let position = Position { history: self.history, last: EpochNumber(0) };
            let (market, balances) = (self.market, Vec::new());
            let seed = Seed { market, position, instead: None, balances };
            return Ok(Step::Seed { seed, token: claim.token });
        }
        let deed = self.deed(batch.epoch);
        Ok(Step::Apply { batch: batch.clone(), token: claim.token, deed })
    }

    /// Returns the next time at which something is to be done, which is `until` at the latest.
    fn earlier(&self, until: Duration) -> Duration {
        let others = [self.feed.lacking(), self.glance.as_ref()];
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
        self.feed.anew();
        self.retry_now();
    }

    /// Ends all waits and retries at once, even a dead letter.
    pub fn retry(&mut self) {
        if self.kept.refusals.take().is_some() {
            self.unkept = true;
        }
        self.retry_now();
    }

    fn retry_now(&mut self) {
        self.due = true;
        self.rest = None;
        self.aside = None;
        (self.failures, self.lock_failures, self.refused) = (0, 0, 0);
        self.gap = None;
    }

    /// Returns the last closed epoch that was passed to this settler.
    #[must_use]
    pub fn last_closed(&self) -> EpochNumber {
        self.feed.made
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
        if let Some(why) = &self.unread {
            return Standing::Halted(Halt::Damaged(why.clone()));
        }
        if let Some(halt) = &self.halted {
            return Standing::Halted(halt.clone());
        }
        if self.held {
            return Standing::Held;
        }
        if let Some(it) = self.kept.refusals.as_ref().filter(|it| self.is_dead(it.epoch)) {
            let (epoch, tries, why) = (it.epoch, it.tries, it.why.clone());
            return Standing::DeadLetter { epoch, tries, why };
        }
        if let Some(Pause { until, why, .. }) = &self.rest {
            return Standing::Retry { at: *until, why: why.clone() };
        }
        if self.feed.is_starting() {
            return Standing::Starting;
        }
        if let (None, false, Some(batch)) =
            (self.feed.lacking(), self.feed.is_done(), self.feed.front())
        {
            return Standing::Depositing(batch.epoch);
        }
        if let Some(Pause { until, why, .. }) = &self.aside {
            return Standing::Waiting { at: *until, why: why.clone() };
        }
        if let Some(batch) = self.inbox.front() {
            return Standing::Applying(batch.epoch);
        }
        let waits = |it: &Pause| Standing::Waiting { at: it.until, why: it.why.clone() };
        self.feed.lacking().map_or(Standing::Idle, waits)
    }

    /// Returns `true` if the epoch is a dead letter about which no operator has decided yet.
    fn is_dead(&self, epoch: EpochNumber) -> bool {
        let max = self.patience.refusals_max;
        let refused = |it: &Refusals| it.epoch == epoch && it.tries >= max;
        self.drop != Some(epoch) && self.kept.refusals.as_ref().is_some_and(refused)
    }

    /// Stops looking for pending batches for a while: there are none that this settler could apply.
    fn idle(&mut self, now: Duration) {
        self.due = false;
        self.inbox.clear();
        self.unkept |= core::mem::take(&mut self.advanced);
        self.watch = Pause::new(now, self.chance.of(self.patience.watch), String::new());
    }
}

/// Returns until when a pause lasts, unless it is over.
fn wait(pause: &mut Option<Pause>, now: Duration) -> Result<(), Option<Duration>> {
    if pause.as_mut().is_some_and(|pause| pause.over(now)) {
        *pause = None;
    }
    pause.as_ref().map_or(Ok(()), |pause| Err(Some(pause.until)))
}
