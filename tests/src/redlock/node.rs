//! A node as the lock sees it: one key with an expiry, and a clock that may be wrong.

use pricetime_redis::redlock::{Answer, NodeRequest, Operation};

use super::plan::BrokenRule;

/// The owner of a value: a lease and its attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    /// The number of the lease.
    pub(super) lease: usize,
    /// The attempt.
    pub(super) attempt: u64,
}

/// A node's promise not to give the lock to another owner before a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Promise {
    /// The owner that has the promise.
    pub(super) owner: Owner,
    /// The end of the promise, in true time.
    pub(super) until: u64,
    /// Whether a fault of the node prevented it from keeping the promise.
    pub(super) broken: bool,
}

/// A node. Times are true times, in microseconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// How much its clock is fast, in millionths.
    fast_ppm: i64,
    /// The end of a hang. Until then it answers no requests, and keeps them for later.
    pub(super) hung_until: u64,
    /// The end of a failure, during which it accepts no connections.
    pub(super) dead_until: u64,
    /// The requests received during a hang: the lease, the request, and whether the answer reaches it.
    pub(super) waiting: Vec<(usize, NodeRequest, bool)>,
    key: Option<(Owner, u64)>,
    /// The owner at the time when the clock jumped back.
    delayed: Option<Owner>,
    promises: Vec<Promise>,
}

impl Node {
    /// Creates a node whose clock is fast by `fast_ppm`.
    pub(super) fn new(fast_ppm: i64) -> Self {
        Self { fast_ppm, ..Self::default() }
    }

    /// The owner of the lock on this node, unless it only remains because the clock jumped back.
    #[must_use]
    pub(super) fn leftover(&self, now: u64) -> Option<Owner> {
        let key = self.key.filter(|(owner, end)| *end > now && self.delayed != Some(*owner));
        key.map(|(owner, _)| owner)
    }

    /// The promise to this owner, if it has not expired.
    #[must_use]
    pub(super) fn promise(&self, to: Owner, now: u64) -> Option<Promise> {
        self.promises.iter().find(|it| it.owner == to && it.until > now).copied()
    }

    /// Executes a request.
    pub(super) fn carry_out(
        &mut self,
        now: u64,
        operation: Operation,
        owner: Owner,
        (ttl, broken_rule): (u64, BrokenRule),
    ) -> Answer {
        self.key = self.key.filter(|(_, end)| *end > now);
        let same = |found: Owner| {
            found == owner || (broken_rule == BrokenRule::OneValue && found.lease == owner.lease)
        };
        let ours = self.key.map(|(found, _)| same(found));
        match (operation, ours) {
            (Operation::Take | Operation::Extend, None) | (Operation::Extend, Some(true)) => {
                let life = u128::from(ttl) * 1_000_000;
                let rate = u128::from(1_000_000_u64.saturating_add_signed(self.fast_ppm));
                let end = now + u64::try_from(life / rate).unwrap_or(u64::MAX);
                self.key = Some((owner, end));
                self.promises.retain(|it| it.until > now && it.owner != owner);
                self.promises.push(Promise { owner, until: end, broken: false });
                Answer::Yes
            }
            (Operation::Free, Some(true)) => {
                self.key = None;
                self.promises.retain(|it| it.owner != owner);
                Answer::Yes
            }
            (Operation::Free, Some(false)) if broken_rule == BrokenRule::BlindFree => {
                self.key = None;
                Answer::Yes
            }
            (Operation::Take, Some(_))
            | (Operation::Extend | Operation::Free, Some(false))
            | (Operation::Free, None) => Answer::No,
        }
    }

    /// Loses all data, or has its clock jump ahead.
    pub(super) fn forget(&mut self) {
        self.key = None;
        for promise in &mut self.promises {
            promise.broken = true;
        }
    }

    /// Moves its clock back: its key expires that much later.
    pub(super) fn delay(&mut self, by: u64) {
        if let Some((owner, end)) = &mut self.key {
            self.delayed = Some(*owner);
            *end += by;
        }
    }
}
