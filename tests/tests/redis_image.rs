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
use pricetime_redis::{Bound, How, Link, RedisError, scores_hold_after};
use pricetime_tests::environment::number;
use pricetime_tests::generate::random::Random;
use pricetime_tests::patience::until;
use pricetime_tests::record::day;
use pricetime_tests::redis::Server;
use pricetime_tests::redis::books::Books;
use pricetime_tests::redis::keeper::{Keeper, stored};
use pricetime_tests::redis::raw::{Raw, Sight};

fn seeds(divisor: u64) -> impl Iterator<Item = u64> {
    let (seed, trials) = (number("PRICETIME_SEED", 1), number("PRICETIME_TRIALS", 500));
    eprintln!("PRICETIME_SEED={seed} PRICETIME_TRIALS={trials}");
    (0..trials.div_ceil(divisor)).map(move |at| seed.wrapping_shl(20).wrapping_add(at))
}

#[test]
fn image_equals_the_state_after_each_epoch() {
    let server = Server::start();
    let mut ways: BTreeMap<String, u32> = BTreeMap::new();
    for seed in seeds(100) {
        let _ = server.ask(&["FLUSHALL"]);
        let day = day(seed);
        let mut engine = Engine::new(day.markets_max);
        let mut keeper = Keeper::new(server.patient(), History::fresh(), Image::default());
        // Higher sequences and times are refused when read from Redis, and no host reaches them.
        let taken = |command: &&Command| {
            scores_hold_after(&command.action)
                && command.sequence.0.max(command.timestamp.0) <= 1 << 63
        };
        for command in day.commands.iter().filter(taken) {
            let mut groups: Vec<Group> = Vec::new();
            engine.apply(command, &mut groups);
            if keeper.fold(&groups) {
                for how in keeper.keep().expect("the server works") {
                    *ways.entry(format!("{how:?}")).or_default() += 1;
                }
                assert_eq!(stored(server.patient()), engine.snapshot().markets, "seed {seed}");
            }
        }
    }
    eprintln!("{ways:?}");
    assert!(ways.contains_key("Changes"), "{ways:?}");
}

#[test]
fn fenced_writer_resumes_below_the_term_of_its_replacement() {
    const METADATA: &str = "pricetime:dev:{1}:metadata";
    let server = Server::start();
    let (mut books, history) = (Books::new(3), History::fresh());
    let mut keepers = [(); 3].map(|()| Keeper::of(server.patient(), history, &books.engine));
    let mut epoch = |keepers: &mut [Keeper; 3]| {
        let groups = books.epoch(100);
        keepers.iter_mut().for_each(|keeper| _ = keeper.fold(&groups));
        books.engine.snapshot().markets
    };
    let is_fenced = |keeper: &mut Keeper| matches!(keeper.keep(), Err(RedisError::Fenced { .. }));
    let term = || -> u64 { server.ask(&["HGET", METADATA, "term"]).parse().expect("a term") };
    epoch(&mut keepers);
    for keeper in &mut keepers {
        keeper.keep().expect("the last writer owns the markets");
    }
    let highest = term();
    for _ in 0..2 {
        let states = epoch(&mut keepers);
        // The later writers may not know yet that they were replaced.
        assert!(is_fenced(&mut keepers[0]) && is_fenced(&mut keepers[1]));
        // If there is no image, each writer may write. It gives way to those that attached after it.
        let _ = server.ask(&["FLUSHALL"]);
        for keeper in 0..3 {
            keepers[keeper].keep().expect("the markets are free or held by an earlier writer");
            assert_eq!(stored(server.patient()), states, "writer {keeper}");
            assert_eq!(term() < highest, keeper < 2, "writer {keeper}");
            for before in &mut keepers[..keeper] {
                assert!(is_fenced(before), "before writer {keeper}");
            }
        }
    }
    // A writer that resumes copes with a cut connection, and with its own claim from before.
    let _ = server.ask(&["FLUSHALL"]);
    for spoil in [&["CLIENT", "KILL", "TYPE", "normal"][..], &["HGET", METADATA, "writer"]] {
        let states = epoch(&mut keepers);
        keepers[0].keep().expect("the markets are free");
        if spoil[0] == "HGET" {
            let own = server.ask(spoil);
            let _ =
                server.ask(&["HSET", METADATA, "writer", own.split('-').next().expect("a name")]);
        } else {
            let _ = server.ask(spoil);
            until("it reconnects", || keepers[0].keep().is_ok());
        }
        keepers[0].keep().expect("the claim is its own");
        assert_eq!(stored(server.patient()), states, "{spoil:?}");
        until("the later writer is fenced", || keepers[1].keep().is_ok());
        assert!(is_fenced(&mut keepers[0]));
        let _ = server.ask(&["FLUSHALL"]);
    }
}

