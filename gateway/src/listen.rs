//! Listens on the sockets and serves their clients.

use std::fmt::Display;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::json::{Answer, Refused};
use pricetime::Principal;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::account::Budget;
use crate::admission::{Admission, Slot};
use crate::connections::ConnectionLimits;
use crate::context::{GatewayContext, ended};
use crate::lines::Bounds;
use crate::session::Session;
use crate::socket::Socket;

/// How long connections may take to end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait after a connection could not be accepted.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// The addresses to listen on.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    /// The path of a Unix socket.
    pub unix: Option<PathBuf>,
    /// The address of a TCP socket.
    pub tcp: Option<SocketAddr>,
}

impl Addresses {
    /// Returns `true` if there is any.
    #[must_use]
    pub const fn any(&self) -> bool {
        self.unix.is_some() || self.tcp.is_some()
    }

    /// Checks that the sockets can be bound, and closes them again.
    ///
    /// # Errors
    /// Returns the address that cannot be bound, with the reason.
    pub async fn probe(&self) -> io::Result<()> {
        if let (Some(socket), _) = bind(self).await? {
            socket.remove();
        }
        Ok(())
    }
}

/// The sockets that clients connect to.
#[derive(Debug)]
pub struct Listeners {
    unix: Option<Socket>,
    tcp: Option<TcpListener>,
    limits: Option<Limits>,
}

/// The limits of connections, of each one and of all together.
#[derive(Debug)]
struct Limits {
    connections: ConnectionLimits,
    admission: Arc<Admission>,
    budget: Arc<Budget>,
}

impl Limits {
    fn new(connections: ConnectionLimits) -> io::Result<Self> {
        let admission = Admission::new(connections)?;
        Ok(Self { connections, admission, budget: Budget::new(connections.bytes_of_all) })
    }

    /// Admits a client: over TCP with its address, over the Unix socket with none.
    fn admit(&self, address: Option<IpAddr>) -> Result<(Slot, Bounds), String> {
        let slot = self.admission.admit(address)?;
        let ConnectionLimits { line, idle, write, bytes, .. } = self.connections;
        // Operators type by hand, so only idleness ends their connections.
        let line = if address.is_some() { line } else { idle };
        Ok((slot, Bounds { line, idle, write, account: self.budget.account(bytes) }))
    }
}

impl Listeners {
    /// Binds the sockets.
    ///
    /// # Errors
    /// Returns the address that cannot be bound, with the reason, or an error if too few files may be
    /// open for connections.
    pub async fn open(addresses: &Addresses, connections: ConnectionLimits) -> io::Result<Self> {
        let limits = addresses.any().then(|| Limits::new(connections)).transpose()?;
        let (unix, tcp) = bind(addresses).await?;
        if let Some(path) = &addresses.unix {
            info!(path = %path.display(), "listening on a Unix socket");
        }
        if let Some(listener) = &tcp {
            info!(address = %listener.local_addr()?, "listening");
        }
        Ok(Self { unix, tcp, limits })
    }

    /// Serves clients until all connections have to end, and then waits for those that are still open.
    pub async fn serve(self, shared: Arc<GatewayContext>) {
        let mut stop = shared.stop.clone();
        let mut sessions = JoinSet::new();
        let Some(limits) = &self.limits else { return ended(&mut stop).await };
        loop {
            tokio::select! {
                () = ended(&mut stop) => break,
                accepted = accept_unix(self.unix.as_ref()) => match accepted {
                    Ok(stream) => match limits.admit(None) {
                        Ok((slot, bounds)) => {
                            let (from, to) = stream.into_split();
                            let session = Session::new(Arc::clone(&shared), Principal::Operator).with_bounds(bounds);
                            sessions.spawn(serve(session, from, to, slot));
                        }
                        Err(why) => drop(stream.try_write(&refusal(why))),
                    },
                    Err(error) => pause(&error).await,
                },
                accepted = accept_tcp(self.tcp.as_ref()) => match accepted {
                    Ok((stream, address)) => match limits.admit(Some(address.ip())) {
                        Ok((slot, bounds)) => {
                            // Without this an answer may wait for the next one. It still works.
                            let _ = stream.set_nodelay(true);
                            let (from, to) = stream.into_split();
                            let session = Session::new(Arc::clone(&shared), Principal::Public).with_bounds(bounds);
                            let session = session.with_peer(Some(address));
                            sessions.spawn(serve(session, from, to, slot));
                        }
                        Err(why) => drop(stream.try_write(&refusal(why))),
                    },
                    Err(error) => pause(&error).await,
                },
                Some(_) = sessions.join_next() => {}
            }
        }
        drop(shared);
        if let Some(socket) = &self.unix {
            socket.remove();
        }
        let all = async { while sessions.join_next().await.is_some() {} };
        if tokio::time::timeout(SHUTDOWN_TIMEOUT, all).await.is_err() {
            warn!("clients disconnected at shutdown: they do not read their answers");
            sessions.shutdown().await;
        }
    }
}

async fn bind(addresses: &Addresses) -> io::Result<(Option<Socket>, Option<TcpListener>)> {
    let mut unix = None;
    if let Some(path) = &addresses.unix {
        let socket = Socket::open(path).await;
        let named = |why| with_address(&path.display(), &why);
        unix = Some(socket.map_err(named)?);
    }
    let mut tcp = None;
    if let Some(address) = &addresses.tcp {
        let listener = TcpListener::bind(address).await;
        let named = |why| {
            if let Some(socket) = &unix {
                socket.remove();
            }
            with_address(address, &why)
        };
        tcp = Some(listener.map_err(named)?);
    }
    Ok((unix, tcp))
}

/// Adds the address to an error.
fn with_address(address: &impl Display, why: &io::Error) -> io::Error {
    io::Error::new(why.kind(), format!("{address}: {why}"))
}

/// Serves a client until it ends, and then frees its place.
async fn serve(
    session: Session,
    from: impl AsyncRead + Unpin,
    to: impl AsyncWrite + Send + Unpin + 'static,
    slot: Slot,
) {
    if let Err(error) = session.run(from, to).await {
        info!("client disconnected: {error}");
    }
    drop(slot);
}

/// The only line of a connection that is not admitted.
fn refusal(error: String) -> Vec<u8> {
    let refused = Refused { line: 0, column: None, request: None, error };
    let mut line = serde_json::to_vec(&Answer::Refused(refused)).unwrap_or_default();
    line.push(b'\n');
    line
}

async fn pause(error: &io::Error) {
    warn!("cannot accept a connection: {error}");
    tokio::time::sleep(ACCEPT_RETRY).await;
}

async fn accept_unix(socket: Option<&Socket>) -> io::Result<UnixStream> {
    match socket {
        Some(socket) => socket.accept().await,
        None => std::future::pending().await,
    }
}

async fn accept_tcp(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}
