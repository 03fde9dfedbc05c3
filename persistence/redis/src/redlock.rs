//! Redlock: a lock over an odd number of Redis servers that know nothing of each other.
//!
//! A lock is had when more than half of the nodes have written its value, and it is valid for its
//! time to live less what the asking took and what clocks may differ. [`Lease`] is that as a value
//! without clock, chance or socket, of which the tests drive millions; around it go a thread for each
//! node and one that drives all locks, behind [`Redlock`] and [`Held`].
//!
//! What it is good for: to spare work that would be done twice. As long as of the nodes that granted
//! a lock more than half keep what they said (their clocks run within one in a hundred of ours, and
//! none of them comes back empty before its time to live has passed), nobody else believes to have
//! it. A node that restarts without its memory, or a holder that sleeps between looking and
//! acting, can break that; what must never happen twice needs a token that is checked where it
//! happens.
//!
//! The nodes must run scripts (`EVAL`), for what is deleted or prolonged must be ours.
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
pub use step::{Answer, Ask, Deed, Reply, Step};
