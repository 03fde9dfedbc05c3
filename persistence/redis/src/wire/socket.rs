//! A socket to a server, encrypted or not.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use crate::options::{Address, Tls};
use crate::redlock::clock::{Clock as _, MachineClock};

/// The moment this long from now, on the clock of this machine.
pub(super) fn deadline_after(time: Duration) -> Duration {
    MachineClock.now().saturating_add(time)
}

pub(super) enum Socket {
    Plain(DeadlineStream),
    #[cfg(feature = "tls")]
    Encrypted(Box<rustls::StreamOwned<rustls::ClientConnection, DeadlineStream>>),
}

/// A stream whose reads and writes all fail after a given moment.
pub(super) struct DeadlineStream {
    stream: TcpStream,
    deadline: Duration,
}

impl DeadlineStream {
    fn remaining(&self) -> Result<Duration> {
        let remaining = self.deadline.saturating_sub(MachineClock.now());
        let late = || Error::new(ErrorKind::TimedOut, "no answer in time");
        (!remaining.is_zero()).then_some(remaining).ok_or_else(late)
    }
}

impl Read for DeadlineStream {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        self.stream.set_read_timeout(Some(self.remaining()?))?;
        self.stream.read(into)
    }
}

impl Write for DeadlineStream {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.stream.set_write_timeout(Some(self.remaining()?))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        self.stream.flush()
    }
}

impl Socket {
    /// Connects, with encryption if there is any. This takes no longer than `limit` for each address that
    /// the server's name has.
    pub(super) fn connect(address: &Address, tls: Option<&Tls>, limit: Duration) -> Result<Self> {
        let mut last = None;
        for socket_address in (address.host.as_str(), address.port).to_socket_addrs()? {
            let deadline = deadline_after(limit);
            match TcpStream::connect_timeout(&socket_address, limit) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    let stream = DeadlineStream { stream, deadline };
                    return match tls {
                        None => Ok(Self::Plain(stream)),
                        Some(tls) => Self::encrypted(stream, address, tls),
                    };
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| Error::new(ErrorKind::NotFound, "the name has no address")))
    }

    #[cfg(feature = "tls")]
    fn encrypted(mut stream: DeadlineStream, address: &Address, tls: &Tls) -> Result<Self> {
        let own = tls.client.as_ref().map(|(certificate, key)| (&**certificate, &**key));
        let config = pricetime_journal::tls::client_config(tls.authority.as_deref(), own)
            .map_err(Error::other)?;
        let name = address.host.clone().try_into().map_err(Error::other)?;
        let mut session =
            rustls::ClientConnection::new(config.into(), name).map_err(Error::other)?;
        // The handshake happens now, within the time limit of connecting.
        while session.is_handshaking() {
            session.complete_io(&mut stream)?;
        }
        Ok(Self::Encrypted(Box::new(rustls::StreamOwned::new(session, stream))))
    }

    #[cfg(not(feature = "tls"))]
    fn encrypted(_: DeadlineStream, _: &Address, _: &Tls) -> Result<Self> {
        Err(Error::other("this build cannot encrypt: feature `tls`"))
    }

    /// Sets the deadline of reads and writes.
    pub(super) fn set_deadline(&mut self, deadline: Duration) {
        match self {
            Self::Plain(stream) => stream.deadline = deadline,
            #[cfg(feature = "tls")]
            Self::Encrypted(stream) => stream.sock.deadline = deadline,
        }
    }

    pub(super) fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        loop {
            let read = match self {
                Self::Plain(stream) => stream.read(into),
                #[cfg(feature = "tls")]
                Self::Encrypted(stream) => stream.read(into),
            };
            match read {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) => {
                    return Err(Error::new(
                        ErrorKind::UnexpectedEof,
                        "the server closed the connection",
                    ));
                }
                read => return read,
            }
        }
    }

    pub(super) fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes),
            #[cfg(feature = "tls")]
            Self::Encrypted(stream) => {
                stream.write_all(bytes)?;
                stream.flush()
            }
        }
    }
}
