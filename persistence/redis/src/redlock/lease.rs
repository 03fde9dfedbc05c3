//! One lock from the first attempt to the last value that is cleaned up: a value without clock,
//! chance or socket.
//!
//! Whoever drives it tells it the time and what became of its questions, and does what
//! [`Lease::next`] says, until that says nothing any more; then comes back at [`Lease::wakes_at`] at
//! the latest. Times are counted from any one moment, by a clock that never goes back.

use std::collections::VecDeque;
use std::time::Duration;

use super::claim::{Claim, Out, Verdict};
use super::rules::Rules;
use super::step::{Answer, Ask, Deed, Reply, Step};
use pricetime_journal::random::Random;

/// A node that still has to be rid of so many values of earlier attempts is not given another one.
const PAST_MAX: usize = 8;

/// One lock, wanted, held or being cleaned up.
#[derive(Debug)]
pub struct Lease {
    rules: Rules,
    /// No attempt begins after this.
    last: Duration,
    /// Whether it prolongs itself.
    keeps: bool,
    random: Random,
    now: Duration,
    attempts: u64,
    phase: Phase,
    /// The value of the attempt that goes on, or is held.
    current: Option<Claim>,
    /// The values that are to go away.
    past: VecDeque<Claim>,
    /// The attempt that was given back, and until when the holder waits to hear whether it is free.
    releasing: Option<(u64, Duration)>,
    told: VecDeque<Reply>,
    out: Out,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Trying,
    Waiting { again: Duration },
    Held(Holding),
    Over,
}

#[derive(Clone, Copy, Debug)]
struct Holding {
    /// When that was asked to which it owes its validity.
    asked: Duration,
    until: Duration,
    /// When it prolongs itself.
    extends: Option<Duration>,
    /// Whether a question to prolong it is under way, and whether the holder waits for it.
    extending: bool,
    waited_for: bool,
}

impl Lease {
    /// One that begins to try now, and tries again as long as it is not later than `last`. The
    /// random number spreads the waits between attempts.
    #[must_use]
    pub fn new(rules: Rules, now: Duration, last: Duration, random: u64) -> Self {
        let mut lease = Self {
            rules,
            last,
            keeps: false,
            random: Random::new(random),
            now,
            attempts: 0,
            phase: Phase::Trying,
            current: None,
            past: VecDeque::new(),
            releasing: None,
            told: VecDeque::new(),
            out: Out::default(),
        };
        lease.attempt();
        lease
    }

    /// What is to be done next. What the holder is to be told comes first.
    pub fn next_step(&mut self) -> Option<Step> {
        let told = self.told.pop_front().map(Step::Tell);
        told.or_else(|| self.out.asks.pop_front().map(Step::Ask))
    }

    /// When it wants to know the time, if nothing happens before.
    #[must_use]
    pub fn wakes_at(&self) -> Option<Duration> {
        let phase = match &self.phase {
            Phase::Trying | Phase::Over => None,
            Phase::Waiting { again } => Some(*again),
            Phase::Held(held) => {
                let extends = held.extends.filter(|_| !held.extending);
                Some(extends.map_or(held.until, |extends| extends.min(held.until)))
            }
        };
        let claims = self.current.iter().chain(&self.past).filter_map(Claim::wakes_at).min();
        let releasing = self.releasing.map(|(_, by)| by);
        [phase, claims, releasing].into_iter().flatten().min()
    }

    /// Until when it is held, if it is. Whoever asks compares that with the time: this value learns
    /// of the end only with the next thing that it is told.
    #[must_use]
    pub const fn held_until(&self) -> Option<Duration> {
        match self.phase {
            Phase::Held(held) => Some(held.until),
            Phase::Trying | Phase::Waiting { .. } | Phase::Over => None,
        }
    }

