//! One lock, from the first attempt until its last value is deleted: a state machine without clock,
//! randomness or sockets.
//!
//! The caller reports the time and the answer to each request. After each call it carries out the steps
//! that [`Lease::next_step`] returns, until that returns `None`. It calls [`Lease::tick`] at
//! [`Lease::wakes_at`] at the latest. Times are counted from some fixed moment, by a clock that never
//! goes back.

use std::collections::VecDeque;
use std::time::Duration;

use super::claim::{Claim, RequestQueue, Verdict};
use super::rules::Rules;
use super::step::{Answer, NodeRequest, Operation, Reply, Step};
use pricetime_journal::random::Random;

/// A node that may still have this many values of earlier attempts is not asked for another one.
const PAST_MAX: usize = 8;

/// One lock that is wanted, held or being cleaned up.
#[derive(Debug)]
pub struct Lease {
    rules: Rules,
    /// No attempt begins after this.
    last_attempt: Duration,
    /// Whether it extends itself.
    auto_extends: bool,
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
    replies: VecDeque<Reply>,
    queue: RequestQueue,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Trying,
    Waiting { retry_at: Duration },
    Held(Holding),
    Over,
}

#[derive(Clone, Copy, Debug)]
struct Holding {
    /// The time of the request that its validity is counted from.
    requested_at: Duration,
    until: Duration,
    /// When it extends itself next.
    extend_at: Option<Duration>,
    /// Whether a request to extend it is under way, and whether the holder waits for it.
    extending: bool,
    holder_waits: bool,
}

impl Lease {
    /// Creates a lease that makes its first attempt now and further ones until `last_attempt`. The random
    /// number spreads the waits between attempts.
    #[must_use]
    pub fn new(rules: Rules, now: Duration, last_attempt: Duration, random: u64) -> Self {
        let mut lease = Self {
            rules,
            last_attempt,
            auto_extends: false,
            random: Random::new(random),
            now,
            attempts: 0,
            phase: Phase::Trying,
            current: None,
            past: VecDeque::new(),
            releasing: None,
            replies: VecDeque::new(),
            queue: RequestQueue::default(),
        };
        lease.attempt();
        lease
    }

    /// Returns the next step to carry out, or `None` if there is none now. Replies to the holder come
    /// first.
    pub fn next_step(&mut self) -> Option<Step> {
        let replies = self.replies.pop_front().map(Step::Notify);
        replies.or_else(|| self.queue.asks.pop_front().map(Step::NodeRequest))
    }

    /// When [`tick`](Self::tick) must be called, if nothing else happens before.
    #[must_use]
    pub fn wakes_at(&self) -> Option<Duration> {
        let phase = match &self.phase {
            Phase::Trying | Phase::Over => None,
            Phase::Waiting { retry_at } => Some(*retry_at),
            Phase::Held(held) => {
                let extend_at = held.extend_at.filter(|_| !held.extending);
                Some(extend_at.map_or(held.until, |extend_at| extend_at.min(held.until)))
            }
        };
        let claims = self.current.iter().chain(&self.past).filter_map(Claim::wakes_at).min();
        let releasing = self.releasing.map(|(_, deadline)| deadline);
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
        let idle = self.replies.is_empty() && self.queue.asks.is_empty() && self.past.is_empty();
        idle && self.releasing.is_none() && matches!(self.phase, Phase::Over)
    }

    /// Reports that time has passed.
    pub fn tick(&mut self, now: Duration) {
        self.advance(now);
        if let Some(verdict) =
            self.current.as_mut().and_then(|it| it.tick(self.now, &mut self.queue))
        {
            self.decide(verdict);
        }
        for claim in &mut self.past {
            claim.tick(self.now, &mut self.queue);
        }
        match self.phase {
            Phase::Waiting { retry_at } if retry_at <= self.now => self.attempt(),
            Phase::Held(Holding { extending: false, extend_at: Some(at), .. })
                if at <= self.now =>
            {
                self.request_extension();
            }
            Phase::Trying | Phase::Waiting { .. } | Phase::Held(_) | Phase::Over => {}
        }
        self.tidy();
    }

    /// Reports the answer to a request.
    pub fn handle_answer(&mut self, now: Duration, ask: &NodeRequest, answer: Answer) {
        self.advance(now);
        let claims = self.current.iter_mut().chain(&mut self.past);
        let claim = claims.into_iter().find(|claim| claim.attempt == ask.attempt);
        let verdict = claim.and_then(|it| it.handle_answer(self.now, ask, answer, &mut self.queue));
        if let Some(verdict) = verdict {
            self.decide(verdict);
        }
        self.tidy();
    }

    /// Makes the lease extend itself from now on, each time a third of its time to live has passed.
    pub fn keep(&mut self, now: Duration) {
        self.advance(now);
        self.auto_extends = true;
        if let Phase::Held(held) = &mut self.phase {
            held.extend_at = Some(held.requested_at + self.rules.ttl / 3);
        }
    }

