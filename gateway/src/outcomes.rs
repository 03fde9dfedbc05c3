//! Counts the outcomes of commands.

use std::collections::BTreeMap;
use std::fmt;

use pricetime_engine::{Outcome, Reason};

use crate::words::{grouped, word};

/// How many commands had which outcome.
#[derive(Clone, Debug, Default)]
pub struct Outcomes {
    /// Accepted commands.
    pub accepted: u64,
    /// Repeats of earlier requests.
    pub duplicates: u64,
    rejected: BTreeMap<Reason, u64>,
}

impl Outcomes {
    /// Counts a command.
    pub fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Accepted => self.accepted += 1,
            Outcome::Duplicate => self.duplicates += 1,
            Outcome::Rejected(reason) => *self.rejected.entry(reason).or_default() += 1,
        }
    }

    /// Adds the counts of other commands.
    pub fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.duplicates += other.duplicates;
        for (reason, count) in &other.rejected {
            *self.rejected.entry(*reason).or_default() += count;
        }
    }

    /// How many commands were rejected.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// The reasons and their counts as text, or `None` if no command was rejected.
    #[must_use]
    pub fn reasons_text(&self) -> Option<String> {
        let each = self.rejected.iter();
        let each = each.map(|(reason, count)| format!("{} {}", grouped(*count), word(reason)));
        let text = each.collect::<Vec<_>>().join(", ");
        (!text.is_empty()).then_some(text)
    }

    /// How many commands were rejected, for each reason.
    #[must_use]
    pub fn reasons(&self) -> BTreeMap<String, u64> {
        self.rejected.iter().map(|(reason, count)| (word(reason), *count)).collect()
    }
}

impl fmt::Display for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} accepted, {} rejected", grouped(self.accepted), grouped(self.rejected()))?;
        if let Some(reasons) = self.reasons_text() {
            write!(f, " ({reasons})")?;
        }
        write!(f, ", {} duplicate", grouped(self.duplicates))
    }
}
