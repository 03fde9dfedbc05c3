//! The image has the core's state after every command, and its changes bring a copy to that state. An
//! image that folds an altered event is detected.
//!
//! `PRICETIME_COMMANDS` sets the number of commands, `PRICETIME_SEED` the seed.

use std::collections::BTreeMap;

use pricetime_engine::{
    Engine, EngineSnapshot, Event, Group, MarketId, MarketSnapshot, OrderId, OrderKind,
    OrderRecord, Phase, Price, Side,
};
use pricetime_journal::image::{Changes, Image};
use pricetime_tests::environment::number;
use pricetime_tests::generate::random::Random;
use pricetime_tests::record::day;

/// Defaults for a plain `cargo test`: the number of commands in each test, and the seed.
const COMMANDS: u64 = 30_000;
const SEED: u64 = 1;

/// The number of altered events, whatever the number of commands.
const TAMPERINGS: u32 = 2_000;

/// The seeds of this run.
fn seeds() -> impl Iterator<Item = u64> {
    let seed = number("PRICETIME_SEED", SEED);
    eprintln!("PRICETIME_SEED={seed}");
    let first = seed.wrapping_shl(20);
    (0..).map(move |at| first.wrapping_add(at))
}

fn fold(image: &mut Image, group: &Group) {
    image.fold(&group.header, &group.events, group.outcome);
}

/// Runs days until enough commands are done. Calls `each` with the core and the group after every command.
fn walk(mut day_begins: impl FnMut(), mut each: impl FnMut(u64, &Engine, &Group)) {
    let mut left = number("PRICETIME_COMMANDS", COMMANDS);
    for seed in seeds() {
        let day = day(seed);
        let mut engine = Engine::new(day.markets_max);
        day_begins();
        for command in &day.commands {
            let mut groups: Vec<Group> = Vec::new();
            engine.apply(command, &mut groups);
            each(seed, &engine, &groups.pop().expect("a group for each command"));
            left = left.saturating_sub(1);
        }
        if left == 0 {
            return;
        }
    }
}

/// Asks the core and the image everything about one market, and compares the answers.
fn same_answers(engine: &Engine, image: &Image, market: &MarketSnapshot) {
    let id = market.head.market;
    let book = engine.market(id).expect("it is in the snapshot");
    let reported = image.market(id).expect("it is in the snapshot");
    assert_eq!(reported.head(), book.head());
    assert_eq!(reported.digest(), book.digest());
    assert_eq!(reported.call(), book.call());
    for side in [Side::Buy, Side::Sell] {
        assert_eq!(reported.best(side), book.best(side));
        assert_eq!(reported.depth_of(side), book.depth_of(side));
        assert!(reported.levels(side).eq(book.levels(side)), "levels of {side:?} in market {id}");
        assert_eq!(reported.levels(side).take(3).count(), book.levels(side).take(3).count());
    }
    for order in market.resting.iter().chain(&market.waiting) {
        let view = book.order(order.party.order).map(|view| view.record);
        assert_eq!(reported.order(order.party.order).copied(), view);
        let account = order.party.account;
        assert_eq!(reported.orders_of(account), book.orders_of(account));
    }
}

#[test]
fn image_equals_the_state_of_the_core_after_every_command() {
    let image = std::cell::RefCell::new(Image::default());
    let (mut commands, mut refused) = (0_u32, 0_u32);
    let begin = || *image.borrow_mut() = Image::default();
    walk(begin, |seed, engine, group| {
        let mut image = image.borrow_mut();
        fold(&mut image, group);
        commands += 1;
        refused += u32::from(group.outcome != pricetime_engine::Outcome::Accepted);
        let state = engine.snapshot();
        assert_eq!(image.snapshot(), state, "seed {seed}");
        assert_eq!(image.digest(), engine.digest(), "seed {seed}");
        assert_eq!(image.last_sequence(), engine.last_sequence(), "seed {seed}");
        assert_eq!(image.last_timestamp(), engine.last_timestamp(), "seed {seed}");
        assert_eq!(image.fault(), None, "seed {seed}");
        let live = |market: &MarketSnapshot| market.resting.len() + market.waiting.len();
        for market in &state.markets {
            if live(market) < 20 || commands % 50 == 0 {
                same_answers(engine, &image, market);
            }
        }
        if commands % 97 == 0 {
            *image = Image::from_snapshot(&state);
        }
    });
    eprintln!("{commands} commands, {refused} of them refused or repeated");
}

/// A copy of the orders that is built only from changes.
type CopiedOrders = BTreeMap<MarketId, BTreeMap<OrderId, OrderRecord>>;

