//! The state that the threads of a host share, and its public status.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use pricetime_engine::Sequence;
use pricetime_journal::{JournalError, SnapshotError};
use serde::Serialize;

use crate::serial::as_text;
use crate::settle::MarketSettlement;
use crate::signal::Signal;
use crate::stopped::Stopped;

/// A host's current status. Points in time serialize as `for_seconds`, the seconds that have passed since.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// Every command up to this one is durable and may be visible to clients. Without a data folder: every
    /// command up to this one is stored in Redis, in the image of its market.
    pub durable: Sequence,
    /// Every command up to this one is in the newest local snapshot.
    pub snapshot: Sequence,
    /// Why the host stopped by itself, if it did; `None` after an orderly [`close`](crate::Host::close).
    pub stopped: Option<Stopped>,
    /// Why the last snapshot could not be written, if it failed. The journal is enough to recover; it only
    /// takes longer.
    #[serde(serialize_with = "as_text")]
    pub snapshot_failure: Option<Arc<SnapshotError>>,
    /// The fault of the image, if it has one. Snapshots have stopped then; matching continues.
    pub faulty: Option<String>,
    /// The status of Redis; unknown if the host does not use it.
    pub redis: crate::redis::status::RedisStatus,
    /// The status of the runner's lock, if there is one.
    pub lock: Option<crate::lease::LockStatus>,
}

/// How long threads that wait for a server may take to end while it still answers.
const SHUTDOWN_MAX: Duration = Duration::from_secs(60);

/// The deadline for threads that wait for servers.
#[derive(Debug)]
struct Deadline {
    at: Instant,
    latest: Instant,
    allowance: Duration,
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic under a lock is reported as `Stopped`, not as a poisoned mutex.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shared by the threads of a host and the holders of tickets.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    durable: AtomicU64,
    snapshot: AtomicU64,
    /// One more than the last command up to which nothing is left to be published to streams; zero if the
    /// host publishes nothing there.
    published: AtomicU64,
    stopped: OnceLock<Stopped>,
    /// Whether the host was closed and its threads have ended.
    closed: AtomicBool,
    /// Woken when the host stops or has been closed.
    ended: Signal,
    /// Woken when commands may be accepted again, and when no more will be.
    pub(crate) room: Signal,
    snapshot_failure: Mutex<Option<Arc<SnapshotError>>>,
    disk_failed: AtomicBool,
    /// Without a data folder: one more than the last command that is stored in Redis. Zero with one.
    stored: AtomicU64,
    /// Without a data folder: whether too many trades wait for Redis.
    trades_full: AtomicBool,
    faulty: OnceLock<String>,
    /// The deadline of the threads that wait for servers. Unset while the host runs.
    deadline: Mutex<Option<Deadline>>,
    /// One more than the last command up to which every closed epoch is settled; zero if the host does not
    /// settle.
    settled: AtomicU64,
    settlement: Mutex<Vec<MarketSettlement>>,
    pub(crate) redis: crate::redis::status::SharedRedisStatus,
    /// The runner's lock, if there is one.
    pub(crate) lease: Option<std::sync::Arc<crate::lease::Lease>>,
}

impl Shared {
    /// Returns the state of a host with this lock.
    pub(crate) fn with_lease(lease: Option<std::sync::Arc<crate::lease::Lease>>) -> Self {
        Self { lease, ..Self::default() }
    }

    /// A thread that reads this number sees everything that was done before it was set.
    pub(crate) fn set_durable(&self, sequence: Sequence) {
        self.durable.store(sequence.0, Ordering::Release);
    }

    pub(crate) fn durable(&self) -> Sequence {
        Sequence(self.durable.load(Ordering::Acquire))
    }

    pub(crate) fn set_snapshot(&self, sequence: Sequence) {
        self.snapshot.store(sequence.0, Ordering::Release);
    }

    pub(crate) fn snapshot(&self) -> Sequence {
        Sequence(self.snapshot.load(Ordering::Acquire))
    }

    /// Records that every epoch that closed up to this command is settled.
    pub(crate) fn set_settled(&self, sequence: Sequence) {
        self.settled.store(sequence.0.saturating_add(1), Ordering::Release);
    }

    /// Returns the last command up to which every closed epoch is settled, if the host settles.
    fn settled(&self) -> Option<Sequence> {
        self.settled.load(Ordering::Acquire).checked_sub(1).map(Sequence)
    }

    /// Returns the last command that neither the streams nor the settlement must replay, if either is used.
    pub(crate) fn consumed_through(&self) -> Option<Sequence> {
        self.published().into_iter().chain(self.settled()).min()
    }

    pub(crate) fn set_settlement(&self, now: Vec<MarketSettlement>) {
        *locked(&self.settlement) = now;
    }

    /// Returns the settlement status of each market.
    pub(crate) fn settlement(&self) -> Vec<MarketSettlement> {
        locked(&self.settlement).clone()
    }

    /// Returns `true` if answers and events may leave the host at this moment.
    pub(crate) fn may_publish(&self) -> bool {
        self.lease.as_ref().is_none_or(|lease| lease.holds())
    }

    /// Records that nothing up to this command is left to be published; `None` if nothing ever is.
    pub(crate) fn set_published(&self, sequence: Option<Sequence>) {
        let next = sequence.map_or(0, |sequence| sequence.0.saturating_add(1));
        self.published.store(next, Ordering::Release);
    }

