//! Real PostgreSQL servers, started and stopped by a test.
//!
//! As root they run as the user `postgres`, or `nobody` where there is none: PostgreSQL runs as root
//! under no circumstances.

pub mod books;

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use pricetime_persistence::ledger::postgres::{PostgresLedger, PostgresOptions};
use tempfile::TempDir;

use crate::redis::free_port;

/// Longer than a server takes to start, or to come up again, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);
/// Who may do everything.
const ADMIN: &str = "postgres://admin:secret@127.0.0.1";

/// A server on a port of its own, on loopback, in a folder of its own. It ends with this value.
#[derive(Debug)]
pub struct Server {
    /// Its port.
    pub port: u16,
    programs: PathBuf,
    user: Option<u32>,
    folder: TempDir,
    child: Option<Child>,
}

/// Where the server's programs are.
fn programs() -> PathBuf {
    let asked = Command::new("pg_config").arg("--bindir").output();
    let asked = asked.map(|it| String::from_utf8_lossy(&it.stdout).trim().to_owned());
    let mut places: Vec<PathBuf> = asked.into_iter().map(PathBuf::from).collect();
    // Debian has each version in a folder of its own.
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = versions.map(|it| it.path().join("bin")).collect();
    versions.sort();
    places.extend(versions.into_iter().rev());
    places.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    let whole = |place: &PathBuf| {
        ["initdb", "postgres", "psql"].iter().all(|name| place.join(name).exists())
    };
    places.into_iter().find(whole).expect("PostgreSQL is installed: scripts/test does that")
}

/// Who the server runs as, where it must not be us.
fn user() -> Option<u32> {
    let id = |arguments: &[&str]| -> Option<u32> {
        let output = Command::new("id").args(arguments).output().expect("id");
        String::from_utf8_lossy(&output.stdout).trim().parse().ok()
    };
    match id(&["-u"]) {
        Some(0) => id(&["-u", "postgres"]).or_else(|| id(&["-u", "nobody"])),
        _ => None,
    }
}

