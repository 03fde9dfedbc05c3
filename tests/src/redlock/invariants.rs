//! The invariants of the simulation, at every moment and at the end.

use std::time::Duration;

use super::node::Owner;
use super::plan::BrokenRule;
use super::world::World;

impl World {
    /// Runs the whole simulation.
    ///
    /// # Errors
    /// Returns the violated invariant.
    pub fn run(&mut self) -> Result<(), String> {
        self.until(self.plan.end)?;
        // All faults are over, and no holder wants the lock any more.
        for node in &mut self.nodes {
            (node.hung_until, node.dead_until) = (self.plan.end, self.plan.end);
        }
        self.plan.failure_percent = 0;
        for node in 0..self.nodes.len() {
            self.revive(node);
        }
        for lease in 0..self.leases.len() {
            self.with(lease, |it, now| it.release(now));
        }
        let calm = self.plan.end + 2_500_000;
        self.until(calm)?;
        let crashed = |owner: Owner| self.leases[owner.lease].crashed;
        let mut leftover = self.nodes.iter().filter_map(|node| node.leftover(calm));
        if let Some(owner) = leftover.find(|owner| self.plan.in_order && !crashed(*owner)) {
            return Err(format!("{owner:?} still has a node without knowing it"));
        }
        // A clock jumps back by at most half a time to live, and at most 12 times.
        let late = self.plan.ttl / 2 * 12;
        let free = calm + self.plan.ttl * 2 + late;
        self.until(free)?;
        let before = self.times_held;
        self.begin(0, Duration::ZERO);
        self.until(free + self.plan.answer_timeout() * 2)?;
        if self.times_held == before {
            return Err(String::from("all nodes work and are free, but the lock is not acquired"));
        }
        let last = self.leases.len() - 1;
        self.with(last, |it, now| it.release(now));
        self.until(free + 100_000_000)?;
        let unfinished = self.leases.iter().position(|it| !it.crashed && !it.lease.is_over());
        unfinished.map_or(Ok(()), |lease| Err(format!("lease {lease} never ends")))
    }

    /// Returns `true` if the holder of this lease believes that it has the lock.
    fn believes(&self, lease: usize) -> bool {
        let running = &self.leases[lease];
        let local = self.holders[running.holder].local(self.now);
        let until = match self.plan.broken_rule {
            BrokenRule::Trusting => return running.reported.is_some(),
            BrokenRule::FromAnswer => running.reported,
            BrokenRule::Nothing
            | BrokenRule::Quorum
            | BrokenRule::Drift
            | BrokenRule::BlindFree
            | BrokenRule::OneValue
            | BrokenRule::NoCleaning => running.lease.held_until(),
        };
        until.is_some_and(|until| until > local)
    }

    /// Checks the two invariants. A holder believes in a lock only if a quorum of nodes has promised it
    /// beyond this moment. If two holders believe, a node that one of them needed broke its promise.
    pub(super) fn check_invariants(&mut self) -> Result<(), String> {
        let (nodes, now) = (&self.nodes, self.now);
        let quorum = self.plan.rules.nodes / 2 + 1;
        let mut believers = self.active.iter().copied().filter(|lease| self.believes(*lease));
        let Some(first) = believers.next() else { return Ok(()) };
        let sound = |lease: usize| {
            let owner = Owner { lease, attempt: self.leases[lease].attempt };
            let promises: Vec<_> = nodes.iter().filter_map(|it| it.promise(owner, now)).collect();
            (promises.len(), promises.iter().filter(|it| !it.broken).count())
        };
        let Some(second) = believers.next() else {
            let (promised, _) = sound(first);
            let no_rule_broken = self.plan.broken_rule == BrokenRule::Nothing;
            if no_rule_broken && promised < quorum {
                return Err(format!("lease {first} holds with promises of {promised} nodes"));
            }
            return Ok(());
        };
        let both = [first, second].map(sound);
        if both.iter().all(|(promised, kept)| promised == kept || *kept >= quorum) {
            return Err(format!("leases {first} and {second} both hold, with {both:?} nodes"));
        }
        self.excused += 1;
        Ok(())
    }
}
