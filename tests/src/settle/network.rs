//! The network between runners, ledger and locks, which delays, loses and duplicates messages.

use core::time::Duration;

use pricetime_engine::MarketId;
use pricetime_settlement::ledger::{Applied, Deed, LedgerError};
use pricetime_settlement::{DropState, Drops, Locked, Reply, Step};

use super::journal::HISTORY;
use super::world::{Call, Event, World};

impl World {
    /// Sends the request of a step.
    pub(super) fn ask(&mut self, runner: usize, market: usize, step: Step) {
        let clock = self.runners[runner].clock(self.now);
        let number = self.calls.len();
        let owner = self.runners[runner].owner();
        let own =
            (self.random.below(self.plan.latency) + 1, self.random.below(self.plan.latency) + 1);
        let reply = match &step {
            Step::Checkpoint(stored) => {
                if !self.once_in(self.plan.unsaved_once_in) {
                    self.runners[runner].markets[market].stored = stored.clone();
                }
                self.runners[runner].markets[market].handle_reply(clock, Reply::Checkpoint);
                return;
            }
            Step::RemakeBatches { from, to } => {
                let fewer = self.once_in(self.plan.missing_once_in);
                let count = to.0 + 1 - from.0;
                let count = if fewer { self.random.below(count) } else { count };
                let asked = self.journal.batches[market].iter().skip((from.0 - 1) as usize);
                Some(Reply::BatchesRemade(asked.take(count as usize).cloned().collect()))
            }
            Step::Lock => {
                let mut locked = self.locks.take(market, owner, self.now, clock);
                if self.once_in(self.plan.lock_for_all_once_in) {
                    locked = Locked::Until(clock + Duration::from_millis(self.plan.ttl));
                }
                self.count_holders(runner, market, &locked);
                Some(Reply::Locked(locked))
            }
            Step::Unlock => {
                if !self.once_in(self.plan.lost_once_in) {
                    self.locks.free(market, owner, self.now);
                }
                Some(Reply::Unlocked)
            }
            Step::StoreDrops(drops) => return self.note(runner, market, drops),
            Step::ReadPosition
            | Step::ReadOutcome(_)
            | Step::Deposit(_)
            | Step::Read { .. }
            | Step::Claim { .. }
            | Step::Seed { .. }
            | Step::Apply { .. } => None,
        };
        let life = self.runners[runner].life;
        if let Some(state) =
            self.runners[runner].markets.get_mut(market).filter(|it| it.settler.is_some())
        {
            state.call = Some(number);
        }
        self.calls.push(Call { runner, life, market, step });
        if let Some(reply) = reply {
            self.at(self.now + own.0, Event::Answer { call: number, reply });
            return;
        }
        self.at(self.now + self.plan.answer_within, Event::Late { call: number });
        if self.runners[runner].cut_until > self.now || self.once_in(self.plan.lost_once_in) {
            return;
        }
        let latency = self.latency();
        self.at(self.now + latency, Event::Arrive { call: number });
        if self.once_in(self.plan.duplicate_once_in) {
            let latency = latency + self.latency();
            self.at(self.now + latency, Event::Arrive { call: number });
        }
    }

    /// A runner stores its drops. If a failure is reported, they may be stored nevertheless.
    fn note(&mut self, runner: usize, market: usize, drops: &Drops) {
        let failed = self.once_in(self.plan.unsaved_once_in);
        let clock = self.runners[runner].clock(self.now);
        let state = &mut self.runners[runner].markets[market];
        if !failed || self.random.chance(50) {
            state.drops.clone_from(drops);
        }
        let noted = if failed { Err("the disk is full".to_owned()) } else { Ok(()) };
        state.handle_reply(clock, Reply::DropsStored(noted));
    }

    fn latency(&mut self) -> u64 {
        let slow = self.once_in(self.plan.slow_once_in);
        1 + self.random.below(if slow { self.plan.latency_max } else { self.plan.latency })
    }

    fn count_holders(&mut self, runner: usize, market: usize, locked: &Locked) {
        let others = self.runners.iter().enumerate().filter(|(at, _)| *at != runner);
        let held = others.filter(|(_, it)| it.markets[market].holds(it.clock(self.now))).count();
        if held > 0 && matches!(locked, Locked::Until(_)) {
            self.observer.tally.two_holders += 1;
        }
    }

    /// The ledger executes a request, even if the sender no longer waits for it.
    pub(super) fn arrive(&mut self, call: usize) -> Result<(), String> {
        if call < self.restored {
            // Restoring a ledger ends all connections to it.
            return Ok(());
        }
        if self.hangs_until > self.now {
            let later = self.hangs_until;
            self.at(later, Event::Arrive { call });
            return Ok(());
        }
        let Call { market, step, runner, .. } = self.calls[call].clone();
        let market = MarketId(market as u32 + 1);
        let Some(reply) = step.carry_out(market, HISTORY, &mut self.model) else { return Ok(()) };
        self.observer.check_step(market, &step, &reply, (&mut self.model, &self.journal))?;
        let drops = &self.runners[runner].markets[market.0 as usize - 1].drops;
        if let (Step::Apply { batch, deed: Deed::Post, .. }, Reply::Applied(Ok(Applied::Done))) =
            (&step, &reply)
            && drops.get(&batch.epoch) == Some(&DropState::Done)
        {
            return Err(format!("it posts epoch {}, which it has dropped", batch.epoch.0));
        }
        if self.runners[runner].cut_until > self.now || self.once_in(self.plan.lost_once_in) {
            return Ok(());
        }
        let latency = self.latency();
        self.at(self.now + latency, Event::Answer { call, reply });
        Ok(())
    }

    /// Delivers an answer, if the sender still waits for it.
    pub(super) fn handle_reply(
        &mut self,
        call: usize,
        reply: Reply,
        late: bool,
    ) -> Result<(), String> {
        let Call { runner, life, market, .. } = self.calls[call];
        let it = &mut self.runners[runner];
        if it.life != life || it.markets[market].call != Some(call) {
            return Ok(());
        }
        let clock = it.clock(self.now);
        it.markets[market].handle_reply(clock, reply);
        self.observer.tally.unanswered += u64::from(late);
        self.poll(runner)
    }

    /// Reports a timeout to the sender.
    pub(super) fn late(&mut self, call: usize) -> Result<(), String> {
        let (ledger, why) = ("model".to_owned(), "it took too long".to_owned());
        let error = LedgerError::Unreachable { ledger, why };
        let reply = self.calls[call].step.unanswered(error);
        reply.map_or(Ok(()), |reply| self.handle_reply(call, reply, true))
    }
}
