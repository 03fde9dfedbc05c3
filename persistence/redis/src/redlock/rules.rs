//! How many nodes are enough, and how long things may take.

use std::time::Duration;

/// The shortest time to live: below it nothing is left of it when the nodes have answered.
pub const TTL_MIN: Duration = Duration::from_millis(20);
/// The longest.
pub const TTL_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// More nodes than this make nothing safer.
pub const NODES_MAX: usize = 15;

/// What one lock goes by.
///
/// [`Rules::new`] makes them. The fields are open so that a test can spoil one and see that it
/// mattered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How many nodes there are.
    pub nodes: usize,
    /// How many of them must say yes.
    pub quorum: usize,
    /// How long a node keeps what it granted.
    pub ttl: Duration,
    /// How long the answer of a node may take.
    pub patience: Duration,
    /// What is taken off for clocks that do not run alike.
    pub drift: Duration,
}

/// Why there are no rules for this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRules {
    /// Not an odd number of nodes.
    #[error("a lock needs an odd number of nodes, from 1 to {NODES_MAX}, and not {0}")]
    Nodes(
        /// How many there are.
        usize,
    ),
    /// A time to live that is no use.
    #[error("a lock lives from {TTL_MIN:?} to {TTL_MAX:?}, and not {0:?}")]
    Ttl(
        /// How long.
        Duration,
    ),
}

impl Rules {
    /// The rules for so many nodes and this time to live, of which whole milliseconds count.
    ///
    /// # Errors
    /// [`BadRules`] where there are none.
    pub fn new(nodes: usize, ttl: Duration) -> Result<Self, BadRules> {
        if nodes.is_multiple_of(2) || nodes > NODES_MAX {
            return Err(BadRules::Nodes(nodes));
        }
        if !(TTL_MIN..=TTL_MAX).contains(&ttl) {
            return Err(BadRules::Ttl(ttl));
        }
        let ttl =
            Duration::from_secs(ttl.as_secs()) + Duration::from_millis(ttl.subsec_millis().into());
        let patience = (ttl / 20).clamp(Duration::from_millis(5), Duration::from_millis(50));
        let drift = ttl / 100 + Duration::from_millis(2);
        Ok(Self { nodes, quorum: nodes / 2 + 1, ttl, patience, drift })
    }

    /// Until when what was asked for at this time holds, if enough nodes said yes.
    #[must_use]
    pub fn until(&self, asked: Duration) -> Duration {
        (asked + self.ttl).saturating_sub(self.drift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_those_of_the_specification() {
        let ms = Duration::from_millis;
        let rules = |nodes, ttl| Rules::new(nodes, ms(ttl)).unwrap();
        assert_eq!([1, 3, 5, 7].map(|nodes| rules(nodes, 200).quorum), [1, 2, 3, 4]);
        assert_eq!([20, 200, 10_000].map(|ttl| rules(1, ttl).patience), [5, 10, 50].map(ms));
        assert_eq!(rules(1, 10_000).drift, ms(102));
        assert_eq!(rules(1, 10_000).until(ms(7)), ms(9_905));
        assert_eq!(Rules::new(4, ms(200)), Err(BadRules::Nodes(4)));
        assert_eq!(Rules::new(0, ms(200)), Err(BadRules::Nodes(0)));
        assert_eq!(Rules::new(17, ms(200)), Err(BadRules::Nodes(17)));
        assert_eq!(Rules::new(3, ms(19)), Err(BadRules::Ttl(ms(19))));
    }
}
