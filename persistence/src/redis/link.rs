//! Connections: to the one server, to the master that the sentinels name, or to the node of a
//! cluster that has a key's slot.
//!
//! A connection on which anything went wrong is thrown away: nobody knows what is still on its way
//! in it. The next use makes a new one, and looks anew who is in charge.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion,
    RedisConnectionInfo,
};

use super::keys::KeyNames;
use super::slot;
use super::wire::Wire;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Which servers there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Server {
    /// One.
    Single(Address),
    /// Sentinels, and the name of the master that they watch.
    Sentinel {
        /// The sentinels.
        nodes: Vec<Address>,
        /// The master's name.
        master: String,
    },
    /// Some nodes of a cluster.
    Cluster(Vec<Address>),
}

/// How a connection is encrypted. The certificates and the key are PEM.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// Who may sign the server's certificate, where it is not for the system to say.
    pub authority: Option<Vec<u8>>,
    /// Our certificate and its key, where the server wants one.
    pub client: Option<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// What a link is like.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisOptions {
    /// Which servers there are.
    pub server: Server,
    /// Who we are there.
    pub user: Option<String>,
    /// And our password.
    pub password: Option<String>,
    /// Which database; a cluster has only 0.
    pub database: i64,
    /// How connections are encrypted, if they are.
    pub tls: Option<Tls>,
    /// How long a connection may take.
    pub connect: Duration,
    /// How long a short answer may take.
    pub control: Duration,
    /// How long a long answer may take.
    pub bulk: Duration,
    /// How keys are named.
    pub names: KeyNames,
}

impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The password stays where it is.
        let Self { server, user, database, tls, .. } = self;
        f.debug_struct("RedisOptions")
            .field("server", server)
            .field("user", user)
            .field("database", database)
            .field("tls", tls)
            .finish_non_exhaustive()
    }
}

/// Why something could not be done there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedisError {
    /// The options make no sense.
    #[error("{0}")]
    Options(
        /// What is wrong.
        String,
    ),
    /// Nobody answered, or not in time, or not in order. What was asked may have been done.
    #[error("{server} does not answer: {why}")]
    Unreachable {
        /// Who was asked.
        server: String,
        /// What went wrong.
        why: String,
    },
    /// The server said no.
    #[error("{server} refuses: {why}")]
    Refused {
        /// Who was asked.
        server: String,
        /// The error's first word, `NOPERM` for instance.
        code: String,
        /// What it said.
        why: String,
    },
    /// Another writer has taken the market over.
    #[error(
        "another writer (term {theirs}) has taken market {market} over from us (term {ours}): we \
         never write there again"
    )]
    Fenced {
        /// The market.
        market: u32,
        /// Our term.
        ours: u64,
        /// The one that is stored.
        theirs: u64,
    },
    /// Somebody else changed the keys again and again while we were about to.
    #[error("the keys of market {market} keep changing under us")]
    Contended {
        /// The market.
        market: u32,
    },
}

