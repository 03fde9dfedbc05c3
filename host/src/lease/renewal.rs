//! The thread that keeps the lock and, if it is lost, tries to take it again until the host ends.

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use pricetime_redis::redlock::{Held, Redlock};
use tracing::{error, info, warn};

use super::hold::Lease;

/// How often the thread checks that the lock is still held. The publisher checks each time by itself.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Keeps the lock for a host.
#[derive(Debug)]
pub(crate) struct LeaseRenewal {
    lease: Arc<Lease>,
    nodes: Redlock,
    key: String,
    ttl: Duration,
}

/// The running thread.
#[derive(Debug)]
pub(crate) struct RenewalHandle {
    lease: Arc<Lease>,
    thread: JoinHandle<()>,
}

impl RenewalHandle {
    /// Releases the lock and waits until that is done.
    pub(crate) fn end(self) {
        self.lease.end();
        // If the thread panicked, that has been reported.
        let _ = self.thread.join();
    }
}

impl LeaseRenewal {
    pub(super) fn new(nodes: Redlock, held: Held, ttl: Duration) -> Self {
        let key = held.name().to_owned();
        Self { lease: Arc::new(Lease::new(held)), nodes, key, ttl }
    }

    /// Returns the state of the lock for the other threads.
    pub(crate) fn lease(&self) -> Arc<Lease> {
        Arc::clone(&self.lease)
    }

    /// Starts the thread.
    pub(crate) fn start(self) -> io::Result<RenewalHandle> {
        let lease = self.lease();
        let named = Builder::new().name(String::from("pt-lease"));
        Ok(RenewalHandle { lease, thread: named.spawn(move || self.run())? })
    }

    fn run(self) {
        set_gauge(true);
        while !self.lease.has_ended(CHECK_INTERVAL) {
            if self.lease.holds() {
                continue;
            }
            // Dropping it releases what is left of it on the servers.
            drop(self.lease.set(None));
            set_gauge(false);
            error!(
                lock = self.key,
                "lock lost: nothing is acknowledged or published until it is held again; matching \
                 and the journal continue"
            );
            if !self.reacquire() {
                return;
            }
            set_gauge(true);
            info!(
                lock = self.key,
                "lock held again: everything that waited is acknowledged and published"
            );
        }
        if let Some(held) = self.lease.set(None) {
            let _ = held.release();
        }
        set_gauge(false);
    }

    /// Tries until the lock is held again. Returns `false` if it is to be released first.
    fn reacquire(&self) -> bool {
        let pause = (self.ttl / 20).clamp(Duration::from_millis(5), Duration::from_millis(250));
        let mut logged = String::new();
        loop {
            match super::acquire(&self.nodes, &self.key, self.ttl) {
                Ok(held) => {
                    drop(self.lease.set(Some(held)));
                    return true;
                }
                Err(error) => {
                    let text = error.to_string();
                    if logged != text {
                        warn!("{text}");
                        logged = text;
                    }
                }
            }
            if self.lease.has_ended(pause) {
                return false;
            }
        }
    }
}

fn set_gauge(held: bool) {
    metrics::gauge!("pricetime_lock_held").set(if held { 1.0 } else { 0.0 });
}
