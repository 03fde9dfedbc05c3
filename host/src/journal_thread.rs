//! The journal thread: one write and one sync for all waiting batches, which then go to the publisher.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use pricetime_journal::{Journal, JournalError};

use crate::batch::Batch;
use crate::options::Policy;
use crate::publisher_thread::{PublisherEnded, ToPublisher};
use crate::status::Shared;
use crate::stopped::Stopped;

/// After this long without work, the thread writes the mark that says how far the journal is durable.
const IDLE_BEFORE_MARK: Duration = Duration::from_millis(1);
/// The maximum number of batches that share one sync.
const GROUP_MAX: usize = 256;

/// Why the thread cannot continue.
enum End {
    Journal(JournalError),
    Publisher,
}

impl From<PublisherEnded> for End {
    fn from(_: PublisherEnded) -> Self {
        Self::Publisher
    }
}

impl From<JournalError> for End {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

/// Writes the journal.
pub(crate) struct JournalThread {
    /// None under [`Policy::None`] and [`Policy::Epoch`].
    pub(crate) journal: Option<Journal>,
    pub(crate) policy: Policy,
    pub(crate) incoming: Receiver<Batch>,
    pub(crate) next: ToPublisher,
    /// From the snapshot thread: the sequence below which the journal may be dropped.
    pub(crate) floors: Receiver<pricetime_engine::Sequence>,
    pub(crate) shared: Arc<Shared>,
}

impl JournalThread {
    /// Works until the core sends no more batches, then closes the journal in order.
    pub(crate) fn run(mut self) {
        let mut group = Vec::with_capacity(GROUP_MAX);
        let result = match self.journal.take() {
            None => self.forward_all(),
            Some(mut journal) => {
                self.write_journal(&mut journal, &mut group).and_then(|()| Ok(journal.seal()?))
            }
        };
        match result {
            Ok(()) => {}
            Err(End::Journal(error)) => self.shared.fail_disk(error),
            Err(End::Publisher) => self.shared.stop(Stopped::Publisher),
        }
        // Its tickets are dropped only now, so they report the reason.
        drop(group);
        // No batch is passed on any more. Those that still arrive are dropped here, because the tickets of
        // a batch left in the queue would wait forever. The core notices in its next step that the host has
        // stopped.
        let Self { incoming, next, .. } = self;
        drop(next);
        incoming.iter().for_each(drop);
    }

    /// Passes batches on without a journal.
    fn forward_all(&self) -> Result<(), End> {
        // If another process has taken over, commands that are not yet published never happened.
        let lost = || self.policy == Policy::Epoch && !self.shared.is_running();
        let mut batches = self.incoming.iter().filter(|_| !lost());
        Ok(batches.try_for_each(|batch| self.next.pass(batch, || self.incoming.is_empty()))?)
    }

    fn write_journal(&self, journal: &mut Journal, group: &mut Vec<Batch>) -> Result<(), End> {
        // Commands that a crash left unmarked are durable by now. The mark tells this to readers of the
        // folder.
        let opened = journal.opened();
        if !opened.sealed && opened.last >= journal.oldest() {
            journal.mark()?;
        }
        let mut synced = Instant::now();
        let (mut marked, mut unsynced) = (true, false);
        loop {
            match self.incoming.recv_timeout(self.wait_max(synced, marked)) {
                Ok(batch) => group.push(batch),
                Err(RecvTimeoutError::Timeout) => {
                    journal.sync()?;
                    (synced, unsynced) = (Instant::now(), false);
                    if !marked {
                        journal.mark()?;
                        marked = true;
                    }
                    self.drop_old(journal);
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            group.extend(self.incoming.try_iter().take(GROUP_MAX - 1));
            for batch in &*group {
                for command in &batch.commands {
                    journal.append(command)?;
                }
            }
            // Questions alone leave nothing to write.
            let wrote = group.iter().any(|batch| !batch.commands.is_empty());
            if wrote {
                journal.write()?;
                (marked, unsynced) = (false, true);
            }
            if unsynced && self.is_due(synced) {
                journal.sync()?;
                (synced, unsynced) = (Instant::now(), false);
            }
            // While anything is not synced yet, this thread has to be free when the interval ends.
            let is_lone = group.len() == 1 && !unsynced;
            for batch in group.drain(..) {
                self.next.pass(batch, || is_lone && self.incoming.is_empty())?;
            }
            // Also under constant load, because otherwise the journal would keep everything forever.
            self.drop_old(journal);
            if wrote {
                // If the next segment cannot be created now, it is created when it is needed.
                let _ = journal.prepare();
            }
        }
    }

    fn is_due(&self, synced: Instant) -> bool {
        match self.policy {
            Policy::Sync | Policy::None | Policy::Epoch => true,
            Policy::Interval(interval) => synced.elapsed() >= interval,
        }
    }

    /// Returns how long the thread may wait for the next batch.
    fn wait_max(&self, synced: Instant, marked: bool) -> Duration {
        match self.policy {
            Policy::Interval(interval) if !marked => interval.saturating_sub(synced.elapsed()),
            _ if marked => Duration::from_secs(3_600),
            Policy::Sync | Policy::None | Policy::Epoch | Policy::Interval(_) => IDLE_BEFORE_MARK,
        }
    }

    /// Drops segments that are no longer needed. What cannot be dropped now is dropped the next time.
    fn drop_old(&self, journal: &mut Journal) {
        if let Some(floor) = self.floors.try_iter().last() {
            let _ = journal.retain_from(floor);
        }
    }
}
