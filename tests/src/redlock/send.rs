//! The network between leases and nodes, with its faults.

use pricetime_redis::redlock::{Answer, Ask, Deed};

use super::node::Owner;
use super::plan::Spoil;
use super::world::{Event, World};

impl World {
    /// The latency of a message without faults.
    fn latency(&mut self) -> u64 {
        let most = self.random.pick([100, 300, 1_500]);
        self.random.below(most)
    }

    /// Sends a request. It gets exactly one answer, whatever happens.
    pub(super) fn send(&mut self, lease: usize, ask: Ask) {
        let holder = self.leases[lease].holder;
        let by = self.holders[holder].truly(ask.by).max(self.now);
        let mut arrives = self.now + self.latency();
        if self.plan.spoil == Spoil::NoCleaning && ask.deed == Deed::Free {
            return self.put(arrives, Event::Answer { lease, ask, answer: Answer::Yes });
        }
        let mut heard = true;
        if self.random.chance(self.plan.trouble) {
            match self.random.below(5) {
                0 => {
                    return self.put(arrives, Event::Answer { lease, ask, answer: Answer::Failed });
                }
                1 => {
                    let answer = Answer::Unknown;
                    let at = self.random.within(self.now, by);
                    return self.put(at, Event::Answer { lease, ask, answer });
                }
                2 => heard = false,
                _ => arrives += self.random.below(self.plan.patience() * 4),
            }
        }
        let last = &mut self.holders[holder].last[ask.node];
        if self.plan.in_order {
            arrives = arrives.max(*last + 1);
        }
        *last = (*last).max(arrives);
        self.put(arrives, Event::Arrive { lease, ask, heard });
        if !self.plan.tells_late || !heard {
            self.put(by, Event::Answer { lease, ask, answer: Answer::Unknown });
        }
    }

    /// Resumes a node, which then executes the requests it got during the hang.
    pub(super) fn revive(&mut self, node: usize) {
        if self.nodes[node].hung_until > self.now {
            return;
        }
        for (lease, ask, heard) in std::mem::take(&mut self.nodes[node].waiting) {
            self.arrive(lease, ask, heard);
        }
    }

    /// Handles the arrival of a request.
    pub(super) fn arrive(&mut self, lease: usize, ask: Ask, heard: bool) {
        let (now, back) = (self.now, self.now + self.latency());
        let node = &mut self.nodes[ask.node];
        if node.dead_until > now {
            // The connection is refused at once; or the node dies before it reads the request.
            let answer = if self.random.chance(80) { Answer::Failed } else { Answer::Unknown };
            return self.put(back, Event::Answer { lease, ask, answer });
        }
        if node.hung_until > now {
            return node.waiting.push((lease, ask, heard));
        }
        let owner = Owner { lease, attempt: ask.attempt };
        let with = (self.plan.ttl, self.plan.spoil);
        let answer = node.carry_out(now, ask.deed, owner, with);
        if heard {
            self.put(back, Event::Answer { lease, ask, answer });
        }
    }
}
