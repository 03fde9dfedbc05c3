//! The lock of the runner: one process drives a set of markets, others may stand by.
//!
//! It is taken before the data folder, and both are needed. While it is not held, nothing leaves the
//! host: what becomes durable waits for it, on the publisher's thread. The lock alone does not prevent
//! two from believing that it is theirs for a moment; that of the folder does, where both have the same.

mod hold;
mod renewal;

use std::thread::sleep;
use std::time::{Duration, Instant};

use pricetime_journal::{Folder, FolderError};
use pricetime_redis::RedisOptions;
use pricetime_redis::redlock::{Held, Redlock, RedlockError};
use serde::Serialize;
use tracing::info;

use crate::opening::{LockedBy, OpenError};
use crate::serial::as_seconds;
pub(crate) use hold::Lease;
pub(crate) use renewal::{Kept, LeaseRenewal};

/// What is locked.
const WHAT: &str = "order_matching";
/// A standby says so often that it still waits.
const SAY: Duration = Duration::from_secs(60);

/// The lock of who drives a set of markets, over an odd number of servers of their own.
#[derive(Clone, Debug)]
pub struct RunnerLock {
    /// The servers. The names of the first say how the key is named.
    pub nodes: Vec<RedisOptions>,
    /// The name of the set of markets: all who may drive it say the same.
    pub set: String,
    /// How long it lives if nobody extends it. A standby takes over so long after the other died.
    pub ttl: Duration,
    /// What becomes of a process that does not get it.
    pub standby: Standby,
}

/// What becomes of a process that finds the lock or the folder taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standby {
    /// It waits until it has both.
    #[default]
    Wait,
    /// It is told, and is not opened.
    Exit,
}

/// How it is with the lock of the runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LockStatus {
    /// Whether it is held at this moment. While it is not, nothing is told of.
    pub held: bool,
    /// Since when it has been held, or has not.
    #[serde(rename = "for_seconds", serialize_with = "as_seconds")]
    pub since: Instant,
}

/// Takes the lock and then the folder. Where the folder is in use the lock is given back meanwhile:
/// whoever has the folder may need it.
pub(crate) fn take(
    lock: &RunnerLock,
    mut open: impl FnMut() -> Result<Folder, FolderError>,
) -> Result<(Folder, LeaseRenewal), OpenError> {
    let names = lock.nodes.first().map(|node| node.names.clone()).unwrap_or_default();
    let key = names.lock(WHAT, &lock.set);
    let nodes = Redlock::open(&lock.nodes)?;
    let mut said: Option<(String, Instant)> = None;
    loop {
        let by = match begin(&nodes, &key, lock.ttl) {
            Ok(held) => match open() {
                Ok(folder) => {
                    info!(lock = key, "the lock is held, and the folder is ours");
                    return Ok((folder, LeaseRenewal::new(nodes, held, lock.ttl)));
                }
                Err(FolderError::InUse(folder)) => {
                    let _ = held.release();
                    LockedBy::Folder { key: key.clone(), folder }
                }
                Err(error) => return Err(error.into()),
            },
            Err(error @ (RedlockError::Taken { .. } | RedlockError::NoQuorum { .. })) => {
                LockedBy::Lock(error)
            }
            Err(error) => return Err(error.into()),
        };
        match lock.standby {
            Standby::Exit => return Err(OpenError::Locked { set: lock.set.clone(), by }),
            Standby::Wait => {}
        }
        let why = by.to_string();
        if said.as_ref().is_none_or(|(text, at)| *text != why || at.elapsed() >= SAY) {
            info!("standing by: {why}");
            said = Some((why, Instant::now()));
        }
        sleep((lock.ttl / 4).clamp(Duration::from_millis(20), Duration::from_secs(1)));
    }
}

/// Tries once to have the lock, and keeps it from then on.
fn begin(nodes: &Redlock, key: &str, ttl: Duration) -> Result<Held, RedlockError> {
    let held = nodes.try_lock(key, ttl)?;
    held.keep()?;
    Ok(held)
}
