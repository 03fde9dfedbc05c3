//! What the threads of a host tell each other, and how it is with it.

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

/// How it is with a host. Points in time serialize as `for_seconds`, the seconds that have passed since.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// Every command up to this one is durable, and everybody may know of it. Without a data folder:
    /// stands in Redis, in the image of its market.
    pub durable: Sequence,
    /// Every command up to this one is in the newest local snapshot.
    pub snapshot: Sequence,
    /// Why the host has stopped, if it has.
    pub stopped: Option<Stopped>,
    /// Why the last snapshot could not be written, if it could not. The journal is enough to come
    /// back; it only takes longer.
    #[serde(serialize_with = "as_text")]
    pub snapshot_failure: Option<Arc<SnapshotError>>,
    /// What is wrong with the image, if anything is: snapshots have stopped, matching goes on.
    pub faulty: Option<String>,
    /// How it is with Redis; unknown where there is none.
    pub redis: crate::redis::status::RedisStatus,
    /// How it is with the lock of the runner, where there is one.
    pub lock: Option<crate::lease::LockStatus>,
}

/// How long the threads that wait for a server may take at the end if it answers.
const ENDS_MAX: Duration = Duration::from_secs(60);

/// When the threads that wait for servers have to be done.
#[derive(Debug)]
struct Ends {
    at: Instant,
    latest: Instant,
    most: Duration,
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic may have left half done under a lock is told of as stopped, not as locked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shared by the threads of a host and by those who hold a ticket.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    durable: AtomicU64,
    snapshot: AtomicU64,
    /// One more than the last command that is known to be published; zero where nothing is.
    published: AtomicU64,
    stopped: OnceLock<Stopped>,
    /// Whether the host was closed and its threads have ended.
    closed: AtomicBool,
    /// Woken when the host stops or has been closed.
    ended: Signal,
    /// Woken when a command may be taken again, and when no more will be.
    pub(crate) room: Signal,
    snapshot_failure: Mutex<Option<Arc<SnapshotError>>>,
    disk_failed: AtomicBool,
    /// Without a folder: one above what stands in Redis; zero where there is a folder.
    stands: AtomicU64,
    /// Without a folder: whether as many trades as there may be wait for Redis.
    trades_full: AtomicBool,
    faulty: OnceLock<String>,
    /// Unset while the host runs.
    ends: Mutex<Option<Ends>>,
    /// One more than the last command up to which all that closed is settled; zero where nothing is to
    /// be settled.
    settled: AtomicU64,
    settlement: Mutex<Vec<MarketSettlement>>,
    pub(crate) redis: crate::redis::status::Board,
    /// The lock of the runner, where there is one.
    pub(crate) lease: Option<std::sync::Arc<crate::lease::Lease>>,
}

impl Shared {
    /// With this lock.
    pub(crate) fn behind(lease: Option<std::sync::Arc<crate::lease::Lease>>) -> Self {
        Self { lease, ..Self::default() }
    }

    /// Whoever sees this number sees everything that was done before it was set.
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

    /// Up to this command everything that had closed is settled.
    pub(crate) fn set_settled(&self, sequence: Sequence) {
        self.settled.store(sequence.0.saturating_add(1), Ordering::Release);
    }

    /// Up to which command it is, where there is a settlement.
    fn settled(&self) -> Option<Sequence> {
        self.settled.load(Ordering::Acquire).checked_sub(1).map(Sequence)
    }

    /// The last command that nobody needs to be told of again, where somebody may.
    pub(crate) fn needed(&self) -> Option<Sequence> {
        self.published().into_iter().chain(self.settled()).min()
    }

    pub(crate) fn set_settlement(&self, now: Vec<MarketSettlement>) {
        *locked(&self.settlement) = now;
    }

    /// How each market's settlement stands.
    pub(crate) fn settlement(&self) -> Vec<MarketSettlement> {
        locked(&self.settlement).clone()
    }

