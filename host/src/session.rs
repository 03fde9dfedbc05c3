//! Sessions: orders that end with the client that placed them.
//!
//! An order keeps the number of its session, so one command cancels all of them, whatever happened to them
//! since. A session ends after everything that was submitted in it. Its end does not go through the core's
//! ring, so it also works if the ring is full at that moment.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use pricetime_engine::{Action, MarketId, SessionId};

use crate::core_thread::Submitter;
use crate::draft::{Draft, Item};
use crate::status::locked;

/// A client's session. The live orders that were placed in it are cancelled when it is dropped, and at the
/// next start if the process dies first. [`Host::session`](crate::Host::session) begins one, and
/// [`Host::submit_in`](crate::Host::submit_in) and [`Host::submit_many_in`](crate::Host::submit_many_in) place
/// orders in it.
#[derive(Debug)]
pub struct Session {
    id: SessionId,
    /// The markets in which it placed orders.
    markets: BTreeSet<MarketId>,
    submitter: Submitter<Item>,
    sessions: Arc<Sessions>,
}

/// A session that has ended, and the markets where its orders are still to be cancelled.
#[derive(Debug)]
pub(crate) struct EndedSession {
    pub(crate) session: SessionId,
    pub(crate) markets: BTreeSet<MarketId>,
}

/// The sessions of a host.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    last_number: AtomicU32,
    ended: Mutex<Vec<EndedSession>>,
    /// Whether `ended` has any entries.
    has_ended: AtomicBool,
}

impl Session {
    pub(crate) fn new(submitter: Submitter<Item>, sessions: Arc<Sessions>) -> Self {
        Self { id: sessions.begin(), markets: BTreeSet::new(), submitter, sessions }
    }

    /// Puts the order that a command places, if it places one, into the session.
    pub(crate) fn with(&mut self, draft: Draft) -> Draft {
        if !matches!(draft.action, Action::Place(_)) {
            return draft;
        }
        self.markets.insert(draft.market);
        Draft { session: Some(self.id), ..draft }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let markets = std::mem::take(&mut self.markets);
        if markets.is_empty() {
            return;
        }
        self.sessions.end(EndedSession { session: self.id, markets });
        // Wakes a sleeping core. A core whose ring is full checks by itself.
        drop(self.submitter.submit_urgently(Item::Wake));
    }
}

impl Sessions {
    /// Returns the number of a new session. Numbers begin at 1 with each start, because no order has a
    /// session then.
    fn begin(&self) -> SessionId {
        loop {
            let number = self.last_number.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
            if let Some(number) = NonZeroU32::new(number) {
                return SessionId(number);
            }
        }
    }

    fn end(&self, ended_session: EndedSession) {
        locked(&self.ended).push(ended_session);
        self.has_ended.store(true, Ordering::Release);
    }

    /// Returns the sessions that ended since the last call.
    pub(crate) fn take_ended(&self) -> Vec<EndedSession> {
        if self.has_ended.swap(false, Ordering::AcqRel) {
            std::mem::take(&mut *locked(&self.ended))
        } else {
            Vec::new()
        }
    }
}
