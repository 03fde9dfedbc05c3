//! While nodes of a cluster fail over, die, or migrate a market's slot key by key, the writer writes
//! or fails, and readers never see a state that did not exist. Within two epochs afterwards the
//! image is exact.
//!
//! `PRICETIME_TRIALS` sets the number of rounds (one for every 2,500), `PRICETIME_SEED` the seed.
#![cfg(feature = "servers")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use pricetime_journal::History;
use pricetime_redis::{RedisError, RedisOptions};
use pricetime_tests::environment::number;
use pricetime_tests::generate::random::Random;
use pricetime_tests::redis::Server;
use pricetime_tests::redis::books::Books;
use pricetime_tests::redis::check::{ImageCheck, TIMEOUT};
use pricetime_tests::redis::cluster::{cluster, replica, wait_until_synced};
use pricetime_tests::redis::updater::{ImageUpdater, read_images};
use pricetime_tests::wait::{self, until};

fn seed_and_rounds() -> (u64, u64) {
    let (seed, trials) = (number("PRICETIME_SEED", 1), number("PRICETIME_TRIALS", 500));
    eprintln!("PRICETIME_SEED={seed} PRICETIME_TRIALS={trials}");
    (seed, trials.div_ceil(2_500))
}

fn options(nodes: &[&Server]) -> RedisOptions {
    let list: Vec<String> = nodes.iter().map(|it| format!("127.0.0.1:{}", it.port)).collect();
    let options = RedisOptions::parse(&format!("redis+cluster://{}", list.join(",")));
    let (connect, control, bulk) = (TIMEOUT, TIMEOUT, TIMEOUT);
    RedisOptions { connect, control, bulk, ..options.expect("addresses") }
}

/// Books that are written to a cluster.
struct Trial<'a> {
    random: Random,
    books: Books,
    updater: ImageUpdater,
    options: RedisOptions,
    check: &'a ImageCheck,
}

impl<'a> Trial<'a> {
    /// The writer is given only the `named` nodes, the reader all of them.
    fn new(seed: u64, check: &'a ImageCheck, named: &[&Server], all: &[&Server]) -> Self {
        let books = Books::new(seed);
        let updater = ImageUpdater::of(options(named), History::fresh(), &books.engine);
        Self { random: Random::new(seed), books, updater, options: options(all), check }
    }

    fn write(&mut self) -> Result<(), RedisError> {
        let large = self.random.once_in(4);
        let many = if large { self.random.within(1_500, 2_500) } else { self.random.below(100) };
        let groups = self.books.epoch(many);
        self.check.expect(&self.books.engine.snapshot().markets);
        self.updater.fold(&groups);
        self.updater.write().map(|_| ())
    }

    /// Writes epoch after epoch while `during` runs, and checks the image afterwards. `during` can
    /// read how often a write has failed.
    fn write_while(&mut self, what: &str, during: impl FnOnce(&AtomicU32) + Send) {
        let (mut written, failed) = (0, AtomicU32::new(0));
        std::thread::scope(|scope| {
            let action = scope.spawn(|| during(&failed));
            while !action.is_finished() {
                match self.write() {
                    Ok(()) => written += 1,
                    Err(error) => {
                        assert!(!matches!(error, RedisError::Fenced { .. }), "{what}: {error}");
                        failed.fetch_add(1, Ordering::SeqCst);
                        // The image thread of a host waits too.
                        std::thread::sleep(Duration::from_millis(20));
                    }
                }
            }
            action.join().expect("no panic");
        });
        eprintln!("{what}: written {written} times, failed {failed:?} times");
        self.assert_recovers(what);
    }

