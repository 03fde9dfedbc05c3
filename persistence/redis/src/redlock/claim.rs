//! One value on all nodes: how it is written, extended, and at the end deleted.

use std::collections::VecDeque;
use std::time::Duration;

use super::rules::Rules;
use super::step::{Answer, NodeRequest, Operation};

/// The longest wait before a node is asked once more to delete a value.
const RETRY_WAIT_MAX: Duration = Duration::from_secs(1);
/// If it is not known whether a value was written, it is forgotten this long after its time to live.
const FORGET_AFTER: Duration = Duration::from_secs(60);

/// Requests that are still to be sent.
#[derive(Debug, Default)]
pub(super) struct RequestQueue {
    pub(super) asks: VecDeque<NodeRequest>,
    last_number: u64,
}

/// What a node has of this value, as far as is known.
#[derive(Clone, Debug, Default)]
struct NodeState {
    /// The request to take or extend that has no answer yet.
    take: Option<u64>,
    /// The request to free that has no answer yet.
    free: Option<Free>,
    /// Whether the value may be there.
    holds: bool,
    /// When the value has expired there, at the latest.
    expires_by: Duration,
    /// When to ask once more to free it.
    retry_at: Option<Duration>,
    /// How long the next such wait is.
    wait: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Free {
    number: u64,
    /// Whether it was sent while a request to take had no answer. Then it may have been carried out
    /// before that one.
    blind: bool,
}

/// A request to all nodes at once.
#[derive(Clone, Debug)]
struct Round {
    requested_at: Duration,
    votes: Vec<Vote>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Vote {
    Open(u64),
    Yes,
    Taken,
    Failed,
}

/// The result of a request to all nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Granted { requested_at: Duration, until: Duration },
    Denied { taken: usize, failed: usize },
}

/// One value on all nodes.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) attempt: u64,
    rules: Rules,
    states: Vec<NodeState>,
    round: Option<Round>,
    deleting: bool,
}

impl Claim {
    pub(super) fn new(rules: Rules, attempt: u64) -> Self {
        let state = NodeState { wait: rules.answer_timeout, ..NodeState::default() };
        let states = vec![state; rules.nodes];
        Self { attempt, rules, states, round: None, deleting: false }
    }

    /// Asks all nodes at once to take or to extend the value, except those for which `skip` returns `true`.
    /// A node that has not answered an earlier such request is not asked again.
    pub(super) fn ask_all(
        &mut self,
        now: Duration,
        operation: Operation,
        skip: impl Fn(usize) -> bool,
        queue: &mut RequestQueue,
    ) -> Option<Verdict> {
        let mut votes = Vec::with_capacity(self.states.len());
        let deadline = now + self.rules.answer_timeout;
        for (node, state) in self.states.iter_mut().enumerate() {
            if state.take.is_some() || skip(node) {
                votes.push(Vote::Failed);
                continue;
            }
            let number = queue.ask(node, self.attempt, operation, deadline);
            state.take = Some(number);
            state.expires_by = now + self.rules.ttl + FORGET_AFTER;
            votes.push(Vote::Open(number));
        }
        self.round = Some(Round { requested_at: now, votes });
        self.verdict(now)
    }

    /// Starts to delete the value on all nodes.
    pub(super) fn start_deleting(&mut self, now: Duration, queue: &mut RequestQueue) {
        self.deleting = true;
        self.round = None;
        for node in 0..self.states.len() {
            self.free(now, node, queue);
        }
    }

    fn free(&mut self, now: Duration, node: usize, queue: &mut RequestQueue) {
        let Some(state) = self.states.get_mut(node) else { return };
        if state.free.is_some() || !(state.holds || state.take.is_some()) {
            return;
        }
        let deadline = now + self.rules.answer_timeout;
        let number = queue.ask(node, self.attempt, Operation::Free, deadline);
        state.free = Some(Free { number, blind: state.take.is_some() });
        state.retry_at = None;
    }

    /// Takes in an answer.
    pub(super) fn handle_answer(
        &mut self,
        now: Duration,
        ask: &NodeRequest,
        answer: Answer,
        queue: &mut RequestQueue,
    ) -> Option<Verdict> {
        match ask.operation {
            Operation::Free => {
                self.handle_freed(now, ask, answer, queue);
                None
            }
            Operation::Take | Operation::Extend => {
                let Rules { ttl, drift, .. } = self.rules;
                let state =
                    self.states.get_mut(ask.node).filter(|it| it.take == Some(ask.number))?;
                state.take = None;
                match answer {
                    Answer::Yes => (state.holds, state.expires_by) = (true, now + ttl + drift),
                    // The request may be carried out much later.
                    Answer::Unknown => {
                        (state.holds, state.expires_by) = (true, now + ttl + FORGET_AFTER)
                    }
                    Answer::No => state.holds = false,
                    Answer::Failed => {}
                }
                if self.deleting && state.holds {
                    self.free(now, ask.node, queue);
                }
                self.vote(now, ask, answer)
            }
        }
    }

