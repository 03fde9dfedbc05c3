//! The quorum and the time limits of a lock.

use std::time::Duration;

/// The shortest time to live. With less, nothing of it would be left when the nodes have answered.
pub const TTL_MIN: Duration = Duration::from_millis(20);
/// The longest time to live.
pub const TTL_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// The most nodes. More would make nothing safer.
pub const NODES_MAX: usize = 15;

/// The quorum and the time limits of one lock.
///
/// [`Rules::new`] makes them. The fields are public so that a test can change one and see that it
/// matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How many nodes there are.
    pub nodes: usize,
    /// How many of them must grant a request.
    pub quorum: usize,
    /// How long a node keeps what it granted.
    pub ttl: Duration,
    /// How long a node may take to answer.
    pub answer_timeout: Duration,
    /// The margin for clocks that do not run alike.
    pub drift: Duration,
}

/// Why there are no such rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRules {
    /// The number of nodes is not odd, or is too large.
    #[error("a lock needs an odd number of nodes from 1 to {NODES_MAX}, not {0}")]
    Nodes(
        /// The number of nodes.
        usize,
    ),
    /// The time to live is too short or too long.
    #[error("the TTL of a lock must be from {TTL_MIN:?} to {TTL_MAX:?}, not {0:?}")]
    Ttl(
        /// The time to live.
        Duration,
    ),
}

impl Rules {
    /// The rules for this number of nodes and this time to live, which is cut to whole milliseconds.
    ///
    /// # Errors
    /// Returns [`BadRules`] if the number of nodes or the time to live is not allowed.
    pub fn new(nodes: usize, ttl: Duration) -> Result<Self, BadRules> {
        if nodes.is_multiple_of(2) || nodes > NODES_MAX {
            return Err(BadRules::Nodes(nodes));
        }
        if !(TTL_MIN..=TTL_MAX).contains(&ttl) {
            return Err(BadRules::Ttl(ttl));
        }
        let ttl =
            Duration::from_secs(ttl.as_secs()) + Duration::from_millis(ttl.subsec_millis().into());
        let answer_timeout = (ttl / 20).clamp(Duration::from_millis(5), Duration::from_millis(50));
        let drift = ttl / 100 + Duration::from_millis(2);
        Ok(Self { nodes, quorum: nodes / 2 + 1, ttl, answer_timeout, drift })
    }

    /// Until when a lock that was requested at this time is valid, if enough nodes granted it.
    #[must_use]
    pub fn until(&self, requested_at: Duration) -> Duration {
        (requested_at + self.ttl).saturating_sub(self.drift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_match_the_specification() {
        let ms = Duration::from_millis;
        let rules = |nodes, ttl| Rules::new(nodes, ms(ttl)).unwrap();
        assert_eq!([1, 3, 5, 7].map(|nodes| rules(nodes, 200).quorum), [1, 2, 3, 4]);
        assert_eq!([20, 200, 10_000].map(|ttl| rules(1, ttl).answer_timeout), [5, 10, 50].map(ms));
        assert_eq!(rules(1, 10_000).drift, ms(102));
        assert_eq!(rules(1, 10_000).until(ms(7)), ms(9_905));
        assert_eq!(Rules::new(4, ms(200)), Err(BadRules::Nodes(4)));
        assert_eq!(Rules::new(0, ms(200)), Err(BadRules::Nodes(0)));
        assert_eq!(Rules::new(17, ms(200)), Err(BadRules::Nodes(17)));
        assert_eq!(Rules::new(3, ms(19)), Err(BadRules::Ttl(ms(19))));
    }
}
