//! A subscriber that returns receives every update it missed, once and in order, and then the new ones.
//! If that is not possible, the error names the point from which it can still begin.
#![cfg(feature = "servers")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pricetime::engine::{
    AccountId, Action, Engine, Group, MarketId, Outcome, Phase, Sequence, Side,
};
use pricetime::persistence::journal::{FolderReader, JournalOptions, RealDisk};
use pricetime::{
    AccountFeed, Ended, EpochSchedule, Host, MarketFeed, MarketUpdate, Options, Policy, Retention,
    SubscribeError, Updates,
};
use pricetime_tests::environment::number;
use pricetime_tests::generate::random::Random;
use pricetime_tests::load::{MARKET, done, draft, open, operator};
use pricetime_tests::wait::until;

const ALICE: AccountId = AccountId(10);
/// At least this many subscribers return in each life of the host.
const RESUMED_MIN: u64 = 10;

/// Options with room for every update of a test, and with epochs that close every 300 commands.
fn roomy(folder: &Path) -> Options {
    let gates = EpochSchedule::Commands(300);
    Options { gates, subscription: 1 << 20, ..Options::new(folder) }
}

/// The state as of a command, from a journal that is still kept from the beginning.
fn state(folder: &Path, at: Sequence) -> Engine {
    let folder_reader = FolderReader::open(Arc::new(RealDisk), folder).expect("a folder");
    let mut engine = Engine::new(16);
    for command in folder_reader.reader().read(Sequence(1), at).expect("a journal") {
        engine.apply(&command.expect("a command"), &mut ());
    }
    engine
}

/// Waits for exactly this many updates.
fn next<T>(updates: &mut Updates<T>, count: usize) -> Vec<T> {
    let mut all = Vec::new();
    until("the missed updates arrive", || {
        while all.len() < count
            && let Some(update) = updates.try_next().expect("the subscriber kept up")
        {
            all.push(update);
        }
        all.len() == count
    });
    all
}

/// A subscriber that never leaves, and what it received.
struct ConnectedSubscriber {
    feed: MarketFeed,
    own: AccountFeed,
    updates: Vec<Arc<MarketUpdate>>,
    groups: Vec<Arc<Group>>,
}

impl ConnectedSubscriber {
    fn begin(&mut self, host: &Host) {
        self.feed = host.subscribe(MARKET).expect("the market");
        self.own = host.subscribe_account(MARKET, ALICE).expect("the market");
    }

    fn drain(&mut self) {
        while let Ok(Some(update)) = self.feed.updates.try_next() {
            self.updates.push(update);
        }
        while let Ok(Some(group)) = self.own.updates.try_next() {
            self.groups.push(group);
        }
    }

    /// Asserts that a returned subscriber received the same and nothing more.
    fn assert_same_updates(&self, from: Sequence, feed: &mut MarketFeed, own: &mut AccountFeed) {
        let at = self.updates.partition_point(|update| update.sequence <= from);
        let missed = &self.updates[at..];
        assert!(next(&mut feed.updates, missed.len()) == missed, "from {from}");
        assert_eq!(feed.updates.try_next(), Ok(None));
        let at = self.groups.partition_point(|group| group.header.sequence <= from);
        let missed = &self.groups[at..];
        assert!(next(&mut own.updates, missed.len()) == missed, "from {from}");
        assert_eq!(own.updates.try_next(), Ok(None));
    }
}

