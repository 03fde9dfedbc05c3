//! Limits how many clients may be connected: in all, from one address, and by the number of open files.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

use crate::connections::Connections;

/// Open files that connections leave to the host: journal, snapshots, settlement, Redis, children.
const FILES_RESERVED: usize = 128;
/// Refused connections are logged at most this often.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// Counts connections and refuses those above a limit.
#[derive(Debug)]
pub(crate) struct Admission {
    most: usize,
    limits: Connections,
    seats: Mutex<Seats>,
}

#[derive(Debug, Default)]
struct Seats {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
    over_tcp: usize,
    /// Connections that were refused and not logged yet.
    refused: u64,
    logged: Option<Instant>,
}

/// The place of one connection. It is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    admission: Arc<Admission>,
    address: Option<IpAddr>,
}

impl Admission {
    /// Raises the limit of open files as far as the configured connections need it.
    ///
    /// # Errors
    /// Returns an error if the limit leaves no room for connections.
    pub(crate) fn new(limits: Connections) -> io::Result<Arc<Self>> {
        let most = room(limits)?;
        Ok(Arc::new(Self { most, limits, seats: Mutex::default() }))
    }

    /// Admits a client: over TCP with its address, over the Unix socket with none.
    ///
    /// # Errors
    /// Returns the limit that the connection would exceed, as a sentence for the client.
    pub(crate) fn admit(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Seat, String> {
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(why) = self.check(&seats, address) {
            seats.refused += 1;
            if seats.logged.is_none_or(|logged| logged.elapsed() >= LOG_EVERY) {
                warn!(refused = seats.refused, "connections refused: {why}");
                (seats.refused, seats.logged) = (0, Some(Instant::now()));
            }
            return Err(why);
        }
        seats.all += 1;
        if let Some(address) = address {
            seats.over_tcp += 1;
            *seats.by_address.entry(address).or_default() += 1;
        }
        Ok(Seat { admission: Arc::clone(self), address })
    }

    fn check(&self, seats: &Seats, address: Option<IpAddr>) -> Result<(), String> {
        let tcp_most = self.most - self.limits.reserved;
        if seats.all >= self.most || (address.is_some() && seats.over_tcp >= tcp_most) {
            let most = if address.is_some() { tcp_most } else { self.most };
            return Err(format!(
                "{most} connections are open, which is the limit; try again later"
            ));
        }
        let Some(address) = address else { return Ok(()) };
        let most = self.limits.per_address;
        if seats.by_address.get(&address).is_some_and(|there| *there >= most) {
            return Err(format!("{address} has {most} connections, which is the limit; close one"));
        }
        Ok(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.admission.seats.lock().unwrap_or_else(PoisonError::into_inner);
        seats.all -= 1;
        let Some(address) = self.address else { return };
        seats.over_tcp -= 1;
        if let Some(there) = seats.by_address.get_mut(&address) {
            *there -= 1;
            if *there == 0 {
                seats.by_address.remove(&address);
            }
        }
    }
}

/// How many connections the limit of open files has room for, up to the configured number.
fn room(limits: Connections) -> io::Result<usize> {
    let needed = (limits.most + FILES_RESERVED) as u64;
    let enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= needed);
    let mut limit = getrlimit(Resource::Nofile);
    if !enough(limit.current) {
        let current = if enough(limit.maximum) { Some(needed) } else { limit.maximum };
        // If it cannot be raised, there are fewer connections.
        let _ = setrlimit(Resource::Nofile, Rlimit { current, ..limit });
        limit = getrlimit(Resource::Nofile);
    }
    let files = match limit.current {
        Some(files) if files < needed => usize::try_from(files).unwrap_or(usize::MAX),
        _ => return Ok(limits.most),
    };
    let most = files.saturating_sub(FILES_RESERVED);
    if most <= limits.reserved {
        let least = FILES_RESERVED + limits.reserved + 1;
        return Err(io::Error::other(format!(
            "this process may open {files} files at a time, and needs {least}: raise `ulimit -n`"
        )));
    }
    warn!(
        connections = most,
        configured = limits.most,
        files,
        "fewer connections than configured: the limit of open files is too low; raise `ulimit -n`"
    );
    Ok(most)
}
