//! Real PostgreSQL servers that tests start and stop.
//!
//! PostgreSQL refuses to run as root. If the tests run as root, the servers run as the user `postgres`, or
//! as `nobody` if that user does not exist.

pub mod books;

use std::fs;
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use pricetime_settlement::ledger::postgres::{PostgresLedger, PostgresOptions};
use tempfile::TempDir;

use crate::server::{self, Port, Process, signal};
use crate::wait::{TIMEOUT, until};

/// The URL prefix of the superuser.
const ADMIN: &str = "postgres://admin:secret@127.0.0.1";

/// A server on loopback with its own port and folder. It ends when this value is dropped.
#[derive(Debug)]
pub struct Server {
    /// Its port.
    pub port: u16,
    reserved: Port,
    programs: PathBuf,
    user: Option<u32>,
    folder: TempDir,
    process: Option<Process>,
}

/// The folder of the server's programs.
fn programs() -> PathBuf {
    let output = Command::new("pg_config").arg("--bindir").output();
    let output = output.map(|it| String::from_utf8_lossy(&it.stdout).trim().to_owned());
    let mut places: Vec<PathBuf> = output.into_iter().map(PathBuf::from).collect();
    // Debian keeps each version in its own folder.
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = versions.map(|it| it.path().join("bin")).collect();
    versions.sort();
    places.extend(versions.into_iter().rev());
    places.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    let whole = |place: &PathBuf| {
        ["initdb", "postgres", "psql"].iter().all(|name| place.join(name).exists())
    };
    places.into_iter().find(whole).expect("PostgreSQL, which scripts/test installs")
}

/// The user that runs the server, if the tests run as root.
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
    /// Starts a server.
    ///
    /// # Panics
    /// Panics if PostgreSQL is not installed (`scripts/test` installs it) or ends.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (programs, user) = (programs(), user());
        chown(folder.path(), user, user).expect("a folder of the server's");
        let reserved = Port::reserve();
        let port = reserved.number;
        let mut server = Self { port, reserved, programs, user, folder, process: None };
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
        until("PostgreSQL has a port", || {
            server.reserved = Port::reserve();
            server.port = server.reserved.number;
            server.try_start()
        });
        server
    }

    /// Restarts it with these lines in its configuration.
    ///
    /// # Panics
    /// Panics if it does not start.
    pub fn configure(&mut self, lines: &str) {
        self.kill();
        self.write("books/postgresql.auto.conf", lines);
        self.restart();
    }

    /// Writes a file into its folder that only the server can read.
    ///
    /// # Panics
    /// Panics if that fails.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its rights");
        chown(&path, self.user, self.user).expect("a file of the server's");
        path
    }

    /// One of the server's programs, run as the server's user.
    fn command(&self, name: &str) -> Command {
        // On QUIT, unlike KILL, a server also ends its other processes.
        let mut command = server::command(self.programs.join(name), "QUIT", self.user);
        command.current_dir(self.folder.path());
        command
    }

    /// Starts it again, on the same port and with its data on disk.
    ///
    /// # Panics
    /// Panics if it ends, or if its port stays in use.
    pub fn restart(&mut self) {
        self.kill();
        until("PostgreSQL takes its port", || self.try_start());
    }

    /// Starts it and waits until it is ready. Returns `false` if its port is in use.
    fn try_start(&mut self) -> bool {
        let mut command = self.command("postgres");
        command
            .arg("-D")
            .arg(self.folder.path().join("books"))
            .args(["-p", &self.port.to_string(), "-h", "127.0.0.1"])
            .args(["-c", "fsync=on", "-c", "unix_socket_directories="]);
        let log = self.folder.path().join("server.log");
        self.process = Process::start(command, log, "ready to accept connections");
        self.process.is_some()
    }

    /// Its URL for the superuser.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{ADMIN}:{}/postgres", self.port)
    }

    /// The options to connect to it.
    ///
    /// # Panics
    /// Never panics.
    #[must_use]
    pub fn options(&self, schema: &str) -> PostgresOptions {
        PostgresOptions::parse(&self.url(), schema).expect("an address")
    }

    /// Opens a ledger in this schema.
    ///
    /// # Panics
    /// Panics if the ledger cannot be opened.
    #[must_use]
    pub fn ledger(&self, schema: &str) -> PostgresLedger {
        PostgresLedger::open(self.options(schema)).expect("a ledger")
    }

    /// Runs SQL with `psql` as the user in this URL, and returns the output.
    ///
    /// # Errors
    /// Returns the output of `psql` if it fails.
    ///
    /// # Panics
    /// Panics if `psql` is missing, or if the server has ended without [`Server::kill`].
    pub fn psql(&self, url: &str, sql: &str) -> Result<String, String> {
        let output = Command::new(self.programs.join("psql"))
            .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql])
            .output()
            .expect("psql");
        let text = |bytes| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            return Ok(text(&output.stdout));
        }
        if let Some(process) = &self.process {
            process.assert_running();
        }
        Err(text(&output.stderr))
    }

    /// Runs SQL as the superuser and returns the output.
    ///
    /// # Panics
    /// Panics if anything fails.
    #[must_use]
    pub fn ask(&self, sql: &str) -> String {
        self.psql(&self.url(), sql).unwrap_or_else(|why| panic!("{sql}: {why}"))
    }

    /// Returns a dump of a schema, written by `pg_dump`.
    ///
    /// # Panics
    /// Panics if `pg_dump` fails.
    #[must_use]
    pub fn dump(&self, schema: &str) -> String {
        let output = Command::new(self.programs.join("pg_dump"))
            .args(["-n", schema, "-d", &self.url()])
            .output()
            .expect("pg_dump");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    /// Replaces a schema with a dump, in one transaction.
    ///
    /// # Panics
    /// Panics if `psql` fails.
    pub fn restore(&self, schema: &str, dump: &str) {
        let file = self.folder.path().join("dump.sql");
        fs::write(&file, format!("DROP SCHEMA {schema} CASCADE;\n{dump}")).expect("a file");
        let output = Command::new(self.programs.join("psql"))
            .args(["-Xq1", "-v", "ON_ERROR_STOP=1", "-d", &self.url(), "-f"])
            .arg(&file)
            .output()
            .expect("psql");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The ids of its processes: the first one and its children.
    fn processes(&self) -> Vec<u32> {
        let Some(process) = &self.process else { return Vec::new() };
        let first = process.id();
        let list = fs::read_to_string(format!("/proc/{first}/task/{first}/children"));
        let list = list.unwrap_or_default();
        let others = list.split_whitespace().filter_map(|id| id.parse().ok());
        core::iter::once(first).chain(others).collect()
    }

    /// Sends a signal to all its processes; `STOP` and `CONT` make it hang and resume.
    pub fn signal(&self, name: &str) {
        self.processes().into_iter().for_each(|id| signal(id, name));
    }

    /// Kills all its processes, like a power cut.
    pub fn kill(&mut self) {
        self.signal("KILL");
        self.process = None;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The server releases what its processes share only if it shuts down by itself.
        self.signal("CONT");
        if let Some(process) = &self.process {
            signal(process.id(), "QUIT");
            let started = Instant::now();
            while started.elapsed() < TIMEOUT && process.exit_status().is_none() {
                thread::sleep(Duration::from_millis(5));
            }
        }
        self.kill();
    }
}