    /// Asserts that the image is exact within two epochs. An epoch does not count if the machine is
    /// busy: an answer is late, or the nodes have lost contact with each other.
    fn assert_recovers(&mut self, what: &str) {
        let (started, mut left) = (Instant::now(), 2);
        while let Err(error) = self.write() {
            eprintln!("{what}: {error}");
            let busy = match &error {
                RedisError::Unreachable { late, .. } => *late,
                RedisError::Refused { code, .. } => code == "CLUSTERDOWN",
                RedisError::Options(_)
                | RedisError::Fenced { .. }
                | RedisError::Replaced { .. }
                | RedisError::Contended { .. }
                | RedisError::Count { .. } => false,
            };
            // For each of the two markets the writer may have to learn the new node.
            left -= i32::from(!busy);
            assert!(left >= 0, "{what}: still failing after two epochs: {error}");
            assert!(started.elapsed() < wait::TIMEOUT, "{what}: {error}");
        }
        let (connect, control, bulk) = (wait::TIMEOUT, wait::TIMEOUT, wait::TIMEOUT);
        let patient = RedisOptions { connect, control, bulk, ..self.options.clone() };
        assert_eq!(read_images(patient), self.books.engine.snapshot().markets, "{what}");
    }
}

/// The slot of market 1, and the master that has it.
fn slot_of<'a>(nodes: &[&'a Server]) -> (String, &'a Server) {
    let slot = nodes[0].ask(&["CLUSTER", "KEYSLOT", "pricetime:dev:{1}:metadata"]);
    let has = |node: &&&Server| node.ask(&["CLUSTER", "COUNTKEYSINSLOT", &slot]) != "0";
    let master = |node: &&&Server| node.ask(&["ROLE"]).starts_with("master");
    let found = nodes.iter().find(|node| master(node) && has(node));
    (slot, found.expect("a node owns the slot"))
}

/// Runs `work` while a poller reads, and asserts that it reads no state that did not exist.
fn run_while_polling(check: &ImageCheck, options: &RedisOptions, work: impl FnOnce()) {
    std::thread::scope(|scope| {
        let poller = scope.spawn(|| check.poll_at(options.clone()));
        let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        check.stop.store(true, Ordering::SeqCst);
        let found = poller.join().expect("every read state existed");
        eprintln!("read {found} times during that");
        if let Err(why) = worked {
            std::panic::resume_unwind(why);
        }
    });
}

/// Migrates the keys of a slot one by one, and then the slot. Waits before the last key until a write
/// has failed, because most of the keys are on the other node.
fn migrate(
    nodes: &[&Server],
    slot: &str,
    [from, to]: [&Server; 2],
    mut random: Random,
    failed: &AtomicU32,
) {
    let id = |node: &Server| node.ask(&["CLUSTER", "MYID"]);
    let (from_id, to_id, port) = (id(from), id(to), to.port.to_string());
    assert_eq!(to.ask(&["CLUSTER", "SETSLOT", slot, "IMPORTING", &from_id]), "OK");
    assert_eq!(from.ask(&["CLUSTER", "SETSLOT", slot, "MIGRATING", &to_id]), "OK");
    loop {
        let keys = from.ask(&["CLUSTER", "GETKEYSINSLOT", slot, "100"]);
        let keys: Vec<&str> = keys.lines().filter(|line| !line.is_empty()).collect();
        let Some(key) = random.any(&keys) else { break };
        if keys.len() == 1 {
            until("a writer gets a redirection", || failed.load(Ordering::SeqCst) > 0);
        }
        let done = from.ask(&["MIGRATE", "127.0.0.1", &port, key, "0", "5000"]);
        assert!(["OK", "NOKEY"].contains(&done.as_str()), "{done}");
        std::thread::sleep(Duration::from_millis(random.below(60)));
    }
    for node in [to, from].into_iter().chain(nodes.iter().copied()) {
        // Masters pass this on to their replicas.
        let done = node.ask(&["CLUSTER", "SETSLOT", slot, "NODE", &to_id]);
        assert!(done == "OK" || node.ask(&["ROLE"]).starts_with("slave"), "{done}");
    }
}

