//! Addresses of Redis servers, credentials, time limits, and errors.

use std::fmt;
use std::time::Duration;

use super::keys::KeyNames;
use super::stream::Publish;

/// The address of a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// A host name or an IP address.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Which servers to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Server {
    /// One server.
    Single(Address),
    /// Sentinels, and the name of the master that they watch.
    Sentinel {
        /// The sentinels.
        nodes: Vec<Address>,
        /// The master's name.
        master: String,
    },
    /// A cluster, by some of its nodes.
    Cluster(Vec<Address>),
}

/// How a connection is encrypted. The certificates and the key are PEM.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// The authorities that may sign the server's certificate. Without this, the system decides.
    pub authority: Option<Vec<u8>>,
    /// Our certificate and its key, if the server requires one.
    pub client: Option<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// The options of a link.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisOptions {
    /// Which servers to use.
    pub server: Server,
    /// The user to log in as.
    pub user: Option<String>,
    /// The password of that user.
    pub password: Option<String>,
    /// The user at the sentinels, if not the default one, and the password there, if they ask for one.
    pub sentinel: Option<(Option<String>, String)>,
    /// The number of the database. A cluster has only 0.
    pub database: i64,
    /// The encryption of connections. Without this they are not encrypted.
    pub tls: Option<Tls>,
    /// How long connecting may take.
    pub connect: Duration,
    /// How long a short reply may take until all of it has arrived.
    pub control: Duration,
    /// How long a long reply may take until all of it has arrived.
    pub bulk: Duration,
    /// How often each market is read as a whole while no image is due, to check that it is what was
    /// written. `None` means never.
    pub verify: Option<Duration>,
    /// How keys are named.
    pub names: KeyNames,
    /// How events are published. `None` means that they are not.
    pub publish: Option<Publish>,
}

impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Passwords are not shown.
        let Self { server, user, database, tls, .. } = self;
        f.debug_struct("RedisOptions")
            .field("server", server)
            .field("user", user)
            .field("database", database)
            .field("tls", tls)
            .finish_non_exhaustive()
    }
}

/// Why a request to Redis failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedisError {
    /// The options are not valid.
    #[error("{0}")]
    Options(
        /// What is wrong.
        String,
    ),
    /// The server did not answer, or not in time, or not correctly. The request may have been carried
    /// out.
    #[error("{server} does not answer: {why}")]
    Unreachable {
        /// The server.
        server: String,
        /// What went wrong.
        why: String,
        /// Whether the time limit has passed. If not, the connection failed.
        late: bool,
    },
    /// The server refused the request.
    #[error("{server} refuses: {why}")]
    Refused {
        /// The server.
        server: String,
        /// The first word of the error, such as `NOPERM`.
        code: String,
        /// The error.
        why: String,
    },
    /// Another writer has taken the market over.
    #[error(
        "another writer ({writer}, term {theirs}) has taken market {market} over from us (term \
         {ours}): this process does not write it while that claim exists"
    )]
    Fenced {
        /// The market.
        market: u32,
        /// Our term.
        ours: u64,
        /// The stored term.
        theirs: u64,
        /// The name of the other writer, empty if none is stored.
        writer: String,
    },
    /// Another writer has taken over all markets.
    #[error(
        "another writer ({writer}) has taken everything over from us: this process never writes \
         there again"
    )]
    Replaced {
        /// The name of the other writer.
        writer: String,
    },
    /// A stream names a command with a sequence that no engine reaches.
    #[error(
        "{key} names command {sequence}, but no sequence is above {most}: another program has \
         written there; delete that stream and the key beside it, and they start again"
    )]
    Count {
        /// The key with this sequence.
        key: String,
        /// The sequence.
        sequence: u64,
        /// The highest sequence that is accepted.
        most: u64,
    },
    /// Other clients changed the keys during every try.
    #[error("another program keeps changing the keys of market {market} while they are written")]
    Contended {
        /// The market.
        market: u32,
    },
}

