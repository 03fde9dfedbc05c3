//! A host loses nothing that it acknowledged and acknowledges nothing that it could lose. If it can do
//! neither, it returns an error.
#![cfg(feature = "servers")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pricetime::engine::{
    AccountId, Action, ActionKind, Engine, EpochNumber, Event, Fees, Group, Level, Limits,
    MarketSpec, OrderId, OrderKind, Outcome, Phase, Place, Price, Pricing, Quantity, Reason,
    RequestId, SelfTrade, Sequence, Side, Step, Symbol, Terms, TimeInForce, Timestamp,
};
use pricetime::persistence::journal::{FolderError, JournalOptions};
use pricetime::{
    Answers, CallError, Clock, CoreOptions, Draft, Ended, EpochSchedule, Host, MarketView,
    OpenError, Options, Refused, Stopped,
};
use pricetime_tests::load::{MARKET, done, operator};
use pricetime_tests::record::commands;

const ALICE: AccountId = AccountId(10);
const BOB: AccountId = AccountId(11);

fn spec() -> MarketSpec {
    MarketSpec {
        symbol: Symbol::new("ENERGY").expect("a symbol"),
        tick: Step { mantissa: 1, exponent: -3 },
        lot: Step::ONE,
        pricing: Pricing::Maker,
        quantity_max: Quantity(1_000_000),
        limits: Limits::default(),
        terms: Terms {
            price_min: Price(-1_000),
            price_max: Price(1_000),
            protection_ticks: None,
            reference: None,
            fees: Fees::default(),
        },
    }
}

fn limit(order: u128, side: Side, price: i64, quantity: u64) -> Action {
    Action::Place(Place {
        order: OrderId(order),
        reference: 0,
        side,
        kind: OrderKind::Limit { price: Price(price) },
        quantity: Quantity(quantity),
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        minimum_quantity: None,
        display_quantity: None,
        self_trade: SelfTrade::None,
    })
}

fn draft(account: AccountId, action: Action) -> Draft {
    Draft { market: MARKET, account, operator: false, request: None, action, session: None }
}

/// A host with one open market.
fn open(options: Options) -> Host {
    let host = Host::open(options).expect("a host");
    if host.spec(MARKET).is_none() {
        done(&host, operator(Action::AddMarket(spec())));
        done(&host, operator(Action::SetPhase(Phase::Continuous)));
    }
    host
}

/// A clock that the test sets.
#[derive(Clone, Debug, Default)]
struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    fn set_minutes(&self, minutes: u64) {
        self.0.store(minutes * MINUTE, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&mut self) -> Timestamp {
        match self.0.load(Ordering::SeqCst) {
            u64::MAX => panic!("the clock failed"),
            now => Timestamp(now),
        }
    }
}

const MINUTE: u64 = 60_000_000_000;
const QUARTER_HOUR: Duration = Duration::from_secs(15 * 60);

fn level(price: i64, quantity: u64, orders: u32) -> Level {
    Level { price: Price(price), quantity: Quantity(quantity), orders }
}

/// The current epoch of a host's market.
fn epoch(host: &Host) -> EpochNumber {
    host.view(MARKET, 0).expect("the market").epoch
}

#[test]
fn acknowledged_commands_survive_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = open(Options::new(folder.path()));
    done(&host, draft(ALICE, limit(1, Side::Sell, 100, 5)));
    let group = done(&host, draft(BOB, limit(2, Side::Buy, 101, 3)));
    assert!(matches!(group.events[..], [Event::Accepted { .. }, Event::Traded { .. }]));
    let before = host.view(MARKET, 10).expect("the market");
    assert_eq!(before.asks, [level(100, 2, 1)]);
    assert_eq!(before.sequence, group.header.sequence);
    host.close().expect("a clean shutdown");

    let host = open(Options::new(folder.path()));
    assert_eq!(host.view(MARKET, 10), Some(before));
    assert_eq!(host.start().replayed, 0, "a last snapshot was written at the end");
    let group = done(&host, draft(ALICE, Action::Cancel { order: OrderId(1) }));
    assert_eq!(group.header.sequence, Sequence(5));
    assert_eq!(group.outcome, Outcome::Accepted);
}