fn apply(copy: &mut BTreeMap<OrderId, OrderRecord>, changes: Changes) {
    for order in changes.removals {
        assert!(copy.remove(&order).is_some(), "only existing orders are removed");
    }
    for order in changes.upserts {
        copy.insert(order.party.order, order);
    }
}

fn orders_of(market: &MarketSnapshot) -> BTreeMap<OrderId, OrderRecord> {
    let orders = market.resting.iter().chain(&market.waiting);
    orders.map(|order| (order.party.order, *order)).collect()
}

#[test]
fn changes_turn_the_older_state_into_the_newer_one() {
    let copies = std::cell::RefCell::new((Image::default(), CopiedOrders::new()));
    let mut random = Random::new(number("PRICETIME_SEED", SEED));
    let (mut taken, mut reported) = (0_u32, 0_usize);
    let begin = || *copies.borrow_mut() = (Image::default(), CopiedOrders::new());
    walk(begin, |seed, engine, group| {
        let (image, copy) = &mut *copies.borrow_mut();
        fold(image, group);
        let state = engine.snapshot();
        copy.retain(|id, _| image.market(*id).is_some());
        for market in &state.markets {
            let id = market.head.market;
            let copy = copy.entry(id).or_default();
            let now = orders_of(market);
            let bound = copy.len() + now.len();
            let changed = image.market(id).map(|market| market.changed());
            assert!(changed.is_some_and(|n| n <= bound), "seed {seed}: {changed:?} of {bound}");
            if random.once_in(40) {
                let changes = image.take_changes(id).expect("it is in the snapshot");
                assert_eq!(changes.sequence, engine.last_sequence(), "seed {seed}");
                assert!(changes.upserts.is_sorted_by_key(|order| order.priority));
                assert!(changes.removals.is_sorted());
                taken += 1;
                reported += changes.upserts.len() + changes.removals.len();
                apply(copy, changes);
                assert_eq!(*copy, now, "seed {seed}");
            }
        }
        assert_eq!(image.take_changes(MarketId(0)), None);
        if random.once_in(200) {
            // An image made from a snapshot has no changes yet.
            *image = Image::from_snapshot(&state);
            *copy = state.markets.iter().map(|m| (m.head.market, orders_of(m))).collect();
            assert!(image.markets().all(|market| market.changed() == 0), "seed {seed}");
        }
    });
    eprintln!("changes taken {taken} times, {reported} in all");
    assert!(taken > 0 && reported > 0);
}

/// Returns `true` if the content of an event is part of the state.
const fn is_part_of_state(event: &Event) -> bool {
    !matches!(event, Event::Rejected { .. } | Event::Duplicate { .. })
}

/// Returns `true` if this group closes an epoch of this market.
fn closes(group: &Group, market: MarketId) -> bool {
    let close = |event: &Event| matches!(event, Event::EpochClosed(_));
    group.header.market == market && group.events.iter().any(close)
}

/// Changes one field of an event.
fn alter(event: &mut Event, random: &mut Random) {
    let more = |number: &mut u64| *number = number.wrapping_add(1);
    match event {
        Event::Accepted { account, place, priority } => match random.below(6) {
            0 => account.0 ^= 1,
            1 => more(&mut priority.0),
            2 => place.side = place.side.opposite(),
            3 => place.kind = OrderKind::Limit { price: Price(77_777) },
            4 => place.order.0 ^= 1 << 127,
            _ => more(&mut place.quantity.0),
        },
        Event::Traded { number, price, quantity, maker_remaining, taker_remaining, .. } => {
            match random.below(5) {
                0 => more(&mut number.0),
                1 => price.0 = price.0.wrapping_add(1),
                2 => more(&mut quantity.0),
                3 => more(&mut maker_remaining.0),
                _ => more(&mut taker_remaining.0),
            }
        }
        Event::Reduced { remaining, shown, .. } => {
            more(if random.chance(50) { &mut remaining.0 } else { &mut shown.0 });
        }
        Event::Amended { remaining, shown, priority, .. }
        | Event::Replenished { remaining, shown, priority, .. } => match random.below(3) {
            0 => more(&mut remaining.0),
            1 => more(&mut shown.0),
            _ => more(&mut priority.0),
        },
        Event::Cancelled { party, .. } => party.order.0 ^= 1 << 127,
        Event::Triggered { priority, .. } => more(&mut priority.0),
        Event::PhaseChanged { to, from } => {
            *to = if *to == Phase::Halted { *from } else { Phase::Halted };
        }
        Event::EpochClosed(summary) => match random.below(5) {
            0 => more(&mut summary.number.0),
            1 => more(&mut summary.first_sequence.0),
            2 => more(&mut summary.accepted),
            3 => more(&mut summary.asks.resting_quantity.0),
            _ => summary.turnover.volume += 1,
        },
        Event::MarketAdded(spec) => more(&mut spec.quantity_max.0),
        Event::MarketSet(terms) => terms.fees.maker_ppm ^= 1,
        Event::AccountBlocked(account) | Event::AccountUnblocked(account) => account.0 ^= 1,
        Event::MarketRemoved | Event::Rejected { .. } | Event::Duplicate { .. } => {}
    }
}