#[test]
fn image_stays_exact_while_its_slot_moves_key_by_key() {
    let (seed, trials) = seed_and_rounds();
    let nodes = cluster();
    let nodes: Vec<&Server> = nodes.iter().collect();
    let check = ImageCheck::default();
    let mut trial = Trial::new(seed, &check, &nodes, &nodes);
    let options = trial.options.clone();
    run_while_polling(&check, &options, || {
        trial.assert_recovers("at the start");
        for round in 0..trials + 2 {
            let (slot, from) = slot_of(&nodes);
            let at = nodes.iter().position(|node| node.port == from.port).unwrap_or_default();
            let to = nodes[(at + 1) % nodes.len()];
            let what = format!("seed {seed}, move {round}");
            let random = Random::new(seed.wrapping_add(round));
            trial.write_while(&what, |failed| migrate(&nodes, &slot, [from, to], random, failed));
            assert_eq!(slot_of(&nodes).1.port, to.port, "{what}");
            // The keys of the current generation, those of a spare one, and two that exist once per market.
            trial.assert_recovers(&what);
            trial.assert_recovers(&what);
            let keys: u32 = to.ask(&["CLUSTER", "COUNTKEYSINSLOT", &slot]).parse().expect("one");
            assert!(keys <= 14, "{what}: {keys} keys");
        }
    });
}

#[test]
fn image_stays_exact_across_failovers_and_master_crashes() {
    let (seed, trials) = seed_and_rounds();
    let mut rest = cluster();
    let slot = rest[0].ask(&["CLUSTER", "KEYSLOT", "pricetime:dev:{1}:metadata"]);
    let slot: usize = slot.parse().expect("a slot");
    // Each node has a third of the slots.
    let owner = rest.remove((slot / 5_461).min(2));
    let follower = replica(&owner);
    let check = ImageCheck::default();
    // Only the node that will die is named, so the writer has to learn of the others.
    let all: Vec<&Server> = rest.iter().chain([&owner, &follower]).collect();
    let mut trial = Trial::new(seed, &check, &[&follower], &all);
    let mut pair = [owner, follower];
    trial.assert_recovers("at the start");
    let options = trial.options.clone();
    run_while_polling(&check, &options, || {
        let mut random = Random::new(seed);
        for round in 0..=trials {
            let what = format!("seed {seed}, handed over {round}");
            trial.write_while(&what, |_| {
                std::thread::sleep(Duration::from_millis(random.below(300)));
                assert_eq!(pair[1].ask(&["CLUSTER", "FAILOVER"]), "OK");
                until("the replica takes over", || pair[1].ask(&["ROLE"]).starts_with("master"));
                until("the master follows", || pair[0].ask(&["ROLE"]).starts_with("slave"));
                wait_until_synced(&pair[0]);
                wait_until_known(&rest, &pair[1]);
            });
            pair.reverse();
            let what = format!("seed {seed}, killed {round}");
            let [dying, takes_over] = &mut pair;
            trial.write_while(&what, |failed| {
                std::thread::sleep(Duration::from_millis(random.below(300)));
                dying.kill();
                let before = failed.load(Ordering::SeqCst);
                until("a writer gets no answer", || failed.load(Ordering::SeqCst) > before);
                assert_eq!(may_take_over(takes_over, true), "OK");
                until("the replica takes over", || takes_over.ask(&["ROLE"]).starts_with("master"));
                assert_eq!(may_take_over(takes_over, false), "OK");
                wait_until_known(&rest, takes_over);
            });
            let what = format!("seed {seed}, back {round}");
            trial.write_while(&what, |_| {
                dying.restart();
                until("it follows", || dying.ask(&["ROLE"]).starts_with("slave"));
                wait_until_synced(dying);
            });
            pair.reverse();
        }
    });
}

/// Sets whether a replica takes over when its master dies. Returns the server's reply.
fn may_take_over(replica: &Server, may: bool) -> String {
    let no = if may { "no" } else { "yes" };
    replica.ask(&["CONFIG", "SET", "cluster-replica-no-failover", no])
}

/// Waits until the other nodes know the new master and the cluster is healthy.
fn wait_until_known(others: &[Server], master: &Server) {
    let id = master.ask(&["CLUSTER", "MYID"]);
    until("the other nodes know", || {
        others.iter().all(|node| {
            let nodes = node.ask(&["CLUSTER", "NODES"]);
            let line = nodes.lines().find(|line| line.starts_with(&id)).unwrap_or_default();
            line.contains("master")
                && line.split(' ').count() > 8
                && node.ask(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
        })
    });
}
