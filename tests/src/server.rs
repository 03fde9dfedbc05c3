//! Ports and processes for the servers that tests start.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::{TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::wait::TIMEOUT;

/// The first port that [`Port::reserve`] returns. All these ports and their cluster bus ports are below
/// 32768, where the kernel's range for outgoing connections begins.
const FIRST_PORT: u16 = 12_000;
/// The number of ports in the range.
const PORT_COUNT: u16 = 10_000;
/// The offset of the cluster bus port, on which a node of a Redis cluster also listens.
const CLUSTER_BUS: u16 = 10_000;

/// Messages in the log of a server that ended for a temporary reason: another program used its port, or
/// PostgreSQL processes were killed just before.
const IN_USE_MESSAGES: [&str; 3] =
    ["address already in use", "is still in use", "postmaster.pid\" already"];

/// A free port on loopback whose cluster bus port is free too.
///
/// No other test gets the same port while this value lives, even if no server listens there. A UDP socket
/// on the same number reserves it, because no server here uses UDP.
#[derive(Debug)]
pub struct Port {
    /// Its number.
    pub number: u16,
    _reserved: UdpSocket,
}

impl Port {
    /// Reserves a port.
    ///
    /// # Panics
    /// Panics if none is free.
    #[must_use]
    pub fn reserve() -> Self {
        // Ports are not reused soon, because clients of a port's earlier server may still try to connect.
        static NEXT: LazyLock<AtomicU32> =
            LazyLock::new(|| AtomicU32::new(std::process::id().wrapping_mul(101)));
        let next = || NEXT.fetch_add(1, Ordering::Relaxed) % u32::from(PORT_COUNT);
        let number = || FIRST_PORT + u16::try_from(next()).expect("a remainder of PORT_COUNT");
        let found = (0..PORT_COUNT).find_map(|_| Self::try_reserve(number()));
        found.expect("a free port from 12000 to 21999")
    }

    fn try_reserve(number: u16) -> Option<Self> {
        let reserved = UdpSocket::bind(("127.0.0.1", number)).ok()?;
        let is_free = |number| TcpListener::bind(("127.0.0.1", number)).is_ok();
        let usable = is_free(number) && is_free(number + CLUSTER_BUS);
        usable.then_some(Self { number, _reserved: reserved })
    }
}

/// A command for a program that receives this signal from the kernel when the test process ends, even if
/// that is killed. The program runs as this user, if one is given.
#[must_use]
pub fn command(program: impl AsRef<OsStr>, signal: &str, user: Option<u32>) -> Command {
    let mut command = Command::new("setpriv");
    command.arg(format!("--pdeathsig={signal}"));
    if let Some(user) = user {
        let ids = [format!("--reuid={user}"), format!("--regid={user}")];
        command.args(ids).arg("--clear-groups");
    }
    command.arg(program);
    command
}

/// Starts a process from a thread that never ends, because the kernel sends the signal of
/// [`command`] when the thread that started the process ends.
fn spawn(command: Command) -> Child {
    type Started = mpsc::Sender<std::io::Result<Child>>;
    static STARTER: LazyLock<mpsc::Sender<(Command, Started)>> = LazyLock::new(|| {
        let (sender, commands) = mpsc::channel::<(Command, Started)>();
        thread::spawn(move || {
            for (mut command, started) in commands {
                drop(started.send(command.spawn()));
            }
        });
        sender
    });
    let (sender, started) = mpsc::channel();
    STARTER.send((command, sender)).expect("the thread never ends");
    let child = started.recv().expect("the thread never ends");
    child.expect("setpriv, a part of util-linux")
}

/// The process of a server. It is killed when this value is dropped.
#[derive(Debug)]
pub struct Process {
    child: Mutex<Child>,
    log: PathBuf,
}

impl Process {
    /// Starts a server, which logs to this file, and waits until its log contains `ready`. Returns
    /// `None` if the server ended because its port is in use.
    ///
    /// # Panics
    /// Panics if the server ends for another reason, or is not ready after a minute.
    pub fn start(mut command: Command, log: PathBuf, ready: &str) -> Option<Self> {
        let file = File::create(&log).expect("a log");
        command.stdin(Stdio::null()).stdout(file.try_clone().expect("the same log")).stderr(file);
        let process = Self { child: Mutex::new(spawn(command)), log };
        let started = Instant::now();
        loop {
            // The order matters: once a server has ended, its log is complete.
            let exit_status = process.exit_status();
            let log = process.log();
            if exit_status.is_none() && log.contains(ready) {
                return Some(process);
            }
            let log = log.to_lowercase();
            if exit_status.is_some() && IN_USE_MESSAGES.iter().any(|it| log.contains(it)) {
                return None;
            }
            process.assert_running();
            assert!(started.elapsed() < TIMEOUT, "no {ready:?} in the log: {}", process.log_end());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Its process id.
    ///
    /// # Panics
    /// Never panics.
    pub fn id(&self) -> u32 {
        self.child.lock().expect("the lock is not poisoned").id()
    }

    /// The exit status, if the process has ended.
    ///
    /// # Panics
    /// Never panics.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        let mut child = self.child.lock().expect("the lock is not poisoned");
        child.try_wait().expect("a child process")
    }

    /// Asserts that the process still runs.
    ///
    /// # Panics
    /// Panics if it has ended. The message contains the last lines of its log.
    pub fn assert_running(&self) {
        if let Some(status) = self.exit_status() {
            panic!(
                "process {} ended ({status}); its log ends with:\n{}",
                self.id(),
                self.log_end()
            );
        }
    }

    fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Ok(child) = self.child.get_mut() {
            // The process may have ended already.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Sends a signal to a process, if it still runs.
pub fn signal(id: u32, name: &str) {
    let mut kill = Command::new("kill");
    drop(kill.args(["-s", name, &id.to_string()]).stderr(Stdio::null()).status());
}

#[cfg(test)]
mod tests;
