//! The faults of a schedule, apart from lost messages: pauses, clock jumps, connection cuts, lock servers,
//! strangers and operators.

use pricetime_engine::{EpochNumber, MarketId};
use pricetime_settlement::ledger::{Deed, Ledger, Position, Seed};
use pricetime_settlement::{Batch, Halt, Standing, Step, Transfer};

use super::journal::OURS;
use super::locks::Mishap;
use super::world::{Event, World};

impl World {
    fn some_market(&mut self) -> usize {
        self.random.below(self.journal.batches.len() as u64) as usize
    }

    /// Applies a random fault.
    pub(super) fn mishap(&mut self) -> Result<(), String> {
        let which = self.random.below(self.runners.len() as u64) as usize;
        let long = self.random.pick([self.plan.ttl / 2, self.plan.ttl * 3, 2_000]);
        let until = self.now + long;
        match self.random.below(8) {
            0 | 1 => self.runners[which].paused_until = until,
            2 => self.runners[which].cut_until = until,
            3 => self.hangs_until = until,
            4 => self.locks.befall(Mishap::Away(until), &mut self.random),
            5 => self.locks.befall(Mishap::Late(until), &mut self.random),
            6 => self.locks.befall(Mishap::Forgets, &mut self.random),
            _ => {
                let far = self.random.pick([50, self.plan.ttl * 2, 3_600_000]);
                let ahead = self.random.chance(50);
                self.runners[which].jump(far, ahead);
                return self.poll(which);
            }
        }
        Ok(())
    }

    /// A client outside the runners deposits a batch too early, or tries to apply another batch for a
    /// settled epoch.
    pub(super) fn stranger(&mut self) -> Result<(), String> {
        let at = self.some_market();
        let market = MarketId(at as u32 + 1);
        let Some(batch) = self.random.any(&self.journal.batches[at]).cloned() else {
            return Ok(());
        };
        let settled = batch.epoch.0 <= self.judge.settled(market);
        let step = if settled {
            let batch = other(batch);
            Step::Apply { batch, token: self.token(market), deed: Deed::Post }
        } else {
            Step::Deposit(batch)
        };
        let Some(came) = step.carry_out(market, OURS, &mut self.model) else { return Ok(()) };
        self.judge.look(market, &step, &came, (&mut self.model, &self.journal))
    }

    /// An operator sets the ledger's position back by mistake.
    pub(super) fn put_back(&mut self) -> Result<(), String> {
        let market = MarketId(self.some_market() as u32 + 1);
        if let Some(stands) = self.stand(market) {
            let last = EpochNumber(self.random.below(stands.last.0 + 1));
            self.put(market, Position { last, ..stands });
        }
        let later = self.now + self.random.within(10, 1_000);
        self.at(later, Event::PutRight);
        Ok(())
    }

    /// The operator corrects the position.
    pub(super) fn put_right(&mut self) -> Result<(), String> {
        for market in (1..=self.journal.batches.len() as u32).map(MarketId) {
            if self.stand(market).is_some() {
                let last = EpochNumber(self.judge.settled(market));
                self.put(market, Position { history: OURS, last });
            }
        }
        Ok(())
    }

    /// An operator copies the ledger and restores the copy later.
    pub(super) fn copy(&mut self) -> Result<(), String> {
        self.copied = Some((self.model.clone(), self.judge.clone()));
        let later = self.random.within(self.now + 1, self.plan.faults_until);
        self.at(later, Event::Restore);
        Ok(())
    }

    /// Restores the ledger from its copy.
    pub(super) fn restore(&mut self) -> Result<(), String> {
        let Some((model, judge)) = self.copied.take().filter(|_| self.faulty()) else {
            return Ok(());
        };
        self.model.restore(model);
        self.judge.restore(judge);
        self.restored = self.calls.len();
        Ok(())
    }

    fn put(&mut self, market: MarketId, position: Position) {
        let (instead, token) = (self.stand(market), self.token(market));
        let seed = Seed { market, position, instead, balances: Vec::new() };
        drop(self.model.seed(&seed, token));
    }

    /// An operator handles a market that does not continue by itself.
    ///
    /// # Errors
    /// Returns an error if it has halted without a reason.
    pub(super) fn operate(&mut self, runner: usize, market: usize) -> Result<(), String> {
        let Some(settler) = &mut self.runners[runner].desks[market].settler else { return Ok(()) };
        match settler.standing() {
            Standing::DeadLetter { epoch, .. } => {
                if self.random.chance(30) {
                    settler.give_up(epoch);
                } else {
                    let name = (MarketId(market as u32 + 1), epoch);
                    if self.random.chance(self.plan.mended_percent) {
                        self.model.refused.retain(|it| *it != name);
                    }
                    settler.retry();
                }
            }
            Standing::Halted(halt) => {
                self.judge.tally.halts += 1;
                match halt {
                    // Two runners seeded the market at once, and one of them gives up early.
                    Halt::Refused(_) => {}
                    Halt::Astray { .. } if self.plan.put_back || self.plan.restored => {}
                    Halt::Astray { .. }
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
        self.put_right()?;
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
fn other(mut batch: Batch) -> Batch {
    batch.trades += 1;
    batch.transfers.retain(|Transfer { base, quote, .. }| (*base, *quote) == (0, 0));
    batch
}
