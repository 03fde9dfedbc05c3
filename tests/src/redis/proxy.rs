//! A proxy to a server that can cut connections, delay requests, drop everything, or lose one reply.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

/// The end of a transaction, for Redis and for PostgreSQL.
const ENDS: [&[u8]; 3] = [b"EXEC", b"EVAL", b"COMMIT\0"];

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
struct Ways {
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
    ways: Arc<Ways>,
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
        let ways = Arc::new(Ways::default());
        let shared = Arc::clone(&ways);
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
                    join(client, server, &shared);
                }
            }
        });
        Self { port, ways }
    }

    /// Sets the mode.
    pub fn set(&self, mode: Mode) {
        let (mode, number) = match mode {
            Mode::Pass => (0, 0),
            Mode::Cut => (1, 0),
            Mode::Late(late) => (2, u64::try_from(late.as_millis()).unwrap_or(0)),
            Mode::Swallow => (3, 0),
            Mode::LoseReply(behind) => (4, behind),
            Mode::Hold => (5, 0),
        };
        self.ways.number.store(number, SeqCst);
        self.ways.mode.store(mode, SeqCst);
    }

    /// The number of pieces of requests that [`Mode::Hold`] has held.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.ways.held.load(SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ways.ended.store(true, SeqCst);
        self.set(Mode::Cut);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

fn join(client: TcpStream, server: TcpStream, ways: &Arc<Ways>) {
    let lost = Arc::new(AtomicBool::new(false));
    let both = client.try_clone().and_then(|client| Ok((client, server.try_clone()?)));
    let Ok((client_too, server_too)) = both else { return };
    for stream in [&client, &server] {
        drop(stream.set_nodelay(true));
    }
    let (ways_too, lost_too) = (Arc::clone(ways), Arc::clone(&lost));
    thread::spawn(move || carry(client, server, &ways_too, &lost_too, true));
    let ways = Arc::clone(ways);
    thread::spawn(move || carry(server_too, client_too, &ways, &lost, false));
}

fn carry(mut from: TcpStream, mut to: TcpStream, ways: &Ways, lost: &AtomicBool, asks: bool) {
    let mut room = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut room) {
        let words = &room[..length];
        match ways.mode.load(SeqCst) {
            1 => {
                drop(from.shutdown(Shutdown::Both));
                break;
            }
            2 if asks => thread::sleep(Duration::from_millis(ways.number.load(SeqCst))),
            3 => continue,
            4 if asks && ENDS.iter().any(|end| words.windows(end.len()).any(|it| it == *end)) => {
                // Below zero the number wraps around to a very large one, so only one reply is lost.
                let behind = ways.number.fetch_sub(1, SeqCst);
                lost.fetch_or(behind == 0, SeqCst);
            }
            5 if asks => {
                ways.held.fetch_add(1, SeqCst);
                while ways.mode.load(SeqCst) == 5 {
                    thread::sleep(Duration::from_millis(1));
                }
            }
            _ => {}
        }
        if !asks && lost.load(SeqCst) {
            // The connection to the server stays open, because the server may not have read the request
            // yet.
            drop(to.shutdown(Shutdown::Both));
            continue;
        }
        if to.write_all(words).is_err() {
            break;
        }
    }
    drop(to.shutdown(if asks { Shutdown::Write } else { Shutdown::Both }));
}
