//! After each epoch the image in Redis is exactly the state. A reader never sees an image that is
//! partly written. When Redis has recovered, the image becomes exact again.
//!
//! `PRICETIME_TRIALS` sets the number of days (a hundredth of it), `PRICETIME_SEED` the seed.
#![cfg(feature = "servers")]

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use pricetime_engine::{Command, Engine, Group};
use pricetime_journal::History;
use pricetime_journal::image::Image;
use pricetime_redis::{Bound, Link, RedisError, WriteKind, scores_are_exact_after};
use pricetime_tests::environment::number;
use pricetime_tests::generate::random::Random;
use pricetime_tests::record::day;
use pricetime_tests::redis::Server;
use pricetime_tests::redis::books::Books;
use pricetime_tests::redis::raw::{MarketKeys, RawConnection};
use pricetime_tests::redis::updater::{ImageUpdater, read_images};
use pricetime_tests::wait::until;

fn seeds(divisor: u64) -> impl Iterator<Item = u64> {
    let (seed, trials) = (number("PRICETIME_SEED", 1), number("PRICETIME_TRIALS", 500));
    eprintln!("PRICETIME_SEED={seed} PRICETIME_TRIALS={trials}");
    (0..trials.div_ceil(divisor)).map(move |at| seed.wrapping_shl(20).wrapping_add(at))
}

#[test]
fn image_equals_the_state_after_each_epoch() {
    let server = Server::start();
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for seed in seeds(100) {
        let _ = server.ask(&["FLUSHALL"]);
        let day = day(seed);
        let mut engine = Engine::new(day.markets_max);
        let mut updater =
            ImageUpdater::new(server.patient_options(), History::fresh(), Image::default());
        // Higher sequences and times are refused when read from Redis, and no host reaches them.
        let is_storable = |command: &&Command| {
            scores_are_exact_after(&command.action)
                && command.sequence.0.max(command.timestamp.0) <= 1 << 63
        };
        for command in day.commands.iter().filter(is_storable) {
            let mut groups: Vec<Group> = Vec::new();
            engine.apply(command, &mut groups);
            if updater.fold(&groups) {
                for how in updater.write().expect("the server works") {
                    *counts.entry(format!("{how:?}")).or_default() += 1;
                }
                assert_eq!(
                    read_images(server.patient_options()),
                    engine.snapshot().markets,
                    "seed {seed}"
                );
            }
        }
    }
    eprintln!("{counts:?}");
    assert!(counts.contains_key("Changes"), "{counts:?}");
}

#[test]
fn fenced_writer_resumes_below_the_term_of_its_replacement() {
    const METADATA: &str = "pricetime:dev:{1}:metadata";
    let server = Server::start();
    let (mut books, history) = (Books::new(3), History::fresh());
    let mut updaters =
        [(); 3].map(|()| ImageUpdater::of(server.patient_options(), history, &books.engine));
    let mut epoch = |updaters: &mut [ImageUpdater; 3]| {
        let groups = books.epoch(100);
        updaters.iter_mut().for_each(|updater| _ = updater.fold(&groups));
        books.engine.snapshot().markets
    };
    let is_fenced =
        |updater: &mut ImageUpdater| matches!(updater.write(), Err(RedisError::Fenced { .. }));
    let term = || -> u64 { server.ask(&["HGET", METADATA, "term"]).parse().expect("a term") };
    epoch(&mut updaters);
    for updater in &mut updaters {
        updater.write().expect("the last writer owns the markets");
    }
    let highest = term();
    for _ in 0..2 {
        let states = epoch(&mut updaters);
        // The later writers may not know yet that they were replaced.
        assert!(is_fenced(&mut updaters[0]) && is_fenced(&mut updaters[1]));
        // If there is no image, each writer may write. It gives way to those that attached after it.
        let _ = server.ask(&["FLUSHALL"]);
        for updater in 0..3 {
            updaters[updater].write().expect("the markets are free or held by an earlier writer");
            assert_eq!(read_images(server.patient_options()), states, "writer {updater}");
            assert_eq!(term() < highest, updater < 2, "writer {updater}");
            for before in &mut updaters[..updater] {
                assert!(is_fenced(before), "before writer {updater}");
            }
        }
    }
    // A writer that resumes copes with a cut connection, and with its own claim from before.
    let _ = server.ask(&["FLUSHALL"]);
    for command in [&["CLIENT", "KILL", "TYPE", "normal"][..], &["HGET", METADATA, "writer"]] {
        let states = epoch(&mut updaters);
        updaters[0].write().expect("the markets are free");
        if command[0] == "HGET" {
            let own = server.ask(command);
            let _ =
                server.ask(&["HSET", METADATA, "writer", own.split('-').next().expect("a name")]);
        } else {
            let _ = server.ask(command);
            until("it reconnects", || updaters[0].write().is_ok());
        }
        updaters[0].write().expect("the claim is its own");
        assert_eq!(read_images(server.patient_options()), states, "{command:?}");
        until("the later writer is fenced", || updaters[1].write().is_ok());
        assert!(is_fenced(&mut updaters[0]));
        let _ = server.ask(&["FLUSHALL"]);
    }
}

