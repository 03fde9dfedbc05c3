//! Checks whether the servers are fit to keep a book.

use std::collections::HashMap;
use std::net::{IpAddr, ToSocketAddrs as _};

use super::link::{Link, ReplyTimeout};
use super::options::{Address, RedisError, RedisOptions, Server};

/// The oldest version that this was tested with.
const OLDEST: (u32, u32) = (6, 2);

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It is as it should be.
    Good,
    /// It works, but an operator should know.
    Warning,
    /// The image can be lost, or cannot be written.
    Bad,
}

/// The subject of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The version of the server.
    Version,
    /// What the server does when its memory is full.
    Eviction,
    /// Whether the server keeps anything on disk.
    Persistence,
    /// Access to the server, and encryption.
    Access,
    /// Whether the server is a master.
    Role,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How serious it is.
    pub level: Level,
    /// What it is about.
    pub subject: Subject,
    /// What it is, and what to do.
    pub text: String,
}

/// Checks each master. Nothing is written. If the user lacks a permission, there are fewer findings.
///
/// # Errors
/// Returns an error if a server does not answer or refuses us.
pub fn check(link: &mut Link) -> Result<Vec<Finding>, RedisError> {
    let options = link.options().clone();
    let masters = link.masters()?;
    let several = masters.len() > 1;
    let mut findings = Vec::new();
    for address in masters {
        link.with_server(&address, ReplyTimeout::Control, |it| redis::cmd("PING").exec(it))?;
        let mut check = ServerCheck { link: &mut *link, address: &address, findings: Vec::new() };
        check.check(&options)?;
        let found = check.findings.into_iter().map(|finding| match several {
            true => Finding { text: format!("{address}: {}", finding.text), ..finding },
            false => finding,
        });
        findings.extend(found);
    }
    Ok(findings)
}

/// How many bytes of memory the servers use together, or `None` if one of them does not report it.
///
/// # Errors
/// Returns an error if a server does not answer.
pub fn memory(link: &mut Link) -> Result<Option<u64>, RedisError> {
    let mut sum = Some(0);
    for address in link.masters()? {
        let mut check = ServerCheck { link: &mut *link, address: &address, findings: Vec::new() };
        let used = check.query("INFO", &["memory"])?;
        let used = used.map(|text| InfoFields::of(&text).number("used_memory"));
        sum = sum.zip(used).map(|(sum, used): (u64, u64)| sum + used);
    }
    Ok(sum)
}

/// The check of one server.
struct ServerCheck<'a> {
    link: &'a mut Link,
    address: &'a Address,
    findings: Vec<Finding>,
}

