//! What is still to be written to Redis.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::Sender;
use pricetime_engine::{Event, Header, MarketId, OrderId, OrderRecord};
use pricetime_journal::image::{Image, MarketState};
use pricetime_redis::{CHANGES_MAX, Trades};

use super::trade_buffer::TradeBuffer;

/// A market as it is to be stored in Redis, and what may differ there.
#[derive(Debug)]
pub(crate) enum Unwritten {
    /// The market exists.
    State {
        /// Its state.
        state: Box<MarketState>,
        /// The orders that changed since the state that was last written. `None` if they are too many:
        /// the market is then written whole.
        changed: Option<BTreeMap<OrderId, Option<OrderRecord>>>,
        /// The trades to store with it. Empty unless Redis alone keeps the state.
        trades: Trades,
    },
    /// The market was removed.
    Removed,
}

impl Unwritten {
    /// Merges this into an older entry of the same market. While Redis is down, the changes of many
    /// epochs add up. If there are more changes than orders, they are dropped and the market is written
    /// whole.
    pub(crate) fn merged_over(self, older: Option<Self>) -> Self {
        match (self, older) {
            (Self::State { state, changed, trades }, Some(Self::State { changed: all, .. })) => {
                let orders = [state.bids, state.asks].map(|side| side.resting + side.waiting);
                let changes_max = CHANGES_MAX.max(orders.iter().map(|it| *it as usize).sum());
                let changed = all.zip(changed).map(|(mut all, changed)| {
                    all.extend(changed);
                    all
                });
                let changed = changed.filter(|all| all.len() <= changes_max);
                Self::State { state, changed, trades }
            }
            (newer, _) => newer,
        }
    }
}

/// What is still to be written, by market.
pub(crate) type UnwrittenMarkets = Arc<Mutex<BTreeMap<MarketId, Unwritten>>>;

/// The publisher's end.
#[derive(Debug)]
pub(crate) struct Mailbox {
    unwritten_markets: UnwrittenMarkets,
    /// The markets whose state is due.
    due: Mutex<BTreeSet<MarketId>>,
    wake: Sender<()>,
    /// The trades, if Redis alone keeps the state.
    trade_buffer: Option<Arc<Mutex<TradeBuffer>>>,
}

impl Mailbox {
    pub(crate) fn new(wake: Sender<()>, trade_buffer: Option<Arc<Mutex<TradeBuffer>>>) -> Self {
        Self {
            unwritten_markets: UnwrittenMarkets::default(),
            due: Mutex::default(),
            wake,
            trade_buffer,
        }
    }

    pub(crate) fn unwritten(&self) -> UnwrittenMarkets {
        Arc::clone(&self.unwritten_markets)
    }

    /// Returns `true` if Redis alone keeps the state.
    pub(crate) const fn is_sole_store(&self) -> bool {
        self.trade_buffer.is_some()
    }

    /// Marks a market as due if the group closes an epoch, or adds or removes the market. The group must
    /// already be in the image. If Redis alone keeps the state, the state is taken at once: after a
    /// crash the market must come back exactly as it was when the epoch closed, not as it was a little
    /// later.
    pub(crate) fn record(&self, header: &Header, events: &[Event], image: &mut Image) {
        if let Some(trade_buffer) = &self.trade_buffer {
            trade_buffer
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .record(header, events, image);
        }
        self.mark_due(header.market, events);
        if self.is_sole_store() {
            self.fill(image);
        }
    }

    fn mark_due(&self, market: MarketId, events: &[Event]) {
        let due = |event: &Event| {
            matches!(event, Event::EpochClosed(_) | Event::MarketAdded(_) | Event::MarketRemoved)
        };
        if events.iter().any(due) {
            self.due.lock().unwrap_or_else(PoisonError::into_inner).insert(market);
        }
    }

    /// Queues the current state of every market that is due.
    pub(crate) fn fill(&self, image: &mut Image) {
        let due = std::mem::take(&mut *self.due.lock().unwrap_or_else(PoisonError::into_inner));
        if due.is_empty() {
            return;
        }
        let mut unwritten_markets =
            self.unwritten_markets.lock().unwrap_or_else(PoisonError::into_inner);
        for market in due {
            let unwritten = image.take_state(market).map_or(Unwritten::Removed, |state| {
                let upserts = state.changes.upserts.iter();
                let upserts = upserts.map(|order| (order.party.order, Some(*order)));
                let removals = state.changes.removals.iter().map(|order| (*order, None));
                let changed = Some(upserts.chain(removals).collect());
                let trade_buffer = self.trade_buffer.as_ref();
                let trades = trade_buffer.map_or_else(Trades::default, |trade_buffer| {
                    let mut trade_buffer =
                        trade_buffer.lock().unwrap_or_else(PoisonError::into_inner);
                    trade_buffer.seal(market, state.head.epoch)
                });
                Unwritten::State { state: Box::new(state), changed, trades }
            });
            let older = unwritten_markets.remove(&market);
            unwritten_markets.insert(market, unwritten.merged_over(older));
        }
        drop(unwritten_markets);
        // A thread that is already awake takes this too.
        let _ = self.wake.try_send(());
    }

    /// Queues the current state of every market.
    pub(crate) fn fill_all(&self, image: &mut Image) {
        let all = image.markets().map(|market| market.head().market).collect();
        *self.due.lock().unwrap_or_else(PoisonError::into_inner) = all;
        self.fill(image);
    }
}

#[cfg(test)]
mod tests {
    use pricetime_engine::{AccountId, Action, Command, Engine, Sequence, Timestamp};

    use super::*;

    /// Returns a market without orders, and removals of the orders with these numbers.
    fn removed(orders: std::ops::Range<u128>) -> Unwritten {
        let mut engine = Engine::new(1);
        let add = Command {
            sequence: Sequence(1),
            timestamp: Timestamp(1),
            market: MarketId(1),
            account: AccountId(0),
            operator: true,
            request: None,
            action: Action::AddMarket(pricetime_tests::load::spec()),
            session: None,
        };
        engine.apply(&add, &mut ());
        let state = Image::from_snapshot(&engine.snapshot()).take_state(MarketId(1));
        let changed = Some(orders.map(|order| (OrderId(order), None)).collect());
        let state = Box::new(state.expect("a market"));
        Unwritten::State { state, changed, trades: Trades::default() }
    }

    fn changes(unwritten: &Unwritten) -> Option<usize> {
        match unwritten {
            Unwritten::State { changed, .. } => changed.as_ref().map(BTreeMap::len),
            Unwritten::Removed => None,
        }
    }

    #[test]
    fn changes_are_discarded_if_they_outnumber_the_orders() {
        let some = removed(0..600).merged_over(Some(removed(300..900)));
        assert_eq!(changes(&some), Some(900));
        let many = removed(900..1_500).merged_over(Some(some));
        assert_eq!(changes(&many), None);
        assert_eq!(changes(&removed(0..1).merged_over(Some(many))), None);
        assert_eq!(changes(&removed(0..1).merged_over(Some(Unwritten::Removed))), Some(1));
    }
}
