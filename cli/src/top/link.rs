//! A connection to a running host.

use std::fmt;
use std::io::{self, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use pricetime::Secret;
use pricetime_gateway::json::{Answer, FORMAT, Welcome};
use pricetime_journal::lines::{Next, next_line};

/// How long a connection, its first answer or a write may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where a host listens.
#[derive(Clone, Debug)]
pub(super) enum Address {
    Unix(PathBuf),
    Tcp(String),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => path.display().fmt(f),
            Self::Tcp(address) => address.fmt(f),
        }
    }
}

/// The reading end of a connection.
pub(super) struct Ear {
    from: BufReader<Box<dyn Read + Send>>,
    text: Vec<u8>,
}

/// The writing end of a connection.
pub(super) struct Mouth(Box<dyn Write + Send>);

/// A connection that has been greeted.
pub(super) struct Link {
    pub(super) ear: Ear,
    pub(super) mouth: Mouth,
    pub(super) welcome: Welcome,
}

impl Link {
    /// Connects and presents the token, if there is one.
    pub(super) fn open(to: &Address, token: Option<&Secret>) -> io::Result<Self> {
        let token = token.map(|token| serde_json::to_string(token.expose())).transpose()?;
        let token = token.map(|token| format!(",\"token\":{token}")).unwrap_or_default();
        let hello = format!("{{\"hello\":{{\"format\":{FORMAT}{token}}}}}\n");
        match to {
            Address::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_write_timeout(Some(PATIENCE))?;
                stream.set_read_timeout(Some(PATIENCE))?;
                let ends = (stream.try_clone()?, stream.try_clone()?);
                let link = Self::greet(Box::new(ends.0), Box::new(ends.1), &hello)?;
                stream.set_read_timeout(None)?;
                Ok(link)
            }
            Address::Tcp(address) => {
                let stream = connect(address)?;
                stream.set_nodelay(true)?;
                stream.set_write_timeout(Some(PATIENCE))?;
                stream.set_read_timeout(Some(PATIENCE))?;
                let ends = (stream.try_clone()?, stream.try_clone()?);
                let link = Self::greet(Box::new(ends.0), Box::new(ends.1), &hello)?;
                stream.set_read_timeout(None)?;
                Ok(link)
            }
        }
    }

    fn greet(
        from: Box<dyn Read + Send>,
        to: Box<dyn Write + Send>,
        hello: &str,
    ) -> io::Result<Self> {
        let mut ear = Ear { from: BufReader::with_capacity(1 << 16, from), text: Vec::new() };
        let mut mouth = Mouth(to);
        mouth.say(hello)?;
        match ear.hear()? {
            Heard::Answer(answer) => match *answer {
                Answer::Welcome(welcome) => Ok(Self { ear, mouth, welcome }),
                Answer::Refused(refused) => Err(io::Error::other(refused.error)),
                Answer::Done(_)
                | Answer::Book(_)
                | Answer::Update(_)
                | Answer::Orders(_)
                | Answer::Own(_)
                | Answer::Ended(_)
                | Answer::Market(_)
                | Answer::Order(_)
                | Answer::Outcome(_)
                | Answer::Status(_) => Err(not_ours()),
            },
            Heard::Other => Err(not_ours()),
            Heard::End => Err(io::Error::other("it closed the connection")),
        }
    }
}

fn not_ours() -> io::Error {
    io::Error::other("its first line is no `welcome`: what listens there is not `pricetime run`")
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let mut failed = io::Error::other("the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// What was heard.
pub(super) enum Heard {
    Answer(Box<Answer>),
    /// A line that is too long or that is not known here.
    Other,
    End,
}

impl Ear {
    /// Waits for the next line.
    pub(super) fn hear(&mut self) -> io::Result<Heard> {
        Ok(match next_line(&mut self.from, &mut self.text)? {
            Next::End => Heard::End,
            Next::Long => Heard::Other,
            Next::Line => serde_json::from_slice(&self.text)
                .map_or(Heard::Other, |answer| Heard::Answer(Box::new(answer))),
        })
    }
}

impl Mouth {
    /// Sends lines, in one write.
    pub(super) fn say(&mut self, lines: &str) -> io::Result<()> {
        self.0.write_all(lines.as_bytes())?;
        self.0.flush()
    }
}