    /// Returns the last command up to which nothing is left to be published, if the host publishes events.
    pub(crate) fn published(&self) -> Option<Sequence> {
        self.published.load(Ordering::Acquire).checked_sub(1).map(Sequence)
    }

    /// Stops the host. Only the first reason is kept.
    pub(crate) fn stop(&self, why: Stopped) {
        let _ = self.stopped.set(why);
        self.ended.wake();
        self.room.wake();
    }

    /// Records that the journal's disk failed, so it is unknown what it holds.
    pub(crate) fn fail_disk(&self, error: JournalError) {
        self.disk_failed.store(true, Ordering::Release);
        self.stop(Stopped::Journal(Arc::new(error)));
    }

    /// Records that the host was closed and its threads have ended.
    pub(crate) fn set_closed(&self) {
        self.closed.store(true, Ordering::Release);
        self.ended.wake();
    }

    /// Waits until the host has stopped or has been closed.
    ///
    /// # Errors
    /// Returns the reason unless the host was closed in order.
    pub(crate) async fn until_ended(&self) -> Result<(), Stopped> {
        self.ended.until(|| !self.is_running() || self.closed.load(Ordering::Acquire)).await;
        self.end()
    }

    /// Returns the reason the host has stopped as an error, if it has.
    pub(crate) fn end(&self) -> Result<(), Stopped> {
        self.stopped.get().cloned().map_or(Ok(()), Err)
    }

    /// Without a data folder: records that every command up to this one is stored in Redis.
    pub(crate) fn set_stored(&self, sequence: Sequence) {
        self.stored.store(sequence.0.saturating_add(1), Ordering::Release);
    }

    /// Records whether too many trades wait for Redis.
    pub(crate) fn set_trades_full(&self, full: bool) {
        if self.trades_full.swap(full, Ordering::AcqRel) && !full {
            self.room.wake();
        }
    }

    pub(crate) fn are_trades_full(&self) -> bool {
        self.trades_full.load(Ordering::Acquire)
    }

    pub(crate) fn is_disk_failed(&self) -> bool {
        self.disk_failed.load(Ordering::Acquire)
    }

    pub(crate) fn is_running(&self) -> bool {
        self.stopped.get().is_none()
    }

    /// Sets why the last snapshot failed, or clears it. Returns the previous value.
    pub(crate) fn set_snapshot_failure(
        &self,
        why: Option<Arc<SnapshotError>>,
    ) -> Option<Arc<SnapshotError>> {
        std::mem::replace(&mut locked(&self.snapshot_failure), why)
    }

    /// Gives the threads that wait for servers this long to end.
    pub(crate) fn end_within(&self, allowance: Duration) {
        let now = Instant::now();
        *self.deadline() =
            Some(Deadline { at: now + allowance, latest: now + SHUTDOWN_MAX, allowance });
    }

    /// Gives them as long again, if they have a deadline that has not passed, but at most `SHUTDOWN_MAX` in
    /// all. A server that answers does not hang.
    pub(crate) fn extend_deadline(&self) {
        let now = Instant::now();
        if let Some(deadline) = self.deadline().as_mut().filter(|deadline| now < deadline.at) {
            deadline.at = deadline.at.max((now + deadline.allowance).min(deadline.latest));
        }
    }

    fn deadline(&self) -> MutexGuard<'_, Option<Deadline>> {
        locked(&self.deadline)
    }

    /// Returns `true` if the deadline will have passed after this much more time. The host does not wait
    /// for what these threads do after that.
    pub(crate) fn is_over_in(&self, more: Duration) -> bool {
        self.deadline().as_ref().is_some_and(|deadline| Instant::now() + more >= deadline.at)
    }

    /// Returns `true` if the deadline of these threads has passed.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over_in(Duration::ZERO)
    }

    /// Returns `true` if it passed at least this long ago.
    pub(crate) fn is_over_since(&self, long: Duration) -> bool {
        self.deadline().as_ref().is_some_and(|deadline| deadline.at.elapsed() >= long)
    }

    /// Records a fault of the image. Only the first one is kept.
    pub(crate) fn fault(&self, what: String) {
        let _ = self.faulty.set(what);
    }

    pub(crate) fn is_faulty(&self) -> bool {
        self.faulty.get().is_some()
    }

    pub(crate) fn stopped(&self) -> Stopped {
        self.stopped.get().cloned().unwrap_or(Stopped::Closed)
    }

    pub(crate) fn status(&self) -> Status {
        let durable = self.durable();
        Status {
            durable: match self.stored.load(Ordering::Acquire) {
                0 => durable,
                next => Sequence(next - 1),
            },
            snapshot: self.snapshot(),
            stopped: self.stopped.get().cloned(),
            snapshot_failure: locked(&self.snapshot_failure).clone(),
            faulty: self.faulty.get().cloned(),
            redis: self.redis.read(durable),
            lock: self.lease.as_ref().map(|lease| lease.status()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_serializes_why_the_host_stopped() {
        let shared = Shared::default();
        shared.set_durable(Sequence(7));
        let status = serde_json::to_value(shared.status()).expect("JSON");
        assert_eq!((&status["durable"], &status["stopped"]), (&7.into(), &serde_json::Value::Null));
        shared.stop(Stopped::Core("the clock broke".into()));
        shared.stop(Stopped::Publisher);
        let status = serde_json::to_value(shared.status()).expect("JSON");
        assert_eq!(status["stopped"], "the core failed: the clock broke");
    }
}
