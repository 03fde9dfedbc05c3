//! Requests to nodes, their answers, and replies to a holder.

use std::time::Duration;

/// What a node is asked to do with the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Write our value with its time to live, if the key does not exist.
    Take,
    /// Extend our value if it is there; write it if the key does not exist.
    Extend,
    /// Delete our value if it is there.
    Free,
}

/// A request to a node. Each is answered exactly once, by [`Answer::Unknown`] at worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeRequest {
    /// The index of the node.
    pub node: usize,
    /// The attempt whose value this is about. Each attempt has a value of its own, so that a late request
    /// of an earlier attempt cannot touch the value of a later one.
    pub attempt: u64,
    /// The number of this request.
    pub number: u64,
    /// What to do.
    pub operation: Operation,
    /// The deadline of the answer. A request that has not been sent by then need not be sent.
    pub deadline: Duration,
}

/// The result of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was done.
    Yes,
    /// It was not done: the key has another value or, for [`Operation::Free`], no value.
    No,
    /// It was not done and will not be: it was never sent, or the node refused.
    Failed,
    /// It may have been done, or may yet be.
    Unknown,
}

/// A reply to the holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The lock is ours until the given time.
    Held {
        /// The end of its validity.
        until: Duration,
    },
    /// The lock was not acquired.
    Refused {
        /// How many nodes have another holder's value.
        taken: usize,
        /// How many nodes failed or did not answer in time.
        failed: usize,
    },
    /// The lock was extended.
    Extended {
        /// The new end of its validity.
        until: Duration,
    },
    /// The lock was not extended. It is ours only as long as before.
    NotExtended,
    /// The lock is no longer ours.
    Lost,
    /// The lock was released.
    Released {
        /// Whether enough nodes are known to be free that another client can have the lock now. The other
        /// nodes are freed when they answer, or when the value expires there.
        free: bool,
    },
}

/// The next thing for the driver to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Pass this reply to the holder before anything else is done.
    Notify(Reply),
    /// Send this request.
    NodeRequest(NodeRequest),
}
