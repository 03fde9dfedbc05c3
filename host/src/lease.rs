//! The runner's lock: one process drives a set of markets, others may stand by.
//!
//! The lock is taken before the data folder, and both are needed. While it is not held, nothing leaves the
//! host: durable batches wait for it on the publisher thread. The lock alone cannot prevent two processes
//! from believing for a moment that they hold it. The lock of the folder does, if both use the same folder.

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
pub(crate) use renewal::{LeaseRenewal, RenewalHandle};

/// The purpose of the lock, as a part of its key.
const LOCK_PURPOSE: &str = "order_matching";
/// How often a standby logs that it still waits.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// The lock for driving a set of markets, over an odd number of independent Redis servers.
#[derive(Clone, Debug)]
pub struct RunnerLock {
    /// The lock servers. The key names of the first one are used.
    pub nodes: Vec<RedisOptions>,
    /// The name of the set of markets. All processes that may drive it use the same name.
    pub set: String,
    /// How long the lock lives unless it is extended. After a crash, a standby takes over once this time
    /// has passed.
    pub ttl: Duration,
    /// The behavior if the lock or the folder is taken.
    pub standby: Standby,
}

/// The behavior of a process that finds the lock or the folder taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standby {
    /// Waits until it has both.
    #[default]
    Wait,
    /// Fails instead of opening.
    Exit,
}

/// The status of the runner's lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LockStatus {
    /// Whether it is held at this moment. While it is not, nothing is acknowledged or published.
    pub held: bool,
    /// Since when it has been held, or has not been.
    #[serde(rename = "for_seconds", serialize_with = "as_seconds")]
    pub since: Instant,
}

/// Takes the lock and then the folder. If the folder is in use, releases the lock until the next attempt,
/// because the process that has the folder may need it.
pub(crate) fn take(
    lock: &RunnerLock,
    mut open: impl FnMut() -> Result<Folder, FolderError>,
) -> Result<(Folder, LeaseRenewal), OpenError> {
    let names = lock.nodes.first().map(|node| node.names.clone()).unwrap_or_default();
    let key = names.lock(LOCK_PURPOSE, &lock.set);
    let nodes = Redlock::open(&lock.nodes)?;
    let mut logged: Option<(String, Instant)> = None;
    loop {
        let by = match acquire(&nodes, &key, lock.ttl) {
            Ok(held) => match open() {
                Ok(folder) => {
                    info!(lock = key, "lock taken and folder opened");
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
        if logged.as_ref().is_none_or(|(text, at)| *text != why || at.elapsed() >= LOG_INTERVAL) {
            info!("standing by: {why}");
            logged = Some((why, Instant::now()));
        }
        sleep((lock.ttl / 4).clamp(Duration::from_millis(20), Duration::from_secs(1)));
    }
}

/// Tries once to take the lock, and keeps extending it from then on.
fn acquire(nodes: &Redlock, key: &str, ttl: Duration) -> Result<Held, RedlockError> {
    let held = nodes.try_lock(key, ttl)?;
    held.keep()?;
    Ok(held)
}
