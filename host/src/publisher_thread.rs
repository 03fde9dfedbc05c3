//! The publisher thread, and the journal thread's end of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::batch::Batch;
use crate::publisher::Publisher;

/// The publisher has ended, because it panicked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PublisherEnded;

/// The journal thread's end: publishes durable batches, or sends them to the publisher thread.
pub(crate) struct ToPublisher {
    sender: Sender<Batch>,
    publisher: Arc<Mutex<Publisher>>,
    /// How many batches have been sent and are not yet published.
    unpublished: Arc<AtomicUsize>,
    /// Whether publishing may wait for the runner's lock. The journal does not wait for that.
    has_lease: bool,
}

impl ToPublisher {
    /// Passes a batch on. A small one is published at once, on this thread, if none is ahead of it and none
    /// behind it (`is_last`): to wake the other thread takes longer.
    pub(crate) fn pass(
        &self,
        batch: Batch,
        is_last: impl Fn() -> bool,
    ) -> Result<(), PublisherEnded> {
        // Only this thread adds to the count. At zero, the other thread has nothing to publish.
        let is_next = self.unpublished.load(Ordering::Acquire) == 0;
        if !self.has_lease && is_next && batch.is_small() && is_last() {
            let publish = || {
                // Locked in here, so that a panic poisons the lock.
                let mut publisher = self.publisher.lock().map_err(|_| PublisherEnded)?;
                publisher.publish(batch, is_last);
                Ok(())
            };
            return catch_unwind(AssertUnwindSafe(publish)).unwrap_or(Err(PublisherEnded));
        }
        self.unpublished.fetch_add(1, Ordering::Relaxed);
        self.sender.send(batch).map_err(|_| PublisherEnded)
    }
}

/// Publishes the batches that the journal thread sends.
pub(crate) struct PublisherThread {
    publisher: Arc<Mutex<Publisher>>,
    durable: Receiver<Batch>,
    unpublished: Arc<AtomicUsize>,
}

impl PublisherThread {
    /// Returns the thread's work, and the journal thread's end. At most `batches` batches wait in between.
    pub(crate) fn new(publisher: Publisher, batches: usize) -> (ToPublisher, Self) {
        let has_lease = publisher.shared.lease.is_some();
        let (sender, durable) = bounded(batches);
        let (publisher, unpublished) = (Arc::new(Mutex::new(publisher)), Arc::default());
        let to_publisher = ToPublisher {
            sender,
            publisher: Arc::clone(&publisher),
            unpublished: Arc::clone(&unpublished),
            has_lease,
        };
        (to_publisher, Self { publisher, durable, unpublished })
    }

    /// Works until nothing more becomes durable, or until the journal thread has panicked while it published.
    pub(crate) fn run(self) {
        for batch in &self.durable {
            let Ok(mut publisher) = self.publisher.lock() else { break };
            publisher.publish(batch, || self.durable.is_empty());
            drop(publisher);
            self.unpublished.fetch_sub(1, Ordering::Release);
        }
        match self.publisher.lock() {
            Ok(mut publisher) => publisher.end(),
            Err(panicked) => panicked.into_inner().end_subscriptions(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::RangeInclusive;

    use pricetime_engine::{
        AccountId, Action, ActionKind, Command, Event, Header, MarketId, Outcome, Sequence, Sink,
        Timestamp,
    };
    use pricetime_journal::image::Image;

    use super::*;
    use crate::empty_batches::EmptyBatches;
    use crate::feeds::Feeds;
    use crate::follower::Follower;
    use crate::status::{Shared, locked};
    use crate::stopped::Stopped;

    const MANY: u64 = 64;

    /// The commands that it received. Panics at number 1,000.
    #[derive(Clone, Default)]
    struct Received(Arc<Mutex<Vec<u64>>>);

    impl Follower for Received {
        fn group(&mut self, header: &Header, _: &[Event], _: Outcome) {
            assert_ne!(header.sequence, Sequence(1_000), "the follower panics on purpose");
            locked(&self.0).push(header.sequence.0);
        }
    }

    fn parts(shared: &Arc<Shared>) -> (Received, ToPublisher, PublisherThread) {
        let received = Received::default();
        let publisher = Publisher {
            feeds: Arc::new(Mutex::new(Feeds::new(Image::default()))),
            followers: vec![Box::new(received.clone())],
            empty_batches: EmptyBatches::new(1),
            to_snapshots: None,
            to_redis: None,
            recorder: None,
            shared: Arc::clone(shared),
            withheld: Vec::new(),
        };
        let (to_publisher, thread) = PublisherThread::new(publisher, 8);
        (received, to_publisher, thread)
    }

    fn batch(numbers: RangeInclusive<u64>) -> Batch {
        let mut batch = Batch::default();
        for sequence in numbers.map(Sequence) {
            let (timestamp, market, account) = (Timestamp(0), MarketId(1), AccountId(1));
            let action = Action::AdvanceTime;
            batch.commands.push(Command::new(sequence, timestamp, market, account, action));
            let (request, session, kind) = (None, None, ActionKind::AdvanceTime);
            batch.begin(&Header { sequence, timestamp, market, account, request, session, kind });
            batch.end(Outcome::Accepted);
        }
        batch
    }

    #[test]
    fn small_batch_is_published_at_once_unless_another_is_ahead_or_behind() {
        let (received, to_publisher, thread) = parts(&Arc::default());
        to_publisher.pass(batch(1..=1), || true).expect("published");
        assert_eq!(*locked(&received.0), [1]);
        to_publisher.pass(batch(2..=2), || false).expect("sent");
        to_publisher.pass(batch(3..=3), || true).expect("sent");
        assert_eq!(*locked(&received.0), [1]);
        drop(to_publisher);
        thread.run();
        assert_eq!(*locked(&received.0), [1, 2, 3]);
    }

    #[test]
    fn batch_with_many_commands_is_left_to_the_publisher_thread() {
        let (received, to_publisher, thread) = parts(&Arc::default());
        to_publisher.pass(batch(1..=MANY), || true).expect("sent");
        to_publisher.pass(batch(MANY + 1..=MANY + 1), || true).expect("sent");
        assert!(locked(&received.0).is_empty());
        drop(to_publisher);
        thread.run();
        assert!(locked(&received.0).iter().copied().eq(1..=MANY + 1));
    }

    #[test]
    fn nothing_is_published_after_a_panic() {
        let shared = Arc::default();
        let (received, to_publisher, thread) = parts(&shared);
        to_publisher.pass(batch(1..=1), || true).expect("published");
        assert!(to_publisher.pass(batch(1_000..=1_000), || true).is_err());
        assert!(to_publisher.pass(batch(1_001..=1_001), || true).is_err());
        assert!(matches!(shared.stopped(), Stopped::Publisher));
        to_publisher.pass(batch(2..=MANY), || true).expect("sent, and not read");
        drop(to_publisher);
        thread.run();
        assert_eq!(*locked(&received.0), [1]);
    }
}