#[test]
fn repeated_request_is_executed_once_and_its_outcome_is_remembered() {
    let folder = tempfile::tempdir().expect("a folder");
    let request = Some(RequestId(77));
    let draft = Draft { request, ..draft(ALICE, limit(1, Side::Buy, 90, 5)) };
    let host = open(Options::new(folder.path()));
    assert_eq!(host.outcome(MARKET, ALICE, RequestId(77)), None);
    let first = done(&host, draft);
    host.close().expect("a clean shutdown");

    let host = open(Options::new(folder.path()));
    let known = host.outcome(MARKET, ALICE, RequestId(77)).expect("it is remembered");
    assert_eq!((known.sequence, known.outcome), (first.header.sequence, Outcome::Accepted));
    let again = done(&host, draft);
    assert_eq!(again.outcome, Outcome::Duplicate);
    assert_eq!(host.view(MARKET, 1).expect("the market").bids, [level(90, 5, 1)]);
}

#[test]
fn journal_replay_gives_the_state_after_concurrent_submits() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = open(Options {
        journal: JournalOptions { segment_bytes: 1 << 16 },
        gates: EpochSchedule::Commands(500),
        ..Options::new(folder.path())
    });
    let answers: Vec<Group> = std::thread::scope(|scope| {
        let submit = |account: u128| {
            let host = &host;
            scope.spawn(move || {
                let place = |n: u128| {
                    let side = if (n + account).is_multiple_of(2) { Side::Buy } else { Side::Sell };
                    let price = i64::try_from(n * 7 % 40).expect("small") - 20;
                    let draft = draft(AccountId(account), limit(account << 64 | n, side, price, 5));
                    loop {
                        match host.submit(draft) {
                            Ok(ticket) => return ticket,
                            Err(Refused::Busy) => std::thread::yield_now(),
                            Err(refused) => panic!("{refused}"),
                        }
                    }
                };
                // Submits all commands before it waits for the first answer.
                let tickets: Vec<_> = (0..1_000).map(place).collect();
                tickets
                    .into_iter()
                    .map(|t| t.wait().expect("an answer").into_group())
                    .collect::<Vec<_>>()
            })
        };
        let submitters: Vec<_> = (1..=3).map(submit).collect();
        submitters.into_iter().flat_map(|s| s.join().expect("no panic")).collect()
    });
    let view = host.view(MARKET, usize::MAX).expect("the market");
    host.close().expect("a clean shutdown");

    // Replays in a fresh engine that uses nothing of the host.
    let (mut engine, mut groups) = (Engine::new(10), Vec::new());
    for command in commands(folder.path()) {
        engine.apply(&command, &mut groups);
    }
    let book = engine.market(MARKET).expect("the market");
    assert!(book.levels(Side::Buy).eq(view.bids) && book.levels(Side::Sell).eq(view.asks));
    assert!(book.head().epoch.0 > 5, "epochs are closed by commands");
    assert_eq!(answers.len(), 3_000);
    for group in answers {
        let at = usize::try_from(group.header.sequence.0).expect("small") - 1;
        assert_eq!(groups.get(at), Some(&group));
    }
}

#[test]
fn commands_submitted_together_are_carried_out_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = open(Options { gates: EpochSchedule::Commands(50), ..Options::new(folder.path()) });
    let answers: Vec<Answers> = std::thread::scope(|scope| {
        let submit = |account: u128| {
            let host = &host;
            let place = move |n: u128| {
                let side = if (n + account).is_multiple_of(2) { Side::Buy } else { Side::Sell };
                let price = i64::try_from(n * 7 % 40).expect("small") - 20;
                draft(AccountId(account), limit(account << 64 | n, side, price, 5))
            };
            scope.spawn(move || {
                let drafts: Vec<_> = (0..600).map(place).collect();
                let mut tickets = Vec::new();
                for together in drafts.chunks(7 + usize::try_from(account).expect("small")) {
                    host.submit_detached(draft(BOB, Action::Cancel { order: OrderId(1) }))
                        .expect("room");
                    tickets.push(host.submit_many(together).expect("room"));
                }
                tickets.into_iter().map(|it| it.wait().expect("answers")).collect::<Vec<_>>()
            })
        };
        let submitters: Vec<_> = (1..=3).map(submit).collect();
        submitters.into_iter().flat_map(|s| s.join().expect("no panic")).collect()
    });
    host.close().expect("a clean shutdown");

    let (mut engine, mut groups) = (Engine::new(10), Vec::new());
    for command in commands(folder.path()) {
        engine.apply(&command, &mut groups);
    }
    let mut after = std::collections::BTreeMap::new();
    for together in &answers {
        assert!(!together.is_empty());
        let mut last = None;
        for (header, events, outcome) in together.iter() {
            let at = usize::try_from(header.sequence.0).expect("small") - 1;
            let group = groups.get(at).expect("the command is in the journal");
            assert_eq!((&group.header, &*group.events, group.outcome), (header, events, outcome));
            // Only the closes of the schedule come in between.
            let from = last.map_or(at, |last| last + 1);
            assert!(groups[from..at].iter().all(|it| it.header.kind == ActionKind::CloseEpoch));
            last = Some(at);
            // The orders of an account are numbered as they were submitted.
            let Some(Event::Accepted { place, .. }) = events.first() else { panic!("{events:?}") };
            let next = after.entry(header.account).or_insert(0);
            assert_eq!(place.order.0 & 0xffff, *next);
            *next += 1;
        }
    }
    assert_eq!(answers.iter().map(Answers::len).sum::<usize>(), 1_800);
    assert!(groups.iter().any(|it| it.header.kind == ActionKind::CloseEpoch));
}

