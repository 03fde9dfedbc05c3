//! A plain connection to a server, so that these measurements do not depend on the image's client.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use pricetime::persistence::redis::Address;

/// The number of commands in flight on a connection while Z is measured.
const PIPELINE: usize = 100;
/// The number of connections that send them if `redis-benchmark` is not installed.
const CONNECTIONS: usize = 4;
/// A timeout that no working server reaches.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A connection.
pub(in super::super) struct RawConnection(BufReader<TcpStream>);

impl RawConnection {
    pub(in super::super) fn connect(to: &Address) -> io::Result<Self> {
        let stream = TcpStream::connect((to.host.as_str(), to.port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a command whose reply is a line or a text.
    pub(in super::super) fn ask(&mut self, words: &[&str]) -> io::Result<String> {
        let mut message = Vec::new();
        encode(&mut message, words);
        self.0.get_mut().write_all(&message)?;
        self.answer()
    }

    fn answer(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let line = line.trim_end();
        let unexpected = || io::Error::other(format!("unexpected answer: {line}"));
        match line.split_at_checked(1) {
            Some(("+" | ":", rest)) => Ok(rest.to_owned()),
            Some(("-", rest)) => Err(io::Error::other(rest.to_owned())),
            Some(("$", length)) => {
                let length: usize = length.parse().map_err(|_| unexpected())?;
                let mut text = vec![0; length + 2];
                self.0.read_exact(&mut text)?;
                text.truncate(length);
                String::from_utf8(text).map_err(io::Error::other)
            }
            _ => Err(unexpected()),
        }
    }

    /// A number from the server's `INFO`.
    pub(in super::super) fn figure(&mut self, section: &str, name: &str) -> io::Result<f64> {
        let info = self.ask(&["INFO", section])?;
        let found = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let number = found.and_then(|number| number.trim().parse().ok());
        number.ok_or_else(|| io::Error::other(format!("INFO {section} has no {name}")))
    }
}

fn encode(to: &mut Vec<u8>, words: &[&str]) {
    to.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        to.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
}

/// Z: the highest rate of ZADD that the server takes at a pipeline of 100, and which program measured
/// it.
pub(in super::super) fn zadd(
    to: &Address,
    key: &str,
    count: usize,
) -> io::Result<(f64, &'static str)> {
    let measured = match measure_with_benchmark(to, key, count)? {
        Some(rate) => (rate, "measured by redis-benchmark -P 100"),
        None => (
            measure_with_connections(to, key, count)?,
            "measured by four connections of this program",
        ),
    };
    RawConnection::connect(to)?.ask(&["UNLINK", key])?;
    Ok(measured)
}

/// Returns `None` if `redis-benchmark` is not installed.
fn measure_with_benchmark(to: &Address, key: &str, count: usize) -> io::Result<Option<f64>> {
    let output = Command::new("redis-benchmark")
        .args(["-h", &to.host, "-p", &to.port.to_string(), "-P", &PIPELINE.to_string()])
        .args(["-n", &count.to_string(), "-r", "100000000", "-q", "--csv"])
        .args(["zadd", key, "__rand_int__", "member:__rand_int__"])
        .stderr(Stdio::null())
        .output();
    let output = match output {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        output => output?,
    };
    // The last row has the name of the command in quotes, then the rate a second.
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let rate = text.lines().last().and_then(|row| row.split("\",\"").nth(1));
    let rate = rate.and_then(|rate| rate.trim_matches('"').parse().ok());
    rate.map(Some).ok_or_else(|| io::Error::other("redis-benchmark printed no rate"))
}

fn measure_with_connections(to: &Address, key: &str, count: usize) -> io::Result<f64> {
    let rounds = count.div_ceil(PIPELINE * CONNECTIONS);
    let started = Instant::now();
    thread::scope(|scope| {
        let one = |number: usize| scope.spawn(move || send(to, key, rounds, number));
        let all: Vec<_> = (0..CONNECTIONS).map(one).collect();
        let panicked = |_| io::Error::other("a connection panicked");
        all.into_iter().try_for_each(|one| one.join().map_err(panicked)?)
    })?;
    Ok((rounds * PIPELINE * CONNECTIONS) as f64 / started.elapsed().as_secs_f64())
}

fn send(to: &Address, key: &str, rounds: usize, number: usize) -> io::Result<()> {
    let mut raw = RawConnection::connect(to)?;
    let mut message = Vec::new();
    for round in 0..rounds {
        message.clear();
        for at in 0..PIPELINE {
            let scrambled =
                ((round * PIPELINE + at) * CONNECTIONS + number).wrapping_mul(7_919_777);
            let (score, member) = (scrambled % 100_000_000, format!("member:{scrambled:012}"));
            encode(&mut message, &["ZADD", key, &score.to_string(), &member]);
        }
        raw.0.get_mut().write_all(&message)?;
        for _ in 0..PIPELINE {
            raw.answer()?;
        }
    }
    Ok(())
}
