//! The image: the state of every market, folded from events.
//!
//! Code that publishes durable state cannot ask the engine, because the engine is ahead of the disk. So
//! it folds the events of durable commands into a state of its own. That state equals the engine's,
//! record for record. At each close of an epoch its totals are compared with those in the event, and the
//! first difference is kept as a [`Fault`].

mod changes;
mod frozen;
mod levels;
mod market;
mod owners;
mod sides;
mod slots;
mod state;
mod uncross;

use std::collections::BTreeMap;

use pricetime_engine::{
    ActionKind, EngineSnapshot, Event, Header, MarketId, Outcome, Sequence, Sink, Timestamp, rules,
};

pub use changes::Changes;
pub use frozen::{AccountOrders, FrozenBook, FrozenImage};
pub use market::MarketImage;
pub use state::{MarketState, Orders};

/// The state after all groups that were folded so far.
#[derive(Clone, Debug, Default)]
pub struct Image {
    last_sequence: Sequence,
    last_timestamp: Timestamp,
    last_market: MarketId,
    markets: BTreeMap<MarketId, MarketImage>,
    fault: Option<Fault>,
    /// The header of the group that is being folded, and whether the group counts.
    open: Option<(Header, bool)>,
}

/// The image differs from the state of the engine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the image of market {} differs from the core's at command {}: {what}", market.0, sequence.0)]
pub struct Fault {
    /// The market that differs.
    pub market: MarketId,
    /// The command at which the difference was found.
    pub sequence: Sequence,
    /// What differs.
    pub what: &'static str,
}

impl Image {
    /// Creates the image of a state.
    #[must_use]
    pub fn from_snapshot(snapshot: &EngineSnapshot) -> Self {
        let markets = snapshot.markets.iter();
        Self {
            last_sequence: snapshot.last_sequence,
            last_timestamp: snapshot.last_timestamp,
            last_market: snapshot.last_market,
            markets: markets
                .map(|market| (market.head.market, MarketImage::from_snapshot(market)))
                .collect(),
            fault: None,
            open: None,
        }
    }

    /// Folds the next group into the image.
    pub fn fold(&mut self, header: &Header, events: &[Event], outcome: Outcome) {
        let is_of_a_market =
            !matches!(header.kind, ActionKind::AddMarket | ActionKind::RemoveMarket);
        if is_of_a_market && header.sequence > self.last_sequence {
            // Most groups change one market, which is looked up once.
            (self.last_sequence, self.last_timestamp) = (header.sequence, header.timestamp);
            let Some(market) = self.markets.get_mut(&header.market) else { return };
            market.record_sequence(header.sequence);
            for event in events {
                if let Err(what) = market.take(header, event) {
                    let (market, sequence) = (header.market, header.sequence);
                    self.fault.get_or_insert(Fault { market, sequence, what });
                }
            }
            market.end(header, outcome);
            return;
        }
        self.begin(header);
        for event in events {
            self.event(event);
        }
        self.end(outcome);
    }

    /// The last command in the image. All commands before it are included, and none after it.
    #[must_use]
    pub const fn last_sequence(&self) -> Sequence {
        self.last_sequence
    }

    /// The time of the last command.
    #[must_use]
    pub const fn last_timestamp(&self) -> Timestamp {
        self.last_timestamp
    }

    /// Returns a market, or `None` if it does not exist.
    #[must_use]
    pub fn market(&self, market: MarketId) -> Option<&MarketImage> {
        self.markets.get(&market)
    }

    /// Returns the markets in the order of their ids.
    pub fn markets(&self) -> impl Iterator<Item = &MarketImage> {
        self.markets.values()
    }

    /// The first difference that was found, if there ever was one.
    #[must_use]
    pub const fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// Returns the changes to the orders of a market since they were last taken, or since the image was
    /// created. Returns `None` if the market does not exist, or no longer exists.
    pub fn take_changes(&mut self, market: MarketId) -> Option<Changes> {
        let sequence = self.last_sequence;
        self.markets.get_mut(&market).map(|market| market.take_changes(sequence))
    }

    /// Returns the whole state.
    #[must_use]
    pub fn snapshot(&self) -> EngineSnapshot {
        self.freeze().into_snapshot()
    }

    /// Returns the whole state as it is now, independent of later changes. This copies no order. While
    /// the returned state exists, an order that changes is copied first, together with the orders in its
    /// page.
    #[must_use]
    pub fn freeze(&self) -> FrozenImage {
        let without_markets = EngineSnapshot {
            rules_version: rules::VERSION,
            last_sequence: self.last_sequence,
            last_timestamp: self.last_timestamp,
            last_market: self.last_market,
            markets: Vec::new(),
        };
        FrozenImage {
            without_markets,
            markets: self.markets.values().map(MarketImage::freeze).collect(),
        }
    }

    /// Returns the digest of the whole state, which equals the engine's. The time grows with the number
    /// of orders.
    #[must_use]
    pub fn digest(&self) -> u128 {
        self.snapshot().digest()
    }
}

/// An image is complete between groups. Within a group, an order that it has accepted is not there yet.
impl Sink for Image {
    fn begin(&mut self, header: &Header) {
        // The engine refuses a sequence that is not above the last one, and its state does not change.
        let counts = header.sequence > self.last_sequence;
        self.open = Some((*header, counts));
        if counts {
            self.last_sequence = header.sequence;
            self.last_timestamp = header.timestamp;
            if let Some(market) = self.markets.get_mut(&header.market) {
                market.record_sequence(header.sequence);
            }
        }
    }

    fn event(&mut self, event: &Event) {
        let Some((header, true)) = &self.open else { return };
        if let Event::MarketAdded(spec) = event {
            self.last_market = header.market;
            self.markets.insert(header.market, MarketImage::new(header, spec));
        } else if matches!(event, Event::MarketRemoved) {
            self.markets.remove(&header.market);
        } else if let Some(market) = self.markets.get_mut(&header.market)
            && let Err(what) = market.take(header, event)
        {
            let (market, sequence) = (header.market, header.sequence);
            self.fault.get_or_insert(Fault { market, sequence, what });
        }
    }

    fn end(&mut self, outcome: Outcome) {
        // A new market remembers the request that added it. A removed market remembers nothing.
        if let Some((header, true)) = self.open.take()
            && let Some(market) = self.markets.get_mut(&header.market)
        {
            market.end(&header, outcome);
        }
    }
}
