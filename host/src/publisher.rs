//! What happens to a batch once it is durable.

use std::sync::{Arc, Mutex};

use crossbeam_channel::Sender;
use pricetime_engine::{Event, Outcome};
use pricetime_journal::image::FrozenImage;

use crate::batch::{Batch, Waiting};
use crate::empty_batches::EmptyBatches;
use crate::feeds::Feeds;
use crate::follower::Follower;
use crate::question::PendingQuestion;
use crate::redis::{Mailbox, Recorder};
use crate::status::{Shared, locked};
use crate::stopped::Stopped;

/// Publishes durable batches, and passes the state to the snapshot thread when an epoch has closed.
pub(crate) struct Publisher {
    pub(crate) feeds: Arc<Mutex<Feeds>>,
    /// Each gets all groups of a batch before the next one does: first the embedder's, then the
    /// settlement's.
    pub(crate) followers: Vec<Box<dyn Follower>>,
    /// Back to the core, to be filled again.
    pub(crate) empty_batches: EmptyBatches,
    pub(crate) to_snapshots: Option<Sender<FrozenImage>>,
    pub(crate) to_redis: Option<Mailbox>,
    /// To the thread that publishes events to streams.
    pub(crate) recorder: Option<Recorder>,
    pub(crate) shared: Arc<Shared>,
    /// Callers that wait for what was not published, because the host had lost its lock. Their tickets are
    /// kept until the end, so that they resolve with the reason.
    pub(crate) withheld: Vec<(Vec<Waiting>, Vec<PendingQuestion>)>,
}

/// Stops the host if the publisher panics.
struct PanicAlarm(Arc<Shared>);

impl Drop for PanicAlarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop(Stopped::Publisher);
        }
    }
}

impl Publisher {
    /// Publishes a batch. `is_last` tells whether no other batch waits.
    pub(crate) fn publish(&mut self, mut batch: Batch, is_last: impl Fn() -> bool) {
        // If this panics, the host has stopped before the callers in `waiting` are dropped, so their tickets
        // have the reason.
        let _alarm = PanicAlarm(Arc::clone(&self.shared));
        if !self.may_publish() {
            self.withheld
                .push((std::mem::take(&mut batch.waiting), std::mem::take(&mut batch.questions)));
            return;
        }
        let closed = self.publish_batch(&mut batch);
        if let Some(recorder) = self.recorder.as_ref().filter(|_| !batch.commands.is_empty()) {
            recorder.record(batch.as_groups());
        }
        if let Some(last) = batch.commands.last() {
            self.shared.set_durable(last.sequence);
        }
        // After `set_durable`, because a follower may read the journal for its groups, up to what counts
        // as durable.
        for follower in &mut self.followers {
            batch.groups().for_each(|(header, events, outcome)| {
                follower.group(header, events, outcome);
            });
            if is_last() {
                follower.pause();
            }
        }
        batch.answer();
        self.empty_batches.give(batch);
        // Skipped if a state still waits for the snapshot thread.
        if closed
            && self.to_snapshots.as_ref().is_some_and(|snapshot_thread| snapshot_thread.is_empty())
        {
            self.send_snapshot();
        }
    }

    /// Passes the last state on and ends the subscriptions.
    pub(crate) fn end(&mut self) {
        if !self.withheld.is_empty() {
            self.shared.stop(Stopped::LockLost);
        }
        let unsaved = locked(&self.feeds).sequence() > self.shared.snapshot();
        if unsaved && self.shared.is_running() {
            self.send_snapshot();
        }
        let mut feeds = locked(&self.feeds);
        if let Some(mailbox) = self.to_redis.as_ref().filter(|_| self.withheld.is_empty()) {
            mailbox.fill_all(&mut feeds.image);
        }
        feeds.end_subscriptions();
    }

    /// Ends the subscriptions after a panic. Nothing else leaves, because the state may be that of half a
    /// batch.
    pub(crate) fn end_subscriptions(&self) {
        locked(&self.feeds).end_subscriptions();
    }

    /// Waits until answers and events may leave the host. Returns `false` if the host ends without its
    /// lock. After that, nothing more leaves it.
    fn may_publish(&self) -> bool {
        self.withheld.is_empty() && self.shared.lease.as_ref().is_none_or(|lease| lease.wait())
    }

    /// Publishes a batch, and answers each question in its place. Returns `true` if an epoch closed in it.
    fn publish_batch(&self, batch: &mut Batch) -> bool {
        let mut feeds = locked(&self.feeds);
        let mut closed = false;
        let mut questions = std::mem::take(&mut batch.questions).into_iter().peekable();
        for (at, (header, events, outcome)) in batch.groups().enumerate() {
            while let Some(before) = questions.next_if(|question| question.at <= at) {
                feeds.answer(before);
            }
            feeds.publish(header, events, outcome);
            closed |= outcome == Outcome::Accepted
                && events.iter().any(|event| matches!(event, Event::EpochClosed(_)));
            if let Some(mailbox) = &self.to_redis {
                mailbox.record(header, events, &mut feeds.image);
            }
        }
        feeds.end_batch();
        questions.for_each(|behind| feeds.answer(behind));
        if let Some(mailbox) = &self.to_redis {
            mailbox.fill(&mut feeds.image);
        }
        if let Some(fault) = feeds.image.fault() {
            if self.to_redis.as_ref().is_some_and(Mailbox::is_sole_store) {
                // A faulty image must not be written to Redis, and there is no other store.
                self.shared.stop(Stopped::Image(fault.to_string()));
            }
            self.shared.fault(fault.to_string());
        }
        closed
    }

    fn send_snapshot(&self) {
        if self.shared.is_faulty() {
            return;
        }
        let Some(snapshot_thread) = &self.to_snapshots else { return };
        let state = locked(&self.feeds).image.freeze();
        // If the snapshot thread has ended, the reason has been reported.
        let _ = snapshot_thread.send(state);
    }
}