    /// Extends the lock now. A reply gives the holder the result.
    pub fn extend(&mut self, now: Duration) {
        self.advance(now);
        match &mut self.phase {
            Phase::Held(held) => {
                held.holder_waits = true;
                if !held.extending {
                    self.request_extension();
                }
            }
            Phase::Trying | Phase::Waiting { .. } | Phase::Over => {
                self.replies.push_back(Reply::NotExtended);
            }
        }
    }

    /// Releases the lock, or stops trying.
    pub fn release(&mut self, now: Duration) {
        self.advance(now);
        if let (Phase::Held(_), Some(claim)) = (&self.phase, &self.current) {
            self.releasing = Some((claim.attempt, self.now + self.rules.answer_timeout));
        }
        self.end();
        self.tidy();
    }

    /// If the validity has ended, queues [`Reply::Lost`] before anything else happens.
    fn advance(&mut self, now: Duration) {
        self.now = self.now.max(now);
        if let Phase::Held(held) = &self.phase
            && held.until <= self.now
        {
            self.lose();
        }
    }

    fn lose(&mut self) {
        self.replies.push_back(Reply::Lost);
        self.end();
    }

    fn end(&mut self) {
        self.phase = Phase::Over;
        self.start_deleting();
    }

    /// Starts to delete the current value on all nodes.
    fn start_deleting(&mut self) {
        let Some(mut claim) = self.current.take() else { return };
        claim.start_deleting(self.now, &mut self.queue);
        self.past.push_back(claim);
    }

    fn attempt(&mut self) {
        self.attempts += 1;
        let mut claim = Claim::new(self.rules, self.attempts);
        let values_on = |node| self.past.iter().filter(|claim| claim.may_be_on(node)).count();
        let full = |node| values_on(node) >= PAST_MAX;
        let verdict = claim.ask_all(self.now, Operation::Take, full, &mut self.queue);
        self.current = Some(claim);
        self.phase = Phase::Trying;
        if let Some(verdict) = verdict {
            self.decide(verdict);
        }
    }

    fn request_extension(&mut self) {
        let (Phase::Held(held), Some(claim)) = (&mut self.phase, &mut self.current) else { return };
        held.extending = true;
        let verdict = claim.ask_all(self.now, Operation::Extend, |_| false, &mut self.queue);
        if let Some(verdict) = verdict {
            self.decide(verdict);
        }
    }

    fn decide(&mut self, verdict: Verdict) {
        match (&mut self.phase, verdict) {
            (Phase::Trying, Verdict::Granted { requested_at, until }) => {
                let extend_at = self.auto_extends.then_some(requested_at + self.rules.ttl / 3);
                let (extending, holder_waits) = (false, false);
                self.phase = Phase::Held(Holding {
                    requested_at,
                    until,
                    extend_at,
                    extending,
                    holder_waits,
                });
                self.replies.push_back(Reply::Held { until });
            }
            (Phase::Trying, Verdict::Denied { taken, failed }) => {
                self.start_deleting();
                if self.now < self.last_attempt {
                    let retry_at = (self.now + self.wait()).min(self.last_attempt);
                    self.phase = Phase::Waiting { retry_at };
                } else {
                    self.phase = Phase::Over;
                    self.replies.push_back(Reply::Refused { taken, failed });
                }
            }
            (Phase::Held(held), Verdict::Granted { requested_at, until }) => {
                held.extend_at = self.auto_extends.then_some(requested_at + self.rules.ttl / 3);
                (held.extending, held.holder_waits) = (false, false);
                (held.requested_at, held.until) = (requested_at, held.until.max(until));
                self.replies.push_back(Reply::Extended { until: held.until });
            }
            (Phase::Held(held), Verdict::Denied { taken, .. }) => {
                let holder_waits = std::mem::take(&mut held.holder_waits);
                held.extending = false;
                // So many nodes have another value that another client may hold the lock.
                if taken > self.rules.nodes - self.rules.quorum {
                    return self.lose();
                }
                let retry_at = self.now + self.wait();
                if let Phase::Held(held) = &mut self.phase {
                    held.extend_at = self.auto_extends.then_some(retry_at);
                }
                if holder_waits {
                    self.replies.push_back(Reply::NotExtended);
                }
            }
            (
                Phase::Waiting { .. } | Phase::Over,
                Verdict::Granted { .. } | Verdict::Denied { .. },
            ) => {}
        }
    }

    /// Replies to a holder that waits for the release, and forgets the values that are gone.
    fn tidy(&mut self) {
        if let Some((attempt, deadline)) = self.releasing {
            let claim = self.past.iter().find(|claim| claim.attempt == attempt);
            let free = claim.is_none_or(|claim| claim.free_nodes() >= self.rules.quorum);
            if free || deadline <= self.now {
                self.releasing = None;
                self.replies.push_back(Reply::Released { free });
            }
        }
        self.past.retain(|claim| !claim.is_over());
    }

    /// A random wait, from half to twice the time limit of an answer.
    fn wait(&mut self) -> Duration {
        let share = (self.random.bits() % 1_024) as u32;
        self.rules.answer_timeout / 2 + self.rules.answer_timeout * 3 / 2 * share / 1_024
    }
}
