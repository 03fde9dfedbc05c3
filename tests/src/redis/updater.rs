//! The part of a host between the core and the image writer, on one thread. It folds events into an image,
//! collects the changes and writes them to Redis.

use std::collections::BTreeMap;

use pricetime_engine::{Engine, Event, Group, MarketId, MarketSnapshot, OrderId, OrderRecord};
use pricetime_journal::History;
use pricetime_journal::image::{Image, MarketState};
use pricetime_redis::{
    ImageWriter, KeyNames, Link, RedisError, RedisOptions, WriteKind, read_image, read_markets,
};

type Changed = BTreeMap<OrderId, Option<OrderRecord>>;

/// Keeps an image in Redis up to date.
#[derive(Debug)]
pub struct ImageUpdater {
    writer: ImageWriter,
    image: Image,
    pending: BTreeMap<MarketId, Changed>,
    removed: Vec<MarketId>,
    /// Whether it hides the changes from the writer and makes it forget what is in Redis.
    pub is_forgetful: bool,
}

impl ImageUpdater {
    /// Starts with this image.
    #[must_use]
    pub fn new(options: RedisOptions, history: History, image: Image) -> Self {
        let writer = ImageWriter::new(Link::new(options), history, 0);
        Self { writer, image, pending: BTreeMap::new(), removed: Vec::new(), is_forgetful: false }
    }

    /// Starts with the state of an engine, as after a restart.
    #[must_use]
    pub fn of(options: RedisOptions, history: History, engine: &Engine) -> Self {
        Self::new(options, history, Image::from_snapshot(&engine.snapshot()))
    }

    /// Folds the core's events. Returns `true` if an epoch has closed.
    pub fn fold(&mut self, groups: &[Group]) -> bool {
        let mut closed = false;
        for group in groups {
            self.image.fold(&group.header, &group.events, group.outcome);
            closed |= group.events.iter().any(|event| matches!(event, Event::EpochClosed(_)));
            if group.events.contains(&Event::MarketRemoved) {
                self.pending.remove(&group.header.market);
                self.removed.push(group.header.market);
            }
        }
        closed
    }

    fn state(&mut self, market: MarketId) -> Option<MarketState> {
        let state = self.image.take_state(market)?;
        let pending = self.pending.entry(market).or_default();
        pending.extend(state.changes.upserts.iter().map(|order| (order.party.order, Some(*order))));
        pending.extend(state.changes.removals.iter().map(|order| (*order, None)));
        Some(state)
    }

    /// Checks whether the image of a market in Redis is still what was written.
    ///
    /// # Errors
    /// Returns an error if it cannot be read.
    pub fn verify(&mut self, market: u32) -> Result<Option<String>, RedisError> {
        self.writer.verify(MarketId(market))
    }

    /// Writes all markets to Redis. Checks each for a takeover by another writer.
    ///
    /// # Errors
    /// Returns the first error.
    pub fn write(&mut self) -> Result<Vec<WriteKind>, RedisError> {
        while let Some(market) = self.removed.last() {
            self.writer.remove(*market)?;
            self.removed.pop();
        }
        let markets: Vec<MarketId> = self.image.markets().map(|it| it.head().market).collect();
        let (mut how, mut fenced) = (Vec::new(), Ok(()));
        for market in markets {
            let Some(state) = self.state(market) else { continue };
            let mut changed = self.pending.get(&market).cloned().unwrap_or_default();
            if self.is_forgetful {
                self.writer.forget(market);
                changed.clear();
            }
            match self.writer.write(&state, &changed) {
                Ok(wrote) => how.push(wrote.how),
                Err(error @ RedisError::Fenced { .. }) => {
                    fenced = fenced.and(Err(error));
                    continue;
                }
                Err(error) => return Err(error),
            }
            self.pending.remove(&market);
        }
        fenced.map(|()| how)
    }
}

/// The images in Redis.
///
/// # Panics
/// Panics if an image cannot be read, or is damaged.
#[must_use]
pub fn read_images(options: RedisOptions) -> Vec<MarketSnapshot> {
    let mut link = Link::new(options);
    let names = KeyNames::default();
    let markets = read_markets(&mut link, &names).expect("the server answers");
    let images = markets.into_iter().map(|market| read_image(&mut link, &names.of(market)));
    images.filter_map(|image| image.expect("an image that is whole")).map(|it| it.state).collect()
}