impl ServerCheck<'_> {
    fn report(&mut self, level: Level, subject: Subject, text: impl Into<String>) {
        self.findings.push(Finding { level, subject, text: text.into() });
    }

    fn check(&mut self, options: &RedisOptions) -> Result<(), RedisError> {
        match self.query("INFO", &[])? {
            Some(text) => {
                let info = InfoFields::of(&text);
                self.version(&info);
                self.eviction(&info);
                self.persistence(&info)?;
                self.role(&info, options)?;
            }
            None => self.report(
                Level::Warning,
                Subject::Version,
                "this user may not run INFO, so the server's settings are unknown; allow +info",
            ),
        }
        self.access(options);
        Ok(())
    }

    /// Sends a command. Returns `None` if the user may not use it or the server does not know it.
    fn query(&mut self, command: &str, words: &[&str]) -> Result<Option<String>, RedisError> {
        let result = self.link.with_server(self.address, ReplyTimeout::Control, |connection| {
            let answer: redis::Value = redis::cmd(command).arg(words).query(connection)?;
            let redis::Value::Array(parts) = answer else {
                return Ok(redis::from_redis_value(answer)?);
            };
            let words: Vec<String> =
                parts.into_iter().filter_map(|it| redis::from_redis_value(it).ok()).collect();
            Ok(words.join(" "))
        });
        match result {
            Ok(text) => Ok(Some(text)),
            Err(RedisError::Refused { code, .. }) if code == "NOPERM" || code == "ERR" => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn version(&mut self, info: &InfoFields<'_>) {
        let version = info.text("redis_version");
        let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        let number = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        let (oldest, minor) = OLDEST;
        if number < OLDEST {
            let text = format!(
                "version {version}: versions before {oldest}.{minor} get no fixes, and Pricetime \
                 was never tested with them"
            );
            self.report(Level::Warning, Subject::Version, text);
        } else {
            self.report(Level::Good, Subject::Version, format!("version {version}"));
        }
    }

    fn eviction(&mut self, info: &InfoFields<'_>) {
        let policy = info.text("maxmemory_policy");
        let (used, limit) = (info.number("used_memory"), info.number("maxmemory"));
        let (level, text) = match (policy, limit) {
            ("noeviction", 0) => (
                Level::Good,
                String::from("maxmemory-policy noeviction: nothing is ever deleted to make room"),
            ),
            ("noeviction", limit) if used > limit / 5 * 4 => (
                Level::Warning,
                format!(
                    "{used} of {limit} bytes are used: if the memory is full, writes are refused \
                     and the image stays behind; raise maxmemory"
                ),
            ),
            ("noeviction", limit) => (
                Level::Good,
                format!("maxmemory-policy noeviction, {used} of {limit} bytes are used"),
            ),
            ("", _) => (
                Level::Warning,
                String::from(
                    "the server does not report its maxmemory-policy: set it to noeviction",
                ),
            ),
            (policy, 0) => (
                Level::Warning,
                format!(
                    "maxmemory-policy {policy}: harmless while maxmemory is not set; set it to \
                     noeviction before you set maxmemory"
                ),
            ),
            (policy, limit) => (
                Level::Bad,
                format!(
                    "maxmemory-policy {policy}: at {limit} bytes the server deletes any keys, \
                     including the book; run CONFIG SET maxmemory-policy noeviction"
                ),
            ),
        };
        self.report(level, Subject::Eviction, text);
    }

    fn persistence(&mut self, info: &InfoFields<'_>) -> Result<(), RedisError> {
        let failed = ["rdb_last_bgsave_status", "aof_last_write_status"];
        if let Some(which) = failed.into_iter().find(|which| info.text(which) == "err") {
            let text =
                format!("{which} err: the server cannot write to its disk, and may refuse writes");
            self.report(Level::Bad, Subject::Persistence, text);
        }
        if info.text("aof_enabled") == "1" {
            self.report(Level::Good, Subject::Persistence, "keeps an append-only file");
            return Ok(());
        }
        let (level, text) = match self.query("CONFIG", &["GET", "save"])? {
            Some(save) if !save.trim_start_matches("save").trim().is_empty() => (
                Level::Warning,
                "keeps snapshots but no append-only file: after a crash the image is minutes old \
                 until it is written again; set appendonly yes",
            ),
            Some(_) => (
                Level::Warning,
                "keeps nothing on disk: after a restart there is no image until it is written \
                 again; set appendonly yes",
            ),
            None => (
                Level::Warning,
                "keeps no append-only file: after a crash the image is old or gone until it is \
                 written again; set appendonly yes",
            ),
        };
        self.report(level, Subject::Persistence, text);
        Ok(())
    }

    fn role(&mut self, info: &InfoFields<'_>, options: &RedisOptions) -> Result<(), RedisError> {
        let cluster = info.text("cluster_enabled") == "1";
        match (cluster, &options.server) {
            (true, Server::Single(_) | Server::Sentinel { .. }) => self.report(
                Level::Bad,
                Subject::Role,
                "this is a cluster node, which has only some of the keys: use redis+cluster://",
            ),
            (true, Server::Cluster(_)) => {
                if let Some(state) = self.query("CLUSTER", &["INFO"])? {
                    let state = InfoFields::of(&state).text("cluster_state").to_owned();
                    let level = if state == "ok" { Level::Good } else { Level::Bad };
                    self.report(
                        level,
                        Subject::Role,
                        format!("the state of the cluster is {state}"),
                    );
                }
            }
            (false, _) => {}
        }
        match info.text("role") {
            "master" => self.report(Level::Good, Subject::Role, "is a master"),
            role => {
                let text = format!("is a {role}, which accepts no writes: name the master");
                self.report(Level::Bad, Subject::Role, text);
            }
        }
        Ok(())
    }

    fn access(&mut self, options: &RedisOptions) {
        if !is_public(self.address) {
            let text = "is reachable only from this machine or this network";
            self.report(Level::Good, Subject::Access, text);
            return;
        }
        if options.password.is_none() {
            let text = "is on a public address and asks us for no password: anyone can change the \
                        book; bind it to a private address, and set up a user with a password";
            self.report(Level::Warning, Subject::Access, text);
        }
        if options.tls.is_none() {
            let text = "is on a public address and nothing is encrypted: anyone on the network \
                        path can read and change the book; use rediss://";
            self.report(Level::Warning, Subject::Access, text);
        }
    }
}

/// Returns `true` if the address is on the public internet. A name that does not resolve is not public.
fn is_public(address: &Address) -> bool {
    let found = (address.host.as_str(), address.port).to_socket_addrs();
    found.is_ok_and(|mut all| all.any(|address| !is_local(address.ip())))
}

fn is_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            address.is_loopback() || address.is_private() || address.is_link_local()
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

/// Lines that each have a name, a colon and a value.
struct InfoFields<'a>(HashMap<&'a str, &'a str>);

impl<'a> InfoFields<'a> {
    fn of(text: &'a str) -> Self {
        Self(text.lines().filter_map(|line| line.trim().split_once(':')).collect())
    }
}

impl InfoFields<'_> {
    fn number(&self, name: &str) -> u64 {
        self.text(name).parse().unwrap_or(0)
    }

    fn text(&self, name: &str) -> &str {
        self.0.get(name).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_and_public_addresses_are_distinguished() {
        let public = |host: &str| is_public(&Address { host: host.to_owned(), port: 1 });
        for near in ["127.0.0.1", "localhost", "10.1.2.3", "192.168.0.9", "::1", "fd00::1"] {
            assert!(!public(near), "{near}");
        }
        for far in ["8.8.8.8", "172.32.0.1", "2001:4860:4860::8888"] {
            assert!(public(far), "{far}");
        }
    }
}
