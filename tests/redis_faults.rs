//! The promise: whatever happens to Redis, or on the way to it, nobody ever reads a state that was
//! none at the end of an epoch; and within two epochs after it is well again the image is exact.
//!
//! `PRICETIME_TRIALS` says how many faults, a fiftieth of it, `PRICETIME_SEED` where the seeds begin.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pricetime_engine::{MarketId, MarketSnapshot};
use pricetime_persistence::History;
use pricetime_persistence::redis::{
    Address, KeyNames, Link, ReadError, RedisError, RedisOptions, Server as Where, read_image,
};
use pricetime_tests::generate::random::Random;
use pricetime_tests::redis::Server;
use pricetime_tests::redis::books::Books;
use pricetime_tests::redis::keeper::{Keeper, stored};
use pricetime_tests::redis::proxy::{Mode, Proxy};

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.replace('_', "").parse().expect(name))
}

/// How long an answer may take here: a machine with other work to do is not a fault.
const PATIENCE: Duration = Duration::from_millis(400);

fn options(port: u16) -> RedisOptions {
    let server = Where::Single(Address { host: String::from("127.0.0.1"), port });
    let parsed = RedisOptions::parse("redis://127.0.0.1").expect("an address");
    RedisOptions { server, connect: PATIENCE, control: PATIENCE, bulk: PATIENCE, ..parsed }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Killed,
    Emptied,
    Hung,
    Flushed,
    Deleted,
    WrongType,
    MemberGone,
    MemberAdded,
    OddTerm,
    Full,
    ReadOnly,
    Cut,
    Late,
    HalfOpen,
    LostReply,
    Dropped,
    TakenOver,
}

const FAULTS: [Fault; 17] = [
    Fault::Killed,
    Fault::Emptied,
    Fault::Hung,
    Fault::Flushed,
    Fault::Deleted,
    Fault::WrongType,
    Fault::MemberGone,
    Fault::MemberAdded,
    Fault::OddTerm,
    Fault::Full,
    Fault::ReadOnly,
    Fault::Cut,
    Fault::Late,
    Fault::HalfOpen,
    Fault::LostReply,
    Fault::Dropped,
    Fault::TakenOver,
];

impl Fault {
    /// Whether somebody does by hand what nobody should.
    const fn tampers(self) -> bool {
        matches!(
            self,
            Self::Deleted | Self::WrongType | Self::MemberGone | Self::MemberAdded | Self::OddTerm
        )
    }
}

/// What those who read are told and tell.
#[derive(Debug, Default)]
struct Judge {
    /// All states that were or were to be written.
    states: Mutex<HashMap<u128, MarketSnapshot>>,
    tampered: AtomicBool,
    over: AtomicBool,
}

impl Judge {
    fn expect(&self, states: &[MarketSnapshot]) {
        let mut known = self.states.lock().unwrap();
        known.extend(states.iter().map(|state| (state.digest(), state.clone())));
    }

    /// Reads until it is over, from the server itself. How often it found a state.
    fn poll(&self, port: u16) -> u32 {
        let mut link = Link::new(options(port));
        let mut found = 0;
        while !self.over.load(Ordering::SeqCst) {
            for market in 1..4 {
                let keys = KeyNames::default().of(MarketId(market));
                let tampered = self.tampered.load(Ordering::SeqCst);
                match read_image(&mut link, &keys) {
                    Ok(None) | Err(ReadError::Redis(_) | ReadError::Moving) => {}
                    Ok(Some(image)) => {
                        let known = self.states.lock().unwrap().get(&image.digest).cloned();
                        assert_eq!(Some(image.state), known, "a state that never was");
                        found += 1;
                    }
                    Err(error) => {
                        let tampered = tampered || self.tampered.load(Ordering::SeqCst);
                        assert!(tampered, "nobody tampered, and yet: {error}");
                    }
                }
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        found
    }
}

struct Trial<'a> {
    random: Random,
    server: Server,
    proxy: Proxy,
    books: Books,
    history: History,
    keeper: Keeper,
    judge: &'a Judge,
}

impl Trial<'_> {
    fn fold(&mut self) {
        let large = self.random.chance(50);
        let many = if large { self.random.within(1_500, 2_500) } else { self.random.below(200) };
        let groups = self.books.epoch(many);
        self.judge.expect(&self.books.engine.snapshot().markets);
        self.keeper.fold(&groups);
    }

    /// An instant of an update, more or less.
    fn instant(&mut self) -> Duration {
        let most = self.random.pick([300, 3_000, 30_000, 100_000]);
        Duration::from_micros(self.random.below(most))
    }

