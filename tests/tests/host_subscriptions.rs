//! An account's subscription starts with its orders as of one command. It brings everything after that
//! command without gaps or duplicates, whenever it starts. Slow operations do not stop the commands. A
//! follower receives every command in order.
#![cfg(feature = "servers")]

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pricetime::engine::{
    AccountId, Action, ActionKind, Engine, Event, Group, Header, MarketId, MarketSpec, OrderId,
    Outcome, Party, Phase, Quantity, Sequence, Symbol,
};
use pricetime::{AccountFeed, Draft, EpochSchedule, Follower, Host, Options, Policy, Stopped};
use pricetime_tests::environment::number;
use pricetime_tests::generate::random::Random;
use pricetime_tests::load::{done, draft, operator, spec};
use pricetime_tests::record::commands;
use pricetime_tests::wait::until;

const MARKETS: [MarketId; 2] = [MarketId(1), MarketId(2)];
/// The number of submitters. Each has five accounts of its own.
const SUBMITTERS: u64 = 3;
/// The minimum number of commands of each submitter.
const COMMANDS: u64 = 600;
/// The minimum number of subscriptions that each of the two subscribers begins during the run.
const SUBSCRIPTIONS: u64 = 60;

fn open(options: Options) -> Host {
    let host = Host::open(options).expect("a host");
    for market in MARKETS {
        let symbol = Symbol::new(&format!("M{market}")).expect("a symbol");
        let add = Action::AddMarket(MarketSpec { symbol, ..spec() });
        for action in [add, Action::SetPhase(Phase::Continuous)] {
            let done = done(&host, Draft { market, ..operator(action) });
            assert_eq!(done.outcome, Outcome::Accepted);
        }
    }
    host
}

/// One of the submitters' accounts, or an account that has nothing to do with the market.
fn account(random: &mut Random) -> AccountId {
    match random.below(10) {
        0 => AccountId(0),
        1 => AccountId(999),
        _ => AccountId(u128::from(10 + random.below(5 * SUBMITTERS))),
    }
}

/// A submitter's next command: usually from one of its own accounts, sometimes from an operator.
fn next(random: &mut Random, submitter: u64, submitted: u64) -> Draft {
    let market = MARKETS[usize::from(random.once_in(3))];
    let by_operator = |action| Draft { market, ..operator(action) };
    match random.below(60) {
        0 => by_operator(Action::SetPhase(Phase::Call)),
        1..=3 => by_operator(Action::SetPhase(Phase::Continuous)),
        4 => by_operator(Action::CancelAll { account: None, side: None }),
        5 => by_operator(Action::BlockAccount(account(random))),
        6 | 7 => by_operator(Action::UnblockAccount(account(random))),
        8 => by_operator(Action::SetMarket(spec().terms)),
        9 => by_operator(Action::AdvanceTime),
        _ => {
            // Some are sent twice, with the same request id.
            let own = draft(submitter, submitted.saturating_sub(random.below(2)));
            let account = AccountId(own.account.0 + 5 * u128::from(submitter));
            Draft { market, account, ..own }
        }
    }
}

/// A subscription, with its market and account.
struct Subscription {
    market: MarketId,
    account: AccountId,
    feed: AccountFeed,
}

/// A digest, and a command that was durable before it was computed.
type Digest = (Sequence, u128);

/// Waits until this many more commands are durable. Returns `false` if the run is over.
fn wait_for_commands(host: &Host, commands: u64, is_over: &AtomicBool) -> bool {
    let from = host.status().durable.0 + commands;
    while host.status().durable.0 < from && !is_over.load(Ordering::Acquire) {
        std::thread::sleep(Duration::from_micros(50));
    }
    !is_over.load(Ordering::Acquire)
}

