//! One value on all nodes: how it is written, extended, and at the end deleted.

use std::collections::VecDeque;
use std::time::Duration;

use super::rules::Rules;
use super::step::{Answer, Ask, Deed};

/// The longest wait before a node is asked once more to delete a value.
const AGAIN_MAX: Duration = Duration::from_secs(1);
/// If it is not known whether a value was written, it is forgotten this long after its time to live.
const FORGET: Duration = Duration::from_secs(60);

/// Requests that are still to be sent.
#[derive(Debug, Default)]
pub(super) struct Out {
    pub(super) asks: VecDeque<Ask>,
    numbers: u64,
}

/// What a node has of this value, as far as is known.
#[derive(Clone, Debug, Default)]
struct Seat {
    /// The request to take or extend that has no answer yet.
    take: Option<u64>,
    /// The request to free that has no answer yet.
    free: Option<Free>,
    /// Whether the value may be there.
    holds: bool,
    /// When the value has expired there, at the latest.
    gone: Duration,
    /// When to ask once more to free it.
    again: Option<Duration>,
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
    asked: Duration,
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
    Had { asked: Duration, until: Duration },
    Not { taken: usize, failed: usize },
}

/// One value on all nodes.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) attempt: u64,
    rules: Rules,
    seats: Vec<Seat>,
    round: Option<Round>,
    letting_go: bool,
}

impl Claim {
    pub(super) fn new(rules: Rules, attempt: u64) -> Self {
        let seat = Seat { wait: rules.patience, ..Seat::default() };
        let seats = vec![seat; rules.nodes];
        Self { attempt, rules, seats, round: None, letting_go: false }
    }

    /// Asks all nodes at once to take or to extend the value, except those that are spared. A node that
    /// has not answered an earlier such request is not asked another one.
    pub(super) fn ask_all(
        &mut self,
        now: Duration,
        deed: Deed,
        spared: impl Fn(usize) -> bool,
        out: &mut Out,
    ) -> Option<Verdict> {
        let mut votes = Vec::with_capacity(self.seats.len());
        let by = now + self.rules.patience;
        for (node, seat) in self.seats.iter_mut().enumerate() {
            if seat.take.is_some() || spared(node) {
                votes.push(Vote::Failed);
                continue;
            }
            let number = out.ask(node, self.attempt, deed, by);
            seat.take = Some(number);
            seat.gone = now + self.rules.ttl + FORGET;
            votes.push(Vote::Open(number));
        }
        self.round = Some(Round { asked: now, votes });
        self.verdict(now)
    }

    /// Starts to delete the value on all nodes.
    pub(super) fn let_go(&mut self, now: Duration, out: &mut Out) {
        self.letting_go = true;
        self.round = None;
        for node in 0..self.seats.len() {
            self.free(now, node, out);
        }
    }

    fn free(&mut self, now: Duration, node: usize, out: &mut Out) {
        let Some(seat) = self.seats.get_mut(node) else { return };
        if seat.free.is_some() || !(seat.holds || seat.take.is_some()) {
            return;
        }
        let by = now + self.rules.patience;
        let number = out.ask(node, self.attempt, Deed::Free, by);
        seat.free = Some(Free { number, blind: seat.take.is_some() });
        seat.again = None;
    }

    /// Takes in an answer.
    pub(super) fn hear(
        &mut self,
        now: Duration,
        ask: &Ask,
        answer: Answer,
        out: &mut Out,
    ) -> Option<Verdict> {
        match ask.deed {
            Deed::Free => {
                self.hear_freed(now, ask, answer, out);
                None
            }
            Deed::Take | Deed::Extend => {
                let Rules { ttl, drift, .. } = self.rules;
                let seat = self.seats.get_mut(ask.node).filter(|it| it.take == Some(ask.number))?;
                seat.take = None;
                match answer {
                    Answer::Yes => (seat.holds, seat.gone) = (true, now + ttl + drift),
                    // The request may be carried out much later.
                    Answer::Unknown => (seat.holds, seat.gone) = (true, now + ttl + FORGET),
                    Answer::No => seat.holds = false,
                    Answer::Failed => {}
                }
                if self.letting_go && seat.holds {
                    self.free(now, ask.node, out);
                }
                self.vote(now, ask, answer)
            }
        }
    }

