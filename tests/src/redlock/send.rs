//! The network between leases and nodes, with its faults.

use pricetime_redis::redlock::{Answer, NodeRequest, Operation};

use super::node::Owner;
use super::plan::BrokenRule;
use super::world::{Event, World};

impl World {
    /// The latency of a message without faults.
    fn latency(&mut self) -> u64 {
        let most = self.random.pick([100, 300, 1_500]);
        self.random.below(most)
    }

    /// Sends a request. It gets exactly one answer, whatever happens.
    pub(super) fn send(&mut self, lease: usize, ask: NodeRequest) {
        let holder = self.leases[lease].holder;
        let deadline = self.holders[holder].true_time(ask.deadline).max(self.now);
        let mut arrives = self.now + self.latency();
        if self.plan.broken_rule == BrokenRule::NoCleaning && ask.operation == Operation::Free {
            return self.schedule(arrives, Event::Answer { lease, ask, answer: Answer::Yes });
        }
        let mut is_answered = true;
        if self.random.chance(self.plan.failure_percent) {
            match self.random.below(5) {
                0 => {
                    return self
                        .schedule(arrives, Event::Answer { lease, ask, answer: Answer::Failed });
                }
                1 => {
                    let answer = Answer::Unknown;
                    let at = self.random.within(self.now, deadline);
                    return self.schedule(at, Event::Answer { lease, ask, answer });
                }
                2 => is_answered = false,
                _ => arrives += self.random.below(self.plan.answer_timeout() * 4),
            }
        }
        let last = &mut self.holders[holder].last[ask.node];
        if self.plan.in_order {
            arrives = arrives.max(*last + 1);
        }
        *last = (*last).max(arrives);
        self.schedule(arrives, Event::Arrive { lease, ask, is_answered });
        if !self.plan.delivers_late_answers || !is_answered {
            self.schedule(deadline, Event::Answer { lease, ask, answer: Answer::Unknown });
        }
    }

    /// Resumes a node, which then executes the requests it got during the hang.
    pub(super) fn revive(&mut self, node: usize) {
        if self.nodes[node].hung_until > self.now {
            return;
        }
        for (lease, ask, is_answered) in std::mem::take(&mut self.nodes[node].waiting) {
            self.arrive(lease, ask, is_answered);
        }
    }

    /// Handles the arrival of a request.
    pub(super) fn arrive(&mut self, lease: usize, ask: NodeRequest, is_answered: bool) {
        let (now, back) = (self.now, self.now + self.latency());
        let node = &mut self.nodes[ask.node];
        if node.dead_until > now {
            // The connection is refused at once; or the node dies before it reads the request.
            let answer = if self.random.chance(80) { Answer::Failed } else { Answer::Unknown };
            return self.schedule(back, Event::Answer { lease, ask, answer });
        }
        if node.hung_until > now {
            return node.waiting.push((lease, ask, is_answered));
        }
        let owner = Owner { lease, attempt: ask.attempt };
        let with = (self.plan.ttl, self.plan.broken_rule);
        let answer = node.carry_out(now, ask.operation, owner, with);
        if is_answered {
            self.schedule(back, Event::Answer { lease, ask, answer });
        }
    }
}
