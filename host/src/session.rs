//! Sessions: orders that end with the client that placed them.
//!
//! An order keeps the number of its session, so one command ends all of them, whatever became of them
//! meanwhile. A session ends after everything that was submitted in it, also if the core's ring is full
//! at that moment: its end does not go through the ring.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use pricetime_engine::{MarketId, SessionId};

use crate::core_thread::Submitter;
use crate::draft::Item;
use crate::status::locked;

/// A client's session: the live orders that were placed in it are cancelled when it is dropped, and at
/// the next start if the process dies first. [`Host::session`](crate::Host::session) begins one,
/// [`Host::submit_in`](crate::Host::submit_in) places orders in it.
#[derive(Debug)]
pub struct Session {
    pub(crate) id: SessionId,
    /// Where an order was placed in it.
    pub(crate) markets: BTreeSet<MarketId>,
    submitter: Submitter<Item>,
    sessions: Arc<Sessions>,
}

/// What is left to do for a session that has ended.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) session: SessionId,
    pub(crate) markets: BTreeSet<MarketId>,
}

/// The sessions of a host.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    begun: AtomicU32,
    ended: Mutex<Vec<Ending>>,
    /// Whether there is anything in `ended`.
    any: AtomicBool,
}

impl Session {
    pub(crate) fn new(submitter: Submitter<Item>, sessions: Arc<Sessions>) -> Self {
        Self { id: sessions.begin(), markets: BTreeSet::new(), submitter, sessions }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let markets = std::mem::take(&mut self.markets);
        if markets.is_empty() {
            return;
        }
        self.sessions.end(Ending { session: self.id, markets });
        // A core that sleeps is woken. One whose ring is full looks by itself.
        drop(self.submitter.submit_urgently(Item::Wake));
    }
}

impl Sessions {
    /// The number of a new session. They begin at 1 with each start, when no order has one any more.
    fn begin(&self) -> SessionId {
        loop {
            let number = self.begun.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
            if let Some(number) = NonZeroU32::new(number) {
                return SessionId(number);
            }
        }
    }

    fn end(&self, ending: Ending) {
        locked(&self.ended).push(ending);
        self.any.store(true, Ordering::Release);
    }

    /// The sessions that ended since this was last asked.
    pub(crate) fn take_ended(&self) -> Vec<Ending> {
        if self.any.swap(false, Ordering::AcqRel) {
            std::mem::take(&mut *locked(&self.ended))
        } else {
            Vec::new()
        }
    }
}
