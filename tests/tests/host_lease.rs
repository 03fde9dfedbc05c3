//! While the runner lock is not held, matching and the journal continue, but nothing is acknowledged,
//! published or delivered. When the lock is held again, everything is, in order.
#![cfg(feature = "servers")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pricetime::engine::{Action, Sequence};
use pricetime::persistence::journal::{FolderReader, RealDisk};
use pricetime::persistence::redis::KeyNames;
use pricetime::persistence::redis::redlock::RedlockError;
use pricetime::persistence::settlement::ledger::{EmbeddedLedger, Notice};
use pricetime::{
    CoreOptions, Delivery, Draft, EpochSchedule, Host, LockedBy, MarketDelivery, NotDelivered,
    OpenError, Options, Outlet, Receipt, Refused, RunnerLock, Settlement, Standby, Stopped, Ticket,
};
use pricetime_tests::group_buffer::GroupBuffer;
use pricetime_tests::load::{self, MARKET};
use pricetime_tests::redis::{Server, servers};
use pricetime_tests::wait::{TIMEOUT, until};

const TTL: Duration = Duration::from_secs(1);
/// Long enough that a lock is free only because it was released.
const LONG_TTL: Duration = Duration::from_secs(600);
/// The capacity of the ring.
const RING_CAPACITY: usize = 256;

fn lock(servers: &[Server], standby: Standby, ttl: Duration) -> RunnerLock {
    let nodes = servers.iter().map(Server::options).collect();
    RunnerLock { nodes, set: "one".to_owned(), ttl, standby }
}

fn key() -> String {
    KeyNames::default().lock("order_matching", "one")
}

/// Returns `true` if another process can take the lock at once: it is free on most of the servers, and
/// an acquisition does not wait for the others.
fn is_released(servers: &[Server]) -> bool {
    let free = servers.iter().filter(|server| server.ask(&["EXISTS", &key()]) == "0").count();
    free > servers.len() / 2
}

fn options(folder: &Path, servers: &[Server], buffer: &GroupBuffer) -> Options {
    Options {
        lock: Some(lock(servers, Standby::Wait, TTL)),
        gates: EpochSchedule::OnRequest,
        core: CoreOptions { capacity: RING_CAPACITY, reserve: 8, ..CoreOptions::default() },
        follower: Some(Box::new(buffer.clone())),
        ..Options::new(folder)
    }
}

fn holds(host: &Host) -> bool {
    host.status().lock.expect("there is a lock").held
}

/// The last sequence in the journal on disk.
fn journaled(folder: &Path) -> Sequence {
    let folder_reader = FolderReader::open(Arc::new(RealDisk), folder).expect("a folder");
    folder_reader.journal().expect("a journal").last
}

