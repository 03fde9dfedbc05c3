//! The faults of a schedule, apart from lost messages: pauses, clock jumps, connection cuts, lock servers,
//! foreign clients and operators.

use pricetime_engine::{EpochNumber, MarketId};
use pricetime_settlement::ledger::{Deed, Ledger, Position, Seed};
use pricetime_settlement::{Batch, Halt, Standing, Step, Transfer};

use super::journal::HISTORY;
use super::locks::LockFault;
use super::world::{Event, World};

impl World {
    fn some_market(&mut self) -> usize {
        self.random.below(self.journal.batches.len() as u64) as usize
    }

    /// Applies a random fault.
    pub(super) fn apply_random_fault(&mut self) -> Result<(), String> {
        let which = self.random.below(self.runners.len() as u64) as usize;
        let long = self.random.pick([self.plan.ttl / 2, self.plan.ttl * 3, 2_000]);
        let until = self.now + long;
        match self.random.below(8) {
            0 | 1 => self.runners[which].paused_until = until,
            2 => self.runners[which].cut_until = until,
            3 => self.hangs_until = until,
            4 => self.locks.apply(LockFault::Down(until), &mut self.random),
            5 => self.locks.apply(LockFault::Late(until), &mut self.random),
            6 => self.locks.apply(LockFault::LosesLeases, &mut self.random),
            _ => {
                let distance = self.random.pick([50, self.plan.ttl * 2, 3_600_000]);
                let ahead = self.random.chance(50);
                self.runners[which].jump(distance, ahead);
                return self.poll(which);
            }
        }
        Ok(())
    }

    /// A foreign client, which is no runner, deposits a batch too early, or tries to apply another batch
    /// for a settled epoch.
    pub(super) fn act_as_foreign_client(&mut self) -> Result<(), String> {
        let at = self.some_market();
        let market = MarketId(at as u32 + 1);
        let Some(batch) = self.random.any(&self.journal.batches[at]).cloned() else {
            return Ok(());
        };
        let settled = batch.epoch.0 <= self.observer.settled(market);
        let step = if settled {
            let batch = with_other_content(batch);
            Step::Apply { batch, token: self.token(market), deed: Deed::Post }
        } else {
            Step::Deposit(batch)
        };
        let Some(reply) = step.carry_out(market, HISTORY, &mut self.model) else { return Ok(()) };
        self.observer.check_step(market, &step, &reply, (&mut self.model, &self.journal))
    }

    /// An operator sets the ledger's position back by mistake.
    pub(super) fn set_back(&mut self) -> Result<(), String> {
        let market = MarketId(self.some_market() as u32 + 1);
        if let Some(current) = self.position_of(market) {
            let last = EpochNumber(self.random.below(current.last.0 + 1));
            self.set_position(market, Position { last, ..current });
        }
        let later = self.now + self.random.within(10, 1_000);
        self.at(later, Event::CorrectPosition);
        Ok(())
    }

    /// The operator corrects the position.
    pub(super) fn correct_position(&mut self) -> Result<(), String> {
        for market in (1..=self.journal.batches.len() as u32).map(MarketId) {
            if self.position_of(market).is_some() {
                let last = EpochNumber(self.observer.settled(market));
                self.set_position(market, Position { history: HISTORY, last });
            }
        }
        Ok(())
    }

    /// An operator copies the ledger and restores the copy later.
    pub(super) fn copy(&mut self) -> Result<(), String> {
        self.copied = Some((self.model.clone(), self.observer.clone()));
        let later = self.random.within(self.now + 1, self.plan.faults_until);
        self.at(later, Event::Restore);
        Ok(())
    }

    /// Restores the ledger from its copy.
    pub(super) fn restore(&mut self) -> Result<(), String> {
        let Some((model, observer)) = self.copied.take().filter(|_| self.faults_active()) else {
            return Ok(());
        };
        self.model.restore(model);
        self.observer.restore(observer);
        self.restored = self.calls.len();
        Ok(())
    }

    fn set_position(&mut self, market: MarketId, position: Position) {
        let (replaces, token) = (self.position_of(market), self.token(market));
        let seed = Seed { market, position, replaces, balances: Vec::new() };
        drop(self.model.seed(&seed, token));
    }

    /// An operator handles a market that does not continue by itself.
    ///
    /// # Errors
    /// Returns an error if it has halted without a reason.
    pub(super) fn operate(&mut self, runner: usize, market: usize) -> Result<(), String> {
        let Some(settler) = &mut self.runners[runner].markets[market].settler else {
            return Ok(());
        };
        match settler.standing() {
            Standing::DeadLetter { epoch, .. } => {
                if self.random.chance(30) {
                    settler.drop_epoch(epoch);
                } else {
                    let name = (MarketId(market as u32 + 1), epoch);
                    if self.random.chance(self.plan.repaired_percent) {
                        self.model.refused.retain(|it| *it != name);
                    }
                    settler.retry();
                }
            }
            Standing::Halted(halt) => {
                self.observer.tally.halts += 1;
                match halt {
                    // Two runners seeded the market at once, and one of them gives up early.
                    Halt::Refused(_) => {}
                    Halt::PositionBehind { .. } if self.plan.set_back || self.plan.restored => {}
                    Halt::PositionBehind { .. }
                    | Halt::Conflict { .. }
                    | Halt::Unseeded { .. }
                    | Halt::History(_)
                    | Halt::Damaged(_) => return Err(format!("it halts without a reason: {halt}")),
                }
                settler.resume();
            }
            Standing::Held => settler.resume(),
            Standing::Starting
            | Standing::Idle
            | Standing::Depositing(_)
            | Standing::Waiting { .. }
            | Standing::Applying(_)
            | Standing::Retry { .. } => {}
        }
        Ok(())
    }

    /// Ends all faults.
    pub(super) fn heal(&mut self) -> Result<(), String> {
        self.locks.heal();
        for runner in &mut self.runners {
            (runner.paused_until, runner.cut_until) = (self.now, self.now);
        }
        self.hangs_until = self.now;
        self.correct_position()?;
        if self.plan.gone {
            self.runners[0].crash();
        }
        for runner in 0..self.runners.len() {
            self.poll(runner)?;
        }
        Ok(())
    }
}

/// Another batch with the same id.
fn with_other_content(mut batch: Batch) -> Batch {
    batch.trades += 1;
    batch.transfers.retain(|Transfer { base, quote, .. }| (*base, *quote) == (0, 0));
    batch
}
