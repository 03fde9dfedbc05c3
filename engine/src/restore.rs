//! Restoring an engine from a snapshot. Everything is checked before anything is replaced.

use crate::book::Book;
use crate::engine::Engine;
use crate::event::{Outcome, Turnover};
use crate::index::IndexKey;
use crate::invariant::{Broken, holds};
use crate::market::Phase;
use crate::quantity::{EpochNumber, MarketId, Priority, Sequence, TradeNumber};
use crate::rules;
use crate::snapshot::{EngineSnapshot, MarketHead, MarketSnapshot, OrderRecord, RequestRecord};

impl Engine {
    /// Replaces the whole state by that of a snapshot. From then on the engine behaves exactly like
    /// the one that the snapshot was taken of.
    ///
    /// # Errors
    /// Returns [`Broken`] with the first invariant that the snapshot breaks. The engine is then
    /// unchanged.
    pub fn restore(&mut self, snapshot: &EngineSnapshot) -> Result<(), Broken> {
        let own = |invariant| Broken { market: None, invariant };
        self.check_numbers(snapshot).map_err(own)?;
        let books: Result<Vec<Book>, Broken> = snapshot
            .markets
            .iter()
            .map(|market| {
                let broken = |invariant| Broken { market: Some(market.head.market), invariant };
                Book::restored(market, snapshot.last_sequence, self.key).map_err(broken)
            })
            .collect();
        self.books = books?;
        self.ids = self.books.iter().map(|book| book.head.market).collect();
        self.symbols = self.books.iter().map(|book| book.head.spec.symbol).collect();
        self.last_sequence = snapshot.last_sequence;
        self.last_timestamp = snapshot.last_timestamp;
        self.last_market = snapshot.last_market;
        Ok(())
    }

    fn check_numbers(&self, snapshot: &EngineSnapshot) -> Result<(), &'static str> {
        let version = (1..=rules::VERSION).contains(&snapshot.rules_version);
        holds(version, "this program knows the rules version of the snapshot")?;
        let count = u32::try_from(snapshot.markets.len());
        holds(
            count.is_ok_and(|n| n <= self.markets_max()),
            "the number of markets is at most markets_max",
        )?;
        let ids = snapshot.markets.iter().map(|market| market.head.market);
        let ascending = ids.clone().is_sorted_by(|a, b| a < b);
        let bounded = ids.clone().all(|id| MarketId(0) < id && id <= snapshot.last_market);
        holds(ascending && bounded, "market ids ascend from 1 to the last one added")?;
        let mut symbols: Vec<_> = snapshot.markets.iter().map(|m| m.head.spec.symbol).collect();
        symbols.sort_unstable();
        holds(symbols.is_sorted_by(|a, b| a < b), "no two markets share a symbol")
    }
}

impl Book {
    /// Creates a market from its snapshot.
    fn restored(
        snapshot: &MarketSnapshot,
        engine: Sequence,
        key: IndexKey,
    ) -> Result<Self, &'static str> {
        check_head(&snapshot.head, engine)?;
        let mut book = Self::with_head(snapshot.head, key);
        book.restore_orders(snapshot)?;
        let limits = book.head.spec.limits;
        let blocked = u32::try_from(snapshot.blocked.len());
        let ascending = snapshot.blocked.is_sorted_by(|a, b| a < b);
        let bounded = blocked.is_ok_and(|n| n <= limits.blocked_max);
        holds(ascending && bounded, "blocked accounts are sorted and at most blocked_max")?;
        book.blocked.clone_from(&snapshot.blocked);
        book.restore_requests(&snapshot.requests)?;
        book.audit_all()?;
        Ok(book)
    }

    fn restore_orders(&mut self, snapshot: &MarketSnapshot) -> Result<(), &'static str> {
        let count = snapshot.resting.len().checked_add(snapshot.waiting.len());
        let bounded = count
            .and_then(|n| u32::try_from(n).ok())
            .is_some_and(|n| n <= self.head.spec.limits.orders_max);
        holds(bounded, "the number of orders is at most orders_max")?;
        let closed = self.head.phase == Phase::Closed && count != Some(0);
        holds(!closed, "a closed market holds no orders")?;
        let is_resting = |order: &OrderRecord| order.kind.stop().is_none();
        let sorted = |orders: &[OrderRecord]| orders.is_sorted_by(|a, b| a.priority < b.priority);
        holds(snapshot.resting.iter().all(is_resting), "no resting order is a stop")?;
        holds(!snapshot.waiting.iter().any(is_resting), "every waiting order is a stop")?;
        let by_priority = sorted(&snapshot.resting) && sorted(&snapshot.waiting);
        holds(by_priority, "orders are sorted by priority")?;
        self.live_orders.reserve(count.unwrap_or(0));
        for order in snapshot.resting.iter().chain(&snapshot.waiting) {
            self.check_record(order)?;
            let within = Priority(0) < order.priority && order.priority < self.head.next_priority;
            holds(within, "priorities are from 1 to below the next one")?;
            holds(self.live_orders.find(order.party.order).is_none(), "order ids are unique")?;
            self.live_orders.attach(order);
        }
        Ok(())
    }

    fn restore_requests(&mut self, requests: &[RequestRecord]) -> Result<(), &'static str> {
        let max = self.head.spec.limits.requests_max;
        let bounded = u32::try_from(requests.len()).is_ok_and(|n| n <= max);
        let ascending = requests.is_sorted_by(|a, b| a.sequence < b.sequence);
        let seen = requests.last().is_none_or(|r| r.sequence <= self.head.last_sequence);
        holds(
            bounded && ascending && seen,
            "requests are sorted by sequence and at most requests_max",
        )?;
        for record in requests {
            let known = self.window.find(record.account, record.request).is_some();
            holds(!known, "the window holds each request once")?;
            holds(record.outcome != Outcome::Duplicate, "the window holds no duplicates")?;
            self.window.remember(*record, max);
        }
        Ok(())
    }
}

fn check_head(head: &MarketHead, engine: Sequence) -> Result<(), &'static str> {
    holds(head.spec.is_valid(), "the spec is within its bounds")?;
    let counters = head.next_priority <= Priority::HIGHEST
        && Priority(1) <= head.next_priority
        && head.last_trade <= TradeNumber::HIGHEST
        && head.epoch <= EpochNumber::HIGHEST
        && EpochNumber(1) <= head.epoch;
    holds(counters, "counters are from their first number to 2^63")?;
    let sequences = head.last_sequence <= engine
        && head.epoch_first_sequence.0 <= head.last_sequence.0.saturating_add(1);
    holds(sequences, "a market's sequences are not above the engine's")?;
    let traded = head.last_price.is_some() == (head.last_trade > TradeNumber(0));
    holds(traded, "there is a last price exactly when there was a trade")?;
    let payable = head.last_price.is_none_or(|price| head.spec.is_payable(price));
    holds(payable, "quantity_max at the last price stays within 2^94")?;
    holds(is_turnover_possible(head), "the epoch's turnover is possible")
}

fn is_turnover_possible(head: &MarketHead) -> bool {
    let Turnover { prices, volume, notional, trades } = head.turnover;
    match prices {
        None => volume == 0 && notional.0 == 0 && trades == 0,
        Some(p) => {
            let within = |price| p.low <= price && price <= p.high;
            0 < trades
                && trades <= head.last_trade.0
                && u128::from(trades) <= volume
                && within(p.open)
                && within(p.close)
                && head.last_price == Some(p.close)
                && head.spec.is_payable(p.low)
                && head.spec.is_payable(p.high)
        }
    }
}
