//! An image that folds the events of durable commands has the core's state. If it does not, it notices
//! when an epoch closes.

use pricetime_engine::{Engine, Event, Group, MarketId, Side};
use pricetime_journal::image::{Image, MarketImage};
use pricetime_tests::record::{Day, day};

/// The first seed. `PRICETIME_SEED` moves it.
fn base() -> u64 {
    let seed = std::env::var("PRICETIME_SEED").ok();
    let seed = seed.map_or(1, |seed| seed.replace('_', "").parse().expect("a seed is a number"));
    eprintln!("PRICETIME_SEED={seed}");
    u64::wrapping_shl(seed, 20)
}

fn groups(day: &Day, mut each: impl FnMut(&Engine, Group)) {
    let mut engine = Engine::new(day.markets_max);
    for command in &day.commands {
        let mut groups: Vec<Group> = Vec::new();
        engine.apply(command, &mut groups);
        each(&engine, groups.pop().expect("a group for each command"));
    }
}

fn fold(image: &mut Image, group: &Group) {
    image.fold(&group.header, &group.events, group.outcome);
}

/// Asks the core and the image everything that views ask, and compares the answers.
fn assert_same_views(engine: &Engine, image: &Image) {
    assert!(engine.markets().map(|m| m.head()).eq(image.markets().map(MarketImage::head)));
    for (book, market) in engine.markets().zip(image.markets()) {
        for side in [Side::Buy, Side::Sell] {
            assert!(book.levels(side).eq(market.levels(side)));
            for level in book.levels(side) {
                assert_eq!(market.level(side, level.price), Some(level));
            }
        }
        let snapshot = book.snapshot();
        for order in snapshot.resting.iter().chain(&snapshot.waiting) {
            assert_eq!(market.order(order.party.order), Some(order));
            let account = order.party.account;
            assert_eq!(market.orders_of(account), book.orders_of(account));
        }
        for request in &snapshot.requests {
            assert_eq!(market.request(request.account, request.request), Some(request));
        }
    }
}

#[test]
fn image_equals_the_state_of_the_core() {
    for seed in base()..base() + 150 {
        let (mut image, mut count) = (Image::default(), 0_u32);
        groups(&day(seed), |engine, group| {
            fold(&mut image, &group);
            count += 1;
            assert_eq!(image.last_sequence(), engine.last_sequence(), "seed {seed}");
            if count % 5 == 0 {
                assert_eq!(image.snapshot(), engine.snapshot(), "seed {seed}, command {count}");
            }
            if count % 101 == 0 {
                assert_same_views(engine, &image);
                // An image that begins from a snapshot continues in the same way.
                image = Image::from_snapshot(&engine.snapshot());
            }
        });
        assert_eq!(image.fault(), None, "seed {seed}");
    }
}

#[test]
fn replay_into_the_image_equals_folding_groups() {
    for seed in base()..base() + 20 {
        let day = day(seed);
        let mut engine = Engine::new(day.markets_max);
        let mut image = Image::default();
        for command in &day.commands {
            engine.apply(command, &mut image);
        }
        assert_eq!(image.snapshot(), engine.snapshot(), "seed {seed}");
    }
}

#[test]
fn lost_trade_is_noticed_when_its_epoch_closes() {
    let mut noticed = 0;
    for seed in base()..base() + 150 {
        let mut image = Image::default();
        // The market that lost its first trade, until its epoch closes.
        let mut lost: Option<MarketId> = None;
        let mut done = false;
        groups(&day(seed), |_, mut group| {
            let market = group.header.market;
            let trade = group.events.iter().position(|e| matches!(e, Event::Traded { .. }));
            if let Some(at) = trade.filter(|_| !done && lost.is_none()) {
                group.events.remove(at);
                lost = Some(market);
            }
            fold(&mut image, &group);
            let closes = group.events.iter().any(|e| matches!(e, Event::EpochClosed(_)));
            if lost == Some(market) && closes {
                let fault = image.fault().expect("the totals differ");
                assert_eq!((fault.market, fault.sequence), (market, group.header.sequence));
                (lost, done) = (None, true);
                noticed += 1;
            }
        });
    }
    assert!(noticed > 20, "{noticed} of 150 days close an epoch that lost a trade");
}
