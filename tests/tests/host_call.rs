//! A view of a market in call shows what an uncross would do. Subscribers receive it after each
//! batch of commands.
#![cfg(feature = "servers")]

use std::path::Path;

use pricetime::engine::{
    Action, Event, MarketId, OrderId, OrderKind, Phase, Place, Price, Quantity, SelfTrade,
    Sequence, Side, Terms, TimeInForce,
};
use pricetime::{Draft, EpochSchedule, Host, MarketFeed, MarketUpdate, MarketView, Options};
use pricetime_tests::environment::number;
use pricetime_tests::generate::random::Random;
use pricetime_tests::load::{MARKET, done, draft, operator, spec};
use pricetime_tests::wait::until;

/// A host with a market in call.
fn open(folder: &Path) -> Host {
    let options = Options { gates: EpochSchedule::OnRequest, ..Options::new(folder) };
    let host = Host::open(Options { subscription: 1 << 16, ..options }).expect("a host");
    done(&host, operator(Action::AddMarket(spec())));
    done(&host, operator(Action::SetPhase(Phase::Call)));
    host
}

/// A plain order.
fn place(order: u128, side: Side, kind: OrderKind, quantity: u64) -> Place {
    Place {
        order: OrderId(order),
        reference: 0,
        side,
        kind,
        quantity: Quantity(quantity),
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        minimum_quantity: None,
        display_quantity: None,
        self_trade: SelfTrade::None,
    }
}

/// A command of one fixed account.
fn user(action: Action) -> Draft {
    Draft { request: None, action, ..draft(0, 0) }
}

/// A random command in a call: an order, a cancel, or a new reference price.
fn command(random: &mut Random, number: u64) -> Draft {
    if random.once_in(10) {
        let reference = random.maybe(80, |random| Price(random.around(0, 9)));
        return operator(Action::SetMarket(Terms { reference, ..spec().terms }));
    }
    if random.once_in(4) {
        let order = OrderId(random.below(number + 1).into());
        return user(Action::Cancel { order });
    }
    let kind = if random.once_in(5) {
        OrderKind::Market
    } else {
        OrderKind::Limit { price: Price(random.around(0, 12)) }
    };
    let quantity = random.within(1, 20);
    let iceberg = kind != OrderKind::Market && random.once_in(4);
    let place = place(number.into(), random.pick([Side::Buy, Side::Sell]), kind, quantity);
    let display_quantity = iceberg.then(|| Quantity(random.within(1, quantity)));
    user(Action::Place(Place { display_quantity, ..place }))
}

/// Applies an update to a view as a subscriber does.
fn follow(view: &mut MarketView, update: &MarketUpdate) {
    assert!(update.sequence > view.sequence, "updates are in order, without repetition");
    view.sequence = update.sequence;
    view.phase = update.phase.unwrap_or(view.phase);
    view.call = update.call.or(view.call).filter(|_| view.phase == Phase::Call);
    view.last_price = update.trades.last().map(|trade| trade.price).or(view.last_price);
    if let Some(closed) = &update.closed {
        view.epoch = closed.number.next();
    }
    for (side, level) in &update.levels {
        let levels = if *side == Side::Buy { &mut view.bids } else { &mut view.asks };
        levels.retain(|old| old.price != level.price);
        if level.orders > 0 {
            levels.push(*level);
        }
        levels.sort_by_key(|l| if *side == Side::Buy { -l.price.0 } else { l.price.0 });
    }
}

/// Follows a feed until it includes `last`, a command that changed something.
fn follow_to(feed: &mut MarketFeed, last: Sequence) {
    until("every update comes", || {
        while let Some(update) = feed.updates.try_next().expect("the subscriber kept up") {
            follow(&mut feed.book, &update);
        }
        feed.book.sequence >= last
    });
}

fn random() -> Random {
    let seed = number("PRICETIME_SEED", 1);
    eprintln!("PRICETIME_SEED={seed}");
    Random::new(seed)
}

