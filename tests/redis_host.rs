//! The promise: with a journal, Redis may hang, be gone or come back empty: matching goes on, the
//! host says so, and the image is exact again by itself.

use std::time::{Duration, Instant};

use pricetime::engine::{AccountId, Action, EngineSnapshot, Phase};
use pricetime::persistence::redis::{KeyNames, Link, read_image};
use pricetime::{Draft, Host, Options, RedisState};
use pricetime_tests::load::{self, MARKET};
use pricetime_tests::patience::{PATIENCE, until};
use pricetime_tests::redis::Server;
use pricetime_tests::settle::books::copy;

fn open(folder: &std::path::Path, server: &Server) -> Host {
    let options = Options { redis: Some(server.options()), ..Options::new(folder) };
    let host = Host::open(options).expect("a host");
    if host.spec(MARKET).is_none() {
        operator(&host, Action::AddMarket(load::spec()));
        operator(&host, Action::SetPhase(Phase::Continuous));
    }
    host
}

fn operator(host: &Host, action: Action) {
    let account = AccountId(1);
    let draft =
        Draft { market: MARKET, account, operator: true, request: None, action, session: None };
    host.submit(draft).expect("room").wait().expect("an answer");
}

/// Commands that are answered, and an epoch that closes behind them.
fn epoch(host: &Host, next: &mut u64) {
    for number in *next..*next + 50 {
        host.submit(load::draft(7, number)).expect("room").wait().expect("an answer");
    }
    *next += 50;
    let number = host.view(MARKET, 0).expect("the market").epoch;
    operator(host, Action::CloseEpoch { number });
}

/// Whether what stands in Redis is the state of the host, whole.
fn is_exact(host: &Host, server: &Server) -> bool {
    let mut link = Link::new(server.patient());
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

fn catches_up(host: &Host, server: &Server) {
    until("the image catches up", || is_exact(host, server));
    until("the host says so", || {
        let status = host.status().redis;
        status.state == RedisState::Connected && status.behind == 0
    });
}

/// Whether the host says that Redis is not well, and that the image is at least so far behind.
fn is_behind(host: &Host, epochs: u64) -> bool {
    let status = host.status().redis;
    matches!(status.state, RedisState::Degraded { .. }) && status.behind >= epochs
}

fn term(server: &Server) -> u64 {
    let term = server.ask(&["HGET", "pricetime:dev:{1}:metadata", "term"]);
    term.parse().expect("a term")
}

#[test]
fn matching_goes_on_without_redis_and_the_image_follows() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start();
    let (host, mut next) = (open(folder.path(), &server), 0);
    epoch(&host, &mut next);
    catches_up(&host, &server);
    for round in 0..6 {
        // It hangs, or is gone and comes back with nothing.
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
            server.again();
        }
        catches_up(&host, &server);
        epoch(&host, &mut next);
        catches_up(&host, &server);
        assert_eq!(host.status().stopped, None);
    }
    // Between two epochs nobody looks what stands there; with the next one it is whole again.
    let _ = server.ask(&["FLUSHALL"]);
    epoch(&host, &mut next);
    catches_up(&host, &server);
    host.close().expect("a clean end");
}

#[test]
fn a_host_ends_while_redis_hangs_and_the_next_one_has_a_higher_term() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start();
    let (mut next, mut last) = (0, 0);
    for round in 0..4 {
        let host = open(folder.path(), &server);
        epoch(&host, &mut next);
        catches_up(&host, &server);
        let now = term(&server);
        assert!(now > last, "term {now} after {last}");
        last = now;
        if round % 2 == 0 {
            server.signal("STOP");
            epoch(&host, &mut next);
            let begun = Instant::now();
            host.close().expect("a clean end");
            // It waits for a few seconds, and not for the server, which nobody wakes meanwhile.
            assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
            server.signal("CONT");
        } else {
            host.close().expect("a clean end");
            // The folder knows which terms there were.
            let _ = server.ask(&["FLUSHALL"]);
        }
        let kept = std::fs::read_to_string(folder.path().join("redis-term")).expect("the floor");
        assert!(kept.trim().parse::<u64>().expect("a number") >= last, "{kept} and {last}");
    }
}

#[test]
fn of_two_hosts_the_older_one_writes_no_more_and_goes_on_matching() {
    let (one, two) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("one"));
    let server = Server::start();
    let (mut older_next, mut newer_next) = (0, 1_000);
    let older = open(one.path(), &server);
    epoch(&older, &mut older_next);
    catches_up(&older, &server);
    older.close().expect("a clean end");
    // Somebody brings a copy of the folder up beside it.
    copy(one.path(), two.path());
    let older = open(one.path(), &server);
    catches_up(&older, &server);
    let newer = open(two.path(), &server);
    epoch(&newer, &mut newer_next);
    catches_up(&newer, &server);
    for _ in 0..3 {
        epoch(&older, &mut older_next);
        until("the older one learns of it", || older.status().redis.fenced == [MARKET]);
        assert!(is_exact(&newer, &server), "the newer one's image stands");
        epoch(&newer, &mut newer_next);
        catches_up(&newer, &server);
    }
    operator(&older, Action::CancelAll { account: None, side: None });
    operator(&older, Action::SetPhase(Phase::Closed));
    operator(&older, Action::RemoveMarket);
    older.close().expect("a clean end");
    assert!(is_exact(&newer, &server), "what the older one removes is not the newer one's");
    newer.close().expect("a clean end");
}

#[test]
fn a_host_finds_what_somebody_edited() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start();
    let verify = Some(Duration::from_millis(1));
    let redis = Some(pricetime::persistence::redis::RedisOptions { verify, ..server.patient() });
    let host = Host::open(Options { redis, ..Options::new(folder.path()) }).expect("a host");
    operator(&host, Action::AddMarket(load::spec()));
    operator(&host, Action::SetPhase(Phase::Continuous));
    let mut next = 0;
    epoch(&host, &mut next);
    catches_up(&host, &server);
    assert_eq!(host.status().redis.differs, []);
    let edit = "local f = redis.call('HKEYS', KEYS[1])[1]; redis.call('HSET', KEYS[1], f, 'x')";
    let _ = server.ask(&["EVAL", edit, "1", "pricetime:dev:{1}:orders"]);
    until("it is found", || host.status().redis.differs == [MARKET]);
    epoch(&host, &mut next);
    until("it is mended", || host.status().redis.differs.is_empty());
    catches_up(&host, &server);
    host.close().expect("a clean end");
}
