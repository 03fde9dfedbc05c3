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
use pricetime_tests::redis::Server;
use pricetime_tests::redis::books::Books;
use pricetime_tests::redis::check::{ImageCheck, TIMEOUT, options};
use pricetime_tests::redis::fault::{
    ADD_MEMBER_SCRIPT, FAULTS, Fault, REMOVE_MEMBER_SCRIPT, WRONG_TYPE_SCRIPT,
};
use pricetime_tests::redis::proxy::{Mode, Proxy};
use pricetime_tests::redis::updater::{ImageUpdater, read_images};
use pricetime_tests::wait;

/// Asks again while the answer is late, because the machine may be busy.
fn retry_late<T>(mut ask: impl FnMut() -> Result<T, RedisError>) -> Result<T, RedisError> {
    let started = Instant::now();
    loop {
        let done = ask();
        if !matches!(done, Err(RedisError::Unreachable { late: true, .. })) {
            return done;
        }
        assert!(started.elapsed() < wait::TIMEOUT, "no answer arrives in time");
    }
}

struct Trial<'a> {
    random: Random,
    server: Server,
    proxy: Proxy,
    books: Books,
    history: History,
    updater: ImageUpdater,
    check: &'a ImageCheck,
}

impl Trial<'_> {
    fn fold(&mut self) {
        let large = self.random.chance(50);
        let many = if large { self.random.within(1_500, 2_500) } else { self.random.below(200) };
        let groups = self.books.epoch(many);
        self.check.expect(&self.books.engine.snapshot().markets);
        self.updater.fold(&groups);
    }

    /// A random delay, about as long as an update takes.
    fn random_delay(&mut self) -> Duration {
        let most = self.random.pick([300, 3_000, 30_000, 100_000]);
        Duration::from_micros(self.random.below(most))
    }

    /// Writes the image while something happens to the server.
    fn write_while(&mut self, during: impl FnOnce(&mut Server, &Proxy) + Send) {
        let wait = self.random_delay();
        let (server, proxy, updater) = (&mut self.server, &self.proxy, &mut self.updater);
        let done = std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(wait);
                during(server, proxy);
            });
            updater.write()
        });
        self.assert_not_fenced(done.map(|_| ()));
    }

    /// A write may fail here, but the writer must not be fenced.
    fn assert_not_fenced(&self, done: Result<(), RedisError>) {
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
        self.check.tampered.store(true, Ordering::SeqCst);
        let ask = |server: &Server| drop(server.ask(words));
        if self.random.chance(50) {
            ask(&self.server);
        } else {
            self.write_while(|server, _| ask(server));
        }
    }

    /// Causes the fault and ends it.
    fn inject(&mut self, fault: Fault) {
        let key = self.key();
        match fault {
            Fault::Killed | Fault::Emptied => {
                self.write_while(|server, _| server.kill());
                if fault == Fault::Emptied {
                    let data_folder = self.server.folder().join("appendonlydir");
                    std::fs::remove_dir_all(data_folder).expect("its files");
                }
                self.server.restart();
            }
            Fault::Hung => {
                self.write_while(|server, _| server.signal("STOP"));
                let done = self.updater.write();
                assert!(matches!(done, Err(RedisError::Unreachable { .. })), "{done:?}");
                self.server.signal("CONT");
            }
            Fault::Flushed => self.write_while(|server, _| drop(server.ask(&["FLUSHALL"]))),
            Fault::Deleted => self.tamper(&["DEL", &key]),
            Fault::WrongType => self.tamper(&["EVAL", WRONG_TYPE_SCRIPT, "1", &key]),
            Fault::MemberGone => self.tamper(&["EVAL", REMOVE_MEMBER_SCRIPT, "1", &key]),
            Fault::MemberAdded => self.tamper(&["EVAL", ADD_MEMBER_SCRIPT, "1", &key]),
            Fault::OddTerm => {
                let odd = self.random.pick(["", "-1", "x", "\u{e9}"]);
                self.tamper(&["HSET", "pricetime:dev:{1}:metadata", "term", odd]);
            }
            Fault::Full => {
                self.write_while(|server, _| {
                    drop(server.ask(&["CONFIG", "SET", "maxmemory", "1"]))
                });
                let done = retry_late(|| self.updater.write());
                assert!(matches!(done, Err(RedisError::Refused { .. })), "{done:?}");
                let _ = self.server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
            }
            Fault::ReadOnly => {
                self.write_while(|server, _| drop(server.ask(&["REPLICAOF", "127.0.0.1", "1"])));
                let done = retry_late(|| self.updater.write());
                assert!(matches!(done, Err(RedisError::Refused { .. })), "{done:?}");
                let _ = self.server.ask(&["REPLICAOF", "NO", "ONE"]);
            }
            Fault::Cut => self.write_with_proxy(Mode::Cut),
            Fault::Late => self.write_with_proxy(Mode::Late(TIMEOUT * 3 / 2)),
            Fault::HalfOpen => self.write_with_proxy(Mode::Swallow),
            Fault::LostReply => {
                let behind = self.random.below(4);
                self.proxy.set(Mode::LoseReply(behind));
                let done = self.updater.write().map(|_| ());
                self.assert_not_fenced(done);
            }
            Fault::Dropped | Fault::TakenOver => self.replace_writer(fault),
        }
        self.proxy.set(Mode::Pass);
    }

    fn replace_writer(&mut self, fault: Fault) {
        let fresh = ImageUpdater::of(options(self.proxy.port), self.history, &self.books.engine);
        if self.random.chance(50) {
            // The old writer dies in the middle of a write.
            self.write_while(|_, proxy| proxy.set(Mode::Cut));
        }
        self.proxy.set(Mode::Pass);
        let mut old = std::mem::replace(&mut self.updater, fresh);
        if fault == Fault::TakenOver {
            let _ = retry_late(|| self.updater.write()).expect("a new writer attaches");
            for _ in 0..2 {
                let done = retry_late(|| old.write());
                assert!(matches!(done, Err(RedisError::Fenced { .. })), "{done:?}");
            }
        }
    }

    fn write_with_proxy(&mut self, mode: Mode) {
        self.write_while(|_, proxy| proxy.set(mode));
        let done = self.updater.write().map(|_| ());
        self.assert_not_fenced(done);
    }

    /// The fault is over: asserts that the image is exact within two epochs. Returns how many it took.
    /// A late answer is asked for again and does not count as an epoch.
    fn assert_recovers(&mut self, what: &str) -> u32 {
        let mut epoch = 1;
        loop {
            self.fold();
            if let Err(error) = retry_late(|| self.updater.write()) {
                eprintln!("{what}: {error}");
                assert!(epoch < 2, "{what}: still failing after two epochs: {error}");
                epoch += 1;
                continue;
            }
            // Requests that are still in transit must do no harm.
            let end = Instant::now() + Duration::from_millis(self.random.pick([0, 20]));
            loop {
                let states = self.books.engine.snapshot().markets;
                assert_eq!(read_images(self.server.patient_options()), states, "{what}");
                if Instant::now() >= end {
                    self.check.tampered.store(false, Ordering::SeqCst);
                    return epoch;
                }
            }
        }
    }
}