    /// Whether anything may leave the host at this moment.
    pub(crate) fn may_release(&self) -> bool {
        self.lease.as_ref().is_none_or(|lease| lease.holds())
    }

    /// Up to this command nothing has to be published any more; None where nothing ever has to.
    pub(crate) fn set_published(&self, sequence: Option<Sequence>) {
        let next = sequence.map_or(0, |sequence| sequence.0.saturating_add(1));
        self.published.store(next, Ordering::Release);
    }

    /// Up to which command nothing has to be published any more, where something has to.
    pub(crate) fn published(&self) -> Option<Sequence> {
        self.published.load(Ordering::Acquire).checked_sub(1).map(Sequence)
    }

    /// Keeps the first reason.
    pub(crate) fn stop(&self, why: Stopped) {
        let _ = self.stopped.set(why);
        self.ended.wake();
        self.room.wake();
    }

    /// The journal's disk failed: nobody knows what it holds.
    pub(crate) fn fail_disk(&self, error: JournalError) {
        self.disk_failed.store(true, Ordering::Release);
        self.stop(Stopped::Journal(Arc::new(error)));
    }

    /// The host was closed, and its threads have ended.
    pub(crate) fn set_closed(&self) {
        self.closed.store(true, Ordering::Release);
        self.ended.wake();
    }

    /// Waits until the host has stopped or has been closed.
    ///
    /// # Errors
    /// Returns why it stopped, if not because it was closed in order.
    pub(crate) async fn until_ended(&self) -> Result<(), Stopped> {
        self.ended.until(|| !self.is_well() || self.closed.load(Ordering::Acquire)).await;
        self.end()
    }

    /// Returns why the host has stopped, if it has, as an error.
    pub(crate) fn end(&self) -> Result<(), Stopped> {
        self.stopped.get().cloned().map_or(Ok(()), Err)
    }

    /// Without a folder: every command up to this one stands in Redis.
    pub(crate) fn set_stands(&self, sequence: Sequence) {
        self.stands.store(sequence.0.saturating_add(1), Ordering::Release);
    }

    /// Says whether as many trades as there may be wait for Redis.
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

    pub(crate) fn is_well(&self) -> bool {
        self.stopped.get().is_none()
    }

    /// Sets why the last snapshot failed, if it did. Returns what was set before.
    pub(crate) fn set_snapshot_failure(
        &self,
        why: Option<Arc<SnapshotError>>,
    ) -> Option<Arc<SnapshotError>> {
        std::mem::replace(&mut locked(&self.snapshot_failure), why)
    }

    /// Gives the threads that wait for servers this long to end.
    pub(crate) fn end_within(&self, most: Duration) {
        let now = Instant::now();
        *self.ends() = Some(Ends { at: now + most, latest: now + ENDS_MAX, most });
    }

    /// Gives them as long again, if their time has begun and is not over: a server that answers is not
    /// one that hangs.
    pub(crate) fn prolong(&self) {
        let now = Instant::now();
        if let Some(ends) = self.ends().as_mut().filter(|ends| now < ends.at) {
            ends.at = ends.at.max((now + ends.most).min(ends.latest));
        }
    }

    fn ends(&self) -> MutexGuard<'_, Option<Ends>> {
        locked(&self.ends)
    }

    /// Whether the time of these threads is over once this much more has passed. What they do after
    /// that nobody waits for.
    pub(crate) fn is_over_in(&self, more: Duration) -> bool {
        self.ends().as_ref().is_some_and(|ends| Instant::now() + more >= ends.at)
    }

    /// Whether the time of these threads is over.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over_in(Duration::ZERO)
    }

    /// Whether it has been over for this long.
    pub(crate) fn is_over_since(&self, long: Duration) -> bool {
        self.ends().as_ref().is_some_and(|ends| ends.at.elapsed() >= long)
    }

    /// Keeps the first fault.
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
            durable: match self.stands.load(Ordering::Acquire) {
                0 => durable,
                above => Sequence(above - 1),
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
