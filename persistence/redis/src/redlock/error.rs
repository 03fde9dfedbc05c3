//! The errors of locks.

use super::rules::BadRules;

/// Why there is no lock, or why a lock was not extended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedlockError {
    /// The number of nodes or the time to live is not allowed.
    #[error(transparent)]
    Rules(
        /// Which of them, and what is allowed.
        #[from]
        BadRules,
    ),
    /// A node is not a single server, or is named twice.
    #[error("the nodes of a lock must be single servers, each named once: {0}")]
    Nodes(
        /// What is wrong.
        String,
    ),
    /// A thread could not be started.
    #[error("the lock needs a thread for each node, and one cannot be started: {0}")]
    Thread(
        /// The error of the system.
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
        /// The error of the node.
        why: String,
    },
    /// A node refuses us.
    #[error("{server} refuses: {why}")]
    Refused {
        /// Which node.
        server: String,
        /// The error of the node.
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
    /// Another client has the lock.
    #[error("another process holds {name} (on {taken} of {nodes} nodes)")]
    Taken {
        /// The lock.
        name: String,
        /// How many nodes have another holder's value.
        taken: usize,
        /// How many nodes there are.
        nodes: usize,
    },
    /// Too few nodes answered.
    #[error("{name} cannot be locked: {failed} of {nodes} nodes did not confirm it: {why}")]
    NoQuorum {
        /// The lock.
        name: String,
        /// How many nodes did not do as asked.
        failed: usize,
        /// How many nodes there are.
        nodes: usize,
        /// The last errors of the nodes.
        why: String,
    },
    /// The lock is no longer ours.
    #[error("{0} is no longer held: it has expired, or another process has it")]
    Lost(
        /// The lock.
        String,
    ),
    /// Too few nodes extended the lock. It is ours for as long as before.
    #[error("{0} could not be extended: too few nodes confirmed it")]
    NotExtended(
        /// The lock.
        String,
    ),
    /// The threads have ended.
    #[error("the threads of the lock have ended")]
    Ended,
}