/// Runs these faults on one server. Counts each fault and the epochs until the image was exact.
fn run_faults(
    seed: u64,
    faults: impl Iterator<Item = u64>,
    counts: &mut BTreeMap<(Fault, u32), u32>,
) {
    let check = ImageCheck::default();
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
    let updater = ImageUpdater::of(options(proxy.port), history, &books.engine);
    let random = Random::new(seed);
    let found = std::thread::scope(|scope| {
        let poller = scope.spawn(|| check.poll(port));
        let mut trial = Trial { random, server, proxy, books, history, updater, check: &check };
        let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            trial.assert_recovers("at the start");
            for at in faults {
                let first = usize::try_from(at).ok().and_then(|at| FAULTS.get(at)).copied();
                let fault = first.unwrap_or_else(|| trial.random.pick(FAULTS));
                let what = format!("seed {seed}, fault {at}, {fault:?}");
                trial.fold();
                check.tampered.fetch_or(fault.is_tampering(), Ordering::SeqCst);
                trial.inject(fault);
                let epochs = trial.assert_recovers(&what);
                *counts.entry((fault, epochs)).or_default() += 1;
                assert!(!poller.is_finished(), "{what}: the reader found an error");
            }
        }));
        check.stop.store(true, Ordering::SeqCst);
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
        run_faults(seed, first..faults.min(first + 34), &mut counts);
    }
    eprintln!("fault and epochs until the image was exact again: {counts:?}");
}