    fn hear_freed(&mut self, now: Duration, ask: &Ask, answer: Answer, out: &mut Out) {
        let Some(seat) = self.seats.get_mut(ask.node) else { return };
        let Some(free) = seat.free.filter(|free| free.number == ask.number) else { return };
        seat.free = None;
        match answer {
            Answer::Yes | Answer::No if !free.blind => seat.holds = false,
            Answer::Yes | Answer::No if seat.take.is_some() => {}
            Answer::Yes | Answer::No => self.free(now, ask.node, out),
            Answer::Failed | Answer::Unknown => {
                seat.again = Some(now + seat.wait);
                seat.wait = (seat.wait * 2).min(AGAIN_MAX);
            }
        }
    }

    fn vote(&mut self, now: Duration, ask: &Ask, answer: Answer) -> Option<Verdict> {
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
        let Round { asked, votes } = self.round.as_ref()?;
        let count = |wanted: fn(&Vote) -> bool| votes.iter().filter(|vote| wanted(vote)).count();
        let yes = count(|vote| matches!(vote, Vote::Yes));
        let open = count(|vote| matches!(vote, Vote::Open(_)));
        let taken = count(|vote| matches!(vote, Vote::Taken));
        let failed = count(|vote| matches!(vote, Vote::Failed));
        let until = self.rules.until(*asked);
        let verdict = if yes >= self.rules.quorum && until > now {
            Verdict::Had { asked: *asked, until }
        } else if yes >= self.rules.quorum {
            // They answered too late to be of use.
            Verdict::Not { taken, failed: failed + yes }
        } else if yes + open < self.rules.quorum {
            Verdict::Not { taken, failed }
        } else {
            return None;
        };
        self.round = None;
        Some(verdict)
    }

    /// Does what is due at this time.
    pub(super) fn tick(&mut self, now: Duration, out: &mut Out) -> Option<Verdict> {
        for node in 0..self.seats.len() {
            let Some(seat) = self.seats.get_mut(node) else { continue };
            if self.letting_go && now >= seat.gone {
                *seat = Seat::default();
            } else if seat.again.is_some_and(|again| again <= now) {
                seat.again = None;
                self.free(now, node, out);
            }
        }
        let round = self.round.as_mut()?;
        if now < round.asked + self.rules.patience {
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
        let round = self.round.as_ref().map(|round| round.asked + self.rules.patience);
        let again = self.seats.iter().filter_map(|seat| seat.again).min();
        let alive = |seat: &&Seat| self.letting_go && !seat.is_empty();
        let gone = self.seats.iter().filter(alive).map(|seat| seat.gone).min();
        [round, again, gone].into_iter().flatten().min()
    }

    /// Whether the value may still be on this node.
    pub(super) fn may_be_on(&self, node: usize) -> bool {
        self.seats.get(node).is_some_and(|seat| !seat.is_empty())
    }

    /// How many nodes are known not to have the value.
    pub(super) fn free_nodes(&self) -> usize {
        self.seats.iter().filter(|seat| !seat.holds && seat.take.is_none()).count()
    }

    /// Whether the value is gone from all nodes and no answer is awaited.
    pub(super) fn is_over(&self) -> bool {
        self.letting_go && self.seats.iter().all(Seat::is_empty)
    }
}

impl Seat {
    fn is_empty(&self) -> bool {
        !self.holds && self.take.is_none() && self.free.is_none()
    }
}

impl Out {
    fn ask(&mut self, node: usize, attempt: u64, deed: Deed, by: Duration) -> u64 {
        self.numbers += 1;
        self.asks.push_back(Ask { node, attempt, number: self.numbers, deed, by });
        self.numbers
    }
}