    fn handle_freed(
        &mut self,
        now: Duration,
        ask: &NodeRequest,
        answer: Answer,
        queue: &mut RequestQueue,
    ) {
        let Some(state) = self.states.get_mut(ask.node) else { return };
        let Some(free) = state.free.filter(|free| free.number == ask.number) else { return };
        state.free = None;
        match answer {
            Answer::Yes | Answer::No if !free.blind => state.holds = false,
            Answer::Yes | Answer::No if state.take.is_some() => {}
            Answer::Yes | Answer::No => self.free(now, ask.node, queue),
            Answer::Failed | Answer::Unknown => {
                state.retry_at = Some(now + state.wait);
                state.wait = (state.wait * 2).min(RETRY_WAIT_MAX);
            }
        }
    }

    fn vote(&mut self, now: Duration, ask: &NodeRequest, answer: Answer) -> Option<Verdict> {
        let votes = &mut self.round.as_mut()?.votes;
        let vote = votes.get_mut(ask.node).filter(|vote| **vote == Vote::Open(ask.number))?;
        *vote = match answer {
            Answer::Yes => Vote::Yes,
            Answer::No => Vote::Taken,
            Answer::Failed | Answer::Unknown => Vote::Failed,
        };
        self.verdict(now)
    }

    /// The result of the votes, as soon as it is certain.
    fn verdict(&mut self, now: Duration) -> Option<Verdict> {
        let Round { requested_at, votes } = self.round.as_ref()?;
        let count = |wanted: fn(&Vote) -> bool| votes.iter().filter(|vote| wanted(vote)).count();
        let yes = count(|vote| matches!(vote, Vote::Yes));
        let open = count(|vote| matches!(vote, Vote::Open(_)));
        let taken = count(|vote| matches!(vote, Vote::Taken));
        let failed = count(|vote| matches!(vote, Vote::Failed));
        let until = self.rules.until(*requested_at);
        let verdict = if yes >= self.rules.quorum && until > now {
            Verdict::Granted { requested_at: *requested_at, until }
        } else if yes >= self.rules.quorum {
            // They answered too late to be of use.
            Verdict::Denied { taken, failed: failed + yes }
        } else if yes + open < self.rules.quorum {
            Verdict::Denied { taken, failed }
        } else {
            return None;
        };
        self.round = None;
        Some(verdict)
    }

    /// Does what is due at this time.
    pub(super) fn tick(&mut self, now: Duration, queue: &mut RequestQueue) -> Option<Verdict> {
        for node in 0..self.states.len() {
            let Some(state) = self.states.get_mut(node) else { continue };
            if self.deleting && now >= state.expires_by {
                *state = NodeState::default();
            } else if state.retry_at.is_some_and(|retry_at| retry_at <= now) {
                state.retry_at = None;
                self.free(now, node, queue);
            }
        }
        let round = self.round.as_mut()?;
        if now < round.requested_at + self.rules.answer_timeout {
            return None;
        }
        for vote in &mut round.votes {
            if matches!(vote, Vote::Open(_)) {
                *vote = Vote::Failed;
            }
        }
        self.verdict(now)
    }

    /// When [`tick`](Self::tick) has to be called.
    pub(super) fn wakes_at(&self) -> Option<Duration> {
        let round = self.round.as_ref().map(|round| round.requested_at + self.rules.answer_timeout);
        let retry_at = self.states.iter().filter_map(|state| state.retry_at).min();
        let alive = |state: &&NodeState| self.deleting && !state.is_empty();
        let expires_by = self.states.iter().filter(alive).map(|state| state.expires_by).min();
        [round, retry_at, expires_by].into_iter().flatten().min()
    }

    /// Whether the value may still be on this node.
    pub(super) fn may_be_on(&self, node: usize) -> bool {
        self.states.get(node).is_some_and(|state| !state.is_empty())
    }

    /// How many nodes are known not to have the value.
    pub(super) fn free_nodes(&self) -> usize {
        self.states.iter().filter(|state| !state.holds && state.take.is_none()).count()
    }

    /// Whether the value is gone from all nodes and no answer is awaited.
    pub(super) fn is_over(&self) -> bool {
        self.deleting && self.states.iter().all(NodeState::is_empty)
    }
}

impl NodeState {
    fn is_empty(&self) -> bool {
        !self.holds && self.take.is_none() && self.free.is_none()
    }
}

impl RequestQueue {
    fn ask(&mut self, node: usize, attempt: u64, operation: Operation, deadline: Duration) -> u64 {
        self.last_number += 1;
        self.asks.push_back(NodeRequest {
            node,
            attempt,
            number: self.last_number,
            operation,
            deadline,
        });
        self.last_number
    }
}
