//! The end of a session cancels every order that was placed in it, with one command for each market,
//! however busy the host is. After a crash this happens at the next start.
#![cfg(feature = "servers")]

use std::path::Path;

use pricetime::engine::{
    Action, CancelReason, Engine, Event, Group, MarketId, MarketSpec, OrderId, OrderKind, Outcome,
    Phase, Place, Price, Quantity, SelfTrade, Side, Symbol, TimeInForce,
};
use pricetime::{CoreOptions, Draft, Host, Options, Refused, Session};
use pricetime_tests::load::{self, done, spec};
use pricetime_tests::record::commands;

const MARKETS: [MarketId; 2] = [MarketId(1), MarketId(2)];

/// A host whose core takes so few commands at a time that it is busy most of the time.
fn open(folder: &Path) -> Host {
    let core = CoreOptions { capacity: 32, reserve: 4, batch: 8, ..CoreOptions::default() };
    let host = Host::open(Options { core, ..Options::new(folder) }).expect("a host");
    for market in MARKETS.into_iter().filter(|market| host.spec(*market).is_none()) {
        let symbol = Symbol::new(&format!("M{market}")).expect("a symbol");
        let add = Action::AddMarket(MarketSpec { symbol, ..spec() });
        for action in [add, Action::SetPhase(Phase::Continuous)] {
            let done = done(&host, Draft { market, ..load::operator(action) });
            assert_eq!(done.outcome, Outcome::Accepted);
        }
    }
    host
}

/// An order that rests.
fn bid(market: MarketId, order: u64) -> Draft {
    let place = Place {
        order: OrderId(order.into()),
        reference: order,
        side: Side::Buy,
        kind: OrderKind::Limit { price: Price(1) },
        quantity: Quantity(1),
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        minimum_quantity: None,
        display_quantity: None,
        self_trade: SelfTrade::None,
    };
    Draft { market, request: None, action: Action::Place(place), ..load::draft(0, 0) }
}

/// Submits as soon as there is room, and drops the ticket.
fn place(host: &Host, session: &mut Session, draft: Draft) {
    loop {
        match host.submit_in(session, draft) {
            Ok(ticket) => return drop(ticket),
            Err(Refused::Busy) => std::thread::yield_now(),
            Err(other) => panic!("{other}"),
        }
    }
}

/// The group of every command in the journal.
fn groups(folder: &Path) -> Vec<Group> {
    let (mut engine, mut groups) = (Engine::new(16), Vec::new());
    for command in commands(folder) {
        engine.apply(&command, &mut groups);
    }
    groups
}

/// The number of orders that were cancelled because their session ended.
fn cancelled_count(groups: &[Group]) -> usize {
    let events = groups.iter().flat_map(|group| &group.events);
    let with_session = |event: &&Event| {
        matches!(event, Event::Cancelled { reason: CancelReason::SessionEnded, .. })
    };
    events.filter(with_session).count()
}

fn session_ends(groups: &[Group]) -> usize {
    let kind = pricetime::engine::ActionKind::CancelSession;
    groups.iter().filter(|group| group.header.kind == kind).count()
}

#[test]
fn session_dropped_under_load_leaves_no_order() {
    const SESSIONS: u64 = 24;
    const ORDERS: u64 = 60;
    let folder = tempfile::tempdir().expect("a folder");
    let host = open(folder.path());
    for market in MARKETS {
        done(&host, bid(market, 0));
    }
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let host = &host;
            scope.spawn(move || {
                for session in 0..SESSIONS / 3 {
                    let number = thread * SESSIONS / 3 + session;
                    let mut session = host.session();
                    for order in 1..=ORDERS {
                        let market = MARKETS[usize::from(order % 3 == 0)];
                        place(host, &mut session, bid(market, number * ORDERS + order));
                    }
                }
            });
        }
    });
    host.close().expect("a clean shutdown");
    let groups = groups(folder.path());
    assert_eq!(cancelled_count(&groups) as u64, SESSIONS * ORDERS);
    assert_eq!(
        session_ends(&groups) as u64,
        SESSIONS * MARKETS.len() as u64,
        "one for each market"
    );
    let events = || groups.iter().flat_map(|group| &group.events);
    let placed = events().filter(|event| matches!(event, Event::Accepted { .. })).count();
    let gone = events().filter(|event| matches!(event, Event::Cancelled { .. })).count();
    assert_eq!(placed - gone, MARKETS.len(), "orders without a session are kept");
}

#[test]
fn session_of_a_dead_process_ends_at_the_next_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = open(folder.path());
    let mut session = host.session();
    done(&host, bid(MARKETS[0], 1));
    place(&host, &mut session, bid(MARKETS[0], 2));
    place(&host, &mut session, bid(MARKETS[0], 3));
    // Simulates the death of the process: the host does not learn that the session ended.
    std::mem::forget(session);
    host.close().expect("a clean shutdown");
    assert_eq!(cancelled_count(&groups(folder.path())), 0);

    open(folder.path()).close().expect("a clean shutdown");
    let first = groups(folder.path());
    assert_eq!(
        (cancelled_count(&first), session_ends(&first)),
        (2, 1),
        "the other market gets no command"
    );
    open(folder.path()).close().expect("a clean shutdown");
    assert_eq!(groups(folder.path()), first, "a start with no session to end adds no command");
}

#[test]
fn session_without_orders_ends_without_a_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = open(folder.path());
    let mut session = host.session();
    done(&host, bid(MARKETS[0], 1));
    let Action::Place(one) = bid(MARKETS[0], 1).action else { unreachable!("it is a Place") };
    place(
        &host,
        &mut session,
        Draft { action: Action::Cancel { order: one.order }, ..bid(MARKETS[0], 1) },
    );
    drop(session);
    host.close().expect("a clean shutdown");
    assert_eq!(session_ends(&groups(folder.path())), 0);
}

#[test]
fn orders_placed_together_end_with_their_session() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = open(folder.path());
    let mut session = host.session();
    let orders: Vec<_> = (1..=40).map(|order| bid(MARKETS[order as usize % 2], order)).collect();
    let answers =
        host.submit_many_in(&mut session, &orders).expect("room").wait().expect("durable");
    assert!(answers.iter().all(|(_, _, outcome)| outcome == Outcome::Accepted));
    let resting = |host: &Host| {
        let orders = |market| host.view(market, 1).expect("the market").bids;
        MARKETS.map(|market| orders(market).iter().map(|level| level.orders).sum::<u32>())
    };
    assert_eq!(resting(&host), [20, 20]);
    drop(session);
    host.close().expect("a clean shutdown");
    assert_eq!(session_ends(&groups(folder.path())), 2);
    let host = open(folder.path());
    assert_eq!(resting(&host), [0, 0]);
}
