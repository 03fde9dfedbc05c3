//! The image: the state of every market, folded from events.
//!
//! Who tells the world what is durable cannot ask the core, which is ahead of the disk. So it folds
//! the events of durable commands into a state of its own. That is the same state, record for
//! record; at each close of an epoch the totals in the event are compared, and a difference is kept
//! as a [`Fault`].

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
    EngineSnapshot, Event, Header, MarketId, Outcome, Sequence, Sink, Timestamp, rules,
};

pub use changes::Changes;
pub use frozen::{AccountOrders, Frozen, FrozenBook};
pub use market::MarketImage;
pub use state::{MarketState, Orders};

/// The state that the groups taken so far add up to.
#[derive(Clone, Debug, Default)]
pub struct Image {
    last_sequence: Sequence,
    last_timestamp: Timestamp,
    last_market: MarketId,
    markets: BTreeMap<MarketId, MarketImage>,
    fault: Option<Fault>,
    /// The header of the group that is open, and whether it counts: for a replay.
    open: Option<(Header, bool)>,
}

/// The image is not what the core says that it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the image of market {} differs from the core's at command {}: {what}", market.0, sequence.0)]
pub struct Fault {
    /// In which market.
    pub market: MarketId,
    /// When it was seen.
    pub sequence: Sequence,
    /// What differs.
    pub what: &'static str,
}

impl Image {
    /// The image of a state.
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

    /// Takes the next group in.
    pub fn fold(&mut self, header: &Header, events: &[Event], outcome: Outcome) {
        self.begin(header);
        for event in events {
            self.event(event);
        }
        self.end(outcome);
    }

    /// Every command up to this one is in it, and none behind.
    #[must_use]
    pub const fn last_sequence(&self) -> Sequence {
        self.last_sequence
    }

    /// The time of the last command.
    #[must_use]
    pub const fn last_timestamp(&self) -> Timestamp {
        self.last_timestamp
    }

    /// A market.
    #[must_use]
    pub fn market(&self, market: MarketId) -> Option<&MarketImage> {
        self.markets.get(&market)
    }

    /// The markets, by id.
    pub fn markets(&self) -> impl Iterator<Item = &MarketImage> {
        self.markets.values()
    }

    /// The first difference that was seen, if there ever was one.
    #[must_use]
    pub const fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// What has become of a market's orders since this was last asked, or since the image was made;
    /// `None` where there is no such market (any more).
    pub fn take_changes(&mut self, market: MarketId) -> Option<Changes> {
        let sequence = self.last_sequence;
        self.markets.get_mut(&market).map(|market| market.take_changes(sequence))
    }

    /// The whole deciding state.
    #[must_use]
    pub fn snapshot(&self) -> EngineSnapshot {
        self.freeze().into_snapshot()
    }

    /// The whole deciding state as it is now, whatever becomes of the image. No order is copied here,
    /// but each that changes before that state is let go is then, with those around it.
    #[must_use]
    pub fn freeze(&self) -> Frozen {
        let numbers = EngineSnapshot {
            rules_version: rules::VERSION,
            last_sequence: self.last_sequence,
            last_timestamp: self.last_timestamp,
            last_market: self.last_market,
            markets: Vec::new(),
        };
        Frozen { numbers, markets: self.markets.values().map(MarketImage::freeze).collect() }
    }

    /// One number for the whole state, equal to the core's. Takes time with the number of orders.
    #[must_use]
    pub fn digest(&self) -> u128 {
        self.snapshot().digest()
    }
}

impl Sink for Image {
    fn begin(&mut self, header: &Header) {
        // A number that is not above the last one was refused for it, and nothing moved.
        let counts = header.sequence > self.last_sequence;
        self.open = Some((*header, counts));
        if counts {
            self.last_sequence = header.sequence;
            self.last_timestamp = header.timestamp;
            if let Some(market) = self.markets.get_mut(&header.market) {
                market.pass(header.sequence);
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
        // A market that has just been added remembers how; one that is removed remembers nothing.
        if let Some((header, true)) = self.open.take()
            && let Some(market) = self.markets.get_mut(&header.market)
        {
            market.remember(&header, outcome);
        }
    }
}
