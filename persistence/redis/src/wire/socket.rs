//! A socket to a server, encrypted or not.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use crate::options::{Address, Tls};
use crate::redlock::clock::{Clock as _, MachineClock};

/// The moment this long from now, on the clock of this machine.
pub(super) fn after(time: Duration) -> Duration {
    MachineClock.now().saturating_add(time)
}

pub(super) enum Socket {
    Plain(Timed),
    #[cfg(feature = "tls")]
    Encrypted(Box<rustls::StreamOwned<rustls::ClientConnection, Timed>>),
}

/// A stream whose reads and writes all fail after a given moment.
pub(super) struct Timed {
    stream: TcpStream,
    until: Duration,
}

impl Timed {
    fn left(&self) -> Result<Duration> {
        let left = self.until.saturating_sub(MachineClock.now());
        let late = || Error::new(ErrorKind::TimedOut, "no answer in time");
        (!left.is_zero()).then_some(left).ok_or_else(late)
    }
}

impl Read for Timed {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(into)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
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
        for place in (address.host.as_str(), address.port).to_socket_addrs()? {
            let until = after(limit);
            match TcpStream::connect_timeout(&place, limit) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    let stream = Timed { stream, until };
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
    fn encrypted(mut stream: Timed, address: &Address, tls: &Tls) -> Result<Self> {
        let own = tls.client.as_ref().map(|(certificate, key)| (&**certificate, &**key));
        let config = pricetime_journal::encrypt::encryption(tls.authority.as_deref(), own)
            .map_err(Error::other)?;
        let name = address.host.clone().try_into().map_err(Error::other)?;
        let mut talk = rustls::ClientConnection::new(config.into(), name).map_err(Error::other)?;
        // The handshake happens now, within the time limit of connecting.
        while talk.is_handshaking() {
            talk.complete_io(&mut stream)?;
        }
        Ok(Self::Encrypted(Box::new(rustls::StreamOwned::new(talk, stream))))
    }

    #[cfg(not(feature = "tls"))]
    fn encrypted(_: Timed, _: &Address, _: &Tls) -> Result<Self> {
        Err(Error::other("this build cannot encrypt: feature `tls`"))
    }

    /// Sets the deadline of reads and writes.
    pub(super) fn work_until(&mut self, until: Duration) {
        match self {
            Self::Plain(stream) => stream.until = until,
            #[cfg(feature = "tls")]
            Self::Encrypted(stream) => stream.sock.until = until,
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
