//! Connections: to the one server, to the master that the sentinels name, or to the node of a
//! cluster that has a key's slot.
//!
//! A connection on which anything went wrong is thrown away: nobody knows what is still on its way
//! in it. The next use makes a new one, and looks anew who is in charge.

use std::collections::HashMap;
use std::fmt;

use super::options::{Address, RedisError, RedisOptions, Server};
use super::slot;
use super::wire::{Peer, Wire};

/// How long an answer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    Control,
    Bulk,
}

/// What bounds the use of a link from outside.
pub trait Bound: Send {
    /// Whether nothing more may be asked of the servers.
    fn is_over(&self) -> bool;
    /// Called when a server has answered.
    fn answered(&self);
}

/// The way to the servers.
pub struct Link {
    options: RedisOptions,
    bound: Option<Box<dyn Bound>>,
    connections: HashMap<Address, Wire>,
    /// Who is in charge, once that is known: the master.
    master: Option<Address>,
    /// Who has which slots of a cluster, once that is known.
    slots: Vec<(u16, u16, Address)>,
    /// All nodes that the cluster ever named: they are asked where those of the options are gone.
    nodes: Vec<Address>,
    traffic: Traffic,
}

/// What a link has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// How many connections it has made.
    pub connections: u64,
    /// How many bytes it has sent.
    pub sent: u64,
}

/// What a node of a cluster says: who has which slots, and all the nodes that it names.
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

    /// From now on this says whether the servers may be asked. Otherwise every use fails at once.
    pub fn bound_by(&mut self, bound: impl Bound + 'static) {
        self.bound = Some(Box::new(bound));
    }

    /// What it is like.
    #[must_use]
    pub const fn options(&self) -> &RedisOptions {
        &self.options
    }

    /// What it has done.
    #[must_use]
    pub const fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Asks whether somebody is there, who is in charge of this key.
    ///
    /// # Errors
    /// Where nobody answers, or not in time.
    pub fn ping(&mut self, key: &str) -> Result<(), RedisError> {
        self.with(key, Patience::Control, |connection| {
            redis::cmd("PING").query::<String>(connection).map(|_| ())
        })
    }

    /// Asks the server that has this key. The answer may take as long as one in bulk.
    ///
    /// # Errors
    /// Returns what the server says against it, or that no answer came in time.
    pub fn query<T: redis::FromRedisValue>(
        &mut self,
        key: &str,
        command: &redis::Cmd,
    ) -> Result<T, RedisError> {
        self.with(key, Patience::Bulk, |connection| command.query(connection))
    }

    /// Does something with a connection to whoever has this key.
    pub(super) fn with<T>(
        &mut self,
        key: &str,
        patience: Patience,
        work: impl FnOnce(&mut Wire) -> redis::RedisResult<T>,
    ) -> Result<T, RedisError> {
        let address = self.in_charge(key)?;
        self.at(&address, patience, work)
    }

    /// Everybody who is in charge of something: one server, or all masters of a cluster.
    pub(super) fn masters(&mut self) -> Result<Vec<Address>, RedisError> {
        // In a cluster this asks who has which slots.
        let one = self.in_charge("")?;
        let mut masters: Vec<Address> = vec![one];
        for (_, _, address) in &self.slots {
            if !masters.contains(address) {
                masters.push(address.clone());
            }
        }
        Ok(masters)
    }

    /// Does something with a connection to this server.
    pub(super) fn at<T>(
        &mut self,
        address: &Address,
        patience: Patience,
        work: impl FnOnce(&mut Wire) -> redis::RedisResult<T>,
    ) -> Result<T, RedisError> {
        let limit = match patience {
            Patience::Control => self.options.control,
            Patience::Bulk => self.options.bulk,
        };
        if self.bound.as_ref().is_some_and(|bound| bound.is_over()) {
            let (server, why) = (address.to_string(), String::from("the process is ending"));
            return Err(RedisError::Unreachable { server, why, late: true });
        }
        let mut sent = 0;
        let worked = self.connection(address).and_then(|connection| {
            connection.limit(limit);
            let worked = work(connection);
            sent = connection.take_sent();
            worked
        });
        self.traffic.sent += sent;
        if let (Ok(_), Some(bound)) = (&worked, &self.bound) {
            bound.answered();
        }
        worked.map_err(|error| {
            self.forget(address);
            fault(&address.to_string(), &error)
        })
    }

    /// Throws everything away that is known, so that the next use begins anew.
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

    /// Who is in charge of this key.
    fn in_charge(&mut self, key: &str) -> Result<Address, RedisError> {
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
                        why: format!("nobody has slot {slot}"),
                        late: false,
                    }
                })
            }
        }
    }

    /// The master as a sentinel sees it, if that one agrees.
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
            return Err(std::io::Error::other("ROLE answers something else").into());
        };
        let role: String = redis::from_redis_value(parts.into_iter().next().unwrap_or_default())?;
        if role == "master" {
            return Ok(address);
        }
        Err(std::io::Error::other(format!("{address} is no master yet but a {role}")).into())
    }
}

/// The first answer that one of them gives.
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
    Err(last.unwrap_or_else(|| RedisError::Options(String::from("there is nobody to ask"))))
}

/// Who has which slots, and who is there besides.
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
        // The master comes first, then those who follow it.
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

/// What went wrong, without who we are.
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
