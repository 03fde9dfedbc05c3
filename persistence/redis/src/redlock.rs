//! Redlock: a lock over an odd number of independent Redis servers.
//!
//! A lock is held once more than half of the nodes have written its value. It is valid for its time to
//! live, less the time that the requests took and a margin for differences between clocks. [`Lease`] is
//! that as a state machine without clock, randomness or sockets, of which the tests drive millions.
//! Around it, a thread for each node and one that drives all locks run behind [`Redlock`] and [`Held`].
//!
//! The lock saves work that would be done twice. No other client believes that it holds the lock, as long
//! as more than half of the nodes keep what they granted: their clocks run within one percent of ours,
//! and none of them loses its data before the time to live has passed. A node that restarts without its
//! data can break that, and so can a holder that sleeps between checking and acting. If something must
//! never happen twice, it needs a fencing token that is checked where it happens.
//!
//! The nodes must run scripts (`EVAL`), because a value may be deleted or extended only if it is ours.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use pricetime_redis::{KeyNames, RedisOptions};
//! use pricetime_redis::redlock::Redlock;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let nodes = ["redis://one", "redis://two", "redis://three"];
//! let nodes: Vec<_> = nodes.into_iter().map(RedisOptions::parse).collect::<Result<_, _>>()?;
//! let redlock = Redlock::open(&nodes)?;
//! let name = KeyNames::default().lock("settlement_processing", "7");
//! let held = redlock.lock(&name, Duration::from_secs(10), Duration::from_secs(1))?;
//! held.keep()?;
//! while held.is_valid() {
//!     // A piece of the work that would otherwise be done twice.
//!     # break;
//! }
//! # Ok(())
//! # }
//! ```

mod claim;
pub(crate) mod clock;
mod driver;
mod error;
mod handle;
mod held;
mod lease;
mod measure;
mod node;
mod rules;
mod step;
#[cfg(test)]
mod tests;

pub use clock::{Clock, MachineClock};
pub use error::RedlockError;
pub use handle::Redlock;
pub use held::Held;
pub use lease::Lease;
pub use measure::{LockTimes, measure_locks};
pub use rules::{BadRules, NODES_MAX, Rules, TTL_MAX, TTL_MIN};
pub use step::{Answer, NodeRequest, Operation, Reply, Step};
