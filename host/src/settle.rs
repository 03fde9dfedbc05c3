//! Settlement: a thread that posts each epoch's batch to a ledger, exactly once and in order.
//!
//! The publisher collects the trades of each epoch and hands the batches to the
//! [`SettlementThread`], which drives a [`Settler`](pricetime_settlement::Settler) for each market. A
//! ledger that hangs or is down delays no other thread: batches that were not posted are made again from
//! the journal.
//!
//! An [`Outlet`] can deliver posted batches to an external system, at least once and in order. It runs
//! on a thread of its own, so that a slow outlet does not delay the ledger.

mod delivery_thread;
mod dropped;
mod lock;
mod market_settler;
mod news;
mod outlet;
mod rebuilder;
mod receipts;
mod report;
mod settlement_thread;
mod store;

use std::fmt;
use std::time::Duration;

use pricetime_engine::{
    AccountId, ActionKind, EpochNumber, Event, Header, MarketHead, MarketId, Outcome, Sequence,
};
use pricetime_journal::History;
use pricetime_redis::RedisOptions;
use pricetime_settlement::ledger::{Ledger, LedgerError};
use pricetime_settlement::{Collector, PutBack, RetryPolicy, Standing};

use crate::follower::Follower;

pub(crate) use delivery_thread::DeliveryThread;
pub use dropped::Dropped;
pub(crate) use news::{Incoming, News, Outgoing, news};
#[cfg(feature = "outlets")]
pub use outlet::{BadAddress, ProgramOutlet, WebOutlet};
pub use outlet::{Delivery, MarketDelivery, NotDelivered, Outlet, Receipt, Undelivered};
pub(crate) use rebuilder::JournalSource;
pub(crate) use settlement_thread::SettlementThread;
pub use store::{OperatorRequest, OperatorRequests};

/// How often the settlement and delivery threads look for work if nothing else wakes them.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// How long they wait while the host does not hold its lease. Nothing may leave the host without it.
const LEASE_POLL: Duration = Duration::from_millis(50);

/// Opens a ledger. It is called again until it succeeds. With a delivery it is called once more, because
/// the delivery thread has a handle of its own.
pub type OpenLedger = Box<dyn FnMut() -> Result<Box<dyn Ledger>, LedgerError> + Send>;

/// Where and how trades are settled.
pub struct Settlement {
    /// Opens the ledger.
    pub ledger: OpenLedger,
    /// The account that receives the fees.
    pub platform: AccountId,
    /// A lock that saves runners that share a ledger from doing the same work. `None` if no other runner
    /// uses the ledger.
    pub lock: Option<SettlementLock>,
    /// How long to wait before retries, and how often to retry.
    pub patience: RetryPolicy,
    /// What is delivered to an external system, if anything is. If several runners share a ledger, only
    /// one of them should deliver.
    pub delivery: Option<Delivery>,
}

impl Settlement {
    /// Settles into this ledger, without a lock and with the fees going to account zero.
    pub fn new(
        ledger: impl FnMut() -> Result<Box<dyn Ledger>, LedgerError> + Send + 'static,
    ) -> Self {
        Self {
            ledger: Box::new(ledger),
            platform: AccountId(0),
            lock: None,
            patience: RetryPolicy::default(),
            delivery: None,
        }
    }

    /// Like [`new`](Self::new), for a ledger that is opened once and whose clones are handles on the
    /// same data.
    pub fn shared<L: Ledger + Clone + 'static>(
        mut open: impl FnMut() -> Result<L, LedgerError> + Send + 'static,
    ) -> Self {
        let mut opened = None;
        Self::new(move || {
            let ledger: &mut L = match &mut opened {
                Some(ledger) => ledger,
                none @ None => none.insert(open()?),
            };
            Ok(Box::new(ledger.clone()))
        })
    }
}

impl fmt::Debug for Settlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settlement").field("platform", &self.platform).finish_non_exhaustive()
    }
}

/// A lock over several servers of its own, one lock for each market.
#[derive(Clone, Debug)]
pub struct SettlementLock {
    /// The servers.
    pub nodes: Vec<RedisOptions>,
    /// How long the lock lives unless it is extended.
    pub ttl: Duration,
}

/// The settlement status of a market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketSettlement {
    /// The market.
    pub market: MarketId,
    /// The last epoch that has closed.
    pub closed: EpochNumber,
    /// The last epoch that is settled, as far as the ledger has reported.
    pub settled: Option<EpochNumber>,
    /// What the settlement of the market is doing.
    pub standing: Standing,
    /// How far the ledger was put back. Set until the ledger has caught up again.
    pub put_back: Option<PutBack>,
    /// The status of the market's delivery, if batches are delivered.
    pub delivery: Option<MarketDelivery>,
}

impl MarketSettlement {
    /// Returns how many closed epochs are not settled, as far as the ledger has reported.
    #[must_use]
    pub fn behind(&self) -> u64 {
        let settled = self.settled.map_or(0, |epoch| epoch.0);
        if self.standing == Standing::Starting { 0 } else { self.closed.0.saturating_sub(settled) }
    }

    /// Returns why no epoch of the market is settled at the moment, if something is wrong.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        match &self.standing {
            Standing::Retry { why, .. } | Standing::DeadLetter { why, .. } => Some(why.clone()),
            Standing::Halted(why) => Some(why.to_string()),
            Standing::Held => Some(String::from("an operator holds it")),
            Standing::Starting
            | Standing::Idle
            | Standing::Depositing(_)
            | Standing::Waiting { .. }
            | Standing::Applying(_) => None,
        }
    }
}

/// Collects the events for settlement, as a follower of the publisher.
#[derive(Debug)]
pub(crate) struct SettlementFollower {
    collector: Collector,
    settlement_thread: Outgoing,
}

impl SettlementFollower {
    pub(crate) fn new(
        history: History,
        platform: AccountId,
        heads: &[MarketHead],
        settlement_thread: Outgoing,
    ) -> Self {
        Self { collector: Collector::new(history, platform, heads), settlement_thread }
    }
}

impl Follower for SettlementFollower {
    fn group(&mut self, header: &Header, events: &[Event], outcome: Outcome) {
        let closed = self.collector.group(header, events, outcome);
        let done = |kind| header.kind == kind && outcome == Outcome::Accepted;
        let (is_added, is_removed) = (done(ActionKind::AddMarket), done(ActionKind::RemoveMarket));
        if closed.is_none() && !is_added && !is_removed {
            return;
        }
        let next = Sequence(header.sequence.0.saturating_add(u64::from(!is_added)));
        let (market, next) = (header.market, (!is_removed).then_some(next));
        self.settlement_thread.send(News { market, closed, next });
    }
}