#[test]
fn recorded_commands_submitted_together_keep_their_times() {
    let folder = tempfile::tempdir().expect("a folder");
    let gates = EpochSchedule::Aligned(QUARTER_HOUR);
    let host = open(Options { clock: None, gates, ..Options::new(folder.path()) });
    let minutes = |minutes: u64| Timestamp(minutes * 60_000_000_000);
    let order = |order| draft(ALICE, limit(order, Side::Buy, 1, 1));
    let times = [Some(minutes(7)), None, Some(minutes(16)), Some(minutes(3))];
    let drafts: Vec<_> = times.into_iter().zip((1..).map(order)).collect();
    let answers = host.submit_many_at(&drafts).expect("room").wait().expect("durable");
    let times: Vec<_> = answers.iter().map(|(header, _, _)| header.timestamp).collect();
    assert_eq!(times, [7, 7, 16, 16].map(minutes));
    assert_eq!(epoch(&host), EpochNumber(2));
}

#[test]
fn commands_submitted_together_are_all_taken_or_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let core = CoreOptions { capacity: 8, reserve: 2, ..CoreOptions::default() };
    // Without a clock, the core sleeps until there is work, so nothing makes up for a missing wake-up.
    let host = open(Options { core, clock: None, ..Options::new(folder.path()) });
    assert!(host.submit_many(&[]).expect("room").wait().expect("an answer").is_empty());
    let one = draft(ALICE, Action::Cancel { order: OrderId(1) });
    let many = vec![one; Host::SUBMIT_MANY_MAX + 1];
    assert_eq!(host.submit_many(&many).err(), Some(Refused::TooMany));
    let text = Refused::TooMany.to_string().replace(',', "");
    assert!(text.contains(&Host::SUBMIT_MANY_MAX.to_string()), "{text}");

    // More than the queue has places for.
    let place = |order| draft(AccountId(1 + order % 7), limit(order, Side::Buy, 1, 1));
    let orders: Vec<_> = (0..20_000).map(place).collect();
    let sending = async {
        let mut tickets = Vec::new();
        for together in orders.chunks(50) {
            tickets.push(loop {
                match host.submit_many(together) {
                    Ok(ticket) => break ticket,
                    Err(Refused::Busy) => host.ready().await.expect("the host runs"),
                    Err(refused) => panic!("{refused}"),
                }
            });
        }
        for ticket in tickets {
            let answers = ticket.await.expect("answers");
            assert!(answers.iter().all(|(_, _, outcome)| outcome == Outcome::Accepted));
        }
    };
    let time_limit = Duration::from_secs(120);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let sent = async { tokio::time::timeout(time_limit, sending).await };
    let sent = runtime.expect("a runtime").block_on(sent);
    assert!(sent.is_ok(), "a caller that waits for room is woken");
    let level = level(1, 20_000, 20_000);
    assert_eq!(host.view(MARKET, 1).expect("the market").bids, [level]);
    assert_eq!(host.status().durable, Sequence(20_002), "refused commands were not taken");
}

#[test]
fn folder_allows_only_one_process_and_one_host() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = open(Options::new(folder.path()));
    let second = Host::open(Options::new(folder.path()));
    assert!(matches!(second, Err(OpenError::Folder(FolderError::InUse(_)))), "{second:?}");
    drop(host);
    drop(open(Options::new(folder.path())));
}