    /// Whether nothing is left to do.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let idle = self.told.is_empty() && self.out.asks.is_empty() && self.past.is_empty();
        idle && self.releasing.is_none() && matches!(self.phase, Phase::Over)
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Duration) {
        self.pass(now);
        if let Some(verdict) = self.current.as_mut().and_then(|it| it.tick(self.now, &mut self.out))
        {
            self.decide(verdict);
        }
        for claim in &mut self.past {
            claim.tick(self.now, &mut self.out);
        }
        match self.phase {
            Phase::Waiting { again } if again <= self.now => self.attempt(),
            Phase::Held(Holding { extending: false, extends: Some(at), .. }) if at <= self.now => {
                self.ask_for_more();
            }
            Phase::Trying | Phase::Waiting { .. } | Phase::Held(_) | Phase::Over => {}
        }
        self.tidy();
    }

    /// Takes in what became of a question.
    pub fn hear(&mut self, now: Duration, ask: &Ask, answer: Answer) {
        self.pass(now);
        let claims = self.current.iter_mut().chain(&mut self.past);
        let claim = claims.into_iter().find(|claim| claim.attempt == ask.attempt);
        let verdict = claim.and_then(|it| it.hear(self.now, ask, answer, &mut self.out));
        if let Some(verdict) = verdict {
            self.decide(verdict);
        }
        self.tidy();
    }

    /// From now on it prolongs itself, each time a third of its time to live has passed.
    pub fn keep(&mut self, now: Duration) {
        self.pass(now);
        self.keeps = true;
        if let Phase::Held(held) = &mut self.phase {
            held.extends = Some(held.asked + self.rules.ttl / 3);
        }
    }

    /// Prolongs it now. The holder is told what came of it.
    pub fn extend(&mut self, now: Duration) {
        self.pass(now);
        match &mut self.phase {
            Phase::Held(held) => {
                held.waited_for = true;
                if !held.extending {
                    self.ask_for_more();
                }
            }
            Phase::Trying | Phase::Waiting { .. } | Phase::Over => {
                self.told.push_back(Reply::NotExtended);
            }
        }
    }

    /// Gives it back, or gives up trying.
    pub fn release(&mut self, now: Duration) {
        self.pass(now);
        if let (Phase::Held(_), Some(claim)) = (&self.phase, &self.current) {
            self.releasing = Some((claim.attempt, self.now + self.rules.patience));
        }
        self.end();
        self.tidy();
    }

    /// Where the validity has ended, the holder is told before anything else happens.
    fn pass(&mut self, now: Duration) {
        self.now = self.now.max(now);
        if let Phase::Held(held) = &self.phase
            && held.until <= self.now
        {
            self.lose();
        }
    }

    fn lose(&mut self) {
        self.told.push_back(Reply::Lost);
        self.end();
    }

    fn end(&mut self) {
        self.phase = Phase::Over;
        self.let_go();
    }

    /// The current value is to go away everywhere.
    fn let_go(&mut self) {
        let Some(mut claim) = self.current.take() else { return };
        claim.let_go(self.now, &mut self.out);
        self.past.push_back(claim);
    }

    fn attempt(&mut self) {
        self.attempts += 1;
        let mut claim = Claim::new(self.rules, self.attempts);
        let on = |node| self.past.iter().filter(|claim| claim.may_be_on(node)).count();
        let full = |node| on(node) >= PAST_MAX;
        let verdict = claim.ask_all(self.now, Deed::Take, full, &mut self.out);
        self.current = Some(claim);
        self.phase = Phase::Trying;
        if let Some(verdict) = verdict {
            self.decide(verdict);
        }
    }

    fn ask_for_more(&mut self) {
        let (Phase::Held(held), Some(claim)) = (&mut self.phase, &mut self.current) else { return };
        held.extending = true;
        let verdict = claim.ask_all(self.now, Deed::Extend, |_| false, &mut self.out);
        if let Some(verdict) = verdict {
            self.decide(verdict);
        }
    }

    fn decide(&mut self, verdict: Verdict) {
        match (&mut self.phase, verdict) {
            (Phase::Trying, Verdict::Had { asked, until }) => {
                let extends = self.keeps.then_some(asked + self.rules.ttl / 3);
                let (extending, waited_for) = (false, false);
                self.phase = Phase::Held(Holding { asked, until, extends, extending, waited_for });
                self.told.push_back(Reply::Held { until });
            }
            (Phase::Trying, Verdict::Not { taken, failed }) => {
                self.let_go();
                if self.now < self.last {
                    let again = (self.now + self.wait()).min(self.last);
                    self.phase = Phase::Waiting { again };
                } else {
                    self.phase = Phase::Over;
                    self.told.push_back(Reply::Refused { taken, failed });
                }
            }
            (Phase::Held(held), Verdict::Had { asked, until }) => {
                held.extends = self.keeps.then_some(asked + self.rules.ttl / 3);
                (held.extending, held.waited_for) = (false, false);
                (held.asked, held.until) = (asked, held.until.max(until));
                self.told.push_back(Reply::Extended { until: held.until });
            }
            (Phase::Held(held), Verdict::Not { taken, .. }) => {
                let waited_for = std::mem::take(&mut held.waited_for);
                held.extending = false;
                // So many nodes have another's value that it may be had by another.
                if taken > self.rules.nodes - self.rules.quorum {
                    return self.lose();
                }
                let again = self.now + self.wait();
                if let Phase::Held(held) = &mut self.phase {
                    held.extends = self.keeps.then_some(again);
                }
                if waited_for {
                    self.told.push_back(Reply::NotExtended);
                }
            }
            (Phase::Waiting { .. } | Phase::Over, Verdict::Had { .. } | Verdict::Not { .. }) => {}
        }
    }

    /// Forgets what is clean, and says so to a holder who waits for it.
    fn tidy(&mut self) {
        if let Some((attempt, by)) = self.releasing {
            let claim = self.past.iter().find(|claim| claim.attempt == attempt);
            let free = claim.is_none_or(|claim| claim.free_nodes() >= self.rules.quorum);
            if free || by <= self.now {
                self.releasing = None;
                self.told.push_back(Reply::Released { free });
            }
        }
        self.past.retain(|claim| !claim.is_over());
    }

    /// From half to twice the time that an answer may take.
    fn wait(&mut self) -> Duration {
        let share = (self.random.bits() % 1_024) as u32;
        self.rules.patience / 2 + self.rules.patience * 3 / 2 * share / 1_024
    }
}
