//! PostgreSQL: a given server, or one that is started for this.

use std::env;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::super::host::Scratch;
use crate::failure::Failure;

/// More time than a server takes to start.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The location of the ledger. If the server was started here, it ends when this value is dropped.
/// If it was given, the schema is removed again.
pub(super) struct PostgresServer {
    pub(super) url: String,
    pub(super) schema: String,
    spawned: Option<(Child, Scratch)>,
}

impl PostgresServer {
    /// The database at this address.
    pub(super) fn given(url: &str) -> Self {
        let schema = format!("pricetime_bench_{}", std::process::id());
        Self { url: url.to_owned(), schema, spawned: None }
    }

    /// Starts a server. Returns `None` if PostgreSQL is not installed or cannot create its data
    /// folder.
    pub(super) fn spawned(parent: &Path) -> Result<Option<Self>, Failure> {
        let Some(programs) = programs() else { return Ok(None) };
        // PostgreSQL does not run as root.
        let user =
            if geteuid().is_root() { user("postgres").or_else(|| user("nobody")) } else { None };
        let folder = Scratch::new(parent, "postgres")?;
        chown(&folder.0, user, user)?;
        let place = fs::canonicalize(&folder.0)?;
        let books = place.join("books");
        let initdb = as_user(&programs.join("initdb"), user)
            .args([
                "--username=bench",
                "--auth=trust",
                "--no-locale",
                "--encoding=UTF8",
                "--pgdata",
            ])
            .arg(&books)
            .current_dir(&place)
            .output()?;
        if !initdb.status.success() {
            let stderr = String::from_utf8_lossy(&initdb.stderr);
            let _ = writeln!(
                std::io::stderr(),
                "note: PostgreSQL is not measured: initdb failed in {}: {}",
                place.display(),
                stderr.trim()
            );
            return Ok(None);
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut child = as_user(&programs.join("postgres"), user)
            .arg("-D")
            .arg(&books)
            .args(["-p", &port.to_string(), "-h", "127.0.0.1", "-c", "unix_socket_directories="])
            .current_dir(&place)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let url = format!("postgres://bench@127.0.0.1:{port}/postgres");
        let started = Instant::now();
        while started.elapsed() < TIMEOUT && child.try_wait()?.is_none() {
            if sql(&programs.join("psql"), &url, "SELECT 1") {
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let schema = String::from("pricetime");
        Ok(Some(Self { url, schema, spawned: Some((child, folder)) }))
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        let Some((child, _)) = &mut self.spawned else {
            let drop = format!("DROP SCHEMA IF EXISTS {} CASCADE", self.schema);
            let psql = programs().map_or_else(|| PathBuf::from("psql"), |it| it.join("psql"));
            if !sql(&psql, &self.url, &drop) {
                let _ = writeln!(
                    std::io::stderr(),
                    "note: the schema {} is left in PostgreSQL: psql, which would remove it, is \
                     not installed",
                    self.schema
                );
            }
            return;
        };
        if let Some(id) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            // SIGINT stops it at once but still cleans up. It may have ended already.
            let _ = kill_process(id, Signal::INT);
        }
        let started = Instant::now();
        while started.elapsed() < TIMEOUT && matches!(child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(5));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// The folder of the server's programs.
fn programs() -> Option<PathBuf> {
    // Debian has a folder for each version.
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut places: Vec<PathBuf> = versions.map(|it| it.path().join("bin")).collect();
    places.sort();
    places.reverse();
    let path = env::var_os("PATH")?;
    places.extend(env::split_paths(&path));
    let whole = |place: &PathBuf| {
        ["initdb", "postgres", "psql"].iter().all(|name| place.join(name).is_file())
    };
    places.into_iter().find(whole)
}

/// The id of a user of this machine.
fn user(name: &str) -> Option<u32> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
    line.split(':').nth(2)?.parse().ok()
}

fn as_user(program: &Path, user: Option<u32>) -> Command {
    use std::os::unix::process::CommandExt as _;
    let mut command = Command::new(program);
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    command
}

/// Runs a statement. Returns `true` if it succeeds.
fn sql(psql: &Path, url: &str, text: &str) -> bool {
    let status = Command::new(psql)
        .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", text])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}
