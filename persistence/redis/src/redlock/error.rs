//! Why there is no lock.

use super::rules::BadRules;

/// Why there is no lock, or no more time for one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedlockError {
    /// The number of nodes or the time to live is no use.
    #[error(transparent)]
    Rules(
        /// Which, and what would be.
        #[from]
        BadRules,
    ),
    /// A node's address is no single server, or the same as another's.
    #[error("the nodes of a lock are servers of their own, each named once: {0}")]
    Nodes(
        /// What is wrong.
        String,
    ),
    /// A thread could not be started.
    #[error("the lock needs a thread for each node, and one cannot be started: {0}")]
    Thread(
        /// What the system said.
        String,
    ),
    /// A node does not run scripts.
    #[error(
        "{server} does not run scripts ({why}), and without EVAL a lock cannot be released safely: \
         allow EVAL there (ACL SETUSER … +eval, no rename-command), or name another node"
    )]
    NoScripts {
        /// Which node.
        server: String,
        /// What it said.
        why: String,
    },
    /// A node refuses us.
    #[error("{server} refuses: {why}")]
    Refused {
        /// Which node.
        server: String,
        /// What it said.
        why: String,
    },
    /// A node does not answer.
    #[error("{server} does not answer: {why}")]
    Unreachable {
        /// Which node.
        server: String,
        /// What went wrong.
        why: String,
    },
    /// Somebody else has the lock.
    #[error("somebody else holds {name} (on {taken} of {nodes} nodes)")]
    Taken {
        /// The lock.
        name: String,
        /// On how many nodes.
        taken: usize,
        /// Of how many.
        nodes: usize,
    },
    /// Too few nodes answered.
    #[error("{name} cannot be had: {failed} of {nodes} nodes did not do as asked: {why}")]
    NoQuorum {
        /// The lock.
        name: String,
        /// How many did not.
        failed: usize,
        /// Of how many.
        nodes: usize,
        /// What the nodes said last.
        why: String,
    },
    /// The lock is not ours any more.
    #[error("{0} is held no longer: its validity has ended, or others have it")]
    Lost(
        /// The lock.
        String,
    ),
    /// Too few nodes gave more time. What there was before still holds.
    #[error("{0} could not be extended: too few nodes agreed")]
    NotExtended(
        /// The lock.
        String,
    ),
    /// The threads have ended.
    #[error("the threads of the lock have ended")]
    Ended,
}
