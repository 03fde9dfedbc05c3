//! A real Redis Sentinel.

use pricetime_redis::RedisOptions;
use tempfile::TempDir;

use crate::server::{Port, Process};
use crate::wait::until;

/// A sentinel that watches a master under the name `main`. It is killed when this value is dropped.
#[derive(Debug)]
pub struct Sentinel {
    port: Port,
    process: Process,
    _folder: TempDir,
}

impl Sentinel {
    /// Starts a sentinel that watches the master on this port.
    ///
    /// # Panics
    /// Panics if `redis-server` is not installed (`scripts/test` installs it) or ends.
    #[must_use]
    pub fn start(master: u16) -> Self {
        Self::start_with(master, "")
    }

    /// Starts a sentinel with these additional lines in its configuration.
    ///
    /// # Panics
    /// Panics if `redis-server` is not installed (`scripts/test` installs it) or ends.
    #[must_use]
    pub fn start_with(master: u16, lines: &str) -> Self {
        let started = (0..20).find_map(|_| Self::try_start(master, lines));
        started.expect("a free port within 20 attempts")
    }

    fn try_start(master: u16, lines: &str) -> Option<Self> {
        let (folder, port) = (tempfile::tempdir().expect("a folder"), Port::reserve());
        let file = folder.path().join("sentinel.conf");
        let text = format!(
            "port {}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {master} 1\nsentinel \
             down-after-milliseconds main 4000\nsentinel failover-timeout main 8000\n{lines}",
            port.number
        );
        std::fs::write(&file, text).expect("written");
        let mut command = super::command();
        command.arg(&file).arg("--sentinel").current_dir(folder.path());
        let log = folder.path().join("server.log");
        let process = Process::start(command, log, "Sentinel ID is")?;
        Some(Self { port, process, _folder: folder })
    }

    /// The options to connect to the master through it.
    ///
    /// # Panics
    /// Never panics.
    #[must_use]
    pub fn options(&self) -> RedisOptions {
        self.options_with("")
    }

    /// The same, with this text after the address.
    ///
    /// # Panics
    /// Panics if that is no valid address.
    #[must_use]
    pub fn options_with(&self, more: &str) -> RedisOptions {
        let url = format!("redis+sentinel://127.0.0.1:{}/main{more}", self.port.number);
        RedisOptions::parse(&url).expect("an address")
    }

    /// Runs a command with `redis-cli` and returns its output.
    #[must_use]
    pub fn ask(&self, words: &[&str]) -> String {
        super::ask(self.port.number, words, Some(&self.process))
    }

    /// Waits until the sentinel knows this replica.
    pub fn wait_for_replica(&self, replica: u16) {
        until("the sentinel knows the replica", || {
            self.ask(&["SENTINEL", "replicas", "main"]).contains(&replica.to_string())
        });
    }
}
