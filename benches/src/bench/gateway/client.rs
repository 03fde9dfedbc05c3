//! A connection to a running market.

use std::fs;
use std::io::{self, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pricetime::Secret;
use pricetime_gateway::json::{Answer, FORMAT, Hello, Line};
use pricetime_journal::lines::{NextLine, next_line};
use serde::Serialize;

use crate::failure::Failure;

/// How long an answer may take. A market that hangs must not hang this program.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A running market.
pub(super) struct Target {
    address: Address,
    token: Option<Secret>,
}

enum Address {
    Unix(PathBuf),
    Tcp(String),
}

/// Both directions of a connection.
pub(super) struct Client {
    pub(super) reader: BufReader<Box<dyn Read + Send>>,
    pub(super) writer: Box<dyn Write + Send>,
    /// The number of lines that were sent.
    pub(super) sent: u64,
}

impl Target {
    pub(super) const fn unix(path: PathBuf) -> Self {
        Self { address: Address::Unix(path), token: None }
    }

    pub(super) const fn tcp(address: String) -> Self {
        Self { address: Address::Tcp(address), token: None }
    }

    /// Adds the token in the first line of a file.
    pub(super) fn with_token(self, file: Option<&Path>) -> Result<Self, Failure> {
        let Some(file) = file else { return Ok(self) };
        let shown = file.display();
        let text = fs::read_to_string(file)
            .map_err(|error| Failure::Usage(format!("{shown}: cannot read the token: {error}")))?;
        let token = text.lines().next().map(str::trim).filter(|token| !token.is_empty());
        let token =
            token.ok_or_else(|| Failure::Usage(format!("{shown}: its first line is empty")))?;
        Ok(Self { token: Some(Secret::from(token)), ..self })
    }

    /// Connects and says hello.
    pub(super) fn connect(&self) -> Result<Client, Failure> {
        let (reader, writer) = self.open().map_err(|error| {
            let address = match &self.address {
                Address::Unix(path) => path.display().to_string(),
                Address::Tcp(address) => address.clone(),
            };
            Failure::Failed(format!(
                "cannot connect to {address}: {error}; is a market running there?"
            ))
        })?;
        let mut client =
            Client { reader: BufReader::with_capacity(1 << 16, reader), writer, sent: 0 };
        let hello =
            Hello { format: FORMAT, token: self.token.clone(), cancel_on_disconnect: false };
        let answer = client.ask(&Line::Hello(hello))?;
        let Answer::Welcome(welcome) = answer else { return Err(unexpected("hello", &answer)) };
        if welcome.operator {
            return Ok(client);
        }
        Err(Failure::Failed(String::from(
            "this connection is not an operator's, so it cannot add a market: name the token of one with \
             --token-file, or the Unix socket with --unix",
        )))
    }

    fn open(&self) -> io::Result<(Box<dyn Read + Send>, Box<dyn Write + Send>)> {
        match &self.address {
            Address::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(TIMEOUT))?;
                stream.set_write_timeout(Some(TIMEOUT))?;
                Ok((Box::new(stream.try_clone()?), Box::new(stream)))
            }
            Address::Tcp(address) => {
                let mut failed = io::Error::other("the name has no address");
                for address in address.to_socket_addrs()? {
                    match TcpStream::connect_timeout(&address, TIMEOUT) {
                        Ok(stream) => {
                            stream.set_nodelay(true)?;
                            stream.set_read_timeout(Some(TIMEOUT))?;
                            stream.set_write_timeout(Some(TIMEOUT))?;
                            return Ok((Box::new(stream.try_clone()?), Box::new(stream)));
                        }
                        Err(error) => failed = error,
                    }
                }
                Err(failed)
            }
        }
    }
}

/// The failure for an answer that does not fit its line.
pub(super) fn unexpected(line: &str, answer: &Answer) -> Failure {
    if let Answer::Refused(refused) = answer {
        return Failure::Failed(format!("{line}: {}", refused.error));
    }
    Failure::Unsound(format!("{line}: unexpected answer {answer:?}"))
}

impl Client {
    /// Sends a line and reads its answer.
    pub(super) fn ask(&mut self, line: &impl Serialize) -> Result<Answer, Failure> {
        let mut text = serde_json::to_vec(line).map_err(Failure::failed)?;
        text.push(b'\n');
        self.writer.write_all(&text)?;
        self.sent += 1;
        let mut answer = Vec::new();
        if !read_line(&mut self.reader, &mut answer)? {
            return Err(Failure::failed("the market sent an answer of more than a megabyte"));
        }
        serde_json::from_slice(&answer)
            .map_err(|error| Failure::Unsound(format!("an answer cannot be read: {error}")))
    }
}

/// Reads a line of answers. Returns `false` if it is too long, and skips it.
pub(super) fn read_line(
    reader: &mut BufReader<Box<dyn Read + Send>>,
    line: &mut Vec<u8>,
) -> Result<bool, Failure> {
    let wrong = |text: &str| Err(Failure::Failed(format!("the market {text}")));
    match next_line(reader, line) {
        Ok(NextLine::Line) => Ok(true),
        Ok(NextLine::Long) => Ok(false),
        Ok(NextLine::End) => wrong("closed the connection before it had answered every line"),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            wrong("has not answered for a minute")
        }
        Err(error) => Err(Failure::failed(format_args!("cannot read an answer: {error}"))),
    }
}
