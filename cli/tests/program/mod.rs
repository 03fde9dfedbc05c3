//! Runs the program as a process.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod page;

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use pricetime_tests::wait::TIMEOUT;
use serde_json::Value;
use tempfile::TempDir;

/// A market of the tests: `tick` 0.01, `lot` 1.
pub(crate) const MARKET: &str = r#"{"add_market":{"market":1,"symbol":"SUN","tick":"0.01","lot":"1","quantity_max":"1000","price_min":"0","price_max":"100"}}
{"set_phase":{"market":1,"phase":"continuous"}}
"#;

/// A query for its book.
pub(crate) const VIEW: &str = "{\"view\":{\"market\":1}}\n";

/// A folder that is deleted with the test.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Runs the program to its end with this standard input.
pub(crate) fn run(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pricetime"))
        .current_dir(folder)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    let mut stdin = child.stdin.take().expect("its input");
    let input = input.to_owned();
    // The program may end without reading everything.
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().expect("its output");
    writer.join().expect("no panic");
    output
}

/// The standard output.
pub(crate) fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// The standard error.
pub(crate) fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// Parses JSON lines.
pub(crate) fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// A limit order of account `account` with id `order`.
pub(crate) fn place(account: u32, order: u32, side: &str, price: &str, quantity: u32) -> String {
    format!(
        "{{\"place\":{{\"market\":1,\"account\":\"00000000-0000-0000-0000-{account:012}\",\
         \"order\":\"00000000-0000-0000-0000-{order:012}\",\"side\":\"{side}\",\"type\":\"limit\",\
         \"price\":\"{price}\",\"quantity\":\"{quantity}\"}}}}\n"
    )
}

/// Configuration lines that let this token act for these accounts.
pub(crate) fn token(token: &str, accounts: &[&str]) -> String {
    let digest = pricetime_gateway::token_digest(token).map(|byte| format!("{byte:02x}")).concat();
    format!("[[listen.tokens]]\nsha256 = \"{digest}\"\naccounts = {accounts:?}\n")
}

/// The command that closes an epoch.
pub(crate) fn close(epoch: u32) -> String {
    format!("{{\"close_epoch\":{{\"market\":1,\"number\":{epoch}}}}}\n")
}

/// The example book of `docs/redis.md`, and the close of its first epoch.
pub(crate) fn book() -> String {
    let mut input = MARKET.to_owned();
    let orders = [
        (1, "buy", "9.90", 5),
        (2, "buy", "9.90", 7),
        (3, "buy", "9.89", 1),
        (4, "buy", "9.80", 3),
        (5, "buy", "9.75", 2),
        (6, "buy", "9.50", 20),
        (7, "buy", "9.00", 50),
        (8, "sell", "10.00", 4),
        (9, "sell", "10.00", 6),
        (10, "sell", "10.05", 9),
    ];
    for (order, side, price, quantity) in orders {
        input += &place(order % 3 + 1, order, side, price, quantity);
    }
    input + &close(1)
}