#[test]
fn forgotten_market_is_rewritten_completely() {
    let server = Server::start();
    let (mut books, history) = (Books::new(2), History::fresh());
    let mut updater = ImageUpdater::of(server.patient_options(), history, &books.engine);
    for round in 0..6 {
        let groups = books.epoch(100);
        updater.fold(&groups);
        updater.is_forgetful = round % 2 == 1;
        updater.write().expect("the server works");
        assert_eq!(
            read_images(server.patient_options()),
            books.engine.snapshot().markets,
            "round {round}"
        );
    }
}

#[test]
fn expired_link_sends_nothing() {
    struct ExpiredBound;
    impl Bound for ExpiredBound {
        fn is_over(&self) -> bool {
            true
        }
        fn answered(&self) {}
    }
    let server = Server::start();
    let mut link = Link::new(server.patient_options());
    link.ping("key").expect("the server works");
    link.bound_by(ExpiredBound);
    let asked = server.calls("ping");
    assert!(matches!(link.ping("key"), Err(RedisError::Unreachable { .. })));
    assert_eq!(server.calls("ping"), asked);
}

/// What a reader must find for each digest that was written or is about to be.
type Written = Mutex<HashMap<String, MarketKeys>>;

/// Writes an epoch of the books to Redis and checks it. Returns how each market was written.
fn epoch(
    books: &mut Books,
    updater: &mut ImageUpdater,
    written: &Written,
    raw: &mut RawConnection,
) -> Vec<WriteKind> {
    let states = books.engine.snapshot().markets;
    for state in &states {
        let content = MarketKeys::of(state);
        written
            .lock()
            .expect("the lock is not poisoned")
            .insert(content.field("digest").to_owned(), content);
    }
    let kinds = updater.write().expect("the server works");
    for state in states {
        let (market, expected) = (state.head.market.0, MarketKeys::of(&state));
        assert_eq!(raw.read_market(market).expect("an answer").like(&expected), expected);
        let pattern = format!("pricetime:dev:{{{market}}}:*");
        let reply = raw.ask(&["KEYS", &pattern]).expect("an answer");
        let keys = format!("{reply:?}").matches("Text").count();
        // The keys of the current generation, those of a spare one, and two that exist once per market.
        assert!(keys <= 14, "{keys} keys: {reply:?}");
    }
    kinds
}

/// Reads until `stop` is set. Returns how often it found an image.
fn poll(port: u16, written: &Written, stop: &AtomicBool) -> u32 {
    let mut raw = RawConnection::connect(port).expect("the server");
    let mut seen = 0;
    while !stop.load(Ordering::SeqCst) {
        for market in 1..12 {
            let content = raw.read_market(market).expect("an answer");
            if content.field("format").is_empty() {
                assert!(content.bids.is_empty() && content.asks.is_empty(), "{content:?}");
                continue;
            }
            let number = |field: &str| content.field(field).parse::<i64>().ok();
            if content.field("phase") == "continuous" {
                assert!(number("spread").is_none_or(|spread| spread > 0), "{:?}", content.metadata);
            }
            let expected = written
                .lock()
                .expect("the lock is not poisoned")
                .get(content.field("digest"))
                .cloned();
            let expected = expected.expect("only the expected states");
            assert_eq!(content.like(&expected), expected, "half an epoch");
            seen += 1;
        }
    }
    seen
}

