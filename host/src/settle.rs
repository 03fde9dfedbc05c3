//! Settlement: a thread that brings each epoch's batch into a ledger, exactly once and in order.
//!
//! The publisher's thread collects what epochs come to and hands it to the [`SettlementThread`], which drives a
//! [`Settler`](pricetime_settlement::Settler) for each market. A ledger that hangs or is
//! gone holds nobody else up: what it has not posted is made again from the journal.
//!
//! What is posted can be delivered outside by an [`Outlet`], at least once and in order, on a thread
//! of its own: a slow outside does not hold the ledger up.

mod again;
mod delivery_thread;
mod dropped;
mod lock;
mod market_settler;
mod news;
mod outlet;
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

pub(crate) use again::Place;
pub(crate) use delivery_thread::DeliveryThread;
pub use dropped::Dropped;
pub(crate) use news::{Incoming, News, Outgoing, news};
#[cfg(feature = "outlets")]
pub use outlet::{BadAddress, ProgramOutlet, WebOutlet};
pub use outlet::{Delivery, MarketDelivery, NotDelivered, Outlet, Receipt, Undelivered};
pub(crate) use settlement_thread::SettlementThread;
pub use store::{OperatorRequest, OperatorRequests};

/// How often a thread of settlement looks for work if nothing else wakes it.
const LOOK: Duration = Duration::from_secs(1);
/// How long it waits while the host does not have its lock, so that nothing may leave it.
const WITHOUT_LOCK: Duration = Duration::from_millis(50);

/// Opens a ledger. It is asked again until it can, and where something is delivered once more: for a
/// handle of that thread's own.
pub type OpenLedger = Box<dyn FnMut() -> Result<Box<dyn Ledger>, LedgerError> + Send>;

/// Where and how trades are settled.
pub struct Settlement {
    /// Opens the ledger.
    pub ledger: OpenLedger,
    /// Who gets the fees.
    pub platform: AccountId,
    /// What spares runners who share a ledger from doing the same work; none where nobody shares it.
    pub lock: Option<SettlementLock>,
    /// How patient it is.
    pub patience: RetryPolicy,
    /// What is delivered outside, where anything is. Of runners who share a ledger one has it.
    pub delivery: Option<Delivery>,
}

impl Settlement {
    /// Into this ledger, without a lock, the fees to the account zero.
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

    /// The same into a ledger that is opened once, and whose clones are handles on the same books.
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

/// A lock over servers of their own, one for each market.
#[derive(Clone, Debug)]
pub struct SettlementLock {
    /// The servers.
    pub nodes: Vec<RedisOptions>,
    /// How long it lives if nobody extends it.
    pub ttl: Duration,
}

/// How a market's settlement stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketSettlement {
    /// The market.
    pub market: MarketId,
    /// The last epoch that has closed.
    pub closed: EpochNumber,
    /// The last one that is settled, as far as the ledger has said.
    pub settled: Option<EpochNumber>,
    /// What it is about.
    pub standing: Standing,
    /// How far the ledger was put back, while it has not come as far again.
    pub put_back: Option<PutBack>,
    /// How its delivery stands, where anything is delivered.
    pub delivery: Option<MarketDelivery>,
}

/// Listens to events, on the publisher's thread.
#[derive(Debug)]
pub(crate) struct Listener {
    collector: Collector,
    settlement_thread: Outgoing,
}

impl Listener {
    pub(crate) fn new(
        history: History,
        platform: AccountId,
        heads: &[MarketHead],
        settlement_thread: Outgoing,
    ) -> Self {
        Self { collector: Collector::new(history, platform, heads), settlement_thread }
    }
}

impl Follower for Listener {
    fn group(&mut self, header: &Header, events: &[Event], outcome: Outcome) {
        let closed = self.collector.group(header, events, outcome);
        let done = |kind| header.kind == kind && outcome == Outcome::Accepted;
        let (comes, goes) = (done(ActionKind::AddMarket), done(ActionKind::RemoveMarket));
        if closed.is_none() && !comes && !goes {
            return;
        }
        let next = Sequence(header.sequence.0.saturating_add(u64::from(!comes)));
        let (market, next) = (header.market, (!goes).then_some(next));
        self.settlement_thread.tell(News { market, closed, next });
    }
}