/// Submits from several threads while others subscribe and compute digests.
fn run(host: &Host, seed: u64) -> (Vec<Subscription>, Vec<Digest>) {
    let subscriptions = AtomicU64::new(0);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let submit = |submitter: u64| {
            let subscriptions = &subscriptions;
            scope.spawn(move || {
                let mut random = Random::new((seed << 8) | submitter);
                for submitted in 0.. {
                    let subscribed = subscriptions.load(Ordering::Acquire) >= 2 * SUBSCRIPTIONS;
                    if (submitted >= COMMANDS && subscribed) || submitted >= 100 * COMMANDS {
                        return;
                    }
                    let draft = next(&mut random, submitter, submitted);
                    while host.submit_detached(draft).is_err() {
                        std::thread::yield_now();
                    }
                    // Waits for an answer now and then, so that the subscribers keep up.
                    if submitted % 16 == 0 {
                        done(host, Draft { market: MARKETS[0], ..operator(Action::AdvanceTime) });
                    }
                }
            })
        };
        let submitters: Vec<_> = (0..SUBMITTERS).map(submit).collect();
        let subscribe = |subscriber: u64| {
            let (subscriptions, is_over) = (&subscriptions, &is_over);
            scope.spawn(move || {
                let mut random = Random::new((seed << 8) | (100 + subscriber));
                let mut all = Vec::new();
                while wait_for_commands(host, random.below(50), is_over) {
                    let market = MARKETS[usize::from(random.once_in(3))];
                    let account = account(&mut random);
                    let feed = host.subscribe_account(market, account).expect("the market");
                    subscriptions.fetch_add(1, Ordering::AcqRel);
                    // Some are dropped at once.
                    if !random.once_in(4) {
                        all.push(Subscription { market, account, feed });
                    }
                }
                all
            })
        };
        let subscribers = [0, 1].map(subscribe);
        let digests = scope.spawn(|| {
            let mut digests = Vec::new();
            while wait_for_commands(host, 100, &is_over) {
                digests.push((host.status().durable, host.digest()));
            }
            digests
        });
        for submitter in submitters {
            submitter.join().expect("no panic");
        }
        is_over.store(true, Ordering::Release);
        let subscriptions = subscribers.map(|it| it.join().expect("no panic"));
        (subscriptions.into_iter().flatten().collect(), digests.join().expect("no panic"))
    })
}

/// The group as the account sees it, implemented here from the text of `docs/json.md`. Returns `None`
/// if the group concerns other accounts only.
fn visible_part(group: &Group, account: AccountId) -> Option<Group> {
    let sent = group.header.account == account;
    let hide = |party: &mut Party, remaining: &mut Quantity| {
        if party.account != account {
            *party = Party { order: OrderId(0), account: AccountId(0), reference: 0 };
            *remaining = Quantity(0);
        }
    };
    let one = |event: &Event| {
        let mut event = *event;
        let shown = match &mut event {
            Event::Traded { maker, taker, maker_remaining, taker_remaining, .. } => {
                let own = maker.account == account || taker.account == account;
                hide(maker, maker_remaining);
                hide(taker, taker_remaining);
                own
            }
            Event::Accepted { account: of, .. }
            | Event::AccountBlocked(of)
            | Event::AccountUnblocked(of) => *of == account,
            Event::Reduced { party, .. }
            | Event::Amended { party, .. }
            | Event::Cancelled { party, .. }
            | Event::Triggered { party, .. }
            | Event::Replenished { party, .. } => party.account == account,
            Event::Rejected { .. } | Event::Duplicate { .. } => sent,
            Event::PhaseChanged { .. }
            | Event::EpochClosed(_)
            | Event::MarketAdded(_)
            | Event::MarketSet(_)
            | Event::MarketRemoved => true,
        };
        shown.then_some(event)
    };
    let events: Vec<_> = group.events.iter().filter_map(one).collect();
    if sent {
        return Some(Group { events, ..group.clone() });
    }
    let header = Header { account: AccountId(0), request: None, session: None, ..group.header };
    (!events.is_empty()).then_some(Group { header, events, outcome: Outcome::Accepted })
}

