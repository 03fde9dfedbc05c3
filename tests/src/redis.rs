//! Real Redis servers that tests start and stop.

pub mod books;
pub mod check;
pub mod cluster;
pub mod fault;
pub mod proxy;
pub mod publishing;
pub mod raw;
pub mod sentinel;
pub mod streams;
pub mod updater;

use std::path::Path;
use std::process::Command;

use pricetime_redis::RedisOptions;
use tempfile::TempDir;

use crate::server::{self, Port, Process};
use crate::wait::{TIMEOUT, until};

/// A server on loopback with its own port and folder. It is killed when this value is dropped.
#[derive(Debug)]
pub struct Server {
    /// Its port.
    pub port: u16,
    _reserved: Port,
    folder: TempDir,
    arguments: Vec<String>,
    process: Option<Process>,
}

/// Starts this many servers that store nothing on disk.
#[must_use]
pub fn servers(count: usize) -> Vec<Server> {
    (0..count).map(|_| Server::start()).collect()
}

fn url(port: u16) -> String {
    format!("redis://127.0.0.1:{port}")
}

/// The command that starts a server.
fn command() -> Command {
    server::command("redis-server", "KILL", None)
}

impl Server {
    /// Starts a server that stores nothing on disk.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with these arguments. Without arguments it stores nothing on disk.
    ///
    /// # Panics
    /// Panics if `redis-server` is not installed (`scripts/test` installs it) or ends.
    #[must_use]
    pub fn start_with(arguments: &[&str]) -> Self {
        Self::start_on_free_port(Port::reserve, arguments)
    }

    /// Starts a server on the first of these ports that no other program listens on.
    pub(crate) fn start_on_free_port(ports: impl FnMut() -> Port, arguments: &[&str]) -> Self {
        let servers = std::iter::repeat_with(ports).map(|port| Self::new(port, arguments));
        let mut servers = servers.take(20).filter_map(|mut it| it.try_start().then_some(it));
        servers.next().expect("a free port within 20 attempts")
    }

    /// Starts a server with these arguments on this port.
    ///
    /// # Panics
    /// Panics if `redis-server` is not installed (`scripts/test` installs it) or ends.
    #[must_use]
    pub fn start_on(port: Port, arguments: &[&str]) -> Self {
        let mut server = Self::new(port, arguments);
        server.restart();
        server
    }

    fn new(port: Port, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let arguments = arguments.iter().map(ToString::to_string).collect();
        Self { port: port.number, _reserved: port, folder, arguments, process: None }
    }

    /// Starts it again, on the same port and with its data on disk.
    ///
    /// # Panics
    /// Panics if it ends, or if its port stays in use.
    pub fn restart(&mut self) {
        self.kill();
        until("redis-server takes its port", || self.try_start());
    }

    /// Starts it and waits until it is ready. Returns `false` if its port is in use.
    fn try_start(&mut self) -> bool {
        let mut command = command();
        command
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .args(["--maxmemory-policy", "noeviction", "--dir"])
            .arg(self.folder.path())
            .args(&self.arguments);
        let log = self.folder.path().join("server.log");
        self.process = Process::start(command, log, "Ready to accept connections");
        self.process.is_some()
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The options to connect to it.
    ///
    /// # Panics
    /// Never panics.
    #[must_use]
    pub fn options(&self) -> RedisOptions {
        RedisOptions::parse(&self.url()).expect("an address")
    }

    /// The options with timeouts of a minute, for tests in which a busy machine must not look like a fault.
    #[must_use]
    pub fn patient_options(&self) -> RedisOptions {
        let (connect, control, bulk) = (TIMEOUT, TIMEOUT, TIMEOUT);
        RedisOptions { connect, control, bulk, ..self.options() }
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        url(self.port)
    }

    /// Runs a command with `redis-cli` and returns its output.
    ///
    /// # Panics
    /// Panics if `redis-cli` is not installed, or if the server has ended without [`Server::kill`].
    #[must_use]
    pub fn ask(&self, words: &[&str]) -> String {
        ask(self.port, words, self.process.as_ref())
    }

    /// Defines a user by these ACL rules, and restarts the count of commands.
    ///
    /// # Panics
    /// Panics if the server refuses the rules.
    pub fn allow(&self, rules: &str) {
        let words: Vec<&str> = rules.split_whitespace().collect();
        assert_eq!(self.ask(&[&["ACL", "SETUSER"][..], &words].concat()), "OK", "{rules}");
        assert_eq!(self.ask(&["CONFIG", "RESETSTAT"]), "OK");
    }

    /// Asserts that every command in these ACL rules was used since [`Server::allow`], and that no script
    /// was.
    ///
    /// # Panics
    /// Panics if a command was not used, or if a script was.
    pub fn assert_needed(&self, rules: &str) {
        let rights: Vec<&str> =
            rules.split_whitespace().filter_map(|rule| rule.strip_prefix('+')).collect();
        assert!(!rights.is_empty(), "{rules}");
        let stats = self.ask(&["INFO", "commandstats"]);
        for right in rights {
            let used = stats.lines().any(|line| line.starts_with(&format!("cmdstat_{right}:")));
            assert!(used, "+{right} is not needed: {stats}");
        }
        assert!(!stats.contains("cmdstat_eval"), "{stats}");
    }

    /// The number of times it has executed this command since its start.
    ///
    /// # Panics
    /// Panics if the server does not report it.
    #[must_use]
    pub fn calls(&self, command: &str) -> u64 {
        let (stats, name) =
            (self.ask(&["INFO", "commandstats"]), format!("cmdstat_{command}:calls="));
        let line = stats.lines().find_map(|line| line.strip_prefix(&name));
        let count = line.and_then(|rest| rest.split(',').next());
        count.map_or(0, |count| count.parse().expect("a number"))
    }

    /// Its process id.
    ///
    /// # Panics
    /// Panics if it was killed.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.as_ref().expect("a server that was not killed").id()
    }

    /// Sends it a signal; `STOP` and `CONT` make it hang and resume.
    ///
    /// # Panics
    /// Panics if it was killed.
    pub fn signal(&self, name: &str) {
        server::signal(self.id(), name);
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.process = None;
    }
}

/// The output of `redis-cli`. Panics if there is none because the process has ended.
fn ask(port: u16, words: &[&str], process: Option<&Process>) -> String {
    let output = Command::new("redis-cli").args(["-p", &port.to_string()]).args(words).output();
    let output = output.expect("redis-cli, which scripts/test installs");
    if let (false, Some(process)) = (output.status.success(), process) {
        process.assert_running();
    }
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
