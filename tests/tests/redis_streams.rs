//! Events are published after they are durable, in order, with no duplicates and no gaps, whatever
//! happens to Redis, the connection, or the process.
//!
//! Servers and processes are real. The streams must contain what the journal's commands do in the
//! model. `PRICETIME_TRIALS` sets the number of faults (one for every 250), `PRICETIME_KILLS` the
//! number of kills, and `PRICETIME_SEED` the seed.
#![cfg(feature = "servers")]

use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::time::Duration;

use pricetime::engine::{
    AccountId, Action, OrderId, OrderKind, Place, Price, Quantity, SelfTrade, Sequence, Side,
    TimeInForce,
};
use pricetime::persistence::redis::stream::last_published;
use pricetime::persistence::redis::{Link, RedisError};
use pricetime::{Host, Refused};
use pricetime_tests::environment::number;
use pricetime_tests::generate::random::Random;
use pricetime_tests::load;
use pricetime_tests::redis::Server;
use pricetime_tests::redis::proxy::{Mode, Proxy};
use pricetime_tests::redis::publishing::{
    check_streams, epoch, is_degraded, open, operator, publishing, wait_until_degraded,
    wait_until_published,
};
use pricetime_tests::redis::streams::{KEYS, StreamEntry, check, expected, groups, stored_entries};
use pricetime_tests::server::Port;
use pricetime_tests::wait::until;

/// What happens to a stream or its writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The server is killed and restarts with its data.
    Killed,
    /// The server is killed and restarts empty.
    Emptied,
    /// The server hangs.
    Hung,
    /// Every key on the server is deleted.
    Flushed,
    /// A stream is deleted.
    Deleted,
    /// The `published` key of a stream is deleted.
    Forgotten,
    /// The entries of a stream are trimmed.
    Trimmed,
    /// The server is out of memory.
    Full,
    /// Connections are cut.
    Cut,
    /// Requests arrive late.
    Late,
    /// Requests are lost.
    HalfOpen,
    /// The reply to a transaction is lost.
    LostReply,
    /// The host closes, and another one opens.
    Reopened,
    /// The host closes while the server hangs, and another one opens.
    ReopenedHung,
}

const FAULTS: [Fault; 14] = [
    Fault::Killed,
    Fault::Emptied,
    Fault::Hung,
    Fault::Flushed,
    Fault::Deleted,
    Fault::Forgotten,
    Fault::Trimmed,
    Fault::Full,
    Fault::Cut,
    Fault::Late,
    Fault::HalfOpen,
    Fault::LostReply,
    Fault::Reopened,
    Fault::ReopenedHung,
];

#[test]
fn stream_with_a_sequence_above_2_to_the_63_is_refused() {
    let server = Server::start();
    let mut link = Link::new(server.patient_options());
    let names = server.patient_options().names;
    let last_sequence = |link: &mut Link| last_published(link, &names);
    assert_eq!(last_sequence(&mut link), Ok(Sequence(0)));
    let _ = server.ask(&["XADD", KEYS[0], "9223372036854775808-1", "event", "x"]);
    assert_eq!(last_sequence(&mut link), Ok(Sequence(1 << 63)));
    let _ = server.ask(&["XADD", KEYS[0], "9223372036854775809-1", "event", "x"]);
    let refused = last_sequence(&mut link);
    assert!(
        matches!(&refused, Err(RedisError::Count { key, .. }) if key == KEYS[0]),
        "{refused:?}"
    );
}

/// Runs one command with more entries than fit in a transaction or are gathered at a time.
fn burst(host: &Host, number: u64) {
    let account = AccountId(20);
    for order in 0..1_600 {
        let mut draft = load::draft(u64::MAX, 0);
        draft.account = account;
        draft.request = None;
        draft.action = Action::Place(Place {
            order: OrderId(u128::from(number) << 64 | 1 << 60 | order),
            reference: number,
            side: Side::Buy,
            kind: OrderKind::Limit { price: Price(-50) },
            quantity: Quantity(1),
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: false,
            minimum_quantity: None,
            display_quantity: None,
            self_trade: SelfTrade::CancelTaker,
        });
        while let Err(Refused::Busy) = host.submit_detached(draft) {
            std::thread::yield_now();
        }
    }
    operator(host, Action::CancelAll { account: Some(account), side: None });
}

struct Trial {
    random: Random,
    server: Server,
    proxy: Proxy,
    folder: tempfile::TempDir,
    host: Option<Host>,
    seed: u64,
    next: u64,
    /// The streams whose entries were trimmed.
    trimmed: Vec<&'static str>,
}

