//! A follower that keeps every group that hosts pass to it.

use std::sync::{Arc, Mutex, MutexGuard};

use pricetime::Follower;
use pricetime_engine::{Event, Group, Header, Outcome, Sequence};

/// The groups that one or more hosts have passed on, in order. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct GroupBuffer(Arc<Mutex<Vec<Group>>>);

impl GroupBuffer {
    /// The groups so far. The publisher of a host, and sometimes its journal, waits as long as the
    /// caller holds them.
    ///
    /// # Panics
    /// Never panics.
    pub fn groups(&self) -> MutexGuard<'_, Vec<Group>> {
        self.0.lock().expect("the lock is not poisoned")
    }

    /// The sequence numbers of the groups so far.
    #[must_use]
    pub fn sequences(&self) -> Vec<Sequence> {
        self.groups().iter().map(|group| group.header.sequence).collect()
    }
}

impl Follower for GroupBuffer {
    fn group(&mut self, header: &Header, events: &[Event], outcome: Outcome) {
        self.groups().push(Group { header: *header, events: events.to_vec(), outcome });
    }
}
