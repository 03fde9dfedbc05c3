//! The answers to commands that were submitted together.

use pricetime_engine::{Event, Header, Outcome};

use crate::groups::Groups;

/// What commands that were submitted together did, in their order. The engine may have refused any of them.
/// See [`Host::submit_many`](crate::Host::submit_many).
#[derive(Clone, Debug, Default)]
#[must_use = "the engine may have refused a command: look at each outcome"]
pub struct Answers(Groups);

impl Answers {
    /// Returns how many commands were answered. That is how many were submitted.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns `true` if no command was submitted.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the header, the events and the outcome of each command.
    pub fn iter(&self) -> impl Iterator<Item = (&Header, &[Event], Outcome)> {
        self.0.iter()
    }
}

impl From<Groups> for Answers {
    fn from(groups: Groups) -> Self {
        Self(groups)
    }
}