#[test]
fn gates_close_on_time_and_before_the_command_that_triggers_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let manual_clock = ManualClock::default();
    manual_clock.set_minutes(7);
    let options = || Options {
        gates: EpochSchedule::Aligned(QUARTER_HOUR),
        clock: Some(Box::new(manual_clock.clone())),
        ..Options::new(folder.path())
    };
    let host = open(options());
    done(&host, draft(ALICE, limit(1, Side::Buy, 1, 1)));
    assert_eq!(epoch(&host), EpochNumber(1));
    manual_clock.set_minutes(15);
    let group = done(&host, draft(ALICE, limit(2, Side::Buy, 1, 1)));
    assert_eq!((epoch(&host), group.header.sequence), (EpochNumber(2), Sequence(5)));

    // The clock goes back ten minutes: timestamps stay at the latest time, and no epoch closes twice.
    manual_clock.set_minutes(5);
    let group = done(&host, draft(ALICE, limit(3, Side::Buy, 1, 1)));
    assert_eq!(group.header.timestamp, Timestamp(15 * MINUTE));
    manual_clock.set_minutes(29);
    done(&host, draft(ALICE, limit(4, Side::Buy, 1, 1)));
    assert_eq!(epoch(&host), EpochNumber(2));

    // The clock jumps an hour ahead: one epoch closes, stamped with the time it was due. The next close
    // is scheduled from the new time.
    manual_clock.set_minutes(95);
    done(&host, draft(ALICE, limit(5, Side::Buy, 1, 1)));
    assert_eq!(epoch(&host), EpochNumber(3));
    host.close().expect("a clean shutdown");
    let commands = commands(folder.path());
    let gates = commands.iter().filter(|c| matches!(c.action, Action::CloseEpoch { .. }));
    let times: Vec<_> = gates.map(|gate| gate.timestamp.0 / MINUTE).collect();
    assert_eq!(times, [15, 30]);

    // After hours of downtime the host closes the first missed epoch at its start, before any new command.
    manual_clock.set_minutes(300);
    let host = open(options());
    let group = done(&host, draft(ALICE, limit(6, Side::Buy, 1, 1)));
    assert_eq!(epoch(&host), EpochNumber(4));
    assert_eq!(group.header.timestamp, Timestamp(300 * MINUTE));
    manual_clock.set_minutes(314);
    done(&host, draft(ALICE, limit(7, Side::Buy, 1, 1)));
    assert_eq!(epoch(&host), EpochNumber(4));
    manual_clock.set_minutes(315);
    done(&host, draft(ALICE, limit(8, Side::Buy, 1, 1)));
    assert_eq!(epoch(&host), EpochNumber(5));
}

#[test]
fn order_expires_without_any_incoming_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let manual_clock = ManualClock::default();
    manual_clock.set_minutes(1);
    let clock = Box::new(manual_clock.clone());
    let host = open(Options { clock: Some(clock), ..Options::new(folder.path()) });
    let mut feed = host.subscribe(MARKET).expect("the market");
    let Action::Place(place) = limit(1, Side::Buy, 50, 5) else { unreachable!() };
    let time_in_force = TimeInForce::GoodTillDate(Timestamp(2 * MINUTE));
    done(&host, draft(ALICE, Action::Place(Place { time_in_force, ..place })));
    manual_clock.set_minutes(3);
    assert_eq!(feed.updates.wait().expect("it came").levels, [(Side::Buy, level(50, 5, 1))]);
    let update = feed.updates.wait().expect("it went");
    assert_eq!(update.levels, [(Side::Buy, level(50, 0, 0))]);
    assert_eq!(update.timestamp, Timestamp(3 * MINUTE));
}

/// Applies an update to a book as a subscriber does.
fn follow(view: &mut MarketView, update: &pricetime::MarketUpdate) {
    assert!(update.sequence > view.sequence, "updates are in order, without repetition");
    view.sequence = update.sequence;
    view.last_price = update.trades.last().map(|t| t.price).or(view.last_price);
    view.phase = update.phase.unwrap_or(view.phase);
    for (side, level) in &update.levels {
        let levels = if *side == Side::Buy { &mut view.bids } else { &mut view.asks };
        levels.retain(|old| old.price != level.price);
        if level.orders > 0 {
            levels.push(*level);
        }
        levels.sort_by_key(|l| if *side == Side::Buy { -l.price.0 } else { l.price.0 });
    }
}

