//! With a journal, Redis may hang, disappear or come back empty. Matching continues, the host reports
//! the outage, and the image becomes exact again by itself.
#![cfg(feature = "servers")]

use std::path::Path;
use std::time::{Duration, Instant};

use pricetime::engine::{Action, EngineSnapshot, Phase};
use pricetime::persistence::redis::stream::Publish;
use pricetime::persistence::settlement::ledger::{Ledger, Notice};
use pricetime::persistence::{
    redis::{KeyNames, Link, RedisOptions, read_image},
    settlement::ledger::RedisLedger,
};
use pricetime::{
    Delivery, FencedMarket, Host, NotDelivered, Options, Outlet, Receipt, RedisState, Settlement,
};
use pricetime_tests::load::{self, MARKET};
use pricetime_tests::redis::Server;
use pricetime_tests::redis::publishing::operator;
use pricetime_tests::settle::books::copy;
use pricetime_tests::wait::{TIMEOUT, until};

fn open(folder: &std::path::Path, server: &Server) -> Host {
    load::open(Options { redis: Some(server.options()), ..Options::new(folder) })
}

/// Runs commands, waits for their answers, and closes the epoch.
fn epoch(host: &Host, next: &mut u64) {
    for number in *next..*next + 50 {
        drop(host.submit(load::draft(7, number)).expect("room").wait().expect("an answer"));
    }
    *next += 50;
    let number = host.view(MARKET, 0).expect("the market").epoch;
    operator(host, Action::CloseEpoch { number });
}

/// Returns `true` if Redis holds exactly the state of the host.
fn is_exact(host: &Host, server: &Server) -> bool {
    let mut link = Link::new(server.patient_options());
    let read = read_image(&mut link, &KeyNames::default().of(MARKET)).expect("a whole image");
    let whole = read.map(|read| EngineSnapshot {
        rules_version: read.rules,
        last_sequence: read.sequence,
        last_timestamp: read.timestamp,
        last_market: read.last_market,
        markets: vec![read.state],
    });
    whole.is_some_and(|state| state.digest() == host.digest())
}

fn wait_until_caught_up(host: &Host, server: &Server) {
    until("the image catches up", || is_exact(host, server));
    until("the status says so", || {
        let status = host.status().redis;
        status.state == RedisState::Connected && status.behind == 0
    });
}

/// Returns `true` if the host reports a problem with Redis and an image at least this many epochs behind.
fn is_behind(host: &Host, epochs: u64) -> bool {
    let status = host.status().redis;
    matches!(status.state, RedisState::Degraded { .. }) && status.behind >= epochs
}

fn term(server: &Server) -> u64 {
    let term = server.ask(&["HGET", "pricetime:dev:{1}:metadata", "term"]);
    term.parse().expect("a term")
}

#[test]
fn matching_continues_without_redis_and_the_image_catches_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start();
    let (host, mut next) = (open(folder.path(), &server), 0);
    epoch(&host, &mut next);
    wait_until_caught_up(&host, &server);
    for round in 0..6 {
        // The server hangs, or it dies and comes back empty.
        let hangs = round % 2 == 0;
        if hangs {
            server.signal("STOP");
        } else {
            server.kill();
        }
        for _ in 0..4 {
            epoch(&host, &mut next);
        }
        until("the host notices", || is_behind(&host, 3));
        epoch(&host, &mut next);
        if hangs {
            server.signal("CONT");
        } else {
            server.restart();
        }
        wait_until_caught_up(&host, &server);
        epoch(&host, &mut next);
        wait_until_caught_up(&host, &server);
        assert!(host.status().stopped.is_none());
    }
    // Here nothing checks the image between two epochs. The next epoch restores it.
    let _ = server.ask(&["FLUSHALL"]);
    epoch(&host, &mut next);
    wait_until_caught_up(&host, &server);
    host.close().expect("a clean shutdown");
}

