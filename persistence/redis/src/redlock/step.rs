//! What is asked of nodes and answered by them, and what a holder is told.

use std::time::Duration;

/// What a node is asked to do with the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Write our value, with its time to live, if nothing is there.
    Take,
    /// Prolong it if it is there; write it if nothing is there.
    Extend,
    /// Delete it if it is there.
    Free,
}

/// A question to a node. Each one is answered exactly once, by [`Answer::Unknown`] at worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Which node.
    pub node: usize,
    /// Whose value it is about: each attempt has a value of its own, so that what is still on its way
    /// for an earlier one cannot touch a later one.
    pub attempt: u64,
    /// The number of this question.
    pub number: u64,
    /// What it is to do.
    pub deed: Deed,
    /// When nobody waits for the answer any more. What has not been sent by then need not be.
    pub by: Duration,
}

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was done.
    Yes,
    /// It was not: another's value is there, or, where ours was to go, it is not there.
    No,
    /// It was not done and will not be: it was never sent, or the node refused.
    Failed,
    /// It may have been done, or may yet be.
    Unknown,
}

/// What a holder is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The lock is ours until then.
    Held {
        /// The end of its validity.
        until: Duration,
    },
    /// It was not had.
    Refused {
        /// How many nodes have another's value.
        taken: usize,
        /// How many did not answer, or not in time, or with an error.
        failed: usize,
    },
    /// It is ours for longer.
    Extended {
        /// The new end of its validity.
        until: Duration,
    },
    /// It is ours no longer than before.
    NotExtended,
    /// It is not ours any more.
    Lost,
    /// It was given back.
    Released {
        /// Whether enough nodes are known to be free for somebody else to have it now. The others
        /// are freed when they answer, or the value expires there.
        free: bool,
    },
}

/// What the shell is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Tell the holder, before anything else is done.
    Tell(Reply),
    /// Ask a node.
    Ask(Ask),
}
