//! The trades of a host without a journal.
//!
//! The publisher records each trade. At the end of an epoch it hands over all trades that are kept,
//! together with the state. The image thread reports which trades Redis has. A trade that Redis does not
//! have is never dropped: if there are too many of them, the host takes no more commands.

use std::collections::BTreeMap;
use std::sync::Arc;

use pricetime_engine::{EpochNumber, Event, Header, MarketId, TradeNumber};
use pricetime_journal::image::Image;
use pricetime_redis::{TradeRecord, Trades};

use crate::status::Shared;

/// How many trades are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TradeLimits {
    /// For how many closed epochs trades are kept.
    pub(crate) epochs: u64,
    /// How many trades may wait to be written to Redis, and how many written ones are kept.
    pub(crate) trades_max: usize,
}

/// The trades of all markets.
#[derive(Debug)]
pub(crate) struct TradeBuffer {
    markets: BTreeMap<MarketId, MarketTrades>,
    limits: TradeLimits,
    /// How many trades are held in memory.
    held: usize,
    /// How many of them are not in Redis yet.
    unwritten: usize,
    shared: Arc<Shared>,
}

/// The trades of a market.
#[derive(Debug, Default)]
struct MarketTrades {
    trades: Trades,
    /// The trades since the last state was sealed.
    fresh: Vec<TradeRecord>,
    /// The last trade that is in Redis.
    written: TradeNumber,
}

impl TradeBuffer {
    /// Creates a buffer that begins with the trades in Redis.
    pub(crate) fn new(
        stored: BTreeMap<MarketId, Trades>,
        limits: TradeLimits,
        shared: Arc<Shared>,
    ) -> Self {
        let held = stored.values().map(Trades::len).sum();
        let market_trades =
            |trades: Trades| MarketTrades { written: trades.last(), trades, fresh: Vec::new() };
        let markets =
            stored.into_iter().map(|(market, trades)| (market, market_trades(trades))).collect();
        Self { markets, limits, held, unwritten: 0, shared }
    }

    /// Records the trades of a group that is already in the image.
    pub(crate) fn record(&mut self, header: &Header, events: &[Event], image: &Image) {
        let Some(head) = image.market(header.market).map(|market| *market.head()) else { return };
        // Trades made by the close of an epoch belong to that epoch.
        let closed = events.iter().find_map(|event| {
            if let Event::EpochClosed(summary) = event { Some(summary.number) } else { None }
        });
        let (epoch, fees) = (closed.unwrap_or(head.epoch), head.spec.terms.fees);
        for event in events {
            if let Some(trade) = TradeRecord::of(header, event, epoch, fees) {
                self.markets.entry(header.market).or_default().fresh.push(trade);
                self.held += 1;
                self.unwritten += 1;
            }
        }
        self.report();
    }

    /// Returns the trades to write to Redis with a market's current state, and drops those that are too
    /// old. `epoch` is the market's current epoch.
    pub(crate) fn seal(&mut self, market: MarketId, epoch: EpochNumber) -> Trades {
        let TradeLimits { epochs, trades_max } = self.limits;
        let Some(market_trades) = self.markets.get_mut(&market) else { return Trades::default() };
        market_trades.trades.extend(std::mem::take(&mut market_trades.fresh));
        while let Some((of, last)) = market_trades.trades.oldest() {
            let old = of.0.saturating_add(epochs) < epoch.0;
            if last > market_trades.written
                || !(old || self.held > trades_max.saturating_add(self.unwritten))
            {
                break;
            }
            self.held -= market_trades.trades.drop_oldest();
        }
        market_trades.trades.clone()
    }

    /// Records that Redis has every trade of a market up to this one.
    pub(crate) fn wrote(&mut self, market: MarketId, last: TradeNumber) {
        if let Some(market_trades) = self.markets.get_mut(&market) {
            let wrote = market_trades
                .trades
                .after(market_trades.written)
                .take_while(|it| it.number <= last)
                .count();
            market_trades.written = market_trades.written.max(last);
            self.unwritten -= wrote;
        }
        self.report();
    }

    /// Drops the trades of a market that was removed.
    pub(crate) fn removed(&mut self, market: MarketId) {
        if let Some(market_trades) = self.markets.remove(&market) {
            let unwritten = market_trades.trades.after(market_trades.written).count()
                + market_trades.fresh.len();
            self.unwritten -= unwritten;
            self.held -= market_trades.trades.len() + market_trades.fresh.len();
        }
        self.report();
    }

    fn report(&self) {
        self.shared.set_trades_full(self.unwritten >= self.limits.trades_max);
    }
}