/// Compares every subscription with the journal, command by command. Each brings at most `capacity` updates.
fn check(
    folder: &Path,
    mut subscriptions: Vec<Subscription>,
    digests: Vec<Digest>,
    capacity: usize,
) {
    subscriptions.sort_by_key(|it| it.feed.sequence);
    let mut digests = digests.into_iter().peekable();
    let (mut engine, mut groups) = (Engine::new(16), Vec::<Group>::new());
    let mut next = subscriptions.iter().peekable();
    let mut commands = commands(folder).into_iter();
    loop {
        let now = engine.last_sequence();
        while let Some(it) = next.next_if(|it| it.feed.sequence == now) {
            let market = engine.market(it.market).expect("the market");
            assert_eq!(it.feed.orders, market.orders_of(it.account), "orders as of {now}");
        }
        let found = |(from, digest): &Digest| *from <= now && *digest == engine.digest();
        while digests.next_if(found).is_some() {}
        let Some(command) = commands.next() else { break };
        engine.apply(&command, &mut groups);
    }
    assert!(next.next().is_none(), "every subscription began at some command");
    assert_eq!(digests.next(), None, "every digest is that of the state after some command");
    let uncrosses = groups.iter().filter(|it| it.header.kind == ActionKind::SetPhase);
    assert!(uncrosses.map(|it| it.events.len()).max() > Some(2), "auctions have traded");
    let (mut received_count, mut full) = (0, 0);
    for Subscription { market, account, mut feed } in subscriptions {
        let after = groups.partition_point(|group| group.header.sequence <= feed.sequence);
        let of_market = groups[after..].iter().filter(|group| group.header.market == market);
        let expected: Vec<_> =
            of_market.filter_map(|group| visible_part(group, account)).take(capacity).collect();
        let mut received = Vec::new();
        while let Ok(group) = feed.updates.wait() {
            received.push(Group::clone(&group));
        }
        assert_eq!(received, expected, "account {account:?} from {}", feed.sequence);
        received_count += received.len();
        full += usize::from(received.len() == capacity);
    }
    eprintln!("{} commands, {received_count} updates, {full} full subscriptions", groups.len());
    assert!(received_count > 0 && (full > 0) == (capacity < 1_000));
}

#[test]
fn account_subscriptions_match_a_naive_model_from_any_start() {
    let seed = number("PRICETIME_SEED", 1);
    eprintln!("PRICETIME_SEED={seed}");
    for capacity in [1 << 20, 8] {
        let folder = tempfile::tempdir().expect("a folder");
        let gates = EpochSchedule::Commands(97);
        let host = open(Options { gates, subscription: capacity, ..Options::new(folder.path()) });
        let (subscriptions, digests) = run(&host, seed);
        assert!(subscriptions.len() as u64 >= SUBSCRIPTIONS);
        // The host delivers what was submitted last. Then every subscription ends.
        host.close().expect("a clean shutdown");
        check(folder.path(), subscriptions, digests, capacity);
    }
}