impl RedisOptions {
    /// Of a URL: `redis://[user:password@]host[:port][/database]`, `rediss://…` for an encrypted
    /// connection, `redis+sentinel://host,host/master[/database]`, `redis+cluster://host,host`.
    /// A second `s` as in `rediss+cluster://` encrypts those.
    ///
    /// # Errors
    /// [`RedisError::Options`] where it is none of these.
    pub fn parse(url: &str) -> Result<Self, RedisError> {
        let bad = |what: &str| {
            let form = "redis://[user:password@]host[:port][/database], or redis+sentinel://host,host/\
                        master, or redis+cluster://host,host; rediss encrypts";
            RedisError::Options(format!("the address of Redis {what}; it looks like {form}"))
        };
        let (scheme, rest) = url.split_once("://").ok_or_else(|| bad("has no scheme"))?;
        let (base, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        let tls = match base {
            "redis" => None,
            "rediss" => Some(Tls::default()),
            _ => return Err(bad("is of another scheme")),
        };
        let (who, rest) =
            rest.rsplit_once('@').map_or((None, rest), |(who, rest)| (Some(who), rest));
        let mut parts = rest.trim_end_matches('/').split('/');
        let hosts = parts.next().unwrap_or_default();
        let port = if kind == "sentinel" { 26_379 } else { 6_379 };
        let nodes: Vec<Address> = hosts
            .split(',')
            .map(|host| address(host, port))
            .collect::<Option<_>>()
            .ok_or_else(|| bad("names no host, or no port from 1 to 65535"))?;
        let server = match kind {
            "" => match nodes.as_slice() {
                [one] => Server::Single(one.clone()),
                _ => return Err(bad("names several hosts, but neither sentinel nor cluster")),
            },
            "cluster" => Server::Cluster(nodes),
            "sentinel" => {
                let master = parts.next().ok_or_else(|| bad("does not say which master"))?;
                Server::Sentinel { nodes, master: master.to_owned() }
            }
            _ => return Err(bad("is of another scheme")),
        };
        let database = match parts.next() {
            None => 0,
            Some(text) => text.parse().map_err(|_| bad("ends in something that is no number"))?,
        };
        let (user, password) = match who.map(|who| who.split_once(':').unwrap_or(("", who))) {
            None => (None, None),
            Some(("", password)) => {
                (None, Some(decoded(password).ok_or_else(|| bad("has a bad %"))?))
            }
            Some((user, password)) => (
                Some(decoded(user).ok_or_else(|| bad("has a bad %"))?),
                Some(decoded(password).ok_or_else(|| bad("has a bad %"))?),
            ),
        };
        Ok(Self {
            server,
            user,
            password,
            database,
            tls,
            connect: Duration::from_secs(1),
            control: Duration::from_millis(250),
            bulk: Duration::from_secs(10),
            names: KeyNames::default(),
        })
    }
}

fn address(text: &str, port: u16) -> Option<Address> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.ends_with(':') && !port.ends_with(']') => {
            (host, port.parse().ok().filter(|port| *port != 0)?)
        }
        _ => (text, port),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    (!host.is_empty()).then_some(Address { host, port })
}

/// A text in which `%40` and the like stand for what they stand for.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = core::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = rest.get(2..)?;
    }
    String::from_utf8(bytes).ok()
}

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
        Self { options, connections: HashMap::new(), master: None, slots: Vec::new() }
    }

    /// What it is like.
    #[must_use]
    pub const fn options(&self) -> &RedisOptions {
        &self.options
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
        let worked = self.connection(address).and_then(|connection| {
            connection.limit(limit)?;
            work(connection)
        });
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
fn connect(options: &RedisOptions, address: &Address, known: bool) -> redis::RedisResult<Wire> {
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
fn fault(server: &str, error: &redis::RedisError) -> RedisError {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_what_they_say() {
        let parse = |url: &str| RedisOptions::parse(url).unwrap();
        let one = |host: &str, port| Address { host: host.to_owned(), port };
        assert_eq!(parse("redis://127.0.0.1").server, Server::Single(one("127.0.0.1", 6379)));
        assert_eq!(parse("redis://[::1]:7/").server, Server::Single(one("::1", 7)));
        let all = parse("rediss://ann:p%40ss:w@host:6380/3");
        assert_eq!(all.user.as_deref(), Some("ann"));
        assert_eq!(all.password.as_deref(), Some("p@ss:w"));
        assert_eq!((all.database, all.tls.is_some()), (3, true));
        assert!(!format!("{all:?}").contains("p@ss"));
        let sentinel = parse("redis+sentinel://:pw@a,b:5/main/2");
        let nodes = vec![one("a", 26_379), one("b", 5)];
        assert_eq!(sentinel.server, Server::Sentinel { nodes, master: String::from("main") });
        assert_eq!((sentinel.user, sentinel.database), (None, 2));
        let cluster = parse("redis+cluster://a,b:5");
        assert_eq!(cluster.server, Server::Cluster(vec![one("a", 6379), one("b", 5)]));
        for bad in [
            "localhost",
            "http://a",
            "redis://",
            "redis://a,b",
            "redis://a:0",
            "redis://a/x",
            "redis+sentinel://a",
            "redis+x://a",
            "redis://u:%zz@a",
        ] {
            assert!(matches!(RedisOptions::parse(bad), Err(RedisError::Options(_))), "{bad}");
        }
    }
}