    /// Keeps, and does something to the server meanwhile.
    fn keep_while(&mut self, during: impl FnOnce(&mut Server, &Proxy) + Send) {
        let wait = self.instant();
        let (server, proxy, keeper) = (&mut self.server, &self.proxy, &mut self.keeper);
        let done = std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(wait);
                during(server, proxy);
            });
            keeper.keep()
        });
        self.fair(done.map(|_| ()));
    }

    /// A writer may fail here, but not for good.
    fn fair(&self, done: Result<(), RedisError>) {
        assert!(!matches!(done, Err(RedisError::Fenced { .. })), "{done:?}");
    }

    fn key(&mut self) -> String {
        let parts = ["bids", "asks", "orders", "stops", "requests", "blocked", "metadata", "epoch"];
        let part = self.random.pick(parts);
        if self.random.once_in(9) {
            return String::from("pricetime:dev:markets");
        }
        format!("pricetime:dev:{{{}}}:{part}", self.random.within(1, 2))
    }

    /// Somebody does this by hand, before or while the image is written.
    fn tamper(&mut self, words: &[&str]) {
        self.judge.tampered.store(true, Ordering::SeqCst);
        let ask = |server: &Server| drop(server.ask(words));
        if self.random.chance(50) {
            ask(&self.server);
        } else {
            self.keep_while(|server, _| ask(server));
        }
    }

    fn commit(&mut self, fault: Fault) {
        let key = self.key();
        match fault {
            Fault::Killed | Fault::Emptied => {
                self.keep_while(|server, _| server.kill());
                if fault == Fault::Emptied {
                    let kept = self.server.folder().join("appendonlydir");
                    std::fs::remove_dir_all(kept).expect("what it kept");
                }
                self.server.again();
            }
            Fault::Hung => {
                self.keep_while(|server, _| server.signal("STOP"));
                let done = self.keeper.keep();
                assert!(matches!(done, Err(RedisError::Unreachable { .. })), "{done:?}");
                self.server.signal("CONT");
            }
            Fault::Flushed => self.keep_while(|server, _| drop(server.ask(&["FLUSHALL"]))),
            Fault::Deleted => self.tamper(&["DEL", &key]),
            Fault::WrongType => self.tamper(&["EVAL", WRONG, "1", &key]),
            Fault::MemberGone => self.tamper(&["EVAL", GONE, "1", &key]),
            Fault::MemberAdded => self.tamper(&["EVAL", ADDED, "1", &key]),
            Fault::OddTerm => {
                let odd = self.random.pick(["", "-1", "x", "\u{e9}"]);
                self.tamper(&["HSET", "pricetime:dev:{1}:metadata", "term", odd]);
            }
            Fault::Full => {
                self.keep_while(|server, _| drop(server.ask(&["CONFIG", "SET", "maxmemory", "1"])));
                let done = self.keeper.keep();
                assert!(matches!(done, Err(RedisError::Refused { .. })), "{done:?}");
                let _ = self.server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
            }
            Fault::ReadOnly => {
                self.keep_while(|server, _| drop(server.ask(&["REPLICAOF", "127.0.0.1", "1"])));
                let done = self.keeper.keep();
                assert!(matches!(done, Err(RedisError::Refused { .. })), "{done:?}");
                let _ = self.server.ask(&["REPLICAOF", "NO", "ONE"]);
            }
            Fault::Cut => self.by_proxy(Mode::Cut),
            Fault::Late => self.by_proxy(Mode::Late(PATIENCE * 3 / 2)),
            Fault::HalfOpen => self.by_proxy(Mode::Swallow),
            Fault::LostReply => {
                let behind = self.random.below(4);
                self.proxy.set(Mode::LoseReply(behind));
                let done = self.keeper.keep().map(|_| ());
                self.fair(done);
            }
            Fault::Dropped | Fault::TakenOver => {
                let fresh = Keeper::of(options(self.proxy.port), self.history, &self.books.engine);
                if self.random.chance(50) {
                    // It dies in the middle of something.
                    self.keep_while(|_, proxy| proxy.set(Mode::Cut));
                }
                self.proxy.set(Mode::Pass);
                let mut old = std::mem::replace(&mut self.keeper, fresh);
                if fault == Fault::TakenOver {
                    let _ = self.keeper.keep().expect("a new writer attaches");
                    for _ in 0..2 {
                        let done = old.keep();
                        assert!(matches!(done, Err(RedisError::Fenced { .. })), "{done:?}");
                    }
                }
            }
        }
        self.proxy.set(Mode::Pass);
    }

    fn by_proxy(&mut self, mode: Mode) {
        self.keep_while(|_, proxy| proxy.set(mode));
        let done = self.keeper.keep().map(|_| ());
        self.fair(done);
    }

    /// The fault is over: within two epochs the image is exact. How many it took.
    fn heal(&mut self, what: &str) -> u32 {
        for epoch in 1..=2 {
            self.fold();
            if let Err(error) = self.keeper.keep() {
                eprintln!("{what}: {error}");
                assert!(epoch < 2, "{what}: not well after two epochs: {error}");
                continue;
            }
            // Nothing that is still on its way may do harm afterwards.
            let end = Instant::now() + Duration::from_millis(self.random.pick([0, 20]));
            loop {
                let states = self.books.engine.snapshot().markets;
                assert_eq!(stored(options(self.server.port)), states, "{what}");
                if Instant::now() >= end {
                    self.judge.tampered.store(false, Ordering::SeqCst);
                    return epoch;
                }
            }
        }
        2
    }
}