#[test]
fn host_closes_while_redis_hangs_and_the_next_host_has_a_higher_term() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start();
    let (mut next, mut last) = (0, 0);
    for round in 0..4 {
        let host = open(folder.path(), &server);
        epoch(&host, &mut next);
        wait_until_caught_up(&host, &server);
        let now = term(&server);
        assert!(now > last, "term {now} after {last}");
        last = now;
        if round % 2 == 0 {
            server.signal("STOP");
            epoch(&host, &mut next);
            let started = Instant::now();
            host.close().expect("a clean shutdown");
            // The host waits for a few seconds, but not for the server, which is still stopped.
            assert!(started.elapsed() < TIMEOUT, "{:?}", started.elapsed());
            server.signal("CONT");
        } else {
            host.close().expect("a clean shutdown");
            // The data folder remembers which terms were used.
            let _ = server.ask(&["FLUSHALL"]);
        }
        let floor = std::fs::read_to_string(folder.path().join("redis-term")).expect("the floor");
        assert!(floor.trim().parse::<u64>().expect("a number") >= last, "{floor} and {last}");
    }
}

/// Returns `true` if another writer holds the market.
fn is_fenced(host: &Host) -> bool {
    host.status().redis.fenced.iter().any(|it| it.market == MARKET)
}

/// Two hosts on copies of one folder, and the folders. The newer host has the market.
fn two_hosts(server: &Server) -> ([tempfile::TempDir; 2], [Host; 2]) {
    // Waits long for answers: after a late answer a host would write again what Redis already has.
    let open = |folder: &Path| {
        load::open(Options { redis: Some(server.patient_options()), ..Options::new(folder) })
    };
    let (one, two) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("one"));
    let older = open(one.path());
    epoch(&older, &mut 0);
    wait_until_caught_up(&older, server);
    older.close().expect("a clean shutdown");
    copy(one.path(), two.path());
    let older = open(one.path());
    wait_until_caught_up(&older, server);
    let newer = open(two.path());
    wait_until_caught_up(&newer, server);
    epoch(&older, &mut 1_000);
    until("the older host is fenced", || is_fenced(&older));
    ([one, two], [older, newer])
}

#[test]
fn fenced_host_writes_again_only_when_the_claim_is_free() {
    let mut server = Server::start();
    let (_folders, [older, newer]) = two_hosts(&server);
    newer.close().expect("a clean shutdown");
    let claim = |field: &str| server.ask(&["HGET", "pricetime:dev:{1}:metadata", field]);
    let fenced = older.status().redis.fenced;
    assert_eq!(fenced[0].writer, claim("writer"));
    assert_eq!(fenced[0].theirs.to_string(), claim("term"));
    assert!(fenced[0].ours < fenced[0].theirs, "{fenced:?}");
    // The other writer is gone. The fenced host keeps checking the claim and respects it.
    let digest = claim("digest");
    let mut next = 2_000;
    for _ in 0..3 {
        let asked = server.calls("hmget");
        epoch(&older, &mut next);
        until("it reads the claim", || server.calls("hmget") > asked);
    }
    assert_eq!((older.status().redis.fenced, claim("digest")), (fenced, digest));
    // An image with an incomplete claim, or with none, may still belong to the other writer.
    let _ = server.ask(&["HSET", "pricetime:dev:{1}:metadata", "term", "x"]);
    let claims = |of: fn(&FencedMarket) -> bool| older.status().redis.fenced.iter().any(of);
    until("it reads the claim", || claims(|it| it.theirs == 0));
    let _ = server.ask(&["HDEL", "pricetime:dev:{1}:metadata", "term", "writer"]);
    until("it reads the claim", || claims(|it| it.writer.is_empty()));
    assert!(!is_exact(&older, &server));
    let _ = server.ask(&["FLUSHALL"]);
    wait_until_caught_up(&older, &server);
    until("the claim is free", || !is_fenced(&older));
    server.kill();
    epoch(&older, &mut next);
    server.restart();
    wait_until_caught_up(&older, &server);
    older.close().expect("a clean shutdown");
    assert!(Host::open(Options::new(_folders[0].path())).is_ok());
}

#[test]
fn host_that_took_over_yields_to_the_live_host_that_replaced_it() {
    let server = Server::start();
    let (_folders, [older, newer]) = two_hosts(&server);
    let (mut older_next, mut newer_next) = (3_000, 4_000);
    for _ in 0..2 {
        let _ = server.ask(&["FLUSHALL"]);
        wait_until_caught_up(&older, &server);
        until("the claim is free", || !is_fenced(&older));
        epoch(&older, &mut older_next);
        wait_until_caught_up(&older, &server);
        epoch(&newer, &mut newer_next);
        wait_until_caught_up(&newer, &server);
        epoch(&older, &mut older_next);
        until("the older host is fenced", || is_fenced(&older));
        assert!(is_exact(&newer, &server), "the newer host's image is unchanged");
    }
    assert!(!is_fenced(&newer));
    newer.close().expect("a clean shutdown");
    older.close().expect("a clean shutdown");
}

