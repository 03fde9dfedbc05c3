//! The trades of a host without a journal, until they are let go of.
//!
//! The publisher notes each trade and hands all that are kept on with the state at the end of an
//! epoch; the image thread says which stand in Redis. Those that do not are never let go of: where there are
//! too many of them, no more commands are taken.

use std::collections::BTreeMap;
use std::sync::Arc;

use pricetime_engine::{EpochNumber, Event, Header, MarketId, TradeNumber};
use pricetime_journal::image::Image;
use pricetime_redis::{TradeRecord, Trades};

use crate::status::Shared;

/// How many trades there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Of how many closed epochs they are kept.
    pub(crate) epochs: u64,
    /// How many may wait to stand in Redis, and how many are kept of those that stand there.
    pub(crate) most: usize,
}

/// The trades of all markets.
#[derive(Debug)]
pub(crate) struct Ledger {
    markets: BTreeMap<MarketId, Kept>,
    room: Room,
    /// How many are held.
    held: usize,
    /// How many of them do not stand in Redis.
    unwritten: usize,
    shared: Arc<Shared>,
}

/// The trades of a market.
#[derive(Debug, Default)]
struct Kept {
    trades: Trades,
    /// Those since the last state.
    fresh: Vec<TradeRecord>,
    /// The last one that stands in Redis.
    written: TradeNumber,
}

impl Ledger {
    /// One that begins with what stands in Redis.
    pub(crate) fn new(there: BTreeMap<MarketId, Trades>, room: Room, shared: Arc<Shared>) -> Self {
        let held = there.values().map(Trades::len).sum();
        let kept = |trades: Trades| Kept { written: trades.last(), trades, fresh: Vec::new() };
        let markets = there.into_iter().map(|(market, trades)| (market, kept(trades))).collect();
        Self { markets, room, held, unwritten: 0, shared }
    }

    /// Notes the trades of a group that is in the image.
    pub(crate) fn note(&mut self, header: &Header, events: &[Event], image: &Image) {
        let Some(head) = image.market(header.market).map(|market| *market.head()) else { return };
        // What trades where an epoch closes belongs to it.
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
        self.say();
    }

    /// The trades that are to stand in Redis with a market's state of now, whose epoch is this one.
    pub(crate) fn seal(&mut self, market: MarketId, epoch: EpochNumber) -> Trades {
        let Room { epochs, most } = self.room;
        let Some(kept) = self.markets.get_mut(&market) else { return Trades::default() };
        kept.trades.extend(std::mem::take(&mut kept.fresh));
        while let Some((of, last)) = kept.trades.oldest() {
            let old = of.0.saturating_add(epochs) < epoch.0;
            if last > kept.written || !(old || self.held > most.saturating_add(self.unwritten)) {
                break;
            }
            self.held -= kept.trades.drop_oldest();
        }
        kept.trades.clone()
    }

    /// Every trade of a market up to this one stands in Redis.
    pub(crate) fn wrote(&mut self, market: MarketId, last: TradeNumber) {
        if let Some(kept) = self.markets.get_mut(&market) {
            let wrote = kept.trades.after(kept.written).take_while(|it| it.number <= last).count();
            kept.written = kept.written.max(last);
            self.unwritten -= wrote;
        }
        self.say();
    }

    /// A market is gone, and its trades with it.
    pub(crate) fn removed(&mut self, market: MarketId) {
        if let Some(kept) = self.markets.remove(&market) {
            let unwritten = kept.trades.after(kept.written).count() + kept.fresh.len();
            self.unwritten -= unwritten;
            self.held -= kept.trades.len() + kept.fresh.len();
        }
        self.say();
    }

    fn say(&self) {
        self.shared.set_trades_full(self.unwritten >= self.room.most);
    }
}
