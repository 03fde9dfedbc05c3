//! The promise: after each epoch the image in Redis is the state, exactly; who reads it never sees
//! half of one; and once Redis is well again the image is exact again.
//!
//! `PRICETIME_TRIALS` says how many days, a hundredth of it, `PRICETIME_SEED` where the seeds begin.

use std::collections::BTreeMap;

use pricetime_engine::{Engine, Event, Group, MarketId, MarketSnapshot, OrderId, OrderRecord};
use pricetime_persistence::History;
use pricetime_persistence::image::{Image, MarketState};
use pricetime_persistence::redis::{
    How, ImageWriter, KeyNames, Link, RedisError, read_image, read_markets,
};
use pricetime_tests::record::day;
use pricetime_tests::redis::Server;

type Changed = BTreeMap<OrderId, Option<OrderRecord>>;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.replace('_', "").parse().expect(name))
}

fn seeds(divisor: u64) -> impl Iterator<Item = u64> {
    let (seed, trials) = (number("PRICETIME_SEED", 1), number("PRICETIME_TRIALS", 500));
    eprintln!("PRICETIME_SEED={seed} PRICETIME_TRIALS={trials}");
    (0..trials.div_ceil(divisor)).map(move |at| seed.wrapping_shl(20).wrapping_add(at))
}

/// What a host does between the core and the writer: it folds, and gathers what has changed.
struct Keeper {
    writer: ImageWriter,
    image: Image,
    pending: BTreeMap<MarketId, Changed>,
}

impl Keeper {
    fn new(server: &Server, history: History, image: Image) -> Self {
        let writer = ImageWriter::new(Link::new(server.options()), history, 0);
        Self { writer, image, pending: BTreeMap::new() }
    }

    fn state(&mut self, market: MarketId) -> Option<MarketState> {
        let state = self.image.take_state(market)?;
        let pending = self.pending.entry(market).or_default();
        pending.extend(state.changes.upserts.iter().map(|order| (order.party.order, Some(*order))));
        pending.extend(state.changes.removals.iter().map(|order| (*order, None)));
        Some(state)
    }

    /// Brings all markets to Redis.
    fn keep(&mut self) -> Result<Vec<How>, RedisError> {
        let markets: Vec<MarketId> = self.image.markets().map(|it| it.head().market).collect();
        let mut how = Vec::new();
        for market in markets {
            let Some(state) = self.state(market) else { continue };
            let changed = self.pending.get(&market).cloned().unwrap_or_default();
            how.push(self.writer.write(&state, &changed)?.how);
            self.pending.remove(&market);
        }
        Ok(how)
    }
}

/// What stands in Redis.
fn stored(server: &Server) -> Vec<MarketSnapshot> {
    let mut link = Link::new(server.options());
    let names = KeyNames::default();
    let markets = read_markets(&mut link, &names).expect("the server answers");
    let images = markets.into_iter().map(|market| read_image(&mut link, &names.of(market)));
    images.filter_map(|image| image.expect("an image that is whole")).map(|it| it.state).collect()
}

fn closes(groups: &[Group]) -> bool {
    let mut events = groups.iter().flat_map(|group| &group.events);
    events.any(|event| matches!(event, Event::EpochClosed(_)))
}

#[test]
fn after_each_epoch_the_image_is_the_state() {
    let server = Server::start();
    let mut ways: BTreeMap<String, u32> = BTreeMap::new();
    for seed in seeds(100) {
        let _ = server.ask(&["FLUSHALL"]);
        let day = day(seed);
        let mut engine = Engine::new(day.markets_max);
        let mut keeper = Keeper::new(&server, History::fresh(), Image::default());
        let mut gone: Vec<MarketId> = Vec::new();
        for command in &day.commands {
            let mut groups: Vec<Group> = Vec::new();
            engine.apply(command, &mut groups);
            for group in &groups {
                keeper.image.fold(&group.header, &group.events, group.outcome);
                if group.events.contains(&Event::MarketRemoved) {
                    gone.push(group.header.market);
                }
            }
            for market in gone.drain(..) {
                keeper.pending.remove(&market);
                keeper.writer.remove(market).expect("it is taken out");
            }
            if closes(&groups) {
                for how in keeper.keep().expect("the server is well") {
                    *ways.entry(format!("{how:?}")).or_default() += 1;
                }
                assert_eq!(stored(&server), engine.snapshot().markets, "seed {seed}");
            }
        }
    }
    eprintln!("{ways:?}");
    assert!(ways.contains_key("Changes"), "{ways:?}");
}
