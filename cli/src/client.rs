//! What `send` and `top` share as clients of a running market: its address, connections, the token.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs as _};
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pricetime::Secret;

use super::failure::{Code, Failure};

/// How long a connection may take. `top` also waits this long for the first answer and for a write.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);

/// Where a market listens.
#[derive(Clone, Debug)]
pub(super) enum Address {
    /// The path of a Unix socket.
    Unix(PathBuf),
    /// A host and a port.
    Tcp(String),
}

/// A connection to a market.
#[derive(Debug)]
pub(super) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Address {
    /// Connects.
    ///
    /// # Errors
    /// Returns a failure that says what is wrong and what to do.
    pub(super) fn connect(&self) -> Result<Stream, Failure> {
        let connected = match self {
            Self::Unix(path) => UnixStream::connect(path).map(Stream::Unix),
            Self::Tcp(address) => tcp(address).map(Stream::Tcp),
        };
        connected.map_err(|error| {
            let why = match self {
                Self::Unix(path) => explain_unix_error(path, &error),
                Self::Tcp(address) => explain_tcp_error(address, &error),
            };
            Failure::failed(format!("cannot connect to {self}: {why}"))
        })
    }
}

/// Connects to the first address of a name that accepts.
fn tcp(address: &str) -> io::Result<TcpStream> {
    let mut failed = io::Error::other("the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, TIMEOUT) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn explain_unix_error(path: &Path, error: &io::Error) -> String {
    let shown = path.display();
    let start = format!(
        "start a market with `pricetime run --unix {shown}`, or name its socket with --unix PATH"
    );
    let is_socket = fs::metadata(path).is_ok_and(|file| file.file_type().is_socket());
    let kind = error.kind();
    if kind == ErrorKind::NotFound {
        format!("there is no such socket; {start}")
    } else if kind == ErrorKind::PermissionDenied {
        String::from(
            "permission denied; only the user that runs the market may connect to its Unix socket",
        )
    } else if kind == ErrorKind::ConnectionRefused && is_socket {
        format!("connection refused: the process that listened there has ended; {start}")
    } else if kind == ErrorKind::ConnectionRefused {
        format!("the file is not a socket; {start}")
    } else {
        error.to_string()
    }
}

fn explain_tcp_error(address: &str, error: &io::Error) -> String {
    if error.kind() == ErrorKind::ConnectionRefused {
        format!(
            "connection refused: no process listens there; start a market with `pricetime run --tcp \
             {address}`"
        )
    } else if error.kind() == ErrorKind::InvalidInput {
        format!("{error}; expected a host and a port, like \"localhost:7070\"")
    } else {
        error.to_string()
    }
}

impl Stream {
    /// A second handle of the same connection.
    pub(super) fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Unix(stream) => Self::Unix(stream.try_clone()?),
            Self::Tcp(stream) => Self::Tcp(stream.try_clone()?),
        })
    }

    /// Sets how long a read may take.
    pub(super) fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.set_read_timeout(timeout),
            Self::Tcp(stream) => stream.set_read_timeout(timeout),
        }
    }

    /// Sets how long a write may take.
    pub(super) fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.set_write_timeout(timeout),
            Self::Tcp(stream) => stream.set_write_timeout(timeout),
        }
    }

    /// Tells the market that no more lines follow. It still answers those that were sent.
    pub(super) fn end_writing(&self) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => path.display().fmt(f),
            Self::Tcp(address) => address.fmt(f),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(buffer),
            Self::Tcp(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write(bytes),
            Self::Tcp(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.flush(),
            Self::Tcp(stream) => stream.flush(),
        }
    }
}

/// Reads the token in the first line of a file.
pub(super) fn token(file: &Path) -> Result<Secret, Failure> {
    let usage = |why: String| Failure::new(Code::Usage, format!("{}: {why}", file.display()));
    let text = fs::read_to_string(file)
        .map_err(|error| usage(format!("cannot read the token: {error}")))?;
    match text.lines().next().map(str::trim) {
        Some(token) if !token.is_empty() => Ok(Secret::from(token)),
        Some(_) | None => Err(usage(String::from(
            "its first line is empty; it must be the token that `pricetime token` printed",
        ))),
    }
}
