//! The groups that became durable recently, for the stream thread. The number of events is limited.
//! If there are more, the oldest are dropped, so that the publisher never waits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::groups::Groups;

/// How many events are kept. A single larger batch is kept whole.
const EVENTS_MAX: usize = 1 << 16;

#[derive(Debug, Default)]
struct Buffer {
    parts: VecDeque<Groups>,
    events: usize,
}

/// The publisher's end.
#[derive(Debug)]
pub(crate) struct Recorder {
    buffer: Arc<Mutex<Buffer>>,
    wake: Sender<()>,
}

/// The stream thread's end.
#[derive(Debug)]
pub(super) struct RecentGroups {
    buffer: Arc<Mutex<Buffer>>,
    /// Signals that something was recorded. It is disconnected when nothing more will come.
    pub(super) woken: Receiver<()>,
}

/// What memory holds after a command.
#[derive(Debug)]
pub(super) enum Recent {
    /// These groups, of which the first may be known already.
    Groups(Groups),
    /// Nothing has been recorded yet.
    Nothing,
    /// The next groups were dropped from memory.
    Dropped,
}

/// Creates both ends.
pub(super) fn recent_groups() -> (Recorder, RecentGroups) {
    let (wake, woken) = bounded(1);
    let buffer = Arc::default();
    (Recorder { buffer: Arc::clone(&buffer), wake }, RecentGroups { buffer, woken })
}

impl Recorder {
    /// Records what became durable. Call it before any other thread can see that it is durable.
    pub(crate) fn record(&self, groups: &Groups) {
        let groups = groups.clone();
        let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        buffer.events += groups.events();
        buffer.parts.push_back(groups);
        while buffer.events > EVENTS_MAX && buffer.parts.len() > 1 {
            let dropped = buffer.parts.pop_front();
            buffer.events -= dropped.map_or(0, |groups| groups.events());
        }
        drop(buffer);
        // A thread that is already awake takes this too.
        let _ = self.wake.try_send(());
    }
}

impl RecentGroups {
    /// Returns what comes after this command.
    pub(super) fn after(&self, sequence: u64) -> Recent {
        let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let Some((first, last)) = buffer.parts.front().and_then(Groups::first_and_last) else {
                return Recent::Nothing;
            };
            if last.0 > sequence && first.0 > sequence.saturating_add(1) {
                return Recent::Dropped;
            }
            let Some(groups) = buffer.parts.pop_front() else { return Recent::Nothing };
            buffer.events -= groups.events();
            if last.0 > sequence {
                return Recent::Groups(groups);
            }
        }
    }
}
