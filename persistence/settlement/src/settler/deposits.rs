//! Brings our own batches into the inbox, in the order of their epochs.

use core::time::Duration;
use std::collections::VecDeque;

use pricetime_engine::EpochNumber;

use super::pause::Pause;
use super::step::Step;
use crate::Batch;

#[derive(Debug)]
pub(super) struct DepositQueue {
    /// The last epoch that has closed in our journal.
    pub(super) last_closed: EpochNumber,
    /// The next epoch to deposit. `None` until the ledger's position is known.
    next: Option<EpochNumber>,
    /// Batches without a gap between them, from `next` on or later.
    queue: VecDeque<Batch>,
    /// Set while our journal lacks the epoch that it was asked for.
    journal_wait: Option<Pause>,
    batches_max: usize,
}

impl DepositQueue {
    pub(super) fn new(last_closed: EpochNumber, batches_max: usize) -> Self {
        let batches_max = batches_max.max(1);
        Self { last_closed, next: None, queue: VecDeque::new(), journal_wait: None, batches_max }
    }

    /// Takes the batch of a closed epoch, if it is known. A batch that does not fit is asked for later.
    pub(super) fn closed(&mut self, epoch: EpochNumber, batch: Option<Batch>) {
        if epoch <= self.last_closed {
            return;
        }
        self.last_closed = epoch;
        self.journal_wait = None;
        let fits = self.queue.back().is_none_or(|last| last.epoch.next() == epoch);
        if fits && self.queue.len() < self.batches_max {
            self.queue.extend(batch);
        }
    }

    /// Forgets the position, so that the ledger is asked for it.
    pub(super) fn reset(&mut self) {
        self.next = None;
        self.journal_wait = None;
    }

    /// Continues with this epoch.
    pub(super) fn continue_from(&mut self, epoch: EpochNumber) {
        self.next = Some(epoch);
        self.journal_wait = None;
    }

    /// Skips the epochs before this one.
    pub(super) fn skip_to(&mut self, epoch: EpochNumber) {
        if self.next.is_some_and(|next| next < epoch) {
            self.continue_from(epoch);
        }
    }

    /// Returns the step to take now, if there is one.
    pub(super) fn step(&mut self, now: Duration) -> Option<Step> {
        let Some(next) = self.next else { return Some(Step::ReadPosition) };
        if next > self.last_closed {
            return None;
        }
        while self.queue.front().is_some_and(|batch| batch.epoch < next) {
            self.queue.pop_front();
        }
        let front = self.queue.front();
        if let Some(batch) = front.filter(|batch| batch.epoch == next) {
            return Some(Step::Deposit(batch.clone()));
        }
        let last = front.map_or(self.last_closed, |batch| EpochNumber(batch.epoch.0 - 1));
        if let Some(journal_wait) = &mut self.journal_wait {
            if !journal_wait.is_over(now) {
                return None;
            }
            // Another runner may have deposited it by now.
            self.reset();
            return Some(Step::ReadPosition);
        }
        let many = u64::try_from(self.batches_max - 1).unwrap_or(u64::MAX);
        Some(Step::RemakeBatches {
            from: next,
            to: EpochNumber(next.0.saturating_add(many)).min(last),
        })
    }

    /// Takes the batches that were asked for, up to this epoch. If the first is not among them, the
    /// queue waits before it asks again.
    pub(super) fn add_batches(
        &mut self,
        to: EpochNumber,
        batches: Vec<Batch>,
        wait: (Duration, Duration),
    ) {
        let Some(mut next) = self.next else { return };
        let why = format!("epoch {} is not in the journal yet", next.0);
        let journal_wait = Pause::new(wait.0, wait.1, why);
        let fit = |batch: &Batch| {
            let fits = batch.epoch == next && batch.epoch <= to;
            next = next.next();
            fits
        };
        let fresh: Vec<Batch> = batches.into_iter().take_while(fit).collect();
        self.journal_wait = fresh.is_empty().then_some(journal_wait);
        for batch in fresh.into_iter().rev() {
            self.queue.push_front(batch);
        }
    }

    /// Notes that the batch of this epoch is in the inbox.
    pub(super) fn deposited(&mut self, epoch: EpochNumber) {
        if self.next == Some(epoch) {
            self.next = Some(epoch.next());
        }
    }

    pub(super) fn is_starting(&self) -> bool {
        self.next.is_none()
    }

    /// Returns the first batch of the queue.
    pub(super) fn front(&self) -> Option<&Batch> {
        self.queue.front()
    }

    /// Returns the first epoch that can be deposited from here.
    pub(super) fn first(&self) -> EpochNumber {
        self.queue.front().map_or(self.last_closed.next(), |batch| batch.epoch)
    }

    /// Returns `true` if all our batches are in the inbox.
    pub(super) fn is_done(&self) -> bool {
        self.next.is_some_and(|next| next > self.last_closed)
    }

    /// Returns the wait for the journal, if there is one.
    pub(super) fn journal_wait(&self) -> Option<&Pause> {
        self.journal_wait.as_ref().filter(|_| !self.is_done())
    }
}
