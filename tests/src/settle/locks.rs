//! The servers of the locks. They grant a lease if they know of no other. They may be down, lose their
//! data, or answer after the client has stopped waiting.

use pricetime_settlement::Locked;

use crate::generate::random::Random;

use core::time::Duration;

#[derive(Clone, Debug, Default)]
struct Node {
    /// The leases: market, owner and expiry.
    leases: Vec<(usize, u64, u64)>,
    down_until: u64,
    late_until: u64,
}

/// An odd number of lock servers.
#[derive(Clone, Debug)]
pub struct Locks {
    nodes: Vec<Node>,
    /// The lifetime of a lease.
    pub ttl: u64,
}

/// A fault of a server.
#[derive(Clone, Copy, Debug)]
pub enum LockFault {
    /// It does not answer until this time.
    Down(u64),
    /// It answers too late until this time.
    Late(u64),
    /// It loses all leases.
    LosesLeases,
}

impl Locks {
    /// Creates this many servers, with leases of this lifetime.
    #[must_use]
    pub fn new(nodes: usize, ttl: u64) -> Self {
        Self { nodes: vec![Node::default(); nodes], ttl }
    }

    /// Applies a fault to one of them.
    pub fn apply(&mut self, fault: LockFault, random: &mut Random) {
        let at = random.below(self.nodes.len() as u64) as usize;
        let node = &mut self.nodes[at];
        match fault {
            LockFault::Down(until) => node.down_until = until,
            LockFault::Late(until) => node.late_until = until,
            LockFault::LosesLeases => node.leases.clear(),
        }
    }

    /// Ends all faults.
    pub fn heal(&mut self) {
        for node in &mut self.nodes {
            (node.down_until, node.late_until) = (0, 0);
        }
    }

    /// Asks all servers for a lease. `local` is the time on the owner's clock.
    pub fn take(&mut self, market: usize, owner: u64, now: u64, local: Duration) -> Locked {
        let (mut yes, mut silent) = (0, 0);
        for node in &mut self.nodes {
            if now < node.down_until {
                silent += 1;
                continue;
            }
            node.leases.retain(|(_, _, until)| *until > now);
            let taken = node.leases.iter().any(|(it, by, _)| *it == market && *by != owner);
            if !taken {
                node.leases.retain(|(it, _, _)| *it != market);
                node.leases.push((market, owner, now + self.ttl));
            }
            if now < node.late_until {
                silent += 1;
            } else if !taken {
                yes += 1;
            }
        }
        let half = self.nodes.len() / 2;
        if yes > half {
            return Locked::Until(local + Duration::from_millis(self.ttl - self.ttl / 50));
        }
        self.free(market, owner, now);
        if silent > half { Locked::Unreachable } else { Locked::Elsewhere }
    }

    /// Releases a lock on all servers that are up.
    pub fn free(&mut self, market: usize, owner: u64, now: u64) {
        for node in self.nodes.iter_mut().filter(|node| now >= node.down_until) {
            node.leases.retain(|(it, by, _)| (*it, *by) != (market, owner));
        }
    }
}
