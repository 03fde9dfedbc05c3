//! The threads of a host: how they are started and how they end.

use std::io;
use std::thread::{Builder, JoinHandle};

use pricetime_engine::thread::Thread;
use pricetime_persistence::Folder;

use crate::keeper::Keeper;
use crate::scribe::Scribe;
use crate::sequencer::Sequencer;
use crate::settle::CourierThread;
use crate::status::Shared;
use crate::teller::Teller;

/// The threads of a host, in the order in which they end.
#[derive(Debug)]
pub(crate) struct Threads {
    pub(crate) core: Thread<Sequencer>,
    pub(crate) rest: Vec<JoinHandle<()>>,
    pub(crate) courier: Option<CourierThread>,
    /// Held until the last thread has ended.
    pub(crate) folder: Option<Folder>,
    /// Given back after that.
    #[cfg(feature = "redis")]
    pub(crate) kept: Option<crate::lease::Kept>,
}

impl Threads {
    /// Ends one after the other: each hears of nothing more once the one before it has ended.
    pub(crate) fn end(self, shared: &Shared) {
        #[cfg(feature = "redis")]
        if let Some(lease) = &shared.lease {
            lease.close();
        }
        match self.core.close() {
            Ok(core) => core.end(),
            Err(reason) => shared.stop(format!("the core failed: {reason}")),
        }
        for thread in self.rest {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
        if let Some(courier) = self.courier {
            courier.end();
        }
        // Who stands by and gets the lock finds the folder free.
        drop(self.folder);
        #[cfg(feature = "redis")]
        if let Some(kept) = self.kept {
            kept.end();
        }
    }
}

/// A thread of this name.
pub(crate) fn named(name: &str) -> Builder {
    Builder::new().name(format!("pricetime-{name}"))
}

/// Starts the threads behind the core.
pub(crate) fn spawn(
    scribe: Scribe,
    teller: Teller,
    keeper: Option<Keeper>,
) -> io::Result<Vec<JoinHandle<()>>> {
    let mut started = vec![
        named("journal").spawn(move || scribe.run())?,
        named("publisher").spawn(move || teller.run())?,
    ];
    if let Some(keeper) = keeper {
        started.push(named("keeper").spawn(move || keeper.run())?);
    }
    Ok(started)
}