#[test]
fn subscription_has_no_gap() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = open(Options::new(folder.path()));
    std::thread::scope(|scope| {
        let submitter = scope.spawn(|| {
            for n in 0..3_000_u64 {
                let side = if n % 2 == 0 { Side::Buy } else { Side::Sell };
                let price = i64::try_from(n * 31 % 17).expect("small");
                let mut draft = draft(ALICE, limit(u128::from(n), side, price, 1 + n % 5));
                if n % 3 == 2 {
                    draft.action = Action::Cancel { order: OrderId(u128::from(n - 2)) };
                }
                while host.submit_detached(draft).is_err() {
                    std::thread::yield_now();
                }
            }
        });
        let mut feeds = Vec::new();
        while !submitter.is_finished() {
            feeds.push(host.subscribe(MARKET).expect("the market"));
            std::thread::sleep(Duration::from_millis(2));
        }
        let last = done(&host, draft(ALICE, limit(9_999, Side::Buy, -500, 1)));
        let end = host.view(MARKET, usize::MAX).expect("the market");
        for mut feed in feeds {
            while feed.book.sequence < last.header.sequence {
                let update = feed.updates.wait().expect("the subscriber kept up");
                follow(&mut feed.book, &update);
            }
            assert_eq!(feed.book, end);
        }
    });
}

#[test]
fn account_subscription_shows_only_its_own_events() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = open(Options::new(folder.path()));
    done(&host, draft(ALICE, limit(1, Side::Sell, 100, 5)));
    let mut alice = host.subscribe_account(MARKET, ALICE).expect("the market");
    let mut bob = host.subscribe_account(MARKET, BOB).expect("the market");
    assert_eq!((alice.orders.len(), bob.orders.len()), (1, 0));
    done(&host, draft(BOB, limit(2, Side::Buy, 100, 2)));
    done(&host, draft(BOB, limit(2, Side::Buy, 5, 0)));

    let seen = alice.updates.wait().expect("a trade");
    let [Event::Traded { maker, taker, quantity, .. }] = &seen.events[..] else {
        panic!("{seen:?}")
    };
    assert_eq!((maker.account, taker.account), (ALICE, AccountId(0)));
    assert_eq!((taker.order, *quantity), (OrderId(0), Quantity(2)));
    assert_eq!(seen.header.account, AccountId(0), "the sender is hidden");
    assert_eq!(alice.updates.try_next(), Ok(None), "Bob's rejection is shown only to Bob");

    let seen = bob.updates.wait().expect("an order and a trade");
    assert_eq!(seen.events.len(), 2);
    assert_eq!(bob.updates.wait().expect("a refusal").header.account, BOB);
}

#[test]
fn slow_subscriber_is_disconnected_and_delays_no_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = open(Options { subscription: 4, ..Options::new(folder.path()) });
    let mut slow = host.subscribe(MARKET).expect("the market");
    let dead = host.subscribe(MARKET).expect("the market");
    drop(dead);
    for n in 0..20 {
        done(&host, draft(ALICE, limit(n, Side::Buy, 5, 1)));
    }
    for _ in 0..4 {
        slow.updates.wait().expect("the buffered updates");
    }
    assert_eq!(slow.updates.wait(), Err(Ended));
    let mut again = host.subscribe(MARKET).expect("the market");
    assert_eq!(again.book.bids, [level(5, 20, 20)]);
    host.close().expect("a clean shutdown");
    assert_eq!(again.updates.wait(), Err(Ended));
}

#[test]
fn subscription_made_after_the_close_ends_after_what_was_missed() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = open(Options::new(folder.path()));
    let before = host.status().durable;
    done(&host, draft(ALICE, limit(1, Side::Buy, 5, 1)));
    host.close().expect("a clean shutdown");

    let mut now = host.subscribe(MARKET).expect("the market");
    assert_eq!(now.book.bids, [level(5, 1, 1)]);
    assert_eq!(now.updates.try_next(), Err(Ended));
    let mut own = host.subscribe_account(MARKET, ALICE).expect("the market");
    assert_eq!(own.orders.len(), 1);
    assert_eq!(own.updates.try_next(), Err(Ended));

    let mut missed = host.subscribe_from(MARKET, before).expect("it is in the journal");
    assert!(missed.updates.try_next().expect("a missed update").is_some());
    assert_eq!(missed.updates.try_next(), Err(Ended));
    let mut missed =
        host.subscribe_account_from(MARKET, ALICE, before).expect("it is in the journal");
    assert!(missed.updates.try_next().expect("a missed group").is_some());
    assert_eq!(missed.updates.try_next(), Err(Ended));
}

