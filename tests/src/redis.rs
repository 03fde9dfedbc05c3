//! Real Redis servers, started and stopped by a test.

pub mod books;
pub mod cluster;
pub mod fault;
pub mod judge;
pub mod keeper;
pub mod proxy;
pub mod publishing;
pub mod raw;
pub mod sentinel;
pub mod streams;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pricetime_persistence::redis::{Link, RedisOptions};
use tempfile::TempDir;

/// Longer than a server takes to start, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server on a port of its own, on loopback, in a folder of its own. It ends with this value.
#[derive(Debug)]
pub struct Server {
    /// Its port.
    pub port: u16,
    folder: TempDir,
    arguments: Vec<String>,
    child: Option<Child>,
}

/// A port that nobody has at this moment.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

fn url(port: u16) -> String {
    format!("redis://127.0.0.1:{port}")
}

fn ask(port: u16, words: &[&str]) -> String {
    let output = Command::new("redis-cli").args(["-p", &port.to_string()]).args(words).output();
    String::from_utf8_lossy(&output.expect("redis-cli is installed").stdout).trim().to_owned()
}

impl Server {
    /// Starts one that keeps nothing on disk.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&["--save", "", "--appendonly", "no"])
    }

    /// Starts one with these arguments.
    ///
    /// # Panics
    /// Where there is no `redis-server`: `scripts/test` installs it.
    #[must_use]
    pub fn start_with(arguments: &[&str]) -> Self {
        Self::start_on(free_port(), arguments)
    }

    /// Starts one with these arguments on this port.
    ///
    /// # Panics
    /// Where there is no `redis-server`: `scripts/test` installs it.
    #[must_use]
    pub fn start_on(port: u16, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let arguments = arguments.iter().map(ToString::to_string).collect();
        let mut server = Self { port, folder, arguments, child: None };
        server.again();
        server
    }

    /// Starts it again, on the same port and with what it had kept.
    ///
    /// # Panics
    /// Where it does not come up.
    pub fn again(&mut self) {
        // Whoever else looks for a free port may have found the same one.
        for _ in 0..20 {
            if self.comes_up() {
                return;
            }
            self.kill();
            std::thread::sleep(Duration::from_millis(250));
        }
        panic!("redis-server does not come up on port {}", self.port);
    }

    /// Starts it and waits until it answers. Says whether it is the one that does.
    fn comes_up(&mut self) -> bool {
        let child = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--maxmemory-policy", "noeviction", "--dir"])
            .arg(self.folder.path())
            .args(&self.arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server is installed: scripts/test does that");
        let own = format!("process_id:{}", child.id());
        let child = self.child.insert(child);
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if child.try_wait().expect("a child").is_some() {
                return false;
            }
            let mut link = Link::new(RedisOptions::parse(&url(self.port)).expect("an address"));
            match link.ping("-") {
                Ok(()) => {
                    return ask(self.port, &["INFO", "server"]).lines().any(|it| it.trim() == own);
                }
                // One that wants a password is up.
                Err(error) if error.to_string().contains("NOAUTH") => return true,
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        false
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// How to reach it.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn options(&self) -> RedisOptions {
        RedisOptions::parse(&self.url()).expect("an address")
    }

    /// How to reach it for who has time: a machine with other work to do is not a fault.
    #[must_use]
    pub fn patient(&self) -> RedisOptions {
        let (connect, control, bulk) = (PATIENCE, PATIENCE, PATIENCE);
        RedisOptions { connect, control, bulk, ..self.options() }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        url(self.port)
    }

    /// Asks it something, as with `redis-cli`. Gives what it prints.
    ///
    /// # Panics
    /// Where there is no `redis-cli`.
    #[must_use]
    pub fn ask(&self, words: &[&str]) -> String {
        ask(self.port, words)
    }

    /// Sends it a signal: `STOP` and `CONT` for a server that hangs.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn signal(&self, name: &str) {
        let id = self.child.as_ref().expect("it runs").id().to_string();
        let done = Command::new("kill").args(["-s", name, &id]).status().expect("kill");
        assert!(done.success());
    }

    /// Kills it at once.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
