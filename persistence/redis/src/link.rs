//! Connections to a single server, to the master that sentinels name, or to the cluster node that owns a
//! key's slot.
//!
//! A connection with any error is dropped, because a reply to an earlier request may still be in it. The
//! next use connects again and looks up the master or the slots again.

use std::collections::HashMap;
use std::fmt;

use super::options::{Address, RedisError, RedisOptions, Server};
use super::slot;
use super::wire::{Peer, Wire};

/// Which time limit applies to a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReplyTimeout {
    Control,
    Bulk,
}

/// A limit that the user of a link puts on it.
pub trait Bound: Send {
    /// Returns `true` if no further request may be sent to the servers.
    fn is_over(&self) -> bool;
    /// Called when a server has answered.
    fn answered(&self);
}

/// The connections to the servers.
pub struct Link {
    options: RedisOptions,
    bound: Option<Box<dyn Bound>>,
    connections: HashMap<Address, Wire>,
    /// The current master, if it is known.
    master: Option<Address>,
    /// The slot ranges of a cluster and their owners, if they are known.
    slots: Vec<(u16, u16, Address)>,
    /// The nodes that the cluster named last. They are asked if those of the options do not answer.
    nodes: Vec<Address>,
    traffic: Traffic,
}

/// Counters of what a link has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// The number of connections made.
    pub connections: u64,
    /// The number of bytes sent.
    pub sent: u64,
}

/// A cluster node's reply: the owner of each slot range, and all nodes that it names.
type Slots = (Vec<(u16, u16, Address)>, Vec<Address>);

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Link {
    /// A link that connects when it is first used.
    #[must_use]
    pub fn new(options: RedisOptions) -> Self {
        Self {
            options,
            bound: None,
            connections: HashMap::new(),
            master: None,
            slots: Vec::new(),
            nodes: Vec::new(),
            traffic: Traffic::default(),
        }
    }

    /// Sets a bound that is checked before each request. Once it is over, every use fails at once.
    pub fn bound_by(&mut self, bound: impl Bound + 'static) {
        self.bound = Some(Box::new(bound));
    }

    /// The options of this link.
    #[must_use]
    pub const fn options(&self) -> &RedisOptions {
        &self.options
    }

    /// The link's counters.
    #[must_use]
    pub const fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Sends `PING` to the server that owns this key.
    ///
    /// # Errors
    /// Returns an error if the server does not answer in time.
    pub fn ping(&mut self, key: &str) -> Result<(), RedisError> {
        self.with(key, ReplyTimeout::Control, |connection| {
            redis::cmd("PING").query::<String>(connection).map(|_| ())
        })
    }

    /// Sends a command to the server that owns this key. The time limit is that of a bulk reply.
    ///
    /// # Errors
    /// Returns the server's refusal, or an error if no reply comes in time.
    pub fn query<T: redis::FromRedisValue>(
        &mut self,
        key: &str,
        command: &redis::Cmd,
    ) -> Result<T, RedisError> {
        self.with(key, ReplyTimeout::Bulk, |connection| command.query(connection))
    }

    /// Does something with a connection to the server that owns this key.
    pub(super) fn with<T>(
        &mut self,
        key: &str,
        timeout: ReplyTimeout,
        work: impl FnOnce(&mut Wire) -> redis::RedisResult<T>,
    ) -> Result<T, RedisError> {
        let address = self.owner_of(key)?;
        self.with_server(&address, timeout, work)
    }

    /// The address of every master: one server, or all masters of a cluster.
    pub(super) fn masters(&mut self) -> Result<Vec<Address>, RedisError> {
        // In a cluster this also looks up the slots.
        let one = self.owner_of("")?;
        let mut masters: Vec<Address> = vec![one];
        for (_, _, address) in &self.slots {
            if !masters.contains(address) {
                masters.push(address.clone());
            }
        }
        Ok(masters)
    }

    /// Does something with a connection to this server.
    pub(super) fn with_server<T>(
        &mut self,
        address: &Address,
        timeout: ReplyTimeout,
        work: impl FnOnce(&mut Wire) -> redis::RedisResult<T>,
    ) -> Result<T, RedisError> {
        let limit = match timeout {
            ReplyTimeout::Control => self.options.control,
            ReplyTimeout::Bulk => self.options.bulk,
        };
        if self.bound.as_ref().is_some_and(|bound| bound.is_over()) {
            let (server, why) = (address.to_string(), String::from("the process is ending"));
            return Err(RedisError::Unreachable { server, why, late: true });
        }
        let mut sent = 0;
        let result = self.connection(address).and_then(|connection| {
            connection.limit(limit);
            let result = work(connection);
            sent = connection.take_sent();
            result
        });
        self.traffic.sent += sent;
        if let (Ok(_), Some(bound)) = (&result, &self.bound) {
            bound.answered();
        }
        result.map_err(|error| {
            self.forget(address);
            fault(&address.to_string(), &error)
        })
    }

    /// Drops the connection and the known master and slots, so that the next use looks them up again.
    fn forget(&mut self, address: &Address) {
        self.connections.remove(address);
        self.master = None;
        self.slots.clear();
    }

    fn connection(&mut self, address: &Address) -> redis::RedisResult<&mut Wire> {
        if !self.connections.contains_key(address) {
            let made = Wire::connect(&self.options, address, Peer::Server)?;
            self.traffic.connections += 1;
            self.connections.insert(address.clone(), made);
        }
        self.connections
            .get_mut(address)
            .ok_or_else(|| std::io::Error::other("no connection").into())
    }

    /// The address of the server that owns this key.
    fn owner_of(&mut self, key: &str) -> Result<Address, RedisError> {
        match self.options.server.clone() {
            Server::Single(address) => Ok(address),
            Server::Sentinel { nodes, master } => {
                if let Some(master) = &self.master {
                    return Ok(master.clone());
                }
                let found = ask_all(&nodes, |node| self.master_of(node, &master))?;
                self.master = Some(found.clone());
                Ok(found)
            }
            Server::Cluster(mut nodes) => {
                if self.slots.is_empty() {
                    nodes.extend(
                        self.nodes
                            .iter()
                            .filter(|it| !nodes.contains(it))
                            .cloned()
                            .collect::<Vec<_>>(),
                    );
                    let (slots, named) = ask_all(&nodes, |node| slots_of(&self.options, node))?;
                    (self.slots, self.nodes) = (slots, named);
                }
                let slot = slot::of(key);
                let owner = self.slots.iter().find(|(from, to, _)| (*from..=*to).contains(&slot));
                owner.map(|(_, _, address)| address.clone()).ok_or_else(|| {
                    RedisError::Unreachable {
                        server: String::from("the cluster"),
                        why: format!("no node serves slot {slot}"),
                        late: false,
                    }
                })
            }
        }
    }

    /// The master's address according to a sentinel, if the server there confirms that it is the master.
    fn master_of(&self, sentinel: &Address, name: &str) -> redis::RedisResult<Address> {
        let mut connection = Wire::connect(&self.options, sentinel, Peer::Sentinel)?;
        connection.limit(self.options.control);
        let (host, port): (String, u16) = redis::cmd("SENTINEL")
            .arg("get-master-addr-by-name")
            .arg(name)
            .query(&mut connection)?;
        let address = Address { host, port };
        let mut connection = Wire::connect(&self.options, &address, Peer::Server)?;
        connection.limit(self.options.control);
        let role: redis::Value = redis::cmd("ROLE").query(&mut connection)?;
        let redis::Value::Array(parts) = role else {
            return Err(std::io::Error::other("unexpected reply to ROLE").into());
        };
        let role: String = redis::from_redis_value(parts.into_iter().next().unwrap_or_default())?;
        if role == "master" {
            return Ok(address);
        }
        Err(std::io::Error::other(format!("{address} is not a master yet, but a {role}")).into())
    }
}