#[test]
fn dropped_ticket_does_not_cancel_its_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = open(Options::new(folder.path()));
    drop(host.submit(draft(ALICE, limit(1, Side::Buy, 5, 1))).expect("room"));
    done(&host, draft(ALICE, limit(2, Side::Buy, 5, 1)));
    assert_eq!(host.view(MARKET, 1).expect("the market").bids, [level(5, 2, 2)]);
    let latest = host.latest(MARKET, 1).expect("room").wait().expect("an answer");
    assert_eq!(latest, host.view(MARKET, 1));
}

#[test]
fn tickets_can_be_awaited() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = open(Options::new(folder.path()));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let group = runtime.block_on(async {
        let ticket = host.submit(draft(ALICE, limit(1, Side::Buy, 5, 1))).expect("room");
        ticket.await.expect("an answer")
    });
    assert_eq!(group.outcome, Outcome::Accepted);
}

#[test]
fn panic_in_the_core_stops_the_host_with_its_message() {
    let folder = tempfile::tempdir().expect("a folder");
    let manual_clock = ManualClock::default();
    let clock = Box::new(manual_clock.clone());
    let host = open(Options { clock: Some(clock), ..Options::new(folder.path()) });
    done(&host, draft(ALICE, limit(1, Side::Buy, 5, 1)));
    manual_clock.0.store(u64::MAX, Ordering::SeqCst);
    let lost = host.submit(draft(ALICE, limit(2, Side::Buy, 5, 1))).expect("room").wait();
    assert!(lost.is_err());
    while !matches!(host.submit(draft(ALICE, limit(3, Side::Buy, 5, 1))), Err(Refused::Stopped)) {
        std::thread::yield_now();
    }
    let why = host.close().expect_err("no clean shutdown");
    assert!(matches!(&why, Stopped::Core(panic) if panic == "the clock failed"), "{why}");

    let host = open(Options::new(folder.path()));
    assert_eq!(host.view(MARKET, 1).expect("the market").bids, [level(5, 1, 1)]);
}

#[test]
fn stopped_resolves_for_all_waiters_when_the_host_is_closed() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = open(Options::new(folder.path()));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let waiting = [tokio::spawn(host.stopped()), tokio::spawn(host.stopped())];
        tokio::task::yield_now().await;
        assert!(waiting.iter().all(|task| !task.is_finished()), "the host runs");
        let closing = host.clone();
        let closed = tokio::task::spawn_blocking(move || closing.close());
        for task in waiting {
            task.await.expect("no panic").expect("a clean shutdown");
        }
        closed.await.expect("no panic").expect("a clean shutdown");
        host.stopped().await.expect("a clean shutdown");
    });
}

#[test]
fn stopped_resolves_when_the_last_handle_is_dropped() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = open(Options::new(folder.path()));
    let stopped = host.stopped();
    drop(host);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(stopped).expect("a clean shutdown");
}

#[test]
fn call_errors_say_at_which_step_a_command_failed() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = Host::builder(folder.path()).epochs_by_hand().open().expect("a host");
    let (market, alice) = (host.operator(MARKET), host.account(MARKET, ALICE));
    let order = Place::limit(OrderId(1), Side::Buy, Quantity(5), Price(1));
    let call = || -> Result<Group, CallError> { Ok(alice.place(order).wait()?.accepted()?) };
    assert!(matches!(call(), Err(CallError::Rejected(Reason::UnknownMarket))));
    market.add(spec()).wait().and_then(|it| Ok(it.accepted()?)).expect("accepted");
    let opened = market.set_phase(Phase::Continuous).ticket().expect("room");
    opened.wait().expect("an answer").accepted().expect("accepted");
    assert_eq!(call().expect("accepted").outcome, Outcome::Accepted);
    let keyed = alice.with_request(RequestId(1));
    let cancel = || keyed.cancel(OrderId(1)).wait().and_then(|it| Ok(it.accepted()?));
    cancel().expect("accepted");
    assert!(matches!(cancel(), Err(CallError::Duplicate)));
    host.close().expect("a clean shutdown");
    assert!(matches!(call(), Err(CallError::Refused(Refused::Stopped))));
}