#[test]
fn subscriber_knows_the_indicative_price_after_each_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let (host, mut random) = (open(folder.path()), random());
    let mut feed = host.subscribe(MARKET).expect("the market");
    let (mut number, mut priced) = (0, 0);
    for round in 1..=10 {
        for _ in 0..40 {
            number += 1;
            let group = done(&host, command(&mut random, number));
            let view = host.view(MARKET, usize::MAX).expect("the market");
            while let Ok(Some(update)) = feed.updates.try_next() {
                follow(&mut feed.book, &update);
            }
            // A command that changes nothing produces no update.
            feed.book.sequence = group.header.sequence;
            assert_eq!(feed.book, view);
            priced += u32::from(view.call.is_some_and(|call| call.indicative.is_some()));
        }
        let call = host.view(MARKET, 0).and_then(|view| view.call).expect("it is in call");
        // Alternates between the two actions that uncross.
        let action = match round % 2 {
            0 => Action::SetPhase(Phase::Continuous),
            _ => Action::CloseEpoch { number: feed.book.epoch },
        };
        let group = done(&host, operator(action));
        let mut traded = Vec::new();
        for event in &group.events {
            if let Event::Traded { price, quantity, .. } = event {
                traded.push((*price, *quantity));
            }
        }
        let volume: u64 = traded.iter().map(|(_, quantity)| quantity.0).sum();
        assert_eq!(volume, call.indicative.map_or(0, |shown| shown.volume.0));
        assert!(traded.iter().all(|(price, _)| Some(*price) == call.indicative.map(|it| it.price)));
        if round % 2 == 0 {
            let view = host.view(MARKET, 0).expect("the market");
            assert_eq!((view.phase, view.call), (Phase::Continuous, None));
            done(&host, operator(Action::SetPhase(Phase::Call)));
        }
    }
    assert!(priced > 100, "{priced} of 400 books would trade");
}

#[test]
fn subscribers_of_a_busy_call_end_with_the_state_of_the_view() {
    let folder = tempfile::tempdir().expect("a folder");
    let (host, mut random) = (open(folder.path()), random());
    let mut feeds = Vec::new();
    for number in 0..3_000 {
        if number % 300 == 0 {
            feeds.push(host.subscribe(MARKET).expect("the market"));
        }
        let draft = command(&mut random, number);
        while host.submit_detached(draft).is_err() {
            std::thread::yield_now();
        }
    }
    let low = OrderKind::Limit { price: Price(-50) };
    let last = done(&host, user(Action::Place(place(9_999, Side::Sell, low, 5))));
    let end = host.view(MARKET, usize::MAX).expect("the market");
    assert!(end.call.is_some_and(|call| call.indicative.is_some()));
    for feed in &mut feeds {
        follow_to(feed, last.header.sequence);
        assert_eq!(feed.book, end);
    }
}

#[test]
fn resumed_subscription_sends_the_call_state_once_at_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let (host, mut random) = (open(folder.path()), random());
    let from = host.status().durable;
    for number in 0..200 {
        done(&host, command(&mut random, number));
    }
    let mut feed = host.subscribe_from(MARKET, from).expect("a feed");
    assert_eq!(feed.book.call.and_then(|call| call.indicative), None, "no order yet");
    let mut updates = Vec::new();
    while let Ok(Some(update)) = feed.updates.try_next() {
        follow(&mut feed.book, &update);
        updates.push(update);
    }
    let shown: Vec<_> = updates.iter().filter(|update| update.call.is_some()).collect();
    assert_eq!(shown.len(), 1, "the missed updates are one batch");
    assert_eq!(updates.last().map(|update| update.sequence), Some(shown[0].sequence));
    let mut end = host.view(MARKET, usize::MAX).expect("the market");
    end.sequence = feed.book.sequence;
    assert_eq!(feed.book, end);
}

#[test]
fn view_counts_the_levels_it_omits() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = open(folder.path());
    let mut number = 0;
    for (side, prices) in [(Side::Buy, 1..=12), (Side::Sell, 20..=20)] {
        for price in prices {
            number += 1;
            let kind = OrderKind::Limit { price: Price(price) };
            done(&host, user(Action::Place(place(number, side, kind, 1))));
        }
    }
    for (depth, more) in [(0, (12, 1)), (1, (11, 0)), (10, (2, 0)), (12, (0, 0)), (99, (0, 0))] {
        let view = host.view(MARKET, depth).expect("the market");
        assert_eq!((view.more_bids, view.more_asks), more, "depth {depth}");
        let latest = host.latest(MARKET, depth).expect("room").wait().expect("an answer");
        assert_eq!(latest, Some(view));
    }
    assert_eq!(host.view(MarketId(7), 1), None);
}