impl RedisOptions {
    /// Parses a URL: `redis://[user:password@]host[:port][/database]`, `rediss://…` for an encrypted
    /// connection, `redis+sentinel://host,host/master[/database]`, or `redis+cluster://host,host`. The
    /// last two can also be encrypted, as in `rediss+cluster://`. The user and the password are those of
    /// the master. If the sentinels ask for a password, it comes last:
    /// `?sentinel_user=user&sentinel_password=password`.
    ///
    /// # Errors
    /// Returns [`RedisError::Options`] if the URL has none of these forms. The error does not show the
    /// URL.
    pub fn parse(url: &str) -> Result<Self, RedisError> {
        let bad = |what: &str| {
            let form = "redis://[user:password@]host[:port][/database], or \
                        redis+sentinel://host,host/master, or redis+cluster://host,host; use \
                        rediss to encrypt";
            RedisError::Options(format!("the address of Redis {what}; it looks like {form}"))
        };
        let (scheme, rest) = url.split_once("://").ok_or_else(|| bad("has no scheme"))?;
        let (base, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        let tls = match base {
            "redis" => None,
            "rediss" => Some(Tls::default()),
            _ => return Err(bad("has an unknown scheme")),
        };
        let (credentials, rest) =
            rest.rsplit_once('@').map_or((None, rest), |(before, rest)| (Some(before), rest));
        let (rest, sentinel) = match rest.split_once('?') {
            None => (rest, None),
            Some((rest, query)) if kind == "sentinel" => {
                (rest, Some(sentinel(query).ok_or_else(|| bad(SENTINEL))?))
            }
            Some(_) => return Err(bad("has a ?, which is allowed for sentinels only")),
        };
        let mut parts = rest.trim_end_matches('/').split('/');
        let hosts = parts.next().unwrap_or_default();
        let port = if kind == "sentinel" { 26_379 } else { 6_379 };
        let nodes: Vec<Address> = hosts
            .split(',')
            .map(|host| address(host, port))
            .collect::<Option<_>>()
            .ok_or_else(|| bad("has no host, or no port from 1 to 65535"))?;
        let server = match kind {
            "" => match nodes.as_slice() {
                [one] => Server::Single(one.clone()),
                _ => return Err(bad(SEVERAL_HOSTS)),
            },
            "cluster" => Server::Cluster(nodes),
            "sentinel" => {
                let master = parts.next().ok_or_else(|| bad("does not name the master"))?;
                Server::Sentinel { nodes, master: master.to_owned() }
            }
            _ => return Err(bad("has an unknown scheme")),
        };
        let database = match parts.next() {
            None => 0,
            Some(text) => text.parse().map_err(|_| bad("has a database that is not a number"))?,
        };
        let decode = |text| percent_decoded(text).ok_or_else(|| bad("has an invalid % escape"));
        let (user, password) = match credentials.map(|it| it.split_once(':').unwrap_or(("", it))) {
            None => (None, None),
            Some(("", password)) => (None, Some(decode(password)?)),
            Some((user, password)) => (Some(decode(user)?), Some(decode(password)?)),
        };
        Ok(Self {
            server,
            user,
            password,
            sentinel,
            database,
            tls,
            connect: Duration::from_secs(1),
            control: Duration::from_millis(250),
            bulk: Duration::from_secs(10),
            verify: Some(Duration::from_secs(3_600)),
            names: KeyNames::default(),
            publish: None,
        })
    }
}

/// The error if a scheme for one server has several hosts.
const SEVERAL_HOSTS: &str = "has several hosts, but its scheme names neither sentinel nor cluster";

/// The error if other text follows the `?`.
const SENTINEL: &str = "may have nothing after the ? but sentinel_password=… and, with it, \
                        sentinel_user=…";

/// Parses the user and the password for the sentinels.
fn sentinel(query: &str) -> Option<(Option<String>, String)> {
    let (mut user, mut password) = (None, None);
    for parameter in query.split('&') {
        let (key, value) = parameter.split_once('=')?;
        let slot = match key {
            "sentinel_user" => &mut user,
            "sentinel_password" => &mut password,
            _ => return None,
        };
        *slot = Some(percent_decoded(value).filter(|it| !it.is_empty())?);
    }
    Some((user, password?))
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

/// Decodes percent-encoded characters such as `%40`.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_parsed_or_refused_without_showing_it() {
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
        assert_eq!(sentinel.sentinel, None);
        let known =
            parse("redis+sentinel://:pw@a/main/2?sentinel_user=eve&sentinel_password=s%3Fc");
        assert_eq!(known.sentinel, Some((Some(String::from("eve")), String::from("s?c"))));
        assert_eq!((known.password.as_deref(), known.database), (Some("pw"), 2));
        assert!(!format!("{known:?}").contains("s?c"));
        let known = parse("redis+sentinel://a/main?sentinel_password=sc");
        assert_eq!(known.sentinel, Some((None, String::from("sc"))));
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
            "redis://u:hunter2@a/0?sentinel_password=hunter2",
            "redis+sentinel://a/main?sentinel_user=hunter2",
            "redis+sentinel://a/main?sentinel_password=",
            "redis+sentinel://a/main?sentinel_pasword=hunter2",
            "redis://u:hunter2@a/hunter2",
        ] {
            let error = RedisOptions::parse(bad);
            assert!(matches!(error, Err(RedisError::Options(_))), "{bad}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }
}
