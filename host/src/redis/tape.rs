//! The groups that became durable lately, for the stream thread. The tape holds a limited number of
//! events. If there are more, it drops the oldest, so that the publisher's thread never waits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::batch::Groups;

/// How many events the tape holds. A single larger batch is kept whole.
const EVENTS_MAX: usize = 1 << 16;

#[derive(Debug, Default)]
struct Spool {
    parts: VecDeque<Groups>,
    events: usize,
}

/// The publisher's end.
#[derive(Debug)]
pub(crate) struct Recorder {
    spool: Arc<Mutex<Spool>>,
    wake: Sender<()>,
}

/// The stream thread's end.
#[derive(Debug)]
pub(super) struct Tape {
    spool: Arc<Mutex<Spool>>,
    /// Signals that something was recorded. It is disconnected when nothing more will come.
    pub(super) woken: Receiver<()>,
}

/// What comes next on the tape.
#[derive(Debug)]
pub(super) enum Played {
    /// These groups, of which the first may be known already.
    Groups(Groups),
    /// Nothing has been recorded yet.
    Nothing,
    /// The next groups were dropped from the tape.
    Torn,
}

/// Creates both ends.
pub(super) fn tape() -> (Recorder, Tape) {
    let (wake, woken) = bounded(1);
    let spool = Arc::default();
    (Recorder { spool: Arc::clone(&spool), wake }, Tape { spool, woken })
}

impl Recorder {
    /// Records what became durable. Call it before any other thread can see that it is durable.
    pub(crate) fn record(&self, groups: &Groups) {
        let groups = groups.clone();
        let mut spool = self.spool.lock().unwrap_or_else(PoisonError::into_inner);
        spool.events += groups.events();
        spool.parts.push_back(groups);
        while spool.events > EVENTS_MAX && spool.parts.len() > 1 {
            let gone = spool.parts.pop_front();
            spool.events -= gone.map_or(0, |groups| groups.events());
        }
        drop(spool);
        // A thread that is already awake takes this too.
        let _ = self.wake.try_send(());
    }
}

impl Tape {
    /// Returns what comes after this command.
    pub(super) fn after(&self, sequence: u64) -> Played {
        let mut spool = self.spool.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let Some((first, last)) = spool.parts.front().and_then(Groups::ends) else {
                return Played::Nothing;
            };
            if last.0 > sequence && first.0 > sequence.saturating_add(1) {
                return Played::Torn;
            }
            let Some(groups) = spool.parts.pop_front() else { return Played::Nothing };
            spool.events -= groups.events();
            if last.0 > sequence {
                return Played::Groups(groups);
            }
        }
    }
}