/// Sets a flag when it is dropped.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn commands_are_acknowledged_while_a_digest_is_computed() {
    const ORDERS: u64 = 200_000;
    /// This many commands, one after the other, have to be acknowledged within one digest.
    const WITHIN: u64 = 20;
    let folder = tempfile::tempdir().expect("a folder");
    let host = open(Options { policy: Policy::None, ..Options::new(folder.path()) });
    let place = |number: u64| {
        let Action::Place(mut place) = draft(0, 1).action else { unreachable!("it is a Place") };
        place.order = OrderId(u128::from(number));
        // Uses many accounts, because the number of orders of one account is limited.
        let account = AccountId(1 + u128::from(number % 100));
        Draft { account, request: None, action: Action::Place(place), ..draft(0, 1) }
    };
    for number in 0..ORDERS {
        while host.submit_detached(place(number)).is_err() {
            std::thread::yield_now();
        }
    }
    done(&host, operator(Action::AdvanceTime));
    let view = host.view(MARKETS[0], 1).expect("the market");
    let resting: u64 =
        view.bids.iter().chain(&view.asks).map(|level| u64::from(level.orders)).sum();
    assert_eq!(resting, ORDERS, "a digest of all of them takes long");
    let (computed, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Acquire) {
                assert_ne!(host.digest(), 0);
                computed.fetch_add(1, Ordering::AcqRel);
            }
        });
        let within_one = || {
            let before = computed.load(Ordering::Acquire);
            until("a digest is computed", || computed.load(Ordering::Acquire) > before);
            let before = computed.load(Ordering::Acquire);
            for _ in 0..WITHIN {
                done(&host, operator(Action::AdvanceTime));
            }
            computed.load(Ordering::Acquire) == before
        };
        // Ends the other thread even if this one fails.
        let _end = SetOnDrop(&is_over);
        // The commands may also fall between two digests by chance, but not five times in a row.
        until("commands are acknowledged within each of five digests", || {
            (0..5).all(|_| within_one())
        });
    });
}

/// Notes the thread on which it receives each command. Panics at a command of the account 666.
struct ThreadNotes(Arc<Mutex<Vec<(Sequence, String)>>>);

impl Follower for ThreadNotes {
    fn group(&mut self, header: &Header, _: &[Event], _: Outcome) {
        assert_ne!(header.account, AccountId(666), "the follower panics on purpose");
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        self.0.lock().expect("no panic with this lock").push((header.sequence, name));
    }
}

#[test]
fn batches_are_published_in_order_by_two_threads() {
    let folder = tempfile::tempdir().expect("a folder");
    let notes = Arc::new(Mutex::new(Vec::new()));
    let follower = Box::new(ThreadNotes(Arc::clone(&notes)));
    let host = open(Options { follower: Some(follower), ..Options::new(folder.path()) });
    std::thread::scope(|scope| {
        for part in 0..3_u64 {
            let host = &host;
            scope.spawn(move || {
                let mut numbers = (part * 10_000..).map(|number| draft(part, number));
                for round in 0..150 {
                    let count = if round % 3 == 0 { 1 + round % 40 } else { 1 };
                    let drafts: Vec<_> = numbers.by_ref().take(count).collect();
                    let answers = host.submit_many(&drafts).expect("room").wait();
                    assert_eq!(answers.expect("the answers").len(), count);
                }
            });
        }
    });
    // The journal thread publishes no batch as large as this one.
    let many: Vec<_> = (0..64).map(|number| draft(9, number)).collect();
    let _ = host.submit_many(&many).expect("room").wait().expect("the answers");
    let last = host.status().durable;
    host.close().expect("a clean end");
    let notes = notes.lock().expect("no panic with this lock");
    assert!(notes.iter().map(|(sequence, _)| sequence.0).eq(1..=last.0));
    for name in ["pt-journal", "pt-publisher"] {
        assert!(notes.iter().any(|(_, by)| by == name), "{name} publishes nothing");
    }
}

#[test]
fn panic_of_a_follower_stops_the_host_with_its_reason() {
    for count in [1, 64] {
        let folder = tempfile::tempdir().expect("a folder");
        let follower = Box::new(ThreadNotes(Arc::default()));
        let host = open(Options { follower: Some(follower), ..Options::new(folder.path()) });
        let before = host.status().durable;
        let drafts = vec![Draft { account: AccountId(666), ..draft(0, 0) }; count];
        let why = host.submit_many(&drafts).expect("room").wait().expect_err("no answer");
        assert!(matches!(why, Stopped::Publisher), "{why}");
        let why = host.close().expect_err("no clean shutdown");
        assert!(matches!(why, Stopped::Publisher), "{why}");
        // What was durable is still there.
        let host = Host::open(Options::new(folder.path())).expect("a host");
        assert_eq!(host.status().durable, Sequence(before.0 + count as u64));
    }
}
