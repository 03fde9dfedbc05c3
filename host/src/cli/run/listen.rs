//! The sockets.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use pricetime::Principal;
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::super::config::Config;
use super::super::failure::Failure;
use super::Desk;
use super::session::Session;
use super::socket::Socket;

/// How long connections may take to come to an end.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it waits after a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// Where clients come in.
#[derive(Debug)]
pub(super) struct Listeners {
    unix: Option<Socket>,
    tcp: Option<TcpListener>,
}

impl Listeners {
    pub(super) async fn open(config: &Config) -> Result<Self, Failure> {
        let mut listeners = Self { unix: None, tcp: None };
        if let Some(path) = &config.unix {
            let socket = Socket::open(path).await;
            let named = |why| Failure::failed(format!("{}: {why}", path.display()));
            listeners.unix = Some(socket.map_err(named)?);
            info!(path = %path.display(), "listening on a Unix socket");
        }
        if let Some(address) = &config.tcp {
            let listener = TcpListener::bind(address).await;
            let listener = listener.map_err(|why| Failure::failed(format!("{address}: {why}")))?;
            info!(address = %listener.local_addr()?, "listening");
            listeners.tcp = Some(listener);
        }
        Ok(listeners)
    }

    /// Serves clients until everybody is to come to an end, and then those who are still there.
    pub(super) async fn serve(self, desk: Arc<Desk>) {
        let mut stop = desk.stop.clone();
        let mut sessions = JoinSet::new();
        loop {
            tokio::select! {
                () = ended(&mut stop) => break,
                accepted = accept_unix(self.unix.as_ref()) => match accepted {
                    Ok(stream) => {
                        let (from, to) = stream.into_split();
                        let session = Session::new(Arc::clone(&desk), Principal::Operator);
                        sessions.spawn(async move { log_end(session.run(from, to).await) });
                    }
                    Err(error) => pause(&error).await,
                },
                accepted = accept_tcp(self.tcp.as_ref()) => match accepted {
                    Ok(stream) => {
                        // Without it an answer may wait for the next; it works all the same.
                        let _ = stream.set_nodelay(true);
                        let peer = stream.peer_addr().ok();
                        let (from, to) = stream.into_split();
                        let session = Session::new(Arc::clone(&desk), Principal::Public);
                        let session = session.of_peer(peer);
                        sessions.spawn(async move { log_end(session.run(from, to).await) });
                    }
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

/// Waits until everybody is to come to an end.
pub(super) async fn ended(stop: &mut watch::Receiver<bool>) {
    // Who could say so has gone: that is an end too.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn log_end<T>(ended: io::Result<T>) {
    if let Err(error) = ended {
        info!("a client has gone: {error}");
    }
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

async fn accept_tcp(listener: Option<&TcpListener>) -> io::Result<tokio::net::TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(stream, _)| stream),
        None => std::future::pending().await,
    }
}
