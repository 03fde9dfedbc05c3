//! Of two processes on one folder, the second waits. It takes over if the first has died, but not while the
//! first only hangs. A process that wakes up without the lock acknowledges nothing.

use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::program::{MARKET, place};
use pricetime_tests::redis::{Server, servers};
use pricetime_tests::wait::{TIMEOUT, until};
use serde_json::Value;

const KEY: &str = "pricetime:dev:lock:order_matching:default";

/// A process on a folder that it shares with others.
struct Runner {
    child: Child,
    socket: PathBuf,
    log: PathBuf,
}

fn command(folder: &Path, servers: &[Server], ttl: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pricetime"));
    command.current_dir(folder).args(["run", "--epoch", "never", "--config", "ttl.toml"]);
    std::fs::write(folder.join("ttl.toml"), format!("lock.ttl = \"{ttl}\"\n")).expect("a file");
    for server in servers {
        command.args(["--lock", &server.url()]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

impl Runner {
    fn start(folder: &Path, name: &str, servers: &[Server]) -> Self {
        Self::start_with(folder, name, servers, "2s")
    }

    fn start_with(folder: &Path, name: &str, servers: &[Server], ttl: &str) -> Self {
        let (socket, log) = (folder.join(name), folder.join(format!("{name}.log")));
        let child = command(folder, servers, ttl)
            .args(["--unix", name])
            .stderr(File::create(&log).expect("a log"))
            .spawn()
            .expect("the program");
        Self { child, socket, log }
    }

    fn log_contains(&self, what: &str) -> bool {
        std::fs::read_to_string(&self.log).expect("a log").contains(what)
    }

    fn wait_for(&mut self, what: &str) {
        until(what, || {
            assert_eq!(self.child.try_wait().expect("a child"), None, "it ended");
            self.log_contains(what)
        });
    }

    fn client(&mut self) -> BufReader<UnixStream> {
        self.wait_for("listening on a Unix socket");
        let stream = UnixStream::connect(&self.socket).expect("the socket");
        stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
        BufReader::new(stream)
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let done = Command::new("kill").args(["-s", name, &id]).status().expect("kill");
        assert!(done.success());
    }

    fn end(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        // The process may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn send(client: &mut BufReader<UnixStream>, lines: &str) {
    client.get_mut().write_all(lines.as_bytes()).expect("it listens");
}

fn receive(client: &mut BufReader<UnixStream>) -> Value {
    let mut line = String::new();
    client.read_line(&mut line).expect("it answers");
    serde_json::from_str(&line).expect(&line)
}

/// Sends lines and reads an answer to each.
fn ask(client: &mut BufReader<UnixStream>, lines: &str) -> Vec<Value> {
    send(client, lines);
    lines.lines().map(|_| receive(client)).collect()
}

fn durable(client: &mut BufReader<UnixStream>) -> u64 {
    let answers = ask(client, "{\"status\":{}}\n");
    answers[0]["status"]["durable"].as_u64().expect("a number")
}

/// Orders that do not trade.
fn orders(numbers: std::ops::Range<u32>) -> String {
    numbers.map(|number| place(1, number, "buy", "10", 1)).collect()
}

/// The number of servers on which the lock is free.
fn free_count(servers: &[Server]) -> usize {
    servers.iter().filter(|server| server.ask(&["EXISTS", KEY]) == "0").count()
}

/// Starts one process that executes commands, and a standby.
fn start_pair(folder: &Path, servers: &[Server]) -> (Runner, Runner) {
    let mut first = Runner::start(folder, "first", servers);
    let mut client = first.client();
    ask(&mut client, &format!("{MARKET}{}", orders(1..20)));
    assert_eq!(durable(&mut client), 21);
    let mut second = Runner::start(folder, "second", servers);
    second.wait_for("standing by: another process holds");
    (first, second)
}

#[test]
fn standby_takes_over_from_a_killed_runner() {
    for server_count in [1, 3] {
        let (folder, servers) = (tempfile::tempdir().expect("a folder"), servers(server_count));
        let (first, mut second) = start_pair(folder.path(), &servers);
        assert!(!second.log_contains("listening"), "it waits");
        first.signal("KILL");
        let mut client = second.client();
        assert_eq!(durable(&mut client), 21, "acknowledged commands are there");
        ask(&mut client, &orders(20..30));
        assert_eq!(durable(&mut client), 31);
        assert_eq!(second.end(), Some(0));
        // The lock of the third process expires only after 600 s, so it is free only if the process
        // releases it.
        let mut third = Runner::start_with(folder.path(), "third", &servers, "600s");
        drop(third.client());
        assert_eq!(third.end(), Some(0));
        until("it is released on most servers", || free_count(&servers) > server_count / 2);
    }
}

#[test]
fn standby_does_not_take_over_from_a_runner_that_hangs() {
    for server_count in [1, 3] {
        let (folder, servers) = (tempfile::tempdir().expect("a folder"), servers(server_count));
        let (mut first, mut second) = start_pair(folder.path(), &servers);
        let mut client = first.client();
        first.signal("STOP");
        second.wait_for("standing by: no process holds");
        send(&mut client, &orders(20..30));
        assert!(!second.log_contains("listening"), "it waits");
        first.signal("CONT");
        for _ in 20..30 {
            assert!(receive(&mut client).get("error").is_none());
        }
        first.wait_for("lock lost: nothing is acknowledged");
        first.wait_for("lock held again");
        assert!(!second.log_contains("listening"), "it waits");
        first.signal("KILL");
        let mut client = second.client();
        assert_eq!(durable(&mut client), 31);
        assert_eq!(second.end(), Some(0));
    }
}

#[test]
fn resumed_runner_without_the_lock_acknowledges_nothing() {
    for server_count in [1, 3] {
        let (folder, servers) = (tempfile::tempdir().expect("a folder"), servers(server_count));
        let mut first = Runner::start(folder.path(), "first", &servers);
        let (mut client, mut other) = (first.client(), first.client());
        ask(&mut client, &format!("{MARKET}{}", orders(1..20)));
        first.signal("STOP");
        until("its validity ends", || free_count(&servers) == server_count);
        for server in &servers {
            assert_eq!(server.ask(&["SET", KEY, "another"]), "OK");
        }
        send(&mut client, &orders(20..30));
        first.signal("CONT");
        first.wait_for("another process holds");
        // The loop gives the first process enough time to answer.
        for _ in 0..100 {
            assert_eq!(durable(&mut other), 21);
        }
        client.get_ref().set_nonblocking(true).expect("a socket");
        let nothing = client.fill_buf().map(<[u8]>::to_vec);
        assert_eq!(nothing.map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
        client.get_ref().set_nonblocking(false).expect("a socket");
        for server in &servers {
            assert_eq!(server.ask(&["DEL", KEY]), "1");
        }
        let mut before = 21;
        for _ in 20..30 {
            let answer = receive(&mut client);
            assert!(answer.get("error").is_none(), "{answer}");
            let sequence = answer.to_string();
            before += 1;
            assert!(sequence.contains(&format!("\"sequence\":{before}")), "{answer}");
        }
        assert_eq!(first.end(), Some(0));
    }
}

#[test]
fn standby_exit_returns_exit_code_5() {
    let (folder, servers) = (tempfile::tempdir().expect("a folder"), servers(1));
    let mut first = Runner::start(folder.path(), "first", &servers);
    first.wait_for("listening on a Unix socket");
    let ended = command(folder.path(), &servers, "2s")
        .args(["--standby", "exit"])
        .stderr(Stdio::piped())
        .output()
        .expect("the program");
    let text = String::from_utf8(ended.stderr).expect("text");
    assert_eq!(ended.status.code(), Some(5), "{text}");
    assert!(text.contains(KEY) && text.contains("another process drives"), "{text}");
    let ended = command(folder.path(), &servers, "2s").args(["--standby", "leave"]).output();
    assert_eq!(ended.expect("the program").status.code(), Some(2));
    assert_eq!(first.end(), Some(0));
}

#[test]
fn shutdown_without_the_lock_ends_and_is_reported() {
    let (folder, mut servers) = (tempfile::tempdir().expect("a folder"), servers(1));
    let mut first = Runner::start(folder.path(), "first", &servers);
    let mut client = first.client();
    ask(&mut client, MARKET);
    servers.iter_mut().for_each(Server::kill);
    first.wait_for("lock lost: nothing is acknowledged");
    send(&mut client, &orders(1..20));
    assert_eq!(first.end(), Some(1));
    assert!(first.log_contains("it stopped without the runner's lock"));
}