#[test]
fn large_books_and_epochs_are_exact_at_every_read() {
    let server = Server::start();
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for seed in seeds(250) {
        let _ = server.ask(&["FLUSHALL"]);
        let (written, stop) = (Written::default(), AtomicBool::new(false));
        let mut random = Random::new(seed);
        let mut books = Books::new(seed);
        let mut updater =
            ImageUpdater::of(server.patient_options(), History::fresh(), &books.engine);
        let mut raw = RawConnection::connect(server.port).expect("the server");
        let seen = std::thread::scope(|scope| {
            let poller = scope.spawn(|| poll(server.port, &written, &stop));
            for turn in 0..24 {
                let large = turn < 3 || random.chance(40);
                let many = if large { random.within(1_800, 3_500) } else { random.within(0, 300) };
                updater.fold(&books.epoch(many));
                if turn % 8 == 7 {
                    let markets = books.markets();
                    let market = random.any(&markets).copied().unwrap_or(1);
                    updater.fold(&books.replace(market));
                }
                for how in epoch(&mut books, &mut updater, &written, &mut raw) {
                    *counts.entry(format!("{how:?}")).or_default() += 1;
                }
                if turn % 4 == 0 {
                    let states = books.engine.snapshot().markets;
                    assert_eq!(read_images(server.patient_options()), states, "seed {seed}");
                }
            }
            stop.store(true, Ordering::SeqCst);
            poller.join().expect("the reader sees only whole epochs")
        });
        let orders: Vec<usize> =
            books.engine.snapshot().markets.iter().map(|it| it.resting.len()).collect();
        eprintln!("seed {seed}: read {seen} times, in the end {orders:?} orders");
    }
    eprintln!("{counts:?}");
    for way in ["Changes", "Spare", "Whole"] {
        assert!(counts.contains_key(way), "{counts:?}");
    }
}

#[test]
fn writer_recovers_from_any_missing_metadata_field() {
    let server = Server::start();
    let mut books = Books::new(5);
    let mut updater = ImageUpdater::of(server.patient_options(), History::fresh(), &books.engine);
    let _ = updater.write().expect("the server works");
    let metadata = "pricetime:dev:{1}:metadata";
    let fields = server.ask(&["HKEYS", metadata]);
    for field in fields.lines() {
        assert_eq!(server.ask(&["HDEL", metadata, field]), "1", "{field}");
        updater.fold(&books.epoch(20));
        let _ = updater.write().expect(field);
        assert_eq!(
            read_images(server.patient_options()),
            books.engine.snapshot().markets,
            "{field}"
        );
    }
    // Writer names are unique, so another term with our name is not a takeover.
    let _ = server.ask(&["HINCRBY", metadata, "term", "1000"]);
    updater.fold(&books.epoch(20));
    let _ = updater.write().expect("no other writer took over");
    assert_eq!(read_images(server.patient_options()), books.engine.snapshot().markets);
}

#[test]
fn edited_image_is_detected_and_rewritten() {
    let server = Server::start();
    let mut books = Books::new(6);
    let mut updater = ImageUpdater::of(server.patient_options(), History::fresh(), &books.engine);
    // Every edit leaves the number of entries unchanged.
    let edits = [
        // The quantity of an order.
        "local f = redis.call('HKEYS', KEYS[1])[1]; local v = redis.call('HGET', KEYS[1], f); \
         redis.call('HSET', KEYS[1], f, (v:gsub('\"open\":%d+', '\"open\":77777', 1)))",
        // A price in the queue.
        "local m = redis.call('ZRANGE', KEYS[2], 0, 0)[1]; redis.call('ZADD', KEYS[2], -4999, m)",
        // An entry replaced by another.
        "redis.call('ZPOPMAX', KEYS[2]); redis.call('ZADD', KEYS[2], 7, 'x')",
        // A record that cannot be read.
        "redis.call('HSET', KEYS[1], redis.call('HKEYS', KEYS[1])[1], 'x')",
        // The metadata: a field, and all of it.
        "redis.call('HSET', KEYS[3], 'digest', 'x')",
        "redis.call('DEL', KEYS[3])",
    ];
    let key = |part: &str| format!("pricetime:dev:{{1}}:{part}");
    for commands in [300, 1_500] {
        for edit in edits {
            updater.fold(&books.epoch(commands));
            let _ = updater.write().expect("the server works");
            assert_eq!(updater.verify(1), Ok(None), "{edit}");
            let keys = [key("orders"), key("bids"), key("metadata")];
            let reply = server.ask(&["EVAL", edit, "3", &keys[0], &keys[1], &keys[2]]);
            assert!(!reply.contains("ERR"), "{reply}");
            let found = updater.verify(1).expect("the server works");
            assert!(found.is_some(), "the edit is not noticed: {edit}");
            eprintln!("{}", found.unwrap_or_default());
            assert_eq!(updater.verify(2), Ok(None), "the other market is unchanged");
            updater.fold(&books.epoch(20));
            let _ = updater.write().expect("the server works");
            assert_eq!(
                read_images(server.patient_options()),
                books.engine.snapshot().markets,
                "{edit}"
            );
            assert_eq!(updater.verify(1), Ok(None), "{edit}");
        }
    }
}
