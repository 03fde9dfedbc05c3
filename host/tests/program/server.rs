//! Real Redis servers, started and stopped by a test.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longer than a server takes to start, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server on a port of its own. It ends with this value.
pub(crate) struct Server {
    pub(crate) port: u16,
    folder: TempDir,
    child: Child,
}

/// A port that nobody has at this moment.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

impl Server {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let port = free_port();
        Self::start_on(port, &[&["--port", &port.to_string()], arguments].concat())
    }

    /// Starts one that says itself on which port, and waits until somebody listens there.
    pub(crate) fn start_on(port: u16, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--dir"])
            .arg(folder.path())
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server is installed: scripts/test does that");
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < PATIENCE, "redis-server does not come up");
            std::thread::sleep(Duration::from_millis(5));
        }
        Self { port, folder, child }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Sends it a signal: `STOP` and `CONT` for one that hangs.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let done = Command::new("kill").args(["-s", name, &id]).status().expect("kill");
        assert!(done.success());
    }

    /// What `redis-cli` prints for these words.
    pub(crate) fn ask(&self, words: &[&str]) -> String {
        let port = self.port.to_string();
        let output = Command::new("redis-cli").args(["-p", &port]).args(words).output();
        String::from_utf8_lossy(&output.expect("redis-cli is installed").stdout).trim().to_owned()
    }

    /// Makes a user under these rules, and counts commands from here on.
    pub(crate) fn allow(&self, rules: &str) {
        let words: Vec<&str> = rules.split_whitespace().collect();
        assert_eq!(self.ask(&[&["ACL", "SETUSER"][..], &words].concat()), "OK", "{rules}");
        assert_eq!(self.ask(&["CONFIG", "RESETSTAT"]), "OK");
    }

    /// That each right of these rules was needed since, and no script was.
    pub(crate) fn needed(&self, rules: &str) {
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
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
