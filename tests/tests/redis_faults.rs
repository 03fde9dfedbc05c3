//! Whatever happens to Redis or the connection, readers never see a state other than that at the end of
//! an epoch. Within two epochs after the end of a fault the image is exact.
//!
//! `PRICETIME_TRIALS` sets the number of faults (a hundredth of it), `PRICETIME_SEED` the seed.
#![cfg(feature = "servers")]

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use pricetime_journal::History;
use pricetime_redis::RedisError;
use pricetime_tests::environment::number;
use pricetime_tests::generate::random::Random;
use pricetime_tests::patience;
use pricetime_tests::redis::Server;
use pricetime_tests::redis::books::Books;
use pricetime_tests::redis::fault::{ADDED, FAULTS, Fault, GONE, WRONG};
use pricetime_tests::redis::judge::{Judge, PATIENCE, options};
use pricetime_tests::redis::keeper::{Keeper, stored};
use pricetime_tests::redis::proxy::{Mode, Proxy};

/// Asks again while the answer is late, because the machine may be busy.
fn in_time<T>(mut ask: impl FnMut() -> Result<T, RedisError>) -> Result<T, RedisError> {
    let begun = Instant::now();
    loop {
        let done = ask();
        if !matches!(done, Err(RedisError::Unreachable { late: true, .. })) {
            return done;
        }
        assert!(begun.elapsed() < patience::PATIENCE, "no answer arrives in time");
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

    /// A random delay, about as long as an update takes.
    fn instant(&mut self) -> Duration {
        let most = self.random.pick([300, 3_000, 30_000, 100_000]);
        Duration::from_micros(self.random.below(most))
    }

    /// Writes the image while something happens to the server.
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

    /// A write may fail here, but the writer must not be fenced.
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

    /// Simulates an edit by hand, before or during a write of the image.
    fn tamper(&mut self, words: &[&str]) {
        self.judge.tampered.store(true, Ordering::SeqCst);
        let ask = |server: &Server| drop(server.ask(words));
        if self.random.chance(50) {
            ask(&self.server);
        } else {
            self.keep_while(|server, _| ask(server));
        }
    }

    /// Causes the fault and ends it.
    fn commit(&mut self, fault: Fault) {
        let key = self.key();
        match fault {
            Fault::Killed | Fault::Emptied => {
                self.keep_while(|server, _| server.kill());
                if fault == Fault::Emptied {
                    let kept = self.server.folder().join("appendonlydir");
                    std::fs::remove_dir_all(kept).expect("its files");
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
                let done = in_time(|| self.keeper.keep());
                assert!(matches!(done, Err(RedisError::Refused { .. })), "{done:?}");
                let _ = self.server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
            }
            Fault::ReadOnly => {
                self.keep_while(|server, _| drop(server.ask(&["REPLICAOF", "127.0.0.1", "1"])));
                let done = in_time(|| self.keeper.keep());
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
            Fault::Dropped | Fault::TakenOver => self.replace_writer(fault),
        }
        self.proxy.set(Mode::Pass);
    }

    fn replace_writer(&mut self, fault: Fault) {
        let fresh = Keeper::of(options(self.proxy.port), self.history, &self.books.engine);
        if self.random.chance(50) {
            // The old writer dies in the middle of a write.
            self.keep_while(|_, proxy| proxy.set(Mode::Cut));
        }
        self.proxy.set(Mode::Pass);
        let mut old = std::mem::replace(&mut self.keeper, fresh);
        if fault == Fault::TakenOver {
            let _ = in_time(|| self.keeper.keep()).expect("a new writer attaches");
            for _ in 0..2 {
                let done = in_time(|| old.keep());
                assert!(matches!(done, Err(RedisError::Fenced { .. })), "{done:?}");
            }
        }
    }

    fn by_proxy(&mut self, mode: Mode) {
        self.keep_while(|_, proxy| proxy.set(mode));
        let done = self.keeper.keep().map(|_| ());
        self.fair(done);
    }

    /// The fault is over: asserts that the image is exact within two epochs. Returns how many it took.
    /// A late answer is asked for again and does not count as an epoch.
    fn heal(&mut self, what: &str) -> u32 {
        let mut epoch = 1;
        loop {
            self.fold();
            if let Err(error) = in_time(|| self.keeper.keep()) {
                eprintln!("{what}: {error}");
                assert!(epoch < 2, "{what}: still failing after two epochs: {error}");
                epoch += 1;
                continue;
            }
            // Requests that are still in transit must do no harm.
            let end = Instant::now() + Duration::from_millis(self.random.pick([0, 20]));
            loop {
                let states = self.books.engine.snapshot().markets;
                assert_eq!(stored(self.server.patient()), states, "{what}");
                if Instant::now() >= end {
                    self.judge.tampered.store(false, Ordering::SeqCst);
                    return epoch;
                }
            }
        }
    }
}

/// Runs these faults on one server. Counts each fault and the epochs until the image was exact.
fn day(seed: u64, faults: impl Iterator<Item = u64>, counts: &mut BTreeMap<(Fault, u32), u32>) {
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
            trial.heal("at the start");
            for at in faults {
                let first = usize::try_from(at).ok().and_then(|at| FAULTS.get(at)).copied();
                let fault = first.unwrap_or_else(|| trial.random.pick(FAULTS));
                let what = format!("seed {seed}, fault {at}, {fault:?}");
                trial.fold();
                judge.tampered.fetch_or(fault.tampers(), Ordering::SeqCst);
                trial.commit(fault);
                let epochs = trial.heal(&what);
                *counts.entry((fault, epochs)).or_default() += 1;
                assert!(!poller.is_finished(), "{what}: the reader found an error");
            }
        }));
        judge.over.store(true, Ordering::SeqCst);
        let found = poller.join().expect("every read state existed");
        worked.map_or_else(|why| std::panic::resume_unwind(why), |()| found)
    });
    eprintln!("seed {seed}: read {found} times during that");
}

#[test]
fn redis_image_becomes_exact_again_after_any_fault() {
    let (seed, trials) = (number("PRICETIME_SEED", 1), number("PRICETIME_TRIALS", 500));
    eprintln!("PRICETIME_SEED={seed} PRICETIME_TRIALS={trials}");
    let mut counts = BTreeMap::new();
    // Every fault occurs at least once.
    let faults = trials.div_ceil(100).max(FAULTS.len() as u64);
    for first in (0..faults).step_by(34) {
        let seed = seed.wrapping_shl(20).wrapping_add(first / 34);
        day(seed, first..faults.min(first + 34), &mut counts);
    }
    eprintln!("fault and epochs until the image was exact again: {counts:?}");
}
