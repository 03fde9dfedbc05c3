//! Where Redis is, who we are there, and what may go wrong.

use std::fmt;
use std::time::Duration;

use super::keys::KeyNames;
use super::stream::Publish;

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
    /// The user at the sentinels, if not the default one, and the password there, if they ask for one.
    pub sentinel: Option<(Option<String>, String)>,
    /// Which database; a cluster has only 0.
    pub database: i64,
    /// How connections are encrypted, if they are.
    pub tls: Option<Tls>,
    /// How long a connection may take.
    pub connect: Duration,
    /// How long a short answer may take until all of it has come.
    pub control: Duration,
    /// How long a long answer may take until all of it has come.
    pub bulk: Duration,
    /// How often each market is read whole while nothing else is to be done, to see that it is what
    /// was written; never where there is none.
    pub verify: Option<Duration>,
    /// How keys are named.
    pub names: KeyNames,
    /// Whether events are published, and how.
    pub publish: Option<Publish>,
}

impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The passwords stay where they are.
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
        /// Whether the time for an answer is over. If not, the connection failed.
        late: bool,
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
        "another writer ({writer}, term {theirs}) has taken market {market} over from us (term \
         {ours}): we do not write it while that claim stands"
    )]
    Fenced {
        /// The market.
        market: u32,
        /// Our term.
        ours: u64,
        /// The one that is stored.
        theirs: u64,
        /// The name of the other writer, empty if none is stored.
        writer: String,
    },
    /// Another writer has taken everything over.
    #[error(
        "another writer ({writer}) has taken everything over from us: we never write there again"
    )]
    Replaced {
        /// Its name.
        writer: String,
    },
    /// A stream tells of a command that no engine comes to.
    #[error(
        "{key} tells of command {sequence}, and no sequence is above {most}: another program has written \
         there; delete that stream and its key beside it, and they begin anew"
    )]
    Count {
        /// The key that says so.
        key: String,
        /// The sequence.
        sequence: u64,
        /// The highest that there is.
        most: u64,
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
    /// A second `s` as in `rediss+cluster://` encrypts those. The user and the password are for the
    /// master. Sentinels that ask for a password get their own, after the rest:
    /// `?sentinel_user=user&sentinel_password=password`.
    ///
    /// # Errors
    /// [`RedisError::Options`] where it is none of these. The error does not show the address.
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
        let (rest, sentinel) = match rest.split_once('?') {
            None => (rest, None),
            Some((rest, words)) if kind == "sentinel" => {
                (rest, Some(sentinel(words).ok_or_else(|| bad(SENTINEL))?))
            }
            Some(_) => return Err(bad("has a ?, which is for sentinels alone")),
        };
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

/// What is wrong with what comes after the `?`.
const SENTINEL: &str = "says something else after the ? than sentinel_password=… and, with it, \
                        sentinel_user=…";

/// The user and the password for the sentinels.
fn sentinel(words: &str) -> Option<(Option<String>, String)> {
    let (mut user, mut password) = (None, None);
    for word in words.split('&') {
        let (key, value) = word.split_once('=')?;
        let place = match key {
            "sentinel_user" => &mut user,
            "sentinel_password" => &mut password,
            _ => return None,
        };
        *place = Some(decoded(value).filter(|it| !it.is_empty())?);
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
