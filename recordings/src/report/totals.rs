//! Counts of a whole run.

use std::collections::BTreeMap;

use pricetime_engine::{ActionKind, Outcome, Reason};

/// How many commands there were, and what became of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Totals {
    pub(super) commands: u64,
    /// Accepted, refused and repeated commands of each kind.
    pub(super) kinds: BTreeMap<ActionKind, [u64; 3]>,
    pub(super) reasons: BTreeMap<Reason, u64>,
}

impl Totals {
    /// Adds a command.
    pub(super) fn add(&mut self, kind: ActionKind, outcome: Outcome) {
        self.commands += 1;
        let [accepted, refused, repeated] = self.kinds.entry(kind).or_default();
        match outcome {
            Outcome::Accepted => *accepted += 1,
            Outcome::Rejected(reason) => {
                *refused += 1;
                *self.reasons.entry(reason).or_default() += 1;
            }
            Outcome::Duplicate => *repeated += 1,
        }
    }

    /// The number of commands that were refused.
    pub(super) fn refused(&self) -> u64 {
        self.reasons.values().sum()
    }
}
