//! Limits how many clients may be connected: in all, from one address, and by the number of open files.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

use crate::connections::ConnectionLimits;

/// Open files that connections leave to the host: journal, snapshots, settlement, Redis, children.
const FILES_RESERVED: usize = 128;
/// Refused connections are logged at most this often.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// Counts connections and refuses those above a limit.
#[derive(Debug)]
pub(crate) struct Admission {
    connections_max: usize,
    limits: ConnectionLimits,
    counts: Mutex<ConnectionCounts>,
}

#[derive(Debug, Default)]
struct ConnectionCounts {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
    over_tcp: usize,
    /// Connections that were refused and not logged yet.
    refused: u64,
    logged: Option<Instant>,
}

/// The place of one connection. It is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    admission: Arc<Admission>,
    address: Option<IpAddr>,
}

impl Admission {
    /// Raises the limit of open files as far as the configured connections need it.
    ///
    /// # Errors
    /// Returns an error if the limit leaves no room for connections.
    pub(crate) fn new(limits: ConnectionLimits) -> io::Result<Arc<Self>> {
        let connections_max = allowed_connections(limits)?;
        Ok(Arc::new(Self { connections_max, limits, counts: Mutex::default() }))
    }

    /// Admits a client: over TCP with its address, over the Unix socket with none.
    ///
    /// # Errors
    /// Returns the limit that the connection would exceed, as a sentence for the client.
    pub(crate) fn admit(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Slot, String> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(why) = self.check(&counts, address) {
            counts.refused += 1;
            if counts.logged.is_none_or(|logged| logged.elapsed() >= LOG_EVERY) {
                warn!(refused = counts.refused, "connections refused: {why}");
                (counts.refused, counts.logged) = (0, Some(Instant::now()));
            }
            return Err(why);
        }
        counts.all += 1;
        if let Some(address) = address {
            counts.over_tcp += 1;
            *counts.by_address.entry(address).or_default() += 1;
        }
        Ok(Slot { admission: Arc::clone(self), address })
    }

    fn check(&self, counts: &ConnectionCounts, address: Option<IpAddr>) -> Result<(), String> {
        let tcp_max = self.connections_max - self.limits.reserved;
        if counts.all >= self.connections_max || (address.is_some() && counts.over_tcp >= tcp_max) {
            let connections_max = if address.is_some() { tcp_max } else { self.connections_max };
            return Err(format!(
                "{connections_max} connections are open, which is the limit; try again later"
            ));
        }
        let Some(address) = address else { return Ok(()) };
        let connections_max = self.limits.per_address;
        if counts.by_address.get(&address).is_some_and(|count| *count >= connections_max) {
            return Err(format!(
                "{address} has {connections_max} connections, which is the limit; close one"
            ));
        }
        Ok(())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.admission.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all -= 1;
        let Some(address) = self.address else { return };
        counts.over_tcp -= 1;
        if let Some(count) = counts.by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                counts.by_address.remove(&address);
            }
        }
    }
}

/// How many connections the limit of open files has room for, up to the configured number.
fn allowed_connections(limits: ConnectionLimits) -> io::Result<usize> {
    let needed = (limits.connections_max + FILES_RESERVED) as u64;
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
        _ => return Ok(limits.connections_max),
    };
    let connections_max = files.saturating_sub(FILES_RESERVED);
    if connections_max <= limits.reserved {
        let least = FILES_RESERVED + limits.reserved + 1;
        return Err(io::Error::other(format!(
            "this process may open {files} files at a time, and needs {least}: raise `ulimit -n`"
        )));
    }
    warn!(
        connections = connections_max,
        configured = limits.connections_max,
        files,
        "fewer connections than configured: the limit of open files is too low; raise `ulimit -n`"
    );
    Ok(connections_max)
}
