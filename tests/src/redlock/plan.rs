//! What a schedule is like: drawn from its seed.

use std::time::Duration;

use pricetime_redis::redlock::Rules;

use crate::generate::random::Random;

/// A rule that is broken on purpose, to see that it is missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoil {
    /// None.
    Nothing,
    /// One node less is enough.
    Quorum,
    /// Nothing is taken off for clocks that differ.
    Drift,
    /// The validity counts from the last answer, not from the question.
    FromAnswer,
    /// A holder waits to be told of the end instead of looking at the time.
    Trusting,
    /// What is freed is not compared.
    BlindFree,
    /// All attempts write the same value.
    OneValue,
    /// Nothing is freed.
    NoCleaning,
}

/// What goes wrong, and when. Times are true ones, in microseconds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// A node answers nobody for so long.
    Hang { node: usize, lasts: u64 },
    /// A node is gone for so long, and comes back as it was.
    Die { node: usize, lasts: u64 },
    /// A node comes back empty, or has its clock jump ahead.
    Forget { node: usize },
    /// The clock of a node jumps back.
    Delay { node: usize, by: u64 },
    /// A holder sleeps.
    Sleep { holder: usize, lasts: u64 },
}

/// A schedule.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// The rules, spoilt or not.
    pub(super) rules: Rules,
    /// What is spoilt.
    pub(super) spoil: Spoil,
    /// How many compete.
    pub(super) holders: usize,
    /// The time to live.
    pub(super) ttl: u64,
    /// How many questions in a hundred go wrong on the way.
    pub(super) trouble: u64,
    /// Whether a connection keeps what it carries in order, whatever happens to it.
    pub(super) in_order: bool,
    /// Whether answers that are late are told all the same.
    pub(super) tells_late: bool,
    /// When all is well again.
    pub(super) end: u64,
    /// What happens until then.
    pub(super) faults: Vec<(u64, Fault)>,
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Plan {
    /// The plan of this seed.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub(super) fn new(random: &mut Random, spoil: Spoil) -> Self {
        let nodes =
            if spoil == Spoil::Quorum { random.pick([3, 5]) } else { random.pick([1, 3, 5]) };
        let ttl = Duration::from_millis(random.pick([50, 200, 1_000, 10_000]));
        let mut rules = Rules::new(nodes, ttl).expect("rules");
        match spoil {
            Spoil::Quorum => rules.quorum -= 1,
            Spoil::Drift => rules.drift = Duration::ZERO,
            Spoil::Nothing
            | Spoil::FromAnswer
            | Spoil::Trusting
            | Spoil::BlindFree
            | Spoil::OneValue
            | Spoil::NoCleaning => {}
        }
        let ttl = micros(ttl);
        let end = ttl * random.within(2, 5);
        let forgets = spoil == Spoil::Nothing && random.chance(50);
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
            spoil,
            holders,
            ttl,
            trouble: random.pick([0, 5, 25]),
            in_order: random.chance(70),
            tells_late: random.chance(50),
            end,
            faults,
        }
    }

    /// How long an answer is waited for.
    #[must_use]
    pub(super) fn patience(&self) -> u64 {
        micros(self.rules.patience)
    }
}
