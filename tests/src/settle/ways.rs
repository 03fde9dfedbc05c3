//! The network between runners, ledger and locks, which delays, loses and duplicates messages.

use core::time::Duration;

use pricetime_engine::MarketId;
use pricetime_settlement::ledger::{Applied, Deed, LedgerError};
use pricetime_settlement::{Dropping, Drops, Locked, Reply, Step};

use super::journal::OURS;
use super::world::{Call, Event, World};

impl World {
    /// Sends the request of a step.
    pub(super) fn ask(&mut self, runner: usize, market: usize, step: Step) {
        let clock = self.runners[runner].clock(self.now);
        let number = self.calls.len();
        let owner = self.runners[runner].owner();
        let own = (self.random.below(self.plan.way) + 1, self.random.below(self.plan.way) + 1);
        let came = match &step {
            Step::Keep(kept) => {
                if !self.once_in(self.plan.unkept_once_in) {
                    self.runners[runner].desks[market].kept = kept.clone();
                }
                self.runners[runner].desks[market].told(clock, Reply::Kept);
                return;
            }
            Step::Need { from, to } => {
                let fewer = self.once_in(self.plan.lacking_once_in);
                let many = to.0 + 1 - from.0;
                let many = if fewer { self.random.below(many) } else { many };
                let asked = self.journal.batches[market].iter().skip((from.0 - 1) as usize);
                Some(Reply::Given(asked.take(many as usize).cloned().collect()))
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
            Step::Note(drops) => return self.note(runner, market, drops),
            Step::Look
            | Step::Recall(_)
            | Step::Deposit(_)
            | Step::Read { .. }
            | Step::Claim { .. }
            | Step::Seed { .. }
            | Step::Apply { .. } => None,
        };
        let life = self.runners[runner].life;
        if let Some(desk) =
            self.runners[runner].desks.get_mut(market).filter(|it| it.settler.is_some())
        {
            desk.call = Some(number);
        }
        self.calls.push(Call { runner, life, market, step });
        if let Some(came) = came {
            self.at(self.now + own.0, Event::Answer { call: number, came });
            return;
        }
        self.at(self.now + self.plan.answer_within, Event::Late { call: number });
        if self.runners[runner].cut_until > self.now || self.once_in(self.plan.lost_once_in) {
            return;
        }
        let way = self.way();
        self.at(self.now + way, Event::Arrive { call: number });
        if self.once_in(self.plan.doubled_once_in) {
            let way = way + self.way();
            self.at(self.now + way, Event::Arrive { call: number });
        }
    }

    /// A runner stores its drops. If a failure is reported, they may be stored nevertheless.
    fn note(&mut self, runner: usize, market: usize, drops: &Drops) {
        let failed = self.once_in(self.plan.unkept_once_in);
        let clock = self.runners[runner].clock(self.now);
        let desk = &mut self.runners[runner].desks[market];
        if !failed || self.random.chance(50) {
            desk.drops.clone_from(drops);
        }
        let noted = if failed { Err("the disk is full".to_owned()) } else { Ok(()) };
        desk.told(clock, Reply::Noted(noted));
    }

    fn way(&mut self) -> u64 {
        let slow = self.once_in(self.plan.slow_once_in);
        1 + self.random.below(if slow { self.plan.way_max } else { self.plan.way })
    }

    fn count_holders(&mut self, runner: usize, market: usize, locked: &Locked) {
        let others = self.runners.iter().enumerate().filter(|(at, _)| *at != runner);
        let held = others.filter(|(_, it)| it.desks[market].holds(it.clock(self.now))).count();
        if held > 0 && matches!(locked, Locked::Until(_)) {
            self.judge.tally.two_holders += 1;
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
        let Some(came) = step.carry_out(market, OURS, &mut self.model) else { return Ok(()) };
        self.judge.look(market, &step, &came, (&mut self.model, &self.journal))?;
        let drops = &self.runners[runner].desks[market.0 as usize - 1].drops;
        if let (Step::Apply { batch, deed: Deed::Post, .. }, Reply::Applied(Ok(Applied::Done))) =
            (&step, &came)
            && drops.get(&batch.epoch) == Some(&Dropping::Done)
        {
            return Err(format!("it posts epoch {}, which it has dropped", batch.epoch.0));
        }
        if self.runners[runner].cut_until > self.now || self.once_in(self.plan.lost_once_in) {
            return Ok(());
        }
        let way = self.way();
        self.at(self.now + way, Event::Answer { call, came });
        Ok(())
    }

    /// Delivers an answer, if the sender still waits for it.
    pub(super) fn told(&mut self, call: usize, came: Reply, late: bool) -> Result<(), String> {
        let Call { runner, life, market, .. } = self.calls[call];
        let it = &mut self.runners[runner];
        if it.life != life || it.desks[market].call != Some(call) {
            return Ok(());
        }
        let clock = it.clock(self.now);
        it.desks[market].told(clock, came);
        self.judge.tally.unanswered += u64::from(late);
        self.poll(runner)
    }

    /// Reports a timeout to the sender.
    pub(super) fn late(&mut self, call: usize) -> Result<(), String> {
        let (ledger, why) = ("model".to_owned(), "it took too long".to_owned());
        let error = LedgerError::Unreachable { ledger, why };
        let came = self.calls[call].step.unanswered(error);
        came.map_or(Ok(()), |came| self.told(call, came, true))
    }
}
