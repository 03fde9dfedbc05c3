//! A real PostgreSQL server, started and stopped by a test.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs::{self, File};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::server::free_port;

/// Longer than a server takes to start, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server on a port of its own. It ends with this value.
pub(crate) struct Books {
    port: u16,
    programs: PathBuf,
    user: Option<u32>,
    folder: TempDir,
    child: Option<Child>,
}

/// Where the server's programs are.
fn programs() -> PathBuf {
    // Debian has each version in a folder of its own.
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut places: Vec<PathBuf> = versions.map(|it| it.path().join("bin")).collect();
    places.sort();
    places.reverse();
    places.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    let whole = |place: &PathBuf| {
        ["initdb", "postgres", "psql"].iter().all(|name| place.join(name).exists())
    };
    places.into_iter().find(whole).expect("PostgreSQL is installed: scripts/test does that")
}

/// Who the server runs as where we are root, as which it does not run.
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

impl Books {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (programs, user) = (programs(), user());
        chown(folder.path(), user, user).expect("a folder of the server's");
        let mut books = Self { port: free_port(), programs, user, folder, child: None };
        let made = books
            .command("initdb")
            .args(["--username=admin", "--auth=trust", "--no-locale", "--encoding=UTF8"])
            .arg("--pgdata")
            .arg(books.place())
            .output()
            .expect("initdb");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let begun = Instant::now();
        while !books.comes_up() {
            // Somebody else may have found the same port.
            assert!(begun.elapsed() < PATIENCE, "PostgreSQL does not come up: {}", books.said());
            books.port = free_port();
        }
        books
    }

    fn place(&self) -> PathBuf {
        self.folder.path().join("books")
    }

    fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("said")).unwrap_or_default()
    }

    /// One of the server's programs, run as who the server runs as.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new("setpriv");
        // Whatever becomes of the test, nothing stays behind.
        command.arg("--pdeathsig=QUIT").current_dir(self.folder.path());
        if let Some(user) = self.user {
            let ids = [format!("--reuid={user}"), format!("--regid={user}")];
            command.args(ids).arg("--clear-groups");
        }
        command.arg(self.programs.join(name));
        command
    }

    /// Starts it and waits until it answers. Says whether it is the one that does.
    fn comes_up(&mut self) -> bool {
        let said = File::create(self.folder.path().join("said")).expect("a file");
        let child = self
            .command("postgres")
            .arg("-D")
            .arg(self.place())
            .args(["-p", &self.port.to_string(), "-h", "127.0.0.1"])
            .args(["-c", "unix_socket_directories="])
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .expect("the server");
        self.child = Some(child);
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let child = self.child.as_mut().expect("it was started");
            if child.try_wait().expect("a child").is_some() {
                return false;
            }
            if let Ok(place) = self.try_ask("SHOW data_directory") {
                return Path::new(&place).starts_with(self.folder.path());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://admin@127.0.0.1:{}/postgres", self.port)
    }

    fn try_ask(&self, sql: &str) -> Result<String, String> {
        let output = Command::new(self.programs.join("psql"))
            .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", &self.url(), "-c", sql])
            .output()
            .expect("psql");
        let text = |bytes| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// What `psql` prints.
    pub(crate) fn ask(&self, sql: &str) -> String {
        self.try_ask(sql).unwrap_or_else(|why| panic!("{sql}: {why}"))
    }
}

impl Drop for Books {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // It clears up what it shares with others only if it ends by itself.
        let id = child.id().to_string();
        drop(Command::new("kill").args(["-s", "QUIT", &id]).stderr(Stdio::null()).status());
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE && matches!(child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(child.kill());
        drop(child.wait());
    }
}