/// Submits commands until the ring is full.
fn fill(host: &Host, next: &mut u64) -> Vec<Ticket> {
    let mut tickets = Vec::new();
    let started = Instant::now();
    loop {
        assert!(started.elapsed() < TIMEOUT, "the ring never gets full");
        match host.submit(load::draft(3, *next)) {
            Ok(ticket) => tickets.push(ticket),
            Err(Refused::Busy) => return tickets,
            Err(refused) => panic!("{refused}"),
        }
        *next += 1;
        // Gives the core time to take commands from the ring.
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn run_lock_outages(many: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut servers = servers(many);
    let buffer = GroupBuffer::default();
    let host = Host::open(options(folder.path(), &servers, &buffer)).expect("a host");
    load::open_market(&host);
    let mut next = 0;
    for _ in 0..2 {
        servers.iter_mut().for_each(Server::kill);
        until("the lock is lost", || !holds(&host));
        let before = (host.digest(), host.status().durable, buffer.sequences());
        let tickets = fill(&host, &mut next);
        assert!(tickets.len() >= RING_CAPACITY, "{}", tickets.len());
        until("the journal continues", || journaled(folder.path()).0 >= before.1.0 + 32);
        let (sender, received) = std::sync::mpsc::channel();
        let waiter = std::thread::spawn(move || {
            for ticket in tickets {
                let group = ticket.wait().expect("an answer");
                sender.send(group.header.sequence).expect("the receiver is alive");
            }
        });
        assert!(!holds(&host));
        assert_eq!((host.digest(), host.status().durable, buffer.sequences()), before);
        assert!(received.try_recv().is_err(), "nothing is acknowledged");
        servers.iter_mut().for_each(Server::restart);
        waiter.join().expect("every command is acknowledged");
        let received_sequences: Vec<Sequence> = received.iter().collect();
        let first = before.1.0 + 1;
        assert!(
            received_sequences
                .iter()
                .map(|it| it.0)
                .eq(first..first + received_sequences.len() as u64),
            "in order"
        );
    }
    let received = buffer.sequences();
    assert!(
        received.iter().map(|it| it.0).eq(1..=received.len() as u64),
        "in order, without repetition"
    );
    host.close().expect("a clean shutdown");
}

#[test]
fn nothing_is_acknowledged_while_the_only_lock_server_is_dead() {
    run_lock_outages(1);
}

#[test]
fn nothing_is_acknowledged_while_all_three_lock_servers_are_dead() {
    run_lock_outages(3);
}

/// An outlet that refuses until it is opened, and counts the attempts.
#[derive(Clone, Default)]
struct SwitchedOutlet(Arc<(AtomicUsize, AtomicBool)>);

impl SwitchedOutlet {
    fn attempts(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }
}

impl Outlet for SwitchedOutlet {
    fn deliver(&mut self, _: &Notice) -> Result<Receipt, NotDelivered> {
        self.0.0.fetch_add(1, Ordering::SeqCst);
        let open = self.0.1.load(Ordering::SeqCst);
        if open { Ok(Receipt::default()) } else { Err(NotDelivered::Later("shut".to_owned())) }
    }
}

#[test]
fn nothing_is_delivered_while_the_lock_is_not_held() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut servers = servers(1);
    let outlet = SwitchedOutlet::default();
    let pause = Duration::from_millis(5);
    let to = Delivery::to(outlet.clone());
    let delivery = Delivery { backoff_min: pause, backoff_max: pause, ..to };
    let ledger = folder.path().join("ledger");
    let shared = Settlement::shared(move || EmbeddedLedger::open(&ledger));
    let settlement = Some(Settlement { delivery: Some(delivery), ..shared });
    let options = options(folder.path(), &servers, &GroupBuffer::default());
    let host = Host::open(Options { settlement, ..options }).expect("a host");
    load::open_market(&host);
    let number = host.view(MARKET, 0).expect("the market").epoch;
    let draft = Draft { operator: true, ..load::draft(3, 0) };
    let close = Draft { request: None, action: Action::CloseEpoch { number }, ..draft };
    drop(host.submit(close).expect("room").wait().expect("an answer"));
    until("it is tried", || outlet.attempts() > 3);
    servers.iter_mut().for_each(Server::kill);
    until("the lock is lost", || !holds(&host));
    let attempts = outlet.attempts();
    // The host takes longer for this than for many deliveries, so it had time for them.
    let mut next = 1;
    let before = host.status().durable.0;
    let tickets = fill(&host, &mut next);
    until("the journal continues", || journaled(folder.path()).0 >= before + 32);
    // One delivery may have been in progress when the lock was lost.
    assert!(outlet.attempts() <= attempts + 1, "{} after {attempts}", outlet.attempts());
    assert!(!holds(&host));
    outlet.0.1.store(true, Ordering::SeqCst);
    servers.iter_mut().for_each(Server::restart);
    let delivered = |it: &MarketDelivery| it.delivered == Some(number);
    let delivery = || host.settlement().into_iter().find_map(|it| it.delivery);
    until("it is delivered", || delivery().as_ref().is_some_and(delivered));
    tickets.into_iter().for_each(|ticket| drop(ticket.wait().expect("an answer")));
    host.close().expect("a clean shutdown");
}

#[test]
fn host_can_close_without_its_lock_and_the_next_host_has_every_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut servers = servers(1);
    let buffer = GroupBuffer::default();
    let host = Host::open(options(folder.path(), &servers, &buffer)).expect("a host");
    load::open_market(&host);
    servers.iter_mut().for_each(Server::kill);
    until("the lock is lost", || !holds(&host));
    let mut next = 0;
    let tickets = fill(&host, &mut next);
    let stopped = host.close().expect_err("unacknowledged commands are reported");
    assert!(matches!(stopped, Stopped::LockLost), "{stopped}");
    for ticket in tickets {
        let why = ticket.wait().expect_err("it was not acknowledged");
        assert!(matches!(why, Stopped::LockLost), "{why}");
    }
    assert_eq!(buffer.sequences(), [Sequence(1), Sequence(2)]);
    servers.iter_mut().for_each(Server::restart);
    let host = Host::open(options(folder.path(), &servers, &buffer)).expect("a host");
    for number in 0..next {
        let Draft { account, request, .. } = load::draft(3, number);
        let request = request.expect("each has one");
        assert!(host.outcome(MARKET, account, request).is_some(), "{number} was carried out");
    }
    host.close().expect("a clean shutdown");
}

#[test]
fn standby_exit_error_says_what_holds_the_lock() {
    let (one, two) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("one"));
    let (servers, buffer) = (servers(3), GroupBuffer::default());
    let open = |folder: &Path, lock: Option<RunnerLock>| {
        Host::open(Options { lock, ..options(folder, &servers, &buffer) })
    };
    let refused = |opened: Result<Host, OpenError>| match opened {
        Err(OpenError::Locked { set, by }) => {
            assert_eq!(set, "one");
            by
        }
        other => panic!("{other:?}"),
    };
    let exit = || Some(lock(&servers, Standby::Exit, LONG_TTL));
    let wait = Some(lock(&servers, Standby::Wait, LONG_TTL));
    let first = open(one.path(), wait).expect("a host");
    let by = refused(open(two.path(), exit()));
    assert!(
        matches!(&by, LockedBy::Lock(RedlockError::Taken { name, .. }) if *name == key()),
        "{by}"
    );
    first.close().expect("a clean shutdown");
    until("it is released", || is_released(&servers));
    // Another host holds the folder without a lock. On a busy machine an attempt may fail at the lock
    // first.
    let first = open(one.path(), None).expect("a host");
    until("the folder is named", || {
        let by = refused(open(one.path(), exit()));
        matches!(by, LockedBy::Folder { folder, .. } if folder == one.path())
    });
    until("it is released", || is_released(&servers));
    first.close().expect("a clean shutdown");
    let without_folder = Options { lock: exit(), ..Options::redis_only(servers[0].options()) };
    assert!(matches!(Host::open(without_folder), Err(OpenError::LockWithoutFolder)));
    let two =
        RunnerLock { nodes: vec![servers[0].options(); 2], ..lock(&servers, Standby::Wait, TTL) };
    assert!(matches!(open(one.path(), Some(two)), Err(OpenError::Lock(_))));
}
