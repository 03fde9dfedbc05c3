//! A proxy to a server that can cut connections, delay requests, drop everything, or lose one reply.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

/// The end of a transaction, for Redis and for PostgreSQL.
const TRANSACTION_ENDS: [&[u8]; 3] = [b"EXEC", b"EVAL", b"COMMIT\0"];

/// What the proxy does with the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Forwards everything.
    Pass,
    /// Every connection ends at its next data, and no new one is accepted.
    Cut,
    /// Requests arrive late, whether or not the client still waits for the reply.
    Late(Duration),
    /// Nothing arrives any more, and no side is notified.
    Swallow,
    /// The server executes the transaction or script after this many others; then the connection ends
    /// without its reply.
    LoseReply(u64),
    /// Requests arrive when the mode changes.
    Hold,
}

#[derive(Debug, Default)]
struct Shared {
    mode: AtomicU8,
    number: AtomicU64,
    held: AtomicU64,
    ended: AtomicBool,
}

/// The proxy. It stops when this value is dropped.
#[derive(Debug)]
pub struct Proxy {
    /// The port it listens on.
    pub port: u16,
    shared_state: Arc<Shared>,
}

impl Proxy {
    /// Starts a proxy to this port.
    ///
    /// # Panics
    /// Panics if no port is free.
    #[must_use]
    pub fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared_state = Arc::new(Shared::default());
        let shared = Arc::clone(&shared_state);
        thread::spawn(move || {
            for client in listener.incoming() {
                if shared.ended.load(SeqCst) {
                    return;
                }
                // A connection that was cut is ignored, and so is one to a server that is gone.
                let Ok(client) = client else { continue };
                if shared.mode.load(SeqCst) == 1 {
                    continue;
                }
                if let Ok(server) = TcpStream::connect(("127.0.0.1", to)) {
                    forward_both_ways(client, server, &shared);
                }
            }
        });
        Self { port, shared_state }
    }

    /// Sets the mode.
    pub fn set(&self, mode: Mode) {
        let (mode, number) = match mode {
            Mode::Pass => (0, 0),
            Mode::Cut => (1, 0),
            Mode::Late(late) => (2, u64::try_from(late.as_millis()).unwrap_or(0)),
            Mode::Swallow => (3, 0),
            Mode::LoseReply(skip) => (4, skip),
            Mode::Hold => (5, 0),
        };
        self.shared_state.number.store(number, SeqCst);
        self.shared_state.mode.store(mode, SeqCst);
    }

    /// The number of pieces of requests that [`Mode::Hold`] has held.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.shared_state.held.load(SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared_state.ended.store(true, SeqCst);
        self.set(Mode::Cut);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

fn forward_both_ways(client: TcpStream, server: TcpStream, shared_state: &Arc<Shared>) {
    let lost = Arc::new(AtomicBool::new(false));
    let both = client.try_clone().and_then(|client| Ok((client, server.try_clone()?)));
    let Ok((client_clone, server_clone)) = both else { return };
    for stream in [&client, &server] {
        drop(stream.set_nodelay(true));
    }
    let (shared_clone, lost_clone) = (Arc::clone(shared_state), Arc::clone(&lost));
    thread::spawn(move || forward(client, server, &shared_clone, &lost_clone, true));
    let shared_state = Arc::clone(shared_state);
    thread::spawn(move || forward(server_clone, client_clone, &shared_state, &lost, false));
}

fn forward(
    mut from: TcpStream,
    mut to: TcpStream,
    shared_state: &Shared,
    lost: &AtomicBool,
    is_request: bool,
) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let bytes = &buffer[..length];
        match shared_state.mode.load(SeqCst) {
            1 => {
                drop(from.shutdown(Shutdown::Both));
                break;
            }
            2 if is_request => {
                thread::sleep(Duration::from_millis(shared_state.number.load(SeqCst)))
            }
            3 => continue,
            4 if is_request
                && TRANSACTION_ENDS
                    .iter()
                    .any(|end| bytes.windows(end.len()).any(|it| it == *end)) =>
            {
                // Below zero the number wraps around to a very large one, so only one reply is lost.
                let skip = shared_state.number.fetch_sub(1, SeqCst);
                lost.fetch_or(skip == 0, SeqCst);
            }
            5 if is_request => {
                shared_state.held.fetch_add(1, SeqCst);
                while shared_state.mode.load(SeqCst) == 5 {
                    thread::sleep(Duration::from_millis(1));
                }
            }
            _ => {}
        }
        if !is_request && lost.load(SeqCst) {
            // The connection to the server stays open, because the server may not have read the request
            // yet.
            drop(to.shutdown(Shutdown::Both));
            continue;
        }
        if to.write_all(bytes).is_err() {
            break;
        }
    }
    drop(to.shutdown(if is_request { Shutdown::Write } else { Shutdown::Both }));
}
