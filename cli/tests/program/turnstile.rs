//! A proxy to a server that counts commands and kills a process at exactly one of them.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// How much of the command is forwarded when the process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KillPoint {
    /// Nothing.
    Before,
    /// Half of its bytes.
    Half,
    /// All of it, but the reply is not returned.
    NoReply,
}

/// Longer than a process takes to be registered after its start, even on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
struct Count {
    forwarded: u64,
    /// The command at which the process is killed.
    at: Option<(u64, KillPoint)>,
    process: Option<u32>,
    /// The name of the command at which it was killed.
    killed_at: Option<String>,
    /// The number of open connections.
    open: usize,
    ended: bool,
}

#[derive(Debug, Default)]
struct Shared {
    count: Mutex<Count>,
    changed: Condvar,
}

impl Shared {
    fn count(&self) -> MutexGuard<'_, Count> {
        self.count.lock().expect("the lock is not poisoned")
    }
}

/// The proxy. It stops when this value is dropped.
pub(crate) struct KillProxy {
    port: u16,
    shared: Arc<Shared>,
}

impl KillProxy {
    /// Starts a proxy to this port.
    pub(crate) fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared::default());
        let thread_shared = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                if thread_shared.count().ended {
                    return;
                }
                let server = TcpStream::connect(("127.0.0.1", to));
                if let (Ok(client), Ok(server)) = (client, server) {
                    forward(client, server, &thread_shared);
                }
            }
        });
        Self { port, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Restarts the count at zero, and kills the watched process at this command, if one is given.
    pub(crate) fn arm(&self, at: Option<(u64, KillPoint)>) {
        let mut count = self.shared.count();
        *count = Count { at, open: count.open, ..Count::default() };
    }

    /// Sets the process to kill.
    pub(crate) fn watch(&self, process: u32) {
        self.shared.count().process = Some(process);
        self.shared.changed.notify_all();
    }

    /// The number of forwarded commands.
    pub(crate) fn forwarded(&self) -> u64 {
        self.shared.count().forwarded
    }

    /// The name of the command at which the process was killed, if it was.
    pub(crate) fn killed_at(&self) -> Option<String> {
        self.shared.count().killed_at.clone()
    }

    /// Waits until the server has executed everything that a process sent before it ended.
    pub(crate) fn drain(&self) {
        let (count, changed) = (self.shared.count(), &self.shared.changed);
        let waited = changed.wait_timeout_while(count, TIMEOUT, |count| count.open > 0);
        assert!(
            !waited.expect("the lock is not poisoned").1.timed_out(),
            "a connection stays open"
        );
    }
}

impl Drop for KillProxy {
    fn drop(&mut self) {
        self.shared.count().ended = true;
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

fn forward(client: TcpStream, server: TcpStream, shared: &Arc<Shared>) {
    for stream in [&client, &server] {
        stream.set_nodelay(true).expect("it can be set");
    }
    let other = |stream: &TcpStream| stream.try_clone().expect("it can be cloned");
    let (mut replies, mut client_writer) = (other(&server), other(&client));
    shared.count().open += 1;
    let answers_shared = Arc::clone(shared);
    thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        // The server closes a connection after it has executed what came over it.
        while let Ok(length @ 1..) = replies.read(&mut buffer) {
            // A killed process gets no more replies.
            if answers_shared.count().killed_at.is_none() {
                drop(client_writer.write_all(&buffer[..length]));
            }
        }
        drop(client_writer.shutdown(Shutdown::Both));
        answers_shared.count().open -= 1;
        answers_shared.changed.notify_all();
    });
    let shared = Arc::clone(shared);
    thread::spawn(move || forward_commands(client, server, &shared));
}

/// Forwards commands one at a time.
fn forward_commands(mut from: TcpStream, mut to: TcpStream, shared: &Shared) {
    let (mut buffer, mut unread) = (vec![0; 1 << 16], Vec::new());
    'read: while let Ok(length @ 1..) = from.read(&mut buffer) {
        unread.extend_from_slice(&buffer[..length]);
        while let Some(length) = command(&unread) {
            let rest = unread.split_off(length);
            let bytes = std::mem::replace(&mut unread, rest);
            let through = count_command(&bytes, shared);
            let whole = through == bytes.len();
            if to.write_all(&bytes[..through]).is_err() || !whole {
                break 'read;
            }
        }
    }
    drop(to.shutdown(Shutdown::Write));
}

/// Counts a command, and kills the process if it is the chosen one. Returns the number of bytes to forward.
fn count_command(bytes: &[u8], shared: &Shared) -> usize {
    let mut count = shared.count();
    if count.killed_at.is_some() {
        return 0;
    }
    let (number, at) = (count.forwarded, count.at);
    count.forwarded += 1;
    let Some((_, kill_point)) = at.filter(|(at, _)| *at == number) else { return bytes.len() };
    let waited = shared.changed.wait_timeout_while(count, TIMEOUT, |it| it.process.is_none());
    count = waited.expect("the lock is not poisoned").0;
    let process = count.process.expect("a process is let through").to_string();
    let done = Command::new("kill").args(["-s", "KILL", &process]).status().expect("kill");
    assert!(done.success());
    let word = bytes.split(|byte| *byte == b'\n').nth(2).unwrap_or_default();
    count.killed_at = Some(String::from_utf8_lossy(word).trim().to_uppercase());
    match kill_point {
        KillPoint::Before => 0,
        KillPoint::Half => bytes.len() / 2,
        KillPoint::NoReply => bytes.len(),
    }
}

/// The length of the first command, an array of strings, or `None` if it is incomplete.
fn command(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    let words = number(bytes, &mut at, b'*')?;
    for _ in 0..words {
        at += number(bytes, &mut at, b'$')? + 2;
    }
    (at <= bytes.len()).then_some(at)
}

/// Parses the number in a line that begins with `kind`.
fn number(bytes: &[u8], at: &mut usize, kind: u8) -> Option<usize> {
    let line = bytes.get(*at..)?;
    let end = line.iter().position(|byte| *byte == b'\n')?;
    assert_eq!(line[0], kind, "{}", String::from_utf8_lossy(line));
    *at += end + 1;
    let text = std::str::from_utf8(&line[1..end]).expect("digits");
    Some(text.trim().parse().expect("a number"))
}
