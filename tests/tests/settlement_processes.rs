//! Two runners settle the same epochs in one ledger, are killed and stopped at any moment, and
//! everything is posted once.
//!
//! Each runner has its own copy of one data folder, a setup that operators must avoid. A lock that
//! expires while a runner is stopped, and the ledger, keep them apart. `PRICETIME_KILLS` sets how often
//! a runner is killed or stopped, `PRICETIME_SEED` the seed.
#![cfg(feature = "servers")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pricetime::engine::{AccountId, Action, Fees, MarketSpec, Phase, Terms};
use pricetime::persistence::settlement::ledger::RedisLedger;
use pricetime::persistence::settlement::ledger::{EmbeddedLedger, Ledger};
use pricetime::{Draft, EpochSchedule, Host, Options};
use pricetime_tests::environment::number;
use pricetime_tests::generate::random::Random;
use pricetime_tests::load::{self, MARKET};
use pricetime_tests::server::signal;
use pricetime_tests::settle::books::{PLATFORM, check_ledger, copy};
use pricetime_tests::{postgres, redis};

const EPOCHS: u64 = 150;

/// Creates a data folder in which `EPOCHS` epochs have closed and none was settled.
fn traded(folder: &Path) {
    let host = Host::open(Options { gates: EpochSchedule::OnRequest, ..Options::new(folder) });
    let host = host.expect("a host");
    let submit = |action| {
        let (market, account) = (MARKET, AccountId(1));
        let draft = Draft { market, account, operator: true, request: None, action, session: None };
        drop(host.submit(draft).expect("room").wait().expect("an answer"));
    };
    let spec = load::spec();
    let fees = Fees { maker_ppm: -70, taker_ppm: 3_000 };
    submit(Action::AddMarket(MarketSpec { terms: Terms { fees, ..spec.terms }, ..spec }));
    submit(Action::SetPhase(Phase::Continuous));
    for epoch in 0..EPOCHS {
        let tickets: Vec<_> = (epoch * 20..epoch * 20 + 20)
            .map(|number| host.submit(load::draft(5, number)).expect("room"))
            .collect();
        tickets.into_iter().for_each(|ticket| drop(ticket.wait().expect("an answer")));
        submit(Action::CloseEpoch { number: host.view(MARKET, 0).expect("the market").epoch });
    }
    host.close().expect("a clean shutdown");
}

/// A runner process and its folder.
struct Runner<'a> {
    folder: &'a Path,
    ledger: &'a str,
    locks: &'a [String],
    process: Child,
    stopped: bool,
}

impl<'a> Runner<'a> {
    fn start(folder: &'a Path, ledger: &'a str, locks: &'a [String]) -> Self {
        let process = spawn(folder, ledger, locks);
        Self { folder, ledger, locks, process, stopped: false }
    }

    fn signal(&self, name: &str) {
        signal(self.process.id(), name);
    }

    /// Continues a stopped runner, or stops or kills a running one.
    fn disturb(&mut self, random: &mut Random) {
        if self.stopped {
            self.signal("CONT");
            self.stopped = false;
        } else if random.chance(50) {
            self.signal("STOP");
            self.stopped = true;
        } else {
            self.kill();
            self.process = spawn(self.folder, self.ledger, self.locks);
        }
    }

    fn kill(&mut self) {
        if let Some(ended) = self.process.try_wait().expect("its status can be read") {
            assert!(ended.success(), "it ended by itself: {ended}");
        }
        // The process may just have ended.
        let _ = self.process.kill();
        self.process.wait().expect("it is dead");
        self.stopped = false;
    }

    /// Runs undisturbed until all is settled.
    fn finish(self) {
        let done = spawn(self.folder, self.ledger, self.locks).wait().expect("it ends");
        assert!(done.success(), "{done}");
    }
}

fn spawn(folder: &Path, ledger: &str, locks: &[String]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_runner"))
        .arg(folder)
        .arg(ledger)
        .args(locks)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a runner starts")
}

/// Two runners settle the epochs of a folder in one ledger while they are stopped and killed.
fn settle_in(ledger: &str, locks: &[String], seed: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    traded(&one);
    copy(&one, &two);
    let mut random = Random::new(seed);
    let mut runners = [Runner::start(&one, ledger, locks), Runner::start(&two, ledger, locks)];
    for _ in 0..number("PRICETIME_KILLS", 20) {
        std::thread::sleep(Duration::from_millis(random.below(120)));
        let at = random.below(2) as usize;
        runners[at].disturb(&mut random);
    }
    // A stopped runner would keep an embedded ledger from the other one for ever.
    runners.iter_mut().for_each(Runner::kill);
    runners.into_iter().for_each(Runner::finish);
    folder
}

fn seed() -> u64 {
    let seed = number("PRICETIME_SEED", 1);
    eprintln!("PRICETIME_SEED={seed}");
    seed
}

#[test]
fn two_runners_post_each_epoch_once_in_an_embedded_ledger() {
    let books = tempfile::tempdir().expect("a folder");
    let place = books.path().display().to_string();
    let folder = settle_in(&place, &[], seed());
    let mut ledger = EmbeddedLedger::open(books.path()).expect("no process has it open");
    assert_eq!(check_ledger(&folder.path().join("one"), PLATFORM, &mut ledger) as u64, EPOCHS);
}

#[test]
fn two_runners_post_each_epoch_once_in_redis() {
    let server = redis::Server::start();
    let nodes = redis::servers(3);
    let locks: Vec<String> = nodes.iter().map(redis::Server::url).collect();
    let folder = settle_in(&server.url(), &locks, seed());
    let mut ledger = RedisLedger::open(server.options()).expect("the server answers");
    assert_eq!(check_ledger(&folder.path().join("one"), PLATFORM, &mut ledger) as u64, EPOCHS);
}

#[test]
fn two_runners_post_each_epoch_once_in_postgresql() {
    let server = postgres::Server::start();
    let node = redis::Server::start();
    let folder = settle_in(&server.url(), &[node.url()], seed());
    let mut ledger: Box<dyn Ledger> = Box::new(server.ledger("pricetime"));
    assert_eq!(check_ledger(&folder.path().join("one"), PLATFORM, &mut *ledger) as u64, EPOCHS);
}
