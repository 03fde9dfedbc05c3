//! What the threads of a host tell each other, and how it is with it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use pricetime_engine::Sequence;

/// The host takes nothing any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host has stopped: {reason}")]
pub struct Stopped {
    /// Why.
    pub reason: String,
}

/// How it is with a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Every command up to this one is durable, and everybody may know of it. Without a data folder:
    /// stands in Redis, in the image of its market.
    pub durable: Sequence,
    /// Every command up to this one is in the newest local snapshot.
    pub snapshot: Sequence,
    /// Why the host has stopped, if it has.
    pub stopped: Option<String>,
    /// Why the last snapshot could not be written, if it could not. The journal is enough to come
    /// back; it only takes longer.
    pub snapshot_failure: Option<String>,
    /// What is wrong with the image, if anything is: snapshots have stopped, matching goes on.
    pub faulty: Option<String>,
    /// How it is with Redis; unknown where there is none.
    #[cfg(feature = "redis")]
    pub redis: crate::redis::RedisStatus,
}

/// Shared by the threads of a host and by those who hold a ticket.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    durable: AtomicU64,
    snapshot: AtomicU64,
    stopped: OnceLock<String>,
    snapshot_failure: Mutex<Option<String>>,
    disk_failed: AtomicBool,
    /// Without a folder: one above what stands in Redis; zero where there is a folder.
    stands: AtomicU64,
    /// Without a folder: whether as many trades as there may be wait for Redis.
    trades_full: AtomicBool,
    faulty: OnceLock<String>,
    #[cfg(feature = "redis")]
    pub(crate) redis: crate::redis::Board,
}

impl Shared {
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

    /// Keeps the first reason.
    pub(crate) fn stop(&self, reason: String) {
        let _ = self.stopped.set(reason);
    }

    /// The journal's disk failed: nobody knows what it holds.
    pub(crate) fn fail_disk(&self, reason: String) {
        self.disk_failed.store(true, Ordering::Release);
        self.stop(reason);
    }

    /// Without a folder: every command up to this one stands in Redis.
    #[cfg(feature = "redis")]
    pub(crate) fn set_stands(&self, sequence: Sequence) {
        self.stands.store(sequence.0.saturating_add(1), Ordering::Release);
    }

    /// Says whether as many trades as there may be wait for Redis.
    #[cfg(feature = "redis")]
    pub(crate) fn set_trades_full(&self, full: bool) {
        self.trades_full.store(full, Ordering::Release);
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

    pub(crate) fn set_snapshot_failure(&self, why: Option<String>) {
        *self.snapshot_failure.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// Keeps the first fault.
    pub(crate) fn fault(&self, what: String) {
        let _ = self.faulty.set(what);
    }

    pub(crate) fn is_faulty(&self) -> bool {
        self.faulty.get().is_some()
    }

    pub(crate) fn stopped(&self) -> Stopped {
        let reason = self.stopped.get().cloned();
        Stopped {
            reason: reason.unwrap_or_else(|| String::from("it ended before there was an answer")),
        }
    }

    pub(crate) fn status(&self) -> Status {
        Status {
            durable: match self.stands.load(Ordering::Acquire) {
                0 => self.durable(),
                above => Sequence(above - 1),
            },
            snapshot: self.snapshot(),
            stopped: self.stopped.get().cloned(),
            snapshot_failure: self
                .snapshot_failure
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
            faulty: self.faulty.get().cloned(),
            #[cfg(feature = "redis")]
            redis: self.redis.read(),
        }
    }
}