/// The result of altering an event, observed when the next epoch of its market closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    /// The totals of the close differ.
    Totals,
    /// The totals agree, but the digest differs.
    Digest,
    /// No difference remains: the state is the core's again.
    Healed,
}

/// A day's groups, and the core's state at each close of an epoch.
struct Record {
    groups: Vec<Group>,
    states: BTreeMap<usize, EngineSnapshot>,
}

fn record(seed: u64) -> Record {
    let day = day(seed);
    let mut engine = Engine::new(day.markets_max);
    let (mut groups, mut states) = (Vec::new(), BTreeMap::new());
    for command in &day.commands {
        engine.apply(command, &mut groups);
        let last = groups.last().expect("a group for each command");
        if closes(last, last.header.market) {
            states.insert(groups.len() - 1, engine.snapshot());
        }
    }
    Record { groups, states }
}

/// Drops or alters one event of a day. Returns `None` if no epoch of its market closes afterwards.
fn tamper(record: &Record, drops: bool, random: &mut Random) -> Option<(String, Found)> {
    let places = record.groups.iter().enumerate().flat_map(|(at, group)| {
        let events = group.events.iter().enumerate().filter(|(_, event)| is_part_of_state(event));
        events.map(move |(event, _)| (at, event))
    });
    let places: Vec<_> = places.collect();
    let (at, which) = *random.any(&places)?;
    let mut altered = record.groups[at].clone();
    let before = altered.events[which];
    let drops = drops || before == Event::MarketRemoved;
    if drops {
        altered.events.remove(which);
    } else {
        alter(&mut altered.events[which], random);
        assert_ne!(altered.events[which], before);
    }
    let market = altered.header.market;
    let rest = &record.groups[at + 1..];
    let end = if closes(&altered, market) {
        at
    } else {
        at + 1 + rest.iter().position(|group| closes(group, market))?
    };
    let mut image = Image::default();
    record.groups[..at].iter().for_each(|group| fold(&mut image, group));
    assert_eq!(image.fault(), None);
    fold(&mut image, &altered);
    record.groups[at + 1..=end].iter().for_each(|group| fold(&mut image, group));
    let state = &record.states[&end];
    let found = if let Some(fault) = image.fault() {
        let closed = record.groups[end].header.sequence;
        assert_eq!((fault.market, fault.sequence), (market, closed), "{fault}");
        Found::Totals
    } else if image.digest() == state.digest() {
        assert_eq!(image.snapshot(), *state, "equal digests are equal states");
        Found::Healed
    } else {
        Found::Digest
    };
    let name = format!("{before:?}");
    let name = name.split([' ', '(', '{']).next().unwrap_or_default();
    Some((format!("{} {name}", if drops { "drop" } else { "change" }), found))
}

#[test]
fn tampered_event_stream_is_detected() {
    let mut random = Random::new(number("PRICETIME_SEED", SEED));
    let mut counts: BTreeMap<(String, Found), u32> = BTreeMap::new();
    let mut done = 0;
    for seed in seeds() {
        let record = record(seed);
        for at in 0..10 {
            if let Some(outcome) = tamper(&record, at % 2 == 0, &mut random) {
                *counts.entry(outcome).or_default() += 1;
                done += 1;
            }
        }
        if done >= TAMPERINGS {
            break;
        }
    }
    let total = |found| counts.iter().filter(|((_, f), _)| *f == found).map(|(_, n)| n).sum();
    let (totals, digest, healed): (u32, u32, u32) =
        (total(Found::Totals), total(Found::Digest), total(Found::Healed));
    for ((what, found), count) in &counts {
        eprintln!("{what}: {found:?} {count}");
        // The totals reveal every lost event that the epoch counts or sums.
        let counted = ["drop Accepted", "drop Cancelled", "drop Traded"];
        assert!(!counted.contains(&what.as_str()) || *found == Found::Totals, "{what}");
    }
    eprintln!("of {done} tamperings: totals {totals}, only the digest {digest}, healed {healed}");
    assert_eq!(totals + digest + healed, done);
    assert!(totals > done / 2, "the totals alone find most errors");
}
