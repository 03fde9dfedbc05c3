//! The threads of a host: how they are started and how they end.

use std::io;
use std::thread::{Builder, JoinHandle, sleep};
use std::time::Duration;

use pricetime_journal::Folder;
use tracing::warn;

use crate::core_thread::Thread;
use crate::sequencer::Sequencer;
use crate::status::Shared;
use crate::stopped::Stopped;

/// How long threads that wait for servers may take at the end, all of them together.
const LAST: Duration = Duration::from_millis(3_800);
/// How much longer they are waited for: one may just be between two questions.
const GRACE: Duration = Duration::from_millis(200);

/// The threads of a host, in the order in which they end.
#[derive(Debug)]
pub(crate) struct Threads {
    pub(crate) core: Thread<Sequencer>,
    /// The journal's and the publisher's.
    pub(crate) rest: [JoinHandle<()>; 2],
    /// Those that wait for servers.
    pub(crate) outward: Vec<Outward>,
    pub(crate) snapshot_thread: Option<JoinHandle<()>>,
    /// Held until the last thread has ended.
    pub(crate) folder: Option<Folder>,
    /// Given back after that.
    pub(crate) kept: Option<crate::lease::Kept>,
}

/// A thread that waits for a server, which may never answer.
#[derive(Debug)]
pub(crate) struct Outward {
    thread: JoinHandle<()>,
    /// What is logged if it is left behind.
    left: &'static str,
}

impl Outward {
    pub(crate) fn spawn(
        name: &str,
        left: &'static str,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        Ok(Self { thread: named(name).spawn(work)?, left })
    }

    /// Waits for it. Returns `false` if its time is over first: then it does nothing more once the
    /// server has answered or its timeout has passed.
    fn end(self, shared: &Shared) -> bool {
        while !self.thread.is_finished() {
            if shared.is_over_since(GRACE) {
                warn!("{}", self.left);
                return false;
            }
            sleep(Duration::from_millis(2));
        }
        // A thread that panicked has said so.
        let _ = self.thread.join();
        true
    }
}

impl Threads {
    /// Ends one after the other: each hears of nothing more once the one before it has ended.
    pub(crate) fn end(self, shared: &Shared) {
        if let Some(lease) = &shared.lease {
            lease.close();
        }
        // A core that failed has said so.
        if let Ok(core) = self.core.close() {
            core.end();
        }
        for thread in self.rest {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
        shared.end_within(LAST);
        for thread in self.outward {
            if !thread.end(shared) && self.folder.is_none() {
                let why = "Redis did not take the last state, because it does not answer";
                shared.stop(Stopped::Redis(why.into()));
            }
        }
        if let Some(snapshot_thread) = self.snapshot_thread {
            let _ = snapshot_thread.join();
        }
        // Who stands by and gets the lock finds the folder free.
        drop(self.folder);
        if let Some(kept) = self.kept {
            kept.end();
        }
    }
}

/// A thread of this name.
pub(crate) fn named(name: &str) -> Builder {
    Builder::new().name(format!("pt-{name}"))
}