impl Trial {
    fn new(seed: u64) -> Self {
        let persistent = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"];
        let server = Server::start_with(&persistent);
        let (proxy, folder) = (Proxy::start(server.port), tempfile::tempdir().expect("a folder"));
        let host = Some(open(folder.path(), publishing(proxy.port)));
        let random = Random::new(seed);
        Self { random, server, proxy, folder, host, seed, next: 0, trimmed: Vec::new() }
    }

    fn host(&self) -> &Host {
        self.host.as_ref().expect("there is one")
    }

    fn epoch(&mut self) {
        if self.random.chance(15) {
            burst(self.host(), self.next);
        }
        let many = self.random.pick([0, 1, 30, 400]);
        let (seed, mut next) = (self.seed, self.next);
        epoch(self.host(), seed, &mut next, many);
        self.next = next;
    }

    /// Runs epochs. After a random delay `during` runs beside them.
    fn epochs_while(&mut self, during: impl FnOnce(&mut Server, &Proxy) + Send) {
        let wait = Duration::from_micros(self.random.below(30_000));
        let many = self.random.pick([1, 50, 400]);
        let large = self.random.chance(40);
        let Self { server, proxy, host, seed, next, .. } = self;
        let host = host.as_ref().expect("there is one");
        std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(wait);
                during(server, proxy);
            });
            for _ in 0..3 {
                epoch(host, *seed, next, many);
                if large {
                    burst(host, *next);
                }
            }
        });
    }

    fn reopen(&mut self) {
        drop(self.host.take());
        self.host = Some(open(self.folder.path(), publishing(self.proxy.port)));
    }

    fn inject(&mut self, fault: Fault) {
        let key = self.random.pick(KEYS);
        let ask = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            move |server: &mut Server, _: &Proxy| {
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                drop(server.ask(&words));
            }
        };
        match fault {
            Fault::Killed | Fault::Emptied => {
                self.epochs_while(|server, _| server.kill());
                if fault == Fault::Emptied {
                    let persistent = self.server.folder().join("appendonlydir");
                    std::fs::remove_dir_all(persistent).expect("its files");
                }
                if self.random.chance(30) {
                    self.reopen();
                }
                self.server.restart();
            }
            Fault::Hung => {
                self.epochs_while(|server, _| server.signal("STOP"));
                self.assert_notices();
                self.epoch();
                self.server.signal("CONT");
            }
            Fault::Flushed => self.epochs_while(ask(&["FLUSHALL"])),
            Fault::Deleted => self.epochs_while(ask(&["DEL", key])),
            Fault::Forgotten => {
                self.epochs_while(ask(&["DEL", &format!("pricetime:dev:published:{{{key}}}")]));
            }
            Fault::Trimmed => {
                self.trimmed.push(key);
                self.epochs_while(ask(&["XTRIM", key, "MAXLEN", "0"]));
            }
            Fault::Full => {
                self.epochs_while(ask(&["CONFIG", "SET", "maxmemory", "1"]));
                self.assert_notices();
                let _ = self.server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
            }
            Fault::Cut => self.epochs_while(|_, proxy| proxy.set(Mode::Cut)),
            Fault::Late => {
                self.epochs_while(|_, proxy| proxy.set(Mode::Late(Duration::from_millis(900))));
            }
            Fault::HalfOpen => self.epochs_while(|_, proxy| proxy.set(Mode::Swallow)),
            Fault::LostReply => {
                let behind = self.random.below(6);
                self.epochs_while(move |_, proxy| proxy.set(Mode::LoseReply(behind)));
                self.epoch();
            }
            Fault::Reopened => {
                self.epoch();
                self.reopen();
            }
            Fault::ReopenedHung => {
                self.epochs_while(|server, _| server.signal("STOP"));
                self.reopen();
                self.epoch();
                self.server.signal("CONT");
            }
        }
        self.proxy.set(Mode::Pass);
    }

    /// Asserts that the host notices a fault that lasts.
    fn assert_notices(&mut self) {
        // Everything may have been published before the fault began.
        self.epoch();
        until("the host notices", || is_degraded(self.host()));
    }

    /// The fault is over: asserts that the streams contain everything.
    fn assert_recovers(&mut self, what: &str, fault: Fault) {
        self.epoch();
        wait_until_published(self.host());
        if matches!(fault, Fault::Flushed | Fault::Deleted | Fault::Trimmed) {
            // Without new events in a stream, the host checks it only from time to time.
            let gone = |key: &&str| self.server.ask(&["XLEN", key]) == "0";
            until("the missing key is noticed", || !KEYS.iter().any(gone));
            wait_until_published(self.host());
        }
        let markers = check_streams(what, self.folder.path(), self.server.port);
        for (key, markers) in KEYS.iter().zip(&markers) {
            let whole = matches!(&markers[..], [only] if only.field("reason") == "begun");
            assert!(whole || self.trimmed.contains(key), "{what}, {key}: {markers:?}");
            let known = |it: &StreamEntry| ["begun", "taken"].contains(&it.field("reason"));
            assert!(markers.iter().all(known), "{what}, {key}: {markers:?}");
        }
    }
}