#[test]
fn forgotten_market_is_rewritten_completely() {
    let server = Server::start();
    let (mut books, history) = (Books::new(2), History::fresh());
    let mut keeper = Keeper::of(server.patient(), history, &books.engine);
    for round in 0..6 {
        let groups = books.epoch(100);
        keeper.fold(&groups);
        keeper.is_forgetful = round % 2 == 1;
        keeper.keep().expect("the server works");
        assert_eq!(stored(server.patient()), books.engine.snapshot().markets, "round {round}");
    }
}

#[test]
fn expired_link_sends_nothing() {
    struct Over;
    impl Bound for Over {
        fn is_over(&self) -> bool {
            true
        }
        fn answered(&self) {}
    }
    let server = Server::start();
    let mut link = Link::new(server.patient());
    link.ping("key").expect("the server works");
    link.bound_by(Over);
    let asked = server.calls("ping");
    assert!(matches!(link.ping("key"), Err(RedisError::Unreachable { .. })));
    assert_eq!(server.calls("ping"), asked);
}

/// What a reader must find for each digest that was written or is about to be.
type Written = Mutex<HashMap<String, Sight>>;

/// Writes an epoch of the books to Redis and checks it. Returns how each market was written.
fn epoch(books: &mut Books, keeper: &mut Keeper, written: &Written, raw: &mut Raw) -> Vec<How> {
    let states = books.engine.snapshot().markets;
    for state in &states {
        let sight = Sight::of(state);
        written
            .lock()
            .expect("the lock is not poisoned")
            .insert(sight.says("digest").to_owned(), sight);
    }
    let ways = keeper.keep().expect("the server works");
    for state in states {
        let (market, expected) = (state.head.market.0, Sight::of(&state));
        assert_eq!(raw.look(market).expect("an answer").like(&expected), expected);
        let pattern = format!("pricetime:dev:{{{market}}}:*");
        let reply = raw.ask(&["KEYS", &pattern]).expect("an answer");
        let keys = format!("{reply:?}").matches("Text").count();
        // The keys of the current generation, those of a spare one, and two that exist once per market.
        assert!(keys <= 14, "{keys} keys: {reply:?}");
    }
    ways
}

/// Reads until `over` is set. Returns how often it found an image.
fn poll(port: u16, written: &Written, over: &AtomicBool) -> u32 {
    let mut raw = Raw::connect(port).expect("the server");
    let mut seen = 0;
    while !over.load(Ordering::SeqCst) {
        for market in 1..12 {
            let sight = raw.look(market).expect("an answer");
            if sight.says("format").is_empty() {
                assert!(sight.bids.is_empty() && sight.asks.is_empty(), "{sight:?}");
                continue;
            }
            let number = |field: &str| sight.says(field).parse::<i64>().ok();
            if sight.says("phase") == "continuous" {
                assert!(number("spread").is_none_or(|spread| spread > 0), "{:?}", sight.metadata);
            }
            let expected = written
                .lock()
                .expect("the lock is not poisoned")
                .get(sight.says("digest"))
                .cloned();
            let expected = expected.expect("only the expected states");
            assert_eq!(sight.like(&expected), expected, "half an epoch");
            seen += 1;
        }
    }
    seen
}

