//! The bytes of unsent answers, counted for each connection and for all together.

use std::sync::atomic::{AtomicUsize, Ordering::AcqRel, Ordering::Acquire};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// A connection may have this many unsent bytes even if others have used up the budget of all.
pub(crate) const SHARE_MIN: usize = 1 << 16;
/// The subscriptions of a connection may have this many times its limit ready.
const READY_FACTOR: usize = 4;

/// How many unsent bytes all connections together may have.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    used: AtomicUsize,
    freed: Notify,
}

/// The unsent bytes of one connection.
#[derive(Debug)]
pub(crate) struct Account {
    budget: Arc<Budget>,
    limit: usize,
    unsent: Mutex<usize>,
    subscriptions: AtomicUsize,
    /// The bytes that its subscriptions have ready.
    ready: AtomicUsize,
    freed: Notify,
}

/// Bytes that count as unsent until this is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    account: Arc<Account>,
    bytes: usize,
}

/// The bytes of a buffer. They count for the budget of all, not for the limit of the connection.
#[derive(Debug)]
pub(crate) struct BufferBytes {
    budget: Arc<Budget>,
    bytes: usize,
}

/// A subscription, which counts until this is dropped.
#[derive(Debug)]
pub(crate) struct SubscriptionBytes {
    account: Arc<Account>,
    ready: BufferBytes,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0), freed: Notify::new() })
    }

    /// The account of a connection that may have this many unsent bytes.
    pub(crate) fn account(self: &Arc<Self>, limit: usize) -> Arc<Account> {
        Arc::new(Account {
            budget: Arc::clone(self),
            limit,
            unsent: Mutex::new(0),
            subscriptions: AtomicUsize::new(0),
            ready: AtomicUsize::new(0),
            freed: Notify::new(),
        })
    }

    fn free(&self, bytes: usize) {
        self.used.fetch_sub(bytes, AcqRel);
        self.freed.notify_waiters();
    }
}

impl Account {
    /// Waits until this many more bytes may be unsent. While nothing is unsent, the connection's own limit
    /// does not apply, so a large answer fits too.
    pub(crate) async fn charge(self: &Arc<Self>, bytes: usize) -> Charge {
        loop {
            if self.take(bytes) {
                break;
            }
            // Both are notified of everything that is freed from here on.
            let (own, all) = (self.freed.notified(), self.budget.freed.notified());
            if self.take(bytes) {
                break;
            }
            tokio::select! {
                () = own => {}
                () = all => {}
            }
        }
        Charge { account: Arc::clone(self), bytes }
    }

    fn take(&self, bytes: usize) -> bool {
        let mut unsent = self.unsent();
        if *unsent > 0 && *unsent + bytes > self.limit {
            return false;
        }
        let budget = &self.budget;
        let all = |used: usize| {
            let fits = used + bytes <= budget.limit || *unsent + bytes <= SHARE_MIN.min(self.limit);
            fits.then_some(used + bytes)
        };
        let fits = budget.used.fetch_update(AcqRel, Acquire, all).is_ok();
        *unsent += if fits { bytes } else { 0 };
        fits
    }

    fn unsent(&self) -> MutexGuard<'_, usize> {
        self.unsent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns `true` if nothing is unsent and there is no subscription.
    pub(crate) fn is_idle(&self) -> bool {
        *self.unsent() == 0 && self.subscriptions.load(Acquire) == 0
    }

    /// Returns `true` if more bytes are unsent than the limit allows.
    pub(crate) fn is_over_limit(&self) -> bool {
        *self.unsent() > self.limit
    }

    pub(crate) fn subscribed(self: &Arc<Self>) -> SubscriptionBytes {
        self.subscriptions.fetch_add(1, AcqRel);
        SubscriptionBytes { account: Arc::clone(self), ready: self.buffer_bytes() }
    }

    /// Starts to count a buffer of this connection.
    pub(crate) fn buffer_bytes(&self) -> BufferBytes {
        BufferBytes { budget: Arc::clone(&self.budget), bytes: 0 }
    }
}

