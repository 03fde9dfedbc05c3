//! The answer to a command.

use std::ops::Deref;

use pricetime_engine::{Group, NotAccepted};

/// What a command did, as its [`Group`] of events. The engine may have refused the command, so an answer has
/// to be used: [`accepted`](Self::accepted) turns a refusal into an error.
///
/// ```
/// # use pricetime::engine::{MarketId, NotAccepted, Phase, Reason};
/// # use pricetime::{Host, Options};
/// # let folder = tempfile::tempdir()?;
/// # let host = Host::open(Options::new(folder.path()))?;
/// let answer = host.operator(MarketId(1)).set_phase(Phase::Continuous).wait()?; // There is no market yet.
/// assert_eq!(answer.accepted(), Err(NotAccepted::Rejected(Reason::UnknownMarket)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the engine may have refused the command: `accepted()` returns an error if it did"]
pub struct Answer(Group);

impl Answer {
    /// Returns the group of an accepted command.
    ///
    /// # Errors
    /// Returns [`NotAccepted`] if the command was refused or repeats an earlier one.
    pub fn accepted(self) -> Result<Group, NotAccepted> {
        self.0.accepted()
    }

    /// Returns the group, whatever its outcome is.
    #[must_use]
    pub fn into_group(self) -> Group {
        self.0
    }
}

impl Deref for Answer {
    type Target = Group;

    fn deref(&self) -> &Group {
        &self.0
    }
}

impl From<Group> for Answer {
    fn from(group: Group) -> Self {
        Self(group)
    }
}
