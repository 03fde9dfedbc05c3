//! Connections: to the one server, to the master that the sentinels name, or to the node of a
//! cluster that has a key's slot.
//!
//! A connection on which anything went wrong is thrown away: nobody knows what is still on its way
//! in it. The next use makes a new one, and looks anew who is in charge.

use std::collections::HashMap;
use std::fmt;

use redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion,
    RedisConnectionInfo,
};

use super::options::{Address, RedisError, RedisOptions, Server, Tls};
use super::slot;
use super::wire::Wire;

/// How long an answer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    Control,
    Bulk,
}

/// The way to the servers.
pub struct Link {
    options: RedisOptions,
    connections: HashMap<Address, Wire>,
    /// Who is in charge, once that is known: the master.
    master: Option<Address>,
    /// Who has which slots of a cluster, once that is known.
    slots: Vec<(u16, u16, Address)>,
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
            connections: HashMap::new(),
            master: None,
            slots: Vec::new(),
            traffic: Traffic::default(),
        }
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
        let mut sent = 0;
        let worked = self.connection(address).and_then(|connection| {
            connection.limit(limit)?;
            let worked = work(connection);
            sent = connection.take_sent();
            worked
        });
        self.traffic.sent += sent;
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
            let made = connect(&self.options, address, true)?;
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
            Server::Cluster(nodes) => {
                if self.slots.is_empty() {
                    self.slots = ask_all(&nodes, |node| slots_of(&self.options, node))?;
                }
                let slot = slot::of(key);
                let owner = self.slots.iter().find(|(from, to, _)| (*from..=*to).contains(&slot));
                owner.map(|(_, _, address)| address.clone()).ok_or_else(|| {
                    RedisError::Unreachable {
                        server: String::from("the cluster"),
                        why: format!("nobody has slot {slot}"),
                    }
                })
            }
        }
    }

    /// The master as a sentinel sees it, if that one agrees.
    fn master_of(&self, sentinel: &Address, name: &str) -> redis::RedisResult<Address> {
        let mut connection = connect(&self.options, sentinel, false)?;
        connection.limit(self.options.control)?;
        let (host, port): (String, u16) = redis::cmd("SENTINEL")
            .arg("get-master-addr-by-name")
            .arg(name)
            .query(&mut connection)?;
        let address = Address { host, port };
        let mut connection = connect(&self.options, &address, true)?;
        connection.limit(self.options.control)?;
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

/// Who has which slots.
fn slots_of(
    options: &RedisOptions,
    node: &Address,
) -> redis::RedisResult<Vec<(u16, u16, Address)>> {
    let mut connection = connect(options, node, true)?;
    connection.limit(options.control)?;
    let ranges: Vec<Vec<redis::Value>> =
        redis::cmd("CLUSTER").arg("SLOTS").query(&mut connection)?;
    let mut slots = Vec::with_capacity(ranges.len());
    for range in ranges {
        let mut parts = range.into_iter();
        let mut next = || parts.next().unwrap_or_default();
        let from: u16 = redis::from_redis_value(next())?;
        let to: u16 = redis::from_redis_value(next())?;
        let redis::Value::Array(master) = next() else { continue };
        let mut master = master.into_iter();
        let host: Option<String> = redis::from_redis_value(master.next().unwrap_or_default())?;
        let port: u16 = redis::from_redis_value(master.next().unwrap_or_default())?;
        // A node that does not know its own name is the one that was asked.
        let host = host.filter(|host| !host.is_empty()).unwrap_or_else(|| node.host.clone());
        slots.push((from, to, Address { host, port }));
    }
    Ok(slots)
}

/// Connects, as the options say. Sentinels have no databases and, here, no users.
pub(crate) fn connect(
    options: &RedisOptions,
    address: &Address,
    known: bool,
) -> redis::RedisResult<Wire> {
    let (host, port) = (address.host.clone(), address.port);
    let to = match &options.tls {
        None => ConnectionAddr::Tcp(host, port),
        Some(_) => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
    };
    // Who we are is not said: the client would wait for each of the answers to that, one by one.
    let settings = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP2);
    let mut settings = settings.set_skip_set_lib_name();
    if known {
        settings = settings.set_db(options.database);
        if let Some(user) = &options.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &options.password {
            settings = settings.set_password(password);
        }
    }
    let info: ConnectionInfo = to.into_connection_info()?.set_redis_settings(settings);
    let nodelay = info.tcp_settings().clone().set_nodelay(true);
    let info = info.set_tcp_settings(nodelay);
    let client = client(info, options.tls.as_ref())?;
    client.get_connection_with_timeout(options.connect).map(Wire::new)
}

#[cfg(feature = "tls")]
fn client(info: ConnectionInfo, tls: Option<&Tls>) -> redis::RedisResult<Client> {
    let Some(tls) = tls else { return Client::open(info) };
    let client_tls = tls
        .client
        .clone()
        .map(|(client_cert, client_key)| redis::ClientTlsConfig { client_cert, client_key });
    let root_cert = tls.authority.clone();
    Client::build_with_tls(info, redis::TlsCertificates { client_tls, root_cert })
}

#[cfg(not(feature = "tls"))]
fn client(info: ConnectionInfo, tls: Option<&Tls>) -> redis::RedisResult<Client> {
    match tls {
        None => Client::open(info),
        Some(_) => Err(std::io::Error::other("this build cannot encrypt: feature `tls`").into()),
    }
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
            RedisError::Unreachable { server, why: String::from("no answer in time") }
        }
        _ => RedisError::Unreachable { server, why: error.to_string() },
    }
}