#[test]
fn large_books_and_epochs_are_exact_at_every_read() {
    let server = Server::start();
    let mut ways: BTreeMap<String, u32> = BTreeMap::new();
    for seed in seeds(250) {
        let _ = server.ask(&["FLUSHALL"]);
        let (written, over) = (Written::default(), AtomicBool::new(false));
        let mut random = Random::new(seed);
        let mut books = Books::new(seed);
        let mut keeper = Keeper::of(server.patient(), History::fresh(), &books.engine);
        let mut raw = Raw::connect(server.port).expect("the server");
        let seen = std::thread::scope(|scope| {
            let poller = scope.spawn(|| poll(server.port, &written, &over));
            for turn in 0..24 {
                let large = turn < 3 || random.chance(40);
                let many = if large { random.within(1_800, 3_500) } else { random.within(0, 300) };
                keeper.fold(&books.epoch(many));
                if turn % 8 == 7 {
                    let markets = books.markets();
                    let market = random.any(&markets).copied().unwrap_or(1);
                    keeper.fold(&books.replace(market));
                }
                for how in epoch(&mut books, &mut keeper, &written, &mut raw) {
                    *ways.entry(format!("{how:?}")).or_default() += 1;
                }
                if turn % 4 == 0 {
                    let states = books.engine.snapshot().markets;
                    assert_eq!(stored(server.patient()), states, "seed {seed}");
                }
            }
            over.store(true, Ordering::SeqCst);
            poller.join().expect("the reader sees only whole epochs")
        });
        let orders: Vec<usize> =
            books.engine.snapshot().markets.iter().map(|it| it.resting.len()).collect();
        eprintln!("seed {seed}: read {seen} times, in the end {orders:?} orders");
    }
    eprintln!("{ways:?}");
    for way in ["Changes", "Spare", "Whole"] {
        assert!(ways.contains_key(way), "{ways:?}");
    }
}

#[test]
fn writer_recovers_from_any_missing_metadata_field() {
    let server = Server::start();
    let mut books = Books::new(5);
    let mut keeper = Keeper::of(server.patient(), History::fresh(), &books.engine);
    let _ = keeper.keep().expect("the server works");
    let metadata = "pricetime:dev:{1}:metadata";
    let fields = server.ask(&["HKEYS", metadata]);
    for field in fields.lines() {
        assert_eq!(server.ask(&["HDEL", metadata, field]), "1", "{field}");
        keeper.fold(&books.epoch(20));
        let _ = keeper.keep().expect(field);
        assert_eq!(stored(server.patient()), books.engine.snapshot().markets, "{field}");
    }
    // Writer names are unique, so another term with our name is not a takeover.
    let _ = server.ask(&["HINCRBY", metadata, "term", "1000"]);
    keeper.fold(&books.epoch(20));
    let _ = keeper.keep().expect("no other writer took over");
    assert_eq!(stored(server.patient()), books.engine.snapshot().markets);
}

#[test]
fn edited_image_is_detected_and_rewritten() {
    let server = Server::start();
    let mut books = Books::new(6);
    let mut keeper = Keeper::of(server.patient(), History::fresh(), &books.engine);
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
            keeper.fold(&books.epoch(commands));
            let _ = keeper.keep().expect("the server works");
            assert_eq!(keeper.verify(1), Ok(None), "{edit}");
            let keys = [key("orders"), key("bids"), key("metadata")];
            let said = server.ask(&["EVAL", edit, "3", &keys[0], &keys[1], &keys[2]]);
            assert!(!said.contains("ERR"), "{said}");
            let found = keeper.verify(1).expect("the server works");
            assert!(found.is_some(), "the edit is not noticed: {edit}");
            eprintln!("{}", found.unwrap_or_default());
            assert_eq!(keeper.verify(2), Ok(None), "the other market is unchanged");
            keeper.fold(&books.epoch(20));
            let _ = keeper.keep().expect("the server works");
            assert_eq!(stored(server.patient()), books.engine.snapshot().markets, "{edit}");
            assert_eq!(keeper.verify(1), Ok(None), "{edit}");
        }
    }
}