#[test]
fn resumed_subscriber_receives_missed_and_then_live_events() {
    let folder = tempfile::tempdir().expect("a folder");
    let seed = number("PRICETIME_SEED", 1);
    eprintln!("PRICETIME_SEED={seed}");
    let mut random = Random::new(seed);
    let mut host = open(roomy(folder.path()));
    let first_sequence = host.status().durable;
    let mut connected = ConnectedSubscriber {
        feed: host.subscribe(MARKET).expect("the market"),
        own: host.subscribe_account(MARKET, ALICE).expect("the market"),
        updates: Vec::new(),
        groups: Vec::new(),
    };
    let mut submitted: u64 = 0;
    for life in 0..3 {
        if life > 0 {
            host.close().expect("a clean shutdown");
            connected.drain();
            host = open(roomy(folder.path()));
            connected.begin(&host);
        }
        let resumed_count = AtomicU64::new(0);
        let mut resumed = Vec::new();
        std::thread::scope(|scope| {
            let submitter = scope.spawn(|| {
                let from = submitted;
                // Keeps submitting while subscribers return, up to a limit, so that none of them
                // receives too much.
                while submitted < from + 3_000
                    || resumed_count.load(Ordering::Relaxed) < RESUMED_MIN
                {
                    if submitted >= from + 3_000 + 200 * resumed_count.load(Ordering::Relaxed) {
                        std::thread::yield_now();
                        continue;
                    }
                    while host.submit_detached(draft(seed, submitted)).is_err() {
                        std::thread::yield_now();
                    }
                    submitted += 1;
                    if submitted.is_multiple_of(16) {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                }
            });
            while !submitter.is_finished() {
                let from = Sequence(random.within(first_sequence.0, host.status().durable.0));
                let feed = host.subscribe_from(MARKET, from).expect("a feed");
                let own = host.subscribe_account_from(MARKET, ALICE, from).expect("a feed");
                resumed.push((from, feed, own));
                resumed_count.store(RESUMED_MIN.min(resumed.len() as u64), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let last = done(&host, operator(Action::AdvanceTime));
        assert_eq!(last.outcome, Outcome::Accepted);
        connected.drain();
        for (from, mut feed, mut own) in resumed {
            let then = state(folder.path(), from);
            let market = then.market(MARKET).expect("the market");
            assert_eq!((feed.book.sequence, own.sequence), (from, from));
            assert_eq!(feed.book.epoch, market.head().epoch);
            assert_eq!(feed.book.bids, market.levels(Side::Buy).collect::<Vec<_>>());
            assert_eq!(feed.book.asks, market.levels(Side::Sell).collect::<Vec<_>>());
            assert_eq!(own.orders, market.orders_of(ALICE));

            connected.assert_same_updates(from, &mut feed, &mut own);
        }
    }
    assert!(connected.updates.len() > 4_000, "{}", connected.updates.len());
    assert!(connected.groups.len() > 1_000, "{}", connected.groups.len());
}

#[test]
fn events_beyond_one_subscription_come_with_the_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = open(roomy(folder.path()));
    let first_sequence = host.status().durable;
    let mut connected = host.subscribe(MARKET).expect("the market");
    for number in 0..30_000 {
        while host.submit_detached(draft(5, number)).is_err() {
            std::thread::yield_now();
        }
    }
    done(&host, operator(Action::SetPhase(Phase::Call)));
    let mut missed = Vec::new();
    while let Ok(Some(update)) = connected.updates.try_next() {
        missed.push(update);
    }
    assert!(missed.len() > 16_384, "{}", missed.len());

    let mut received: Vec<Arc<MarketUpdate>> = Vec::new();
    let mut subscriptions = 0;
    while received.len() < missed.len() {
        let from = received.last().map_or(first_sequence, |update| update.sequence);
        let mut feed = host.subscribe_from(MARKET, from).expect("a feed");
        subscriptions += 1;
        while let Ok(Some(update)) = feed.updates.try_next() {
            received.push(update);
        }
        let ended = feed.updates.try_next() == Err(Ended);
        assert_eq!(ended, received.len() < missed.len());
    }
    assert!(received == missed);
    assert_eq!(subscriptions, 2);
}

#[test]
fn removed_market_can_be_followed_to_its_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = open(Options::new(folder.path()));
    let from = host.status().durable;
    done(&host, draft(5, 0));
    done(&host, operator(Action::CancelAll { account: None, side: None }));
    done(&host, operator(Action::SetPhase(Phase::Closed)));
    done(&host, operator(Action::RemoveMarket));
    assert!(host.subscribe(MARKET).is_none());
    let mut feed = host.subscribe_from(MARKET, from).expect("it was there");
    let mut last = None;
    while let Ok(update) = feed.updates.wait() {
        last = Some(update);
    }
    assert!(last.expect("something happened").removed);
}

#[test]
fn refused_resume_says_why_and_names_the_oldest_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = JournalOptions { segment_bytes: JournalOptions::SEGMENT_BYTES_MIN };
    let retention = Retention::Snapshots;
    let mut options = Options { journal, retention, ..roomy(folder.path()) };
    options.subscription_replay = 1_000;
    let host = open(options);
    let ahead =
        host.subscribe_from(MARKET, Sequence(3)).expect_err("that sequence is in the future");
    let SubscribeError::Ahead { from: Sequence(3), durable: Sequence(2) } = ahead else {
        panic!("{ahead}")
    };
    let before = host.subscribe_from(MARKET, Sequence(0)).expect_err("there was no market");
    let SubscribeError::NoMarket { market: MARKET, from: Sequence(0) } = before else {
        panic!("{before}")
    };
    let other = host.subscribe_from(MarketId(7), Sequence(2)).expect_err("there is none");
    let SubscribeError::NoMarket { market: MarketId(7), from: Sequence(2) } = other else {
        panic!("{other}")
    };

    let refused = (0..200).find_map(|_| {
        for number in 0..500 {
            done(&host, draft(host.status().durable.0, number));
        }
        match host.subscribe_from(MARKET, Sequence(2)) {
            Ok(_) => None,
            // If the snapshot thread is delayed, there is no recent snapshot and too much would have
            // to be replayed.
            Err(SubscribeError::TooFarBack { from, commands }) => {
                assert_eq!(from, Sequence(2));
                assert!(commands > 1_000, "{commands}");
                None
            }
            Err(error) => Some(error),
        }
    });
    let gone = refused.expect("the journal is truncated");
    let SubscribeError::Gone { from: Sequence(2), oldest } = gone else { panic!("{gone}") };
    let feed = host.subscribe_from(MARKET, oldest).expect("a feed");
    assert_eq!(feed.book.sequence, oldest);
    host.close().expect("a clean shutdown");

    let folder = tempfile::tempdir().expect("a folder");
    let host = open(Options { policy: Policy::None, ..Options::new(folder.path()) });
    let from = host.status().durable;
    let none = host.subscribe_from(MARKET, from);
    assert!(matches!(none, Err(SubscribeError::NoJournal)), "{none:?}");
}