impl Charge {
    /// Charges more, without waiting, for an answer that has turned out to be larger.
    pub(crate) fn raise_to(&mut self, bytes: usize) {
        let more = bytes.saturating_sub(self.bytes);
        *self.account.unsent() += more;
        self.account.budget.used.fetch_add(more, AcqRel);
        self.bytes += more;
    }
}

impl BufferBytes {
    /// Sets how many bytes are counted.
    pub(crate) fn set(&mut self, bytes: usize) {
        if bytes > self.bytes {
            self.budget.used.fetch_add(bytes - self.bytes, AcqRel);
        } else if bytes < self.bytes {
            self.budget.free(self.bytes - bytes);
        }
        self.bytes = bytes;
    }
}

impl SubscriptionBytes {
    /// Counts what the subscription has ready while its client is slow. Returns `false` if the subscriptions
    /// of the connection have too many bytes ready.
    pub(crate) fn set_ready(&mut self, bytes: usize) -> bool {
        let Account { ready, limit, .. } = &*self.account;
        ready.fetch_sub(self.ready.bytes, AcqRel);
        self.ready.set(bytes);
        ready.fetch_add(bytes, AcqRel) + bytes <= limit.saturating_mul(READY_FACTOR)
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        *self.account.unsent() -= self.bytes;
        self.account.budget.free(self.bytes);
        self.account.freed.notify_waiters();
    }
}

impl Drop for BufferBytes {
    fn drop(&mut self) {
        self.set(0);
    }
}

impl Drop for SubscriptionBytes {
    fn drop(&mut self) {
        self.set_ready(0);
        self.account.subscriptions.fetch_sub(1, AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Charges bytes if that is possible without waiting.
    async fn charged(account: &Arc<Account>, bytes: usize) -> Option<Charge> {
        tokio::select! {
            biased;
            charge = account.charge(bytes) => Some(charge),
            () = std::future::ready(()) => None,
        }
    }

    #[tokio::test]
    async fn charges_stay_within_the_limit_of_a_connection_and_of_all() {
        let budget = Budget::new(3 * SHARE_MIN);
        let (one, two) = (budget.account(2 * SHARE_MIN), budget.account(2 * SHARE_MIN));
        let large = charged(&one, 2 * SHARE_MIN).await.expect("its whole limit");
        assert!(charged(&one, 1).await.is_none(), "it would exceed its limit");
        let share = charged(&two, SHARE_MIN).await.expect("the rest of the budget");
        assert!(charged(&two, SHARE_MIN).await.is_none(), "the budget is used up");
        let third = budget.account(2 * SHARE_MIN);
        let least = charged(&third, SHARE_MIN).await.expect("every connection has its share");
        drop(large);
        assert!(charged(&two, SHARE_MIN).await.is_some(), "what was freed can be charged");
        drop((share, least));
        assert!(one.is_idle() && two.is_idle() && third.is_idle());
        assert_eq!(budget.used.load(Acquire), 0, "all of it is given back");
    }

    #[tokio::test]
    async fn charge_waits_until_another_is_dropped() {
        let budget = Budget::new(SHARE_MIN);
        let account = budget.account(SHARE_MIN);
        let mut first = account.charge(1).await;
        first.raise_to(2 * SHARE_MIN);
        assert!(account.is_over_limit());
        let waiting = account.charge(1);
        let freeing = async {
            tokio::task::yield_now().await;
            drop(first);
        };
        let (charge, ()) = tokio::join!(waiting, freeing);
        assert!(!account.is_over_limit() && !account.is_idle());
        let mut buffer_bytes = account.buffer_bytes();
        buffer_bytes.set(2 * SHARE_MIN);
        let mut subscribed = account.subscribed();
        let mut second = account.subscribed();
        assert!(subscribed.set_ready(3 * SHARE_MIN) && second.set_ready(SHARE_MIN));
        assert!(!second.set_ready(SHARE_MIN + 1), "together they have too much ready");
        assert!(subscribed.set_ready(2 * SHARE_MIN), "they have less ready again");
        drop((charge, buffer_bytes, second));
        assert!(!account.is_idle());
        drop(subscribed);
        assert!(account.is_idle());
        assert_eq!(budget.used.load(Acquire), 0);
    }
}