#[test]
fn streams_contain_every_event_once_after_any_fault() {
    let (seed, trials) = (number("PRICETIME_SEED", 1), number("PRICETIME_TRIALS", 500));
    eprintln!("PRICETIME_SEED={seed} PRICETIME_TRIALS={trials}");
    let faults = trials.div_ceil(250).max(FAULTS.len() as u64);
    for first in (0..faults).step_by(14) {
        let seed = seed.wrapping_shl(20).wrapping_add(first / 14);
        let mut trial = Trial::new(seed);
        for at in first..faults.min(first + 14) {
            let first = usize::try_from(at).ok().and_then(|at| FAULTS.get(at)).copied();
            let fault = first.unwrap_or_else(|| trial.random.pick(FAULTS));
            let what = format!("seed {seed}, fault {at}, {fault:?}");
            eprintln!("{what}");
            trial.epoch();
            trial.inject(fault);
            trial.assert_recovers(&what, fault);
        }
    }
}

/// Runs the victim for `lifetime` and kills it. Returns the number of lines it printed.
fn run(folder: &Path, seed: u64, first: u64, redis: &str, lifetime: Duration) -> u64 {
    let mut victim = Process::new(env!("CARGO_BIN_EXE_victim"))
        .arg(folder)
        .args([&seed.to_string(), &first.to_string(), redis])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the victim starts");
    let out = victim.stdout.take().expect("its output");
    let reader = std::thread::spawn(move || std::io::read_to_string(out).expect("text"));
    std::thread::sleep(lifetime);
    assert_eq!(
        victim.try_wait().expect("its status can be read"),
        None,
        "it does not end by itself"
    );
    victim.kill().expect("it can be killed");
    victim.wait().expect("it is dead");
    let output = reader.join().expect("no panic");
    output.lines().count() as u64
}

#[test]
fn killed_host_omits_and_repeats_no_event() {
    let (seed, kills) = (number("PRICETIME_SEED", 1), number("PRICETIME_KILLS", 12));
    eprintln!("PRICETIME_SEED={seed} PRICETIME_KILLS={kills}");
    let mut random = Random::new(seed);
    let mut server = Server::start_with(&["--appendonly", "yes"]);
    let mut folder = tempfile::tempdir().expect("a folder");
    let mut first = 0;
    for kill in 0..kills {
        if kill % 6 == 0 {
            let _ = server.ask(&["FLUSHALL"]);
            folder = tempfile::tempdir().expect("a folder");
            first = 0;
        }
        let lifetime = Duration::from_millis(100 + random.below(400));
        first += run(folder.path(), seed, first, &server.url(), lifetime);
        let stored_entries = KEYS.map(|key| stored_entries(server.port, key));
        let expected = expected(&groups(folder.path()));
        for ((key, stored_entries), expected) in KEYS.iter().zip(&stored_entries).zip(&expected) {
            // Nothing is published before it is durable, and what is published is complete from
            // the beginning.
            let published: Vec<_> = stored_entries.iter().filter(|it| !it.is_marker()).collect();
            let so_far = expected.get(..published.len()).expect("no entry is published too early");
            check(&format!("kill {kill}, {key}"), stored_entries, so_far);
        }
        if random.chance(30) {
            server.kill();
            server.restart();
        }
        if random.chance(40) {
            let host = open(folder.path(), publishing(server.port));
            wait_until_published(&host);
            drop(host);
            let markers = check_streams(&format!("after kill {kill}"), folder.path(), server.port);
            assert!(markers.iter().all(|markers| markers.len() == 1), "{markers:?}");
        }
    }
    let host = open(folder.path(), publishing(server.port));
    wait_until_published(&host);
    host.close().expect("a clean shutdown");
    let markers = check_streams("at the end", folder.path(), server.port);
    assert!(markers.iter().all(|markers| markers.len() == 1), "{markers:?}");
}

#[test]
fn port_without_a_server_blocks_no_caller() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = Port::reserve();
    let host = open(folder.path(), publishing(port.number));
    let mut next = 0;
    epoch(&host, 1, &mut next, 2_000);
    wait_until_degraded(&host, "does not answer");
    assert!(host.status().redis.events.expect("published").behind > 2_000);
    host.close().expect("a clean shutdown");
}