impl Server {
    /// Starts one.
    ///
    /// # Panics
    /// Where there is no PostgreSQL: `scripts/test` installs it.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (programs, user) = (programs(), user());
        chown(folder.path(), user, user).expect("a folder of the server's");
        let mut server = Self { port: free_port(), programs, user, folder, child: None };
        let password = server.write("password", "secret");
        let output = server
            .command("initdb")
            .args(["--username=admin", "--auth=scram-sha-256", "--no-locale", "--encoding=UTF8"])
            .arg(format!("--pwfile={}", password.display()))
            .arg("--pgdata")
            .arg(server.folder.path().join("books"))
            .output()
            .expect("initdb");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        server.again();
        server
    }

    /// Starts it again with these lines in its configuration.
    ///
    /// # Panics
    /// Where it does not come up.
    pub fn configure(&mut self, lines: &str) {
        self.kill();
        self.write("books/postgresql.auto.conf", lines);
        self.again();
    }

    /// Writes a file that only the server can read, into its folder.
    ///
    /// # Panics
    /// Where that is not possible.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its rights");
        chown(&path, self.user, self.user).expect("a file of the server's");
        path
    }

    /// One of the server's programs, run as who the server runs as.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new("setpriv");
        // Whatever becomes of the test, nothing stays behind.
        command.arg("--pdeathsig=QUIT");
        if let Some(user) = self.user {
            let ids = [format!("--reuid={user}"), format!("--regid={user}")];
            command.args(ids).arg("--clear-groups");
        }
        command.arg(self.programs.join(name));
        command.current_dir(self.folder.path());
        command
    }

    /// Starts it again, on the same port and with what it had kept.
    ///
    /// # Panics
    /// Where it does not come up.
    pub fn again(&mut self) {
        // Whoever else looks for a free port may have found the same one.
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if self.comes_up() {
                return;
            }
            self.kill();
            thread::sleep(Duration::from_millis(100));
        }
        panic!("PostgreSQL does not come up: {}", self.said());
    }

    /// Starts it and waits until it answers. Says whether it is the one that does.
    fn comes_up(&mut self) -> bool {
        let said = fs::File::create(self.folder.path().join("said")).expect("a file");
        let child = self
            .command("postgres")
            .arg("-D")
            .arg(self.folder.path().join("books"))
            .args(["-p", &self.port.to_string(), "-h", "127.0.0.1"])
            .args(["-c", "fsync=on", "-c", "unix_socket_directories="])
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .expect("PostgreSQL is installed: scripts/test does that");
        self.child = Some(child);
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let child = self.child.as_mut().expect("it was started");
            if child.try_wait().expect("a child").is_some() {
                return false;
            }
            let asked = self.psql(&self.url(), "SHOW data_directory");
            match asked {
                Ok(place) => return Path::new(&place).starts_with(self.folder.path()),
                Err(_) => thread::sleep(Duration::from_millis(20)),
            }
        }
        false
    }

    /// What it has said since it was started.
    fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("said")).unwrap_or_default()
    }

    /// Its address, for who may do everything.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{ADMIN}:{}/postgres", self.port)
    }

    /// How to reach it.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn options(&self, schema: &str) -> PostgresOptions {
        PostgresOptions::parse(&self.url(), schema).expect("an address")
    }

    /// A ledger in this schema.
    ///
    /// # Panics
    /// Where it cannot be opened.
    #[must_use]
    pub fn ledger(&self, schema: &str) -> PostgresLedger {
        PostgresLedger::open(self.options(schema)).expect("a ledger")
    }

    /// Asks it something, as with `psql`, as whoever this address names. Gives what it prints.
    ///
    /// # Errors
    /// What it prints where anything goes wrong.
    ///
    /// # Panics
    /// Where there is no `psql`.
    pub fn psql(&self, url: &str, sql: &str) -> Result<String, String> {
        let output = Command::new(self.programs.join("psql"))
            .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql])
            .output()
            .expect("psql");
        let text = |bytes| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// Asks it something, as who may do everything.
    ///
    /// # Panics
    /// Where anything goes wrong.
    #[must_use]
    pub fn ask(&self, sql: &str) -> String {
        self.psql(&self.url(), sql).unwrap_or_else(|why| panic!("{sql}: {why}"))
    }

    /// The ids of its processes, the first one and those that it has started.
    fn processes(&self) -> Vec<u32> {
        let Some(child) = &self.child else { return Vec::new() };
        let first = child.id();
        let list = fs::read_to_string(format!("/proc/{first}/task/{first}/children"));
        let list = list.unwrap_or_default();
        let others = list.split_whitespace().filter_map(|id| id.parse().ok());
        core::iter::once(first).chain(others).collect()
    }

    /// Sends all its processes a signal: `STOP` and `CONT` for a server that hangs.
    pub fn signal(&self, name: &str) {
        self.processes().into_iter().for_each(|id| signal(id, name));
    }

    /// Kills it at once, all its processes, as a power cut does.
    pub fn kill(&mut self) {
        self.signal("KILL");
        if let Some(mut child) = self.child.take() {
            // It may have ended.
            drop(child.wait());
        }
    }
}

/// Sends a process a signal, if it still runs.
pub fn signal(id: u32, name: &str) {
    let mut kill = Command::new("kill");
    drop(kill.args(["-s", name, &id.to_string()]).stderr(Stdio::null()).status());
}

impl Drop for Server {
    fn drop(&mut self) {
        // It clears up what it shares with others only if it ends by itself.
        self.signal("CONT");
        if let Some(child) = &mut self.child {
            signal(child.id(), "QUIT");
            let begun = Instant::now();
            while begun.elapsed() < PATIENCE && matches!(child.try_wait(), Ok(None)) {
                thread::sleep(Duration::from_millis(5));
            }
        }
        self.kill();
    }
}