#[test]
fn older_of_two_hosts_is_fenced_and_keeps_matching() {
    let (one, two) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("one"));
    let server = Server::start();
    let (mut older_next, mut newer_next) = (0, 1_000);
    let older = open(one.path(), &server);
    epoch(&older, &mut older_next);
    wait_until_caught_up(&older, &server);
    older.close().expect("a clean shutdown");
    // Simulates an operator who starts a copy of the folder beside it.
    copy(one.path(), two.path());
    let older = open(one.path(), &server);
    wait_until_caught_up(&older, &server);
    let newer = open(two.path(), &server);
    epoch(&newer, &mut newer_next);
    wait_until_caught_up(&newer, &server);
    for _ in 0..3 {
        epoch(&older, &mut older_next);
        until("the older host is fenced", || is_fenced(&older));
        assert!(is_exact(&newer, &server), "the newer host's image is unchanged");
        epoch(&newer, &mut newer_next);
        wait_until_caught_up(&newer, &server);
    }
    operator(&older, Action::CancelAll { account: None, side: None });
    operator(&older, Action::SetPhase(Phase::Closed));
    operator(&older, Action::RemoveMarket);
    older.close().expect("a clean shutdown");
    assert!(is_exact(&newer, &server), "the older host leaves the newer host's image alone");
    newer.close().expect("a clean shutdown");
}

/// An outlet that is full and accepts no delivery.
struct FullOutlet;

impl Outlet for FullOutlet {
    fn deliver(&mut self, _: &Notice) -> Result<Receipt, NotDelivered> {
        Err(NotDelivered::Later(String::from("full")))
    }
}

#[test]
fn host_closes_even_if_redis_never_answers() {
    let (server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    // The timeouts are too long to end the wait.
    let hour = Duration::from_secs(3_600);
    let redis = RedisOptions { connect: hour, control: hour, bulk: hour, ..server.options() };
    let ledger = redis.clone();
    let make = Box::new(move || Ok(Box::new(RedisLedger::new(ledger.clone())) as Box<dyn Ledger>));
    let delivery = Some(Delivery::to(FullOutlet));
    let settlement = Settlement { delivery, ..Settlement::new(make) };
    let redis = RedisOptions { publish: Some(Publish::default()), ..redis };
    let options =
        Options { redis: Some(redis), settlement: Some(settlement), ..Options::new(folder.path()) };
    let (host, mut next) = (load::open(options), 0);
    epoch(&host, &mut next);
    wait_until_caught_up(&host, &server);
    server.signal("STOP");
    epoch(&host, &mut next);
    let durable = host.status().durable;
    let closer = std::thread::spawn(move || host.close());
    until("it ends", || closer.is_finished());
    closer.join().expect("no panic").expect("a clean shutdown");
    // The next start catches up on what was left out.
    server.signal("CONT");
    let host = open(folder.path(), &server);
    assert_eq!(host.status().durable, durable);
    wait_until_caught_up(&host, &server);
    host.close().expect("a clean shutdown");
}

#[test]
fn host_finds_and_repairs_an_edited_image() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start();
    let verify = Some(Duration::from_millis(1));
    let redis = Some(RedisOptions { verify, ..server.patient_options() });
    let host = Host::open(Options { redis, ..Options::new(folder.path()) }).expect("a host");
    load::open_market(&host);
    let mut next = 0;
    epoch(&host, &mut next);
    wait_until_caught_up(&host, &server);
    assert_eq!(host.status().redis.differs, []);
    let edit = "local f = redis.call('HKEYS', KEYS[1])[1]; redis.call('HSET', KEYS[1], f, 'x')";
    let _ = server.ask(&["EVAL", edit, "1", "pricetime:dev:{1}:orders"]);
    until("it is found", || host.status().redis.differs == [MARKET]);
    epoch(&host, &mut next);
    until("it is repaired", || host.status().redis.differs.is_empty());
    wait_until_caught_up(&host, &server);
    host.close().expect("a clean shutdown");
}
