//! What a host does between the core and the writer, on one thread: it folds, gathers what has
//! changed, and brings it to Redis.

use std::collections::BTreeMap;

use pricetime_engine::{Engine, Event, Group, MarketId, MarketSnapshot, OrderId, OrderRecord};
use pricetime_journal::History;
use pricetime_journal::image::{Image, MarketState};
use pricetime_redis::{
    How, ImageWriter, KeyNames, Link, RedisError, RedisOptions, read_image, read_markets,
};

type Changed = BTreeMap<OrderId, Option<OrderRecord>>;

/// The keeper of an image.
#[derive(Debug)]
pub struct Keeper {
    writer: ImageWriter,
    image: Image,
    pending: BTreeMap<MarketId, Changed>,
    gone: Vec<MarketId>,
    /// It says nothing of what changed, and has the writer forget what stands there.
    pub is_forgetful: bool,
}

impl Keeper {
    /// One that begins with this image.
    #[must_use]
    pub fn new(options: RedisOptions, history: History, image: Image) -> Self {
        let writer = ImageWriter::new(Link::new(options), history, 0);
        Self { writer, image, pending: BTreeMap::new(), gone: Vec::new(), is_forgetful: false }
    }

    /// One that begins with the state of an engine, as after a restart.
    #[must_use]
    pub fn of(options: RedisOptions, history: History, engine: &Engine) -> Self {
        Self::new(options, history, Image::from_snapshot(&engine.snapshot()))
    }

    /// Takes in what the core said. Whether an epoch has closed.
    pub fn fold(&mut self, groups: &[Group]) -> bool {
        let mut closed = false;
        for group in groups {
            self.image.fold(&group.header, &group.events, group.outcome);
            closed |= group.events.iter().any(|event| matches!(event, Event::EpochClosed(_)));
            if group.events.contains(&Event::MarketRemoved) {
                self.pending.remove(&group.header.market);
                self.gone.push(group.header.market);
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

    /// Looks whether the image of a market is still what was written.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn verify(&mut self, market: u32) -> Result<Option<String>, RedisError> {
        self.writer.verify(MarketId(market))
    }

    /// Brings all markets to Redis. Of each it is found out whether another writer has taken it.
    ///
    /// # Errors
    /// The first one.
    pub fn keep(&mut self) -> Result<Vec<How>, RedisError> {
        while let Some(market) = self.gone.last() {
            self.writer.remove(*market)?;
            self.gone.pop();
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

/// What stands in Redis.
///
/// # Panics
/// Where it cannot be read, or is damaged.
#[must_use]
pub fn stored(options: RedisOptions) -> Vec<MarketSnapshot> {
    let mut link = Link::new(options);
    let names = KeyNames::default();
    let markets = read_markets(&mut link, &names).expect("the server answers");
    let images = markets.into_iter().map(|market| read_image(&mut link, &names.of(market)));
    images.filter_map(|image| image.expect("an image that is whole")).map(|it| it.state).collect()
}