/// A running program in its own folder.
pub(crate) struct Running {
    pub(crate) folder: TempDir,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts `pricetime run` with these arguments and a Unix socket `socket`, and waits for it.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().expect("a folder"), arguments)
    }

    pub(crate) fn start_in(folder: TempDir, arguments: &[&str]) -> Self {
        Self::start_by(Command::new(env!("CARGO_BIN_EXE_pricetime")), folder, arguments)
    }

    /// Starts it with these variables in its environment.
    pub(crate) fn start_with(
        environment: &[(&str, &str)],
        folder: TempDir,
        arguments: &[&str],
    ) -> Self {
        let mut program = Command::new(env!("CARGO_BIN_EXE_pricetime"));
        program.envs(environment.iter().copied());
        Self::start_by(program, folder, arguments)
    }

    /// Starts it with at most `files` open files.
    pub(crate) fn start_with_files(files: u32, folder: TempDir, arguments: &[&str]) -> Self {
        let mut limited = Command::new("sh");
        limited.args(["-c", "ulimit -n \"$0\" && exec \"$@\"", &files.to_string()]);
        limited.arg(env!("CARGO_BIN_EXE_pricetime"));
        Self::start_by(limited, folder, arguments)
    }

    fn start_by(mut program: Command, folder: TempDir, arguments: &[&str]) -> Self {
        let log = folder.path().join("log");
        let child = program
            .current_dir(folder.path())
            .args(["run", "--unix", "socket"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).expect("a log"))
            .spawn()
            .expect("the program");
        let mut running = Self { folder, child, log };
        running.wait_for("listening on a Unix socket");
        running
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("a log")
    }

    /// Waits until the log contains this text.
    pub(crate) fn wait_for(&mut self, what: &str) {
        let started = Instant::now();
        while !self.log().contains(what) {
            let ended = self.child.try_wait().expect("a child");
            assert!(ended.is_none(), "it ended: {}", self.log());
            assert!(started.elapsed() < TIMEOUT, "no {what} in: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn unix(&self) -> Client<UnixStream> {
        let stream = UnixStream::connect(self.folder.path().join("socket")).expect("the socket");
        stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
        stream.set_write_timeout(Some(TIMEOUT)).expect("a timeout");
        Client { read: BufReader::new(stream.try_clone().expect("a clone")), write: stream }
    }

    /// A client over TCP; the program was started with `--tcp 127.0.0.1:0`.
    pub(crate) fn tcp(&mut self) -> Client<TcpStream> {
        Client::of(TcpStream::connect(self.address()).expect("a connection"))
    }

    /// Its TCP address.
    pub(crate) fn address(&mut self) -> SocketAddr {
        self.wait_for("listening address=");
        let log = self.log();
        let (_, rest) = log.split_once("listening address=").expect("an address");
        let address = rest.split_whitespace().next().expect("an address");
        address.parse().expect("an address")
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let done = Command::new("kill").args(["-s", name, &id]).status().expect("kill");
        assert!(done.success());
    }

    /// Sends SIGTERM and waits. Returns the exit code, the log and the folder.
    pub(crate) fn end(mut self) -> (Option<i32>, String, TempDir) {
        self.signal("TERM");
        let code = self.child.wait().expect("it ends").code();
        let log = self.log();
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().expect("a folder"));
        (code, log, folder)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The process may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A connection.
pub(crate) struct Client<S> {
    read: BufReader<S>,
    write: S,
}

impl Client<TcpStream> {
    pub(crate) fn of(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
        Self { read: BufReader::new(stream.try_clone().expect("a clone")), write: stream }
    }
}

impl Client<UnixStream> {
    /// Makes a write fail if it takes longer than `limit`.
    pub(crate) fn write_timeout(&mut self, limit: Duration) {
        self.write.set_write_timeout(Some(limit)).expect("a timeout");
    }
}

impl<S: std::io::Read + Write> Client<S> {
    pub(crate) fn send(&mut self, lines: &str) {
        self.write.write_all(lines.as_bytes()).expect("it listens");
    }

    /// Reads the next line.
    pub(crate) fn receive(&mut self) -> Value {
        let mut line = String::new();
        self.read.read_line(&mut line).expect("it answers");
        serde_json::from_str(&line).expect(&line)
    }

    /// The answer to a line, or `None` if the other side is gone.
    pub(crate) fn try_ask(&mut self, line: &str) -> Option<Value> {
        self.write(line.as_bytes()).ok()?;
        let mut answer = String::new();
        self.read.read_line(&mut answer).ok()?;
        serde_json::from_str(&answer).ok()
    }

    pub(crate) fn ask(&mut self, line: &str) -> Value {
        self.send(line);
        self.receive()
    }

    /// Waits until the other side closes or resets the connection.
    pub(crate) fn closed(&mut self) {
        let ended = self.read.read_to_end(&mut Vec::new());
        let reset = |error: &std::io::Error| error.kind() == ErrorKind::ConnectionReset;
        assert!(ended.as_ref().err().is_none_or(reset), "it is not closed: {ended:?}");
    }

    /// Writes everything, or returns an error once the other side no longer reads.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.write.write_all(bytes)
    }

    /// Reads everything until the end.
    pub(crate) fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.read.read_to_string(&mut rest).expect("it ends");
        rest
    }
}
