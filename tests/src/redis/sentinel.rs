//! A real sentinel.

use std::process::{Child, Command, Stdio};

use pricetime_persistence::redis::RedisOptions;
use tempfile::TempDir;

use super::free_port;
use crate::patience::until;

/// A sentinel that watches a master by the name of `main`. It ends with this value.
#[derive(Debug)]
pub struct Sentinel {
    port: u16,
    child: Child,
    _folder: TempDir,
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Sentinel {
    /// Starts one that watches the master on this port.
    ///
    /// # Panics
    /// Where there is no `redis-server`: `scripts/test` installs it.
    #[must_use]
    pub fn start(master: u16) -> Self {
        let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port());
        let file = folder.path().join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {master} 1\nsentinel \
             down-after-milliseconds main 4000\nsentinel failover-timeout main 8000\n"
        );
        std::fs::write(&file, text).expect("written");
        let child = Command::new("redis-server")
            .arg(&file)
            .arg("--sentinel")
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed: scripts/test does that");
        Self { port, child, _folder: folder }
    }

    /// The way to the master by way of it.
    ///
    /// # Panics
    /// Where there is none.
    #[must_use]
    pub fn options(&self) -> RedisOptions {
        let url = format!("redis+sentinel://127.0.0.1:{}/main", self.port);
        RedisOptions::parse(&url).expect("an address")
    }

    /// What it answers.
    #[must_use]
    pub fn ask(&self, words: &[&str]) -> String {
        super::ask(self.port, words)
    }

    /// Waits until it knows this replica.
    pub fn knows(&self, replica: u16) {
        until("the sentinel knows the replica", || {
            self.ask(&["SENTINEL", "replicas", "main"]).contains(&replica.to_string())
        });
    }
}