/// Returns the first answer that one of the nodes gives.
fn ask_all<T>(
    nodes: &[Address],
    mut ask: impl FnMut(&Address) -> redis::RedisResult<T>,
) -> Result<T, RedisError> {
    let mut last = None;
    for node in nodes {
        match ask(node) {
            Ok(answer) => return Ok(answer),
            Err(error) => last = Some(fault(&node.to_string(), &error)),
        }
    }
    Err(last.unwrap_or_else(|| {
        RedisError::Options(String::from("the address of Redis names no server"))
    }))
}

/// The owner of each slot range, and all nodes that this node names.
fn slots_of(options: &RedisOptions, node: &Address) -> redis::RedisResult<Slots> {
    let mut connection = Wire::connect(options, node, Peer::Server)?;
    connection.limit(options.control);
    let ranges: Vec<Vec<redis::Value>> =
        redis::cmd("CLUSTER").arg("SLOTS").query(&mut connection)?;
    let (mut slots, mut nodes) = (Vec::with_capacity(ranges.len()), Vec::new());
    for range in ranges {
        let mut parts = range.into_iter();
        let mut next = || parts.next().unwrap_or_default();
        let from: u16 = redis::from_redis_value(next())?;
        let to: u16 = redis::from_redis_value(next())?;
        // The master comes first, then its replicas.
        let mut master = None;
        for part in parts {
            let redis::Value::Array(part) = part else { continue };
            let mut part = part.into_iter();
            let host: Option<String> = redis::from_redis_value(part.next().unwrap_or_default())?;
            let port: u16 = redis::from_redis_value(part.next().unwrap_or_default())?;
            // A node that does not know its own name is the one that was asked.
            let host = host.filter(|host| !host.is_empty()).unwrap_or_else(|| node.host.clone());
            let address = Address { host, port };
            if !nodes.contains(&address) {
                nodes.push(address.clone());
            }
            master.get_or_insert(address);
        }
        slots.extend(master.map(|master| (from, to, master)));
    }
    Ok((slots, nodes))
}

/// Converts an error of the client library. The result holds no credentials.
pub(crate) fn fault(server: &str, error: &redis::RedisError) -> RedisError {
    let server = server.to_owned();
    match error.code() {
        Some(code) if !error.is_io_error() => RedisError::Refused {
            server,
            code: code.to_owned(),
            why: format!("{code} {}", error.detail().unwrap_or_default()).trim_end().to_owned(),
        },
        _ if error.is_timeout() => {
            RedisError::Unreachable { server, why: String::from("no answer in time"), late: true }
        }
        _ => RedisError::Unreachable { server, why: error.to_string(), late: false },
    }
}
