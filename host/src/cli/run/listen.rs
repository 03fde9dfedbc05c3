//! The sockets.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use pricetime::Principal;
use pricetime::json::{Answer, Refused};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::super::config::{Config, Connections};
use super::super::failure::Failure;
use super::account::Budget;
use super::admission::{Admission, Seat};
use super::lines::Bounds;
use super::session::Session;
use super::socket::Socket;
use super::{Desk, ended};

/// How long connections may take to come to an end.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it waits after a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// Where clients come in.
#[derive(Debug)]
pub(super) struct Listeners {
    unix: Option<Socket>,
    tcp: Option<TcpListener>,
    limits: Option<Limits>,
}

/// What connections may take, one by one and together.
#[derive(Debug)]
struct Limits {
    connections: Connections,
    admission: Arc<Admission>,
    budget: Arc<Budget>,
}

impl Limits {
    fn new(connections: Connections) -> Result<Self, Failure> {
        let admission = Admission::new(connections)?;
        Ok(Self { connections, admission, budget: Budget::new(connections.bytes_of_all) })
    }

    /// Admits a client: over TCP with its address, over the Unix socket with none.
    fn admit(&self, address: Option<IpAddr>) -> Result<(Seat, Bounds), String> {
        let seat = self.admission.admit(address)?;
        let Connections { line, idle, write, bytes, .. } = self.connections;
        // Operators type by hand, so only idleness ends their connections.
        let line = if address.is_some() { line } else { idle };
        Ok((seat, Bounds { line, idle, write, account: self.budget.account(bytes) }))
    }
}

impl Listeners {
    pub(super) async fn open(config: &Config) -> Result<Self, Failure> {
        let listens = config.unix.is_some() || config.tcp.is_some();
        let limits = listens.then(|| Limits::new(config.connections)).transpose()?;
        let (unix, tcp) = bind(config).await?;
        if let Some(path) = &config.unix {
            info!(path = %path.display(), "listening on a Unix socket");
        }
        if let Some(listener) = &tcp {
            info!(address = %listener.local_addr()?, "listening");
        }
        Ok(Self { unix, tcp, limits })
    }

    /// Serves clients until everybody is to come to an end, and then those who are still there.
    pub(super) async fn serve(self, desk: Arc<Desk>) {
        let mut stop = desk.stop.clone();
        let mut sessions = JoinSet::new();
        let Some(limits) = &self.limits else { return ended(&mut stop).await };
        loop {
            tokio::select! {
                () = ended(&mut stop) => break,
                accepted = accept_unix(self.unix.as_ref()) => match accepted {
                    Ok(stream) => match limits.admit(None) {
                        Ok((seat, bounds)) => {
                            let (from, to) = stream.into_split();
                            let session = Session::new(Arc::clone(&desk), Principal::Operator).on(bounds);
                            sessions.spawn(serve(session, from, to, seat));
                        }
                        Err(why) => drop(stream.try_write(&refusal(why))),
                    },
                    Err(error) => pause(&error).await,
                },
                accepted = accept_tcp(self.tcp.as_ref()) => match accepted {
                    Ok((stream, address)) => match limits.admit(Some(address.ip())) {
                        Ok((seat, bounds)) => {
                            // Without it an answer may wait for the next; it works all the same.
                            let _ = stream.set_nodelay(true);
                            let (from, to) = stream.into_split();
                            let session = Session::new(Arc::clone(&desk), Principal::Public).on(bounds);
                            let session = session.of_peer(Some(address));
                            sessions.spawn(serve(session, from, to, seat));
                        }
                        Err(why) => drop(stream.try_write(&refusal(why))),
                    },
                    Err(error) => pause(&error).await,
                },
                Some(_) = sessions.join_next() => {}
            }
        }
        drop(desk);
        if let Some(socket) = &self.unix {
            socket.remove();
        }
        let all = async { while sessions.join_next().await.is_some() {} };
        if tokio::time::timeout(PATIENCE, all).await.is_err() {
            warn!("clients that do not read their answers were cut off");
            sessions.shutdown().await;
        }
    }
}

async fn bind(config: &Config) -> Result<(Option<Socket>, Option<TcpListener>), Failure> {
    let mut unix = None;
    if let Some(path) = &config.unix {
        let socket = Socket::open(path).await;
        let named = |why| Failure::failed(format!("{}: {why}", path.display()));
        unix = Some(socket.map_err(named)?);
    }
    let mut tcp = None;
    if let Some(address) = &config.tcp {
        let listener = TcpListener::bind(address).await;
        let named = |why| {
            if let Some(socket) = &unix {
                socket.remove();
            }
            Failure::failed(format!("{address}: {why}"))
        };
        tcp = Some(listener.map_err(named)?);
    }
    Ok((unix, tcp))
}

/// Fails if a socket cannot be bound, before a folder is made.
pub(super) async fn probe(config: &Config) -> Result<(), Failure> {
    // What another process drives may have the sockets until this one takes over.
    if config.lock.is_none()
        && let (Some(socket), _) = bind(config).await?
    {
        socket.remove();
    }
    Ok(())
}

/// Serves a client to its end, and then gives its place to another.
async fn serve(
    session: Session,
    from: impl AsyncRead + Unpin,
    to: impl AsyncWrite + Unpin,
    seat: Seat,
) {
    if let Err(error) = session.run(from, to).await {
        info!("a client has gone: {error}");
    }
    drop(seat);
}

/// The only line of a connection that is not admitted.
fn refusal(error: String) -> Vec<u8> {
    let refused = Refused { line: 0, column: None, request: None, error };
    let mut line = serde_json::to_vec(&Answer::Refused(refused)).unwrap_or_default();
    line.push(b'\n');
    line
}

async fn pause(error: &io::Error) {
    warn!("a client could not be let in: {error}");
    tokio::time::sleep(PAUSE).await;
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