/// Puts something else under a key.
const WRONG: &str = "local kind = redis.call('TYPE', KEYS[1]).ok; redis.call('DEL', KEYS[1]); \
    if kind == 'list' then redis.call('SET', KEYS[1], 'x') else redis.call('RPUSH', KEYS[1], 'x') \
    end";
/// Takes something out of it.
const GONE: &str = "local kind = redis.call('TYPE', KEYS[1]).ok; \
    if kind == 'zset' then redis.call('ZPOPMIN', KEYS[1]) \
    elseif kind == 'set' then redis.call('SPOP', KEYS[1]) \
    elseif kind == 'hash' then redis.call('HDEL', KEYS[1], redis.call('HKEYS', KEYS[1])[1]) end";
/// Puts something in.
const ADDED: &str = "local kind = redis.call('TYPE', KEYS[1]).ok; \
    if kind == 'zset' then redis.call('ZADD', KEYS[1], 7, 'x') \
    elseif kind == 'set' then redis.call('SADD', KEYS[1], '999') \
    elseif kind == 'hash' then redis.call('HSET', KEYS[1], 'x', 'y') end";

#[test]
fn whatever_befalls_redis_the_image_is_exact_again() {
    let (seed, trials) = (number("PRICETIME_SEED", 1), number("PRICETIME_TRIALS", 500));
    eprintln!("PRICETIME_SEED={seed} PRICETIME_TRIALS={trials}");
    let mut counts: BTreeMap<(Fault, u32), u32> = BTreeMap::new();
    let faults = trials.div_ceil(50).max(FAULTS.len() as u64);
    let mut left = faults;
    for day in 0.. {
        if left == 0 {
            break;
        }
        let seed = seed.wrapping_shl(20).wrapping_add(day);
        let judge = Judge::default();
        let server = Server::start_with(&[
            "--save",
            "",
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
            "--auto-aof-rewrite-percentage",
            "0",
        ]);
        let (port, proxy) = (server.port, Proxy::start(server.port));
        let (books, history) = (Books::new(seed), History::fresh());
        let keeper = Keeper::of(options(proxy.port), history, &books.engine);
        let random = Random::new(seed);
        let found = std::thread::scope(|scope| {
            let poller = scope.spawn(|| judge.poll(port));
            let mut trial = Trial { random, server, proxy, books, history, keeper, judge: &judge };
            let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                trial.heal("at first");
                for _ in 0..left.min(34) {
                    let at = (faults - left) as usize;
                    let fault =
                        FAULTS.get(at).copied().unwrap_or_else(|| trial.random.pick(FAULTS));
                    let what = format!("seed {seed}, {fault:?}");
                    trial.fold();
                    judge.tampered.fetch_or(fault.tampers(), Ordering::SeqCst);
                    trial.commit(fault);
                    let epochs = trial.heal(&what);
                    *counts.entry((fault, epochs)).or_default() += 1;
                    left -= 1;
                    assert!(!poller.is_finished(), "{what}: who reads found something");
                }
            }));
            judge.over.store(true, Ordering::SeqCst);
            let found = poller.join().expect("nobody reads what never was");
            worked.map_or_else(|why| std::panic::resume_unwind(why), |()| found)
        });
        eprintln!("seed {seed}: read {found} times meanwhile");
    }
    eprintln!("fault and epochs until the image was exact again: {counts:?}");
}
