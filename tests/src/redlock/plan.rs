//! The schedule of a run, generated from its seed.

use std::time::Duration;

use pricetime_redis::redlock::Rules;

use crate::generate::random::Random;

/// A rule that is broken on purpose, to check that the simulation detects it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokenRule {
    /// No rule is broken.
    Nothing,
    /// One node fewer than a quorum is enough.
    Quorum,
    /// Clock drift is not subtracted from the validity.
    Drift,
    /// The validity counts from the last answer, not from the request.
    FromAnswer,
    /// A holder waits for a notification of the end instead of checking the time.
    Trusting,
    /// A release does not compare the value.
    BlindFree,
    /// All attempts write the same value.
    OneValue,
    /// Nothing is released.
    NoCleaning,
}

/// A fault at a node or holder. Times are true times, in microseconds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// A node answers no requests for this time.
    Hang { node: usize, lasts: u64 },
    /// A node is down for this time, and returns with its data.
    Die { node: usize, lasts: u64 },
    /// A node returns empty, or its clock jumps ahead.
    Forget { node: usize },
    /// The clock of a node jumps back.
    Delay { node: usize, by: u64 },
    /// A holder sleeps.
    Sleep { holder: usize, lasts: u64 },
}

/// A schedule.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// The rules, possibly broken.
    pub(super) rules: Rules,
    /// The broken rule.
    pub(super) broken_rule: BrokenRule,
    /// The number of competing holders.
    pub(super) holders: usize,
    /// The time to live.
    pub(super) ttl: u64,
    /// The percentage of requests that fail on the way.
    pub(super) failure_percent: u64,
    /// Whether a connection preserves order, whatever happens to it.
    pub(super) in_order: bool,
    /// Whether late answers are still delivered.
    pub(super) delivers_late_answers: bool,
    /// The end of all faults.
    pub(super) end: u64,
    /// The faults and their times.
    pub(super) faults: Vec<(u64, Fault)>,
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Plan {
    /// Generates the plan.
    ///
    /// # Panics
    /// Never panics.
    #[must_use]
    pub(super) fn new(random: &mut Random, broken_rule: BrokenRule) -> Self {
        let nodes = if broken_rule == BrokenRule::Quorum {
            random.pick([3, 5])
        } else {
            random.pick([1, 3, 5])
        };
        let ttl = Duration::from_millis(random.pick([50, 200, 1_000, 10_000]));
        let mut rules = Rules::new(nodes, ttl).expect("rules");
        match broken_rule {
            BrokenRule::Quorum => rules.quorum -= 1,
            BrokenRule::Drift => rules.drift = Duration::ZERO,
            BrokenRule::Nothing
            | BrokenRule::FromAnswer
            | BrokenRule::Trusting
            | BrokenRule::BlindFree
            | BrokenRule::OneValue
            | BrokenRule::NoCleaning => {}
        }
        let ttl = micros(ttl);
        let end = ttl * random.within(2, 5);
        let forgets = broken_rule == BrokenRule::Nothing && random.chance(50);
        let holders = 2 + usize::from(random.chance(50));
        let faults = (0..random.pick([0, 2, 6, 12]))
            .map(|_| {
                let at = random.below(end);
                let lasts = random.below(ttl * 2).min(end - at);
                let node = random.below(nodes as u64) as usize;
                let fault = match random.below(5) {
                    0 => Fault::Hang { node, lasts },
                    1 => Fault::Die { node, lasts },
                    2 if forgets => Fault::Forget { node },
                    2 | 3 => Fault::Delay { node, by: lasts / 4 },
                    _ => Fault::Sleep { holder: random.below(holders as u64) as usize, lasts },
                };
                (at, fault)
            })
            .collect();
        Self {
            rules,
            broken_rule,
            holders,
            ttl,
            failure_percent: random.pick([0, 5, 25]),
            in_order: random.chance(70),
            delivers_late_answers: random.chance(50),
            end,
            faults,
        }
    }

    /// The time limit for an answer.
    #[must_use]
    pub(super) fn answer_timeout(&self) -> u64 {
        micros(self.rules.answer_timeout)
    }
}
