//! A node as a lock sees one: one key with an end, and a clock that may be wrong.

use pricetime_redis::redlock::{Answer, Ask, Deed};

use super::plan::Spoil;

/// Whose a value is: which lease, and which attempt of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    /// The number of the lease.
    pub(super) lease: usize,
    /// The attempt.
    pub(super) attempt: u64,
}

/// What a node promised: that until then nobody else gets the lock from it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Promise {
    /// To whom.
    pub(super) owner: Owner,
    /// True time.
    pub(super) until: u64,
    /// Whether something happened to the node by which it could not keep it.
    pub(super) broken: bool,
}

/// A node. Times are true ones, in microseconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// How many millionths its clock is fast.
    fast_ppm: i64,
    /// Until when it answers nobody, with what it is asked kept for later.
    pub(super) hung_until: u64,
    /// Until when nobody can connect to it.
    pub(super) dead_until: u64,
    /// What it was asked since it hangs: whose question, and whether the answer is heard.
    pub(super) waiting: Vec<(usize, Ask, bool)>,
    key: Option<(Owner, u64)>,
    /// Who had it when its clock jumped back.
    delayed: Option<Owner>,
    promises: Vec<Promise>,
}

impl Node {
    /// One whose clock is so much fast.
    pub(super) fn new(fast_ppm: i64) -> Self {
        Self { fast_ppm, ..Self::default() }
    }

    /// Who still has the lock here, and not because its clock jumped back.
    #[must_use]
    pub(super) fn left(&self, now: u64) -> Option<Owner> {
        let key = self.key.filter(|(owner, end)| *end > now && self.delayed != Some(*owner));
        key.map(|(owner, _)| owner)
    }

    /// What it promised this one.
    #[must_use]
    pub(super) fn promise(&self, to: Owner, now: u64) -> Option<Promise> {
        self.promises.iter().find(|it| it.owner == to && it.until > now).copied()
    }

    /// Does what it is asked.
    pub(super) fn carry_out(
        &mut self,
        now: u64,
        deed: Deed,
        owner: Owner,
        (ttl, spoil): (u64, Spoil),
    ) -> Answer {
        self.key = self.key.filter(|(_, end)| *end > now);
        let same = |found: Owner| {
            found == owner || (spoil == Spoil::OneValue && found.lease == owner.lease)
        };
        let ours = self.key.map(|(found, _)| same(found));
        match (deed, ours) {
            (Deed::Take | Deed::Extend, None) | (Deed::Extend, Some(true)) => {
                let life = u128::from(ttl) * 1_000_000;
                let rate = u128::from(1_000_000_u64.saturating_add_signed(self.fast_ppm));
                let end = now + u64::try_from(life / rate).unwrap_or(u64::MAX);
                self.key = Some((owner, end));
                self.promises.retain(|it| it.until > now && it.owner != owner);
                self.promises.push(Promise { owner, until: end, broken: false });
                Answer::Yes
            }
            (Deed::Free, Some(true)) => {
                self.key = None;
                self.promises.retain(|it| it.owner != owner);
                Answer::Yes
            }
            (Deed::Free, Some(false)) if spoil == Spoil::BlindFree => {
                self.key = None;
                Answer::Yes
            }
            (Deed::Take, Some(_))
            | (Deed::Extend | Deed::Free, Some(false))
            | (Deed::Free, None) => Answer::No,
        }
    }

    /// It forgets everything, or its clock jumps ahead.
    pub(super) fn forget(&mut self) {
        self.key = None;
        for promise in &mut self.promises {
            promise.broken = true;
        }
    }

    /// Its clock jumps back: what it has ends so much later.
    pub(super) fn delay(&mut self, by: u64) {
        if let Some((owner, end)) = &mut self.key {
            self.delayed = Some(*owner);
            *end += by;
        }
    }
}
