//! The threads of a host: how they start and how they end.

use std::io;
use std::thread::{Builder, JoinHandle, sleep};
use std::time::Duration;

use pricetime_journal::Folder;
use tracing::warn;

use crate::core_thread::Thread;
use crate::sequencer::Sequencer;
use crate::status::Shared;
use crate::stopped::Stopped;

/// How long the threads that wait for servers may take to end, all of them together.
const SERVERS_TIMEOUT: Duration = Duration::from_millis(3_800);
/// How much longer the host waits for them, because one may be between two requests.
const GRACE: Duration = Duration::from_millis(200);

/// The threads of a host, in the order in which they end.
#[derive(Debug)]
pub(crate) struct Threads {
    pub(crate) core: Thread<Sequencer>,
    /// The journal thread and the publisher thread.
    pub(crate) journal_and_publisher: [JoinHandle<()>; 2],
    /// The threads that wait for servers.
    pub(crate) server_threads: Vec<ServerThread>,
    pub(crate) snapshot_thread: Option<JoinHandle<()>>,
    /// Held until the last thread has ended.
    pub(crate) folder: Option<Folder>,
    /// Released after that.
    pub(crate) lease_renewal: Option<crate::lease::RenewalHandle>,
}

/// A thread that waits for a server, which may never answer.
#[derive(Debug)]
pub(crate) struct ServerThread {
    thread: JoinHandle<()>,
    /// The log message if it is left behind.
    pending: &'static str,
}

impl ServerThread {
    pub(crate) fn spawn(
        name: &str,
        pending: &'static str,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        Ok(Self { thread: named(name).spawn(work)?, pending })
    }

    /// Waits for the thread. Returns `false` if its time runs out first. Then the thread does nothing more
    /// once the server has answered or its timeout has passed.
    fn end(self, shared: &Shared) -> bool {
        while !self.thread.is_finished() {
            if shared.is_over_since(GRACE) {
                warn!("{}", self.pending);
                return false;
            }
            sleep(Duration::from_millis(2));
        }
        // If the thread panicked, that has been reported.
        let _ = self.thread.join();
        true
    }
}

impl Threads {
    /// Ends the threads one after the other. Each receives nothing more once the one before it has ended.
    pub(crate) fn end(self, shared: &Shared) {
        if let Some(lease) = &shared.lease {
            lease.close();
        }
        // If the core failed, that has been reported.
        if let Ok(core) = self.core.close() {
            core.end();
        }
        for thread in self.journal_and_publisher {
            // If the thread panicked, that has been reported.
            let _ = thread.join();
        }
        shared.end_within(SERVERS_TIMEOUT);
        for thread in self.server_threads {
            if !thread.end(shared) && self.folder.is_none() {
                let why = "Redis did not take the last state, because it does not answer";
                shared.stop(Stopped::Redis(why.into()));
            }
        }
        if let Some(snapshot_thread) = self.snapshot_thread {
            let _ = snapshot_thread.join();
        }
        // The folder is unlocked first, so that a standby that gets the lock finds it free.
        drop(self.folder);
        if let Some(lease_renewal) = self.lease_renewal {
            lease_renewal.end();
        }
    }
}

/// Returns a builder of a thread with this name.
pub(crate) fn named(name: &str) -> Builder {
    Builder::new().name(format!("pt-{name}"))
}
