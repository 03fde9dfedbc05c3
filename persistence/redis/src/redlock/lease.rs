//! One lock, from the first attempt until its last value is deleted: a state machine without clock,
//! randomness or sockets.
//!
//! The caller reports the time and the answer to each request. After each call it carries out the steps
//! that [`Lease::next_step`] returns, until that returns `None`. It calls [`Lease::tick`] at
//! [`Lease::wakes_at`] at the latest. Times are counted from some fixed moment, by a clock that never
//! goes back.

use std::collections::VecDeque;
use std::time::Duration;

use super::claim::{Claim, Out, Verdict};
use super::rules::Rules;
use super::step::{Answer, Ask, Deed, Reply, Step};
use pricetime_journal::random::Random;

/// A node that may still have this many values of earlier attempts is not asked for another one.
const PAST_MAX: usize = 8;

/// One lock that is wanted, held or being cleaned up.
#[derive(Debug)]
pub struct Lease {
    rules: Rules,
    /// No attempt begins after this.
    last: Duration,
    /// Whether it extends itself.
    keeps: bool,
    random: Random,
    now: Duration,
    attempts: u64,
    phase: Phase,
    /// The value of the attempt in progress, or of the lock that is held.
    current: Option<Claim>,
    /// The values that are still to be deleted.
    past: VecDeque<Claim>,
    /// The attempt that was released, and until when its holder waits to learn whether the lock is free.
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
    /// The time of the request that its validity is counted from.
    asked: Duration,
    until: Duration,
    /// When it extends itself next.
    extends: Option<Duration>,
    /// Whether a request to extend it is under way, and whether the holder waits for it.
    extending: bool,
    waited_for: bool,
}

impl Lease {
    /// Creates a lease that makes its first attempt now and further ones until `last`. The random number
    /// spreads the waits between attempts.
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

    /// Returns the next step to carry out, or `None` if there is none now. Replies to the holder come
    /// first.
    pub fn next_step(&mut self) -> Option<Step> {
        let told = self.told.pop_front().map(Step::Tell);
        told.or_else(|| self.out.asks.pop_front().map(Step::Ask))
    }

    /// When [`tick`](Self::tick) must be called, if nothing else happens before.
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

    /// Until when the lock is held, or `None` if it is not. The caller has to compare this with the time,
    /// because the lease notices the end only at its next call.
    #[must_use]
    pub const fn held_until(&self) -> Option<Duration> {
        match self.phase {
            Phase::Held(held) => Some(held.until),
            Phase::Trying | Phase::Waiting { .. } | Phase::Over => None,
        }
    }

    /// Returns `true` if nothing is left to do.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let idle = self.told.is_empty() && self.out.asks.is_empty() && self.past.is_empty();
        idle && self.releasing.is_none() && matches!(self.phase, Phase::Over)
    }

    /// Reports that time has passed.
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

    /// Reports the answer to a request.
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

    /// Makes the lease extend itself from now on, each time a third of its time to live has passed.
    pub fn keep(&mut self, now: Duration) {
        self.pass(now);
        self.keeps = true;
        if let Phase::Held(held) = &mut self.phase {
            held.extends = Some(held.asked + self.rules.ttl / 3);
        }
    }

    /// Extends the lock now. A reply gives the holder the result.
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

    /// Releases the lock, or stops trying.
    pub fn release(&mut self, now: Duration) {
        self.pass(now);
        if let (Phase::Held(_), Some(claim)) = (&self.phase, &self.current) {
            self.releasing = Some((claim.attempt, self.now + self.rules.patience));
        }
        self.end();
        self.tidy();
    }

    /// If the validity has ended, queues [`Reply::Lost`] before anything else happens.
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

    /// Starts to delete the current value on all nodes.
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
                // So many nodes have another value that another client may hold the lock.
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

    /// Replies to a holder that waits for the release, and forgets the values that are gone.
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

    /// A random wait, from half to twice the time limit of an answer.
    fn wait(&mut self) -> Duration {
        let share = (self.random.bits() % 1_024) as u32;
        self.rules.patience / 2 + self.rules.patience * 3 / 2 * share / 1_024
    }
}
