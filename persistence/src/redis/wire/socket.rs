//! A socket to a server, encrypted or not.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use crate::redis::options::{Address, Tls};

pub(super) enum Socket {
    Plain(TcpStream),
    #[cfg(feature = "tls")]
    Encrypted(Box<rustls::StreamOwned<rustls::ClientConnection, TcpStream>>),
}

impl Socket {
    /// Connects. No step of it takes longer than `limit`.
    pub(super) fn connect(address: &Address, tls: Option<&Tls>, limit: Duration) -> Result<Self> {
        let mut last = None;
        for place in (address.host.as_str(), address.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&place, limit) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(limit))?;
                    stream.set_write_timeout(Some(limit))?;
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
    fn encrypted(mut stream: TcpStream, address: &Address, tls: &Tls) -> Result<Self> {
        let own = tls.client.as_ref().map(|(certificate, key)| (&**certificate, &**key));
        let config =
            crate::encrypt::encryption(tls.authority.as_deref(), own).map_err(Error::other)?;
        let name = address.host.clone().try_into().map_err(Error::other)?;
        let mut talk = rustls::ClientConnection::new(config.into(), name).map_err(Error::other)?;
        // Now, while there is as much time as connecting may take.
        while talk.is_handshaking() {
            talk.complete_io(&mut stream)?;
        }
        Ok(Self::Encrypted(Box::new(rustls::StreamOwned::new(talk, stream))))
    }

    #[cfg(not(feature = "tls"))]
    fn encrypted(_: TcpStream, _: &Address, _: &Tls) -> Result<Self> {
        Err(Error::other("this build cannot encrypt: feature `tls`"))
    }

    /// How long each read and write may take from now on.
    pub(super) fn limit(&self, limit: Duration) -> Result<()> {
        let stream = match self {
            Self::Plain(stream) => stream,
            #[cfg(feature = "tls")]
            Self::Encrypted(stream) => stream.get_ref(),
        };
        stream.set_read_timeout(Some(limit))?;
        stream.set_write_timeout(Some(limit))
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
                Ok(0) => return Err(Error::new(ErrorKind::UnexpectedEof, "the server hung up")),
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
