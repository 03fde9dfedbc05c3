//! Connects to the nodes and acquires locks.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use uuid::Uuid;

use super::clock::{Clock, MachineClock};
use super::driver::{ActiveLease, Driver, LeaseStatus, LeaseView, Message, Threads};
use super::error::RedlockError;
use super::held::Held;
use super::lease::Lease;
use super::node::Node;
use super::rules::{Rules, TTL_MIN};
use crate::{Address, RedisOptions, Server};

/// Locks over an odd number of independent servers.
///
/// All clones share their threads: one for each node, and one that drives all locks. The threads end when
/// the last clone and the last [`Held`] are dropped.
#[derive(Clone)]
pub struct Redlock {
    threads: Arc<Threads>,
}

impl fmt::Debug for Redlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redlock").field("nodes", &self.threads.nodes).finish_non_exhaustive()
    }
}

impl Redlock {
    /// Connects to these nodes, each of which is one independent server. A server that does not answer
    /// now may do so later.
    ///
    /// # Errors
    /// Returns [`RedlockError`] if the number of nodes is not allowed, if two of them are the same
    /// server, or if one of them refuses us or does not run scripts.
    pub fn open(nodes: &[RedisOptions]) -> Result<Self, RedlockError> {
        Self::with_clock(nodes, Arc::new(MachineClock))
    }

    /// Like [`Redlock::open`], with another clock.
    ///
    /// # Errors
    /// See [`Redlock::open`].
    pub fn with_clock(nodes: &[RedisOptions], clock: Arc<dyn Clock>) -> Result<Self, RedlockError> {
        Rules::new(nodes.len(), TTL_MIN)?;
        let addresses = addresses(nodes)?;
        let (driver, messages) = channel();
        let mut senders = Vec::with_capacity(nodes.len());
        for (number, (options, address)) in nodes.iter().zip(addresses).enumerate() {
            let (sender, requests) = channel();
            let (options, clock) = (options.clone(), Arc::clone(&clock));
            let node = Node::new(options, address, clock, driver.clone());
            start(format!("redlock-node-{number}"), move || node.run(&requests))?;
            senders.push(sender);
        }
        wait_until_ready(&messages, nodes.len())?;
        let lease_driver = Driver::new(Arc::clone(&clock), senders);
        let ends = start(String::from("redlock"), move || lease_driver.run(&messages))?;
        let (nodes, ids) = (nodes.len(), AtomicU64::new(0));
        let threads = Threads { nodes, clock, driver, ids, ends: Some(ends) };
        Ok(Self { threads: Arc::new(threads) })
    }

    /// Tries once to acquire a lock with this time to live. Its name is its key on all nodes;
    /// [`KeyNames::lock`](crate::KeyNames::lock) makes one.
    ///
    /// # Errors
    /// Returns [`RedlockError::Taken`] if another client has the lock, and [`RedlockError::NoQuorum`] if
    /// too few nodes answer.
    pub fn try_lock(&self, name: &str, ttl: Duration) -> Result<Held, RedlockError> {
        self.lock(name, ttl, Duration::ZERO)
    }

    /// Tries to acquire a lock until it succeeds or `timeout` has passed.
    ///
    /// # Errors
    /// Returns the error of the last attempt: see [`Redlock::try_lock`].
    pub fn lock(&self, name: &str, ttl: Duration, timeout: Duration) -> Result<Held, RedlockError> {
        let rules = Rules::new(self.threads.nodes, ttl)?;
        let id = self.threads.ids.fetch_add(1, Ordering::Relaxed);
        let (owner, now) = (Uuid::new_v4(), self.threads.clock.now());
        let lease = Lease::new(rules, now, now.saturating_add(timeout), owner.as_u64_pair().1);
        let (name, view): (Arc<str>, _) = (Arc::from(name), Arc::new(LeaseView::default()));
        let active = ActiveLease {
            id,
            lease,
            key: Arc::clone(&name),
            owner: Arc::from(owner.simple().to_string()),
            ttl: rules.ttl,
            view: Arc::clone(&view),
        };
        self.threads.send(Message::Begin(Box::new(active)))?;
        let state = view.wait(|state| state.status != LeaseStatus::Trying);
        match state.status {
            LeaseStatus::Held | LeaseStatus::Lost => {
                Ok(Held { id, name, view, threads: Arc::clone(&self.threads) })
            }
            LeaseStatus::Refused { taken, failed, why } => {
                let (name, nodes) = (name.to_string(), rules.nodes);
                if taken > 0 && failed <= nodes - rules.quorum {
                    return Err(RedlockError::Taken { name, taken, nodes });
                }
                Err(RedlockError::NoQuorum { name, failed, nodes, why })
            }
            LeaseStatus::Trying | LeaseStatus::Released { .. } | LeaseStatus::Ended => {
                Err(RedlockError::Ended)
            }
        }
    }
}

fn start(
    name: String,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, RedlockError> {
    let started = Builder::new().name(name).spawn(work);
    started.map_err(|error| RedlockError::Thread(error.to_string()))
}

fn addresses(nodes: &[RedisOptions]) -> Result<Vec<Address>, RedlockError> {
    let mut addresses: Vec<Address> = Vec::with_capacity(nodes.len());
    for options in nodes {
        let address = match &options.server {
            Server::Single(address) => address.clone(),
            Server::Sentinel { .. } | Server::Cluster(_) => {
                let why = "sentinels and clusters replicate late, and lose locks at a failover";
                return Err(RedlockError::Nodes(why.to_owned()));
            }
        };
        if addresses.contains(&address) {
            return Err(RedlockError::Nodes(format!("{address} is named twice")));
        }
        addresses.push(address);
    }
    Ok(addresses)
}

/// Waits until each node has reported whether it can be used.
fn wait_until_ready(messages: &Receiver<Message>, nodes: usize) -> Result<(), RedlockError> {
    for _ in 0..nodes {
        match messages.recv() {
            Ok(Message::NodeReady(ready)) => ready?,
            // A node reports nothing else before its first request.
            Ok(
                Message::Begin(_)
                | Message::Extend(_)
                | Message::Keep(_)
                | Message::Release(_)
                | Message::Answered { .. }
                | Message::Close,
            )
            | Err(_) => return Err(RedlockError::Ended),
        }
    }
    Ok(())
}
