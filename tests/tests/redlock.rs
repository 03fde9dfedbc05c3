//! On real servers one client at a time holds a lock. A client can acquire it while fewer than half of
//! the servers are dead or hang; otherwise it is refused.
#![cfg(feature = "servers")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pricetime_redis::redlock::{BadRules, Held, Redlock, RedlockError, measure_locks};
use pricetime_redis::{KeyNames, RedisOptions};
use pricetime_tests::redis::proxy::{Mode, Proxy};
use pricetime_tests::redis::raw::{RawConnection, Reply};
use pricetime_tests::redis::{Server, servers};
use pricetime_tests::wait::until;

/// Long enough that nothing here waits for it to expire.
const TTL: Duration = Duration::from_secs(600);
/// How long to try to acquire a lock that has to become free.
const WAIT_MAX: Duration = Duration::from_secs(60);

fn open(servers: &[Server]) -> Redlock {
    let options: Vec<RedisOptions> = servers.iter().map(Server::options).collect();
    Redlock::open(&options).expect("usable nodes")
}

fn name() -> String {
    KeyNames::default().lock("settlement_processing", "1")
}

fn at(server: &Server, words: &[&str]) -> Reply {
    RawConnection::connect(server.port).and_then(|mut raw| raw.ask(words)).expect("an answer")
}

/// The number of these servers that have the lock.
fn taken(servers: &[Server]) -> usize {
    let has = |server: &&Server| at(server, &["GET", &name()]) != Reply::Nil;
    servers.iter().filter(has).count()
}

/// Tries to acquire the lock until another holder is reported: on a busy machine answers may be late.
fn refused(redlock: &Redlock) -> usize {
    for _ in 0..1_000 {
        match redlock.try_lock(&name(), TTL) {
            Ok(_) => panic!("two clients hold the lock"),
            Err(RedlockError::Taken { taken, .. }) => return taken,
            Err(error) => assert!(matches!(error, RedlockError::NoQuorum { .. }), "{error}"),
        }
    }
    panic!("no node answers in time");
}

/// Waits until all of these servers have the lock. On a busy machine the request to one of them may not
/// have been sent in time; the next extension sends it again.
fn wait_until_on_all(held: &Held, servers: &[Server]) {
    until("all nodes have the lock", || {
        let _ = held.extend();
        taken(servers) == servers.len()
    });
}

/// Extends the lock. Retries, because a busy machine may be late.
fn extend(held: &Held) {
    let done = (0..100).find_map(|_| held.extend().ok());
    assert!(done.expect("more time") > TTL / 2);
}

#[test]
fn lock_has_one_holder_at_a_time() {
    for nodes in [1, 3, 5] {
        let servers = servers(nodes);
        let (inside, acquired) = (AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    // For the servers, each client is a process of its own.
                    let redlock = open(&servers);
                    for _ in 0..10 {
                        let held = redlock.lock(&name(), TTL, WAIT_MAX).expect("a lock");
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "{nodes} nodes");
                        assert!(held.is_valid() && held.remaining() < TTL);
                        acquired.fetch_add(1, Ordering::SeqCst);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(held);
                    }
                });
            }
        });
        assert_eq!(acquired.into_inner(), 40);
        until("all nodes are free", || taken(&servers) == 0);
    }
}

#[test]
fn held_lock_is_refused_to_another_client() {
    let servers = servers(3);
    let (ours, theirs) = (open(&servers), open(&servers));
    let held = ours.lock(&name(), TTL, WAIT_MAX).expect("a free lock");
    wait_until_on_all(&held, &servers);
    assert!(refused(&theirs) >= 2);
    assert!(theirs.lock("another one", TTL, WAIT_MAX).is_ok());
    extend(&held);
    // A node that has lost the lock gets it again with the next extension.
    let _ = at(&servers[1], &["FLUSHALL"]);
    wait_until_on_all(&held, &servers);
    drop(held);
    assert!(theirs.lock(&name(), TTL, WAIT_MAX).is_ok());
}

#[test]
fn lock_interoperates_with_other_redlock_clients() {
    let servers = servers(3);
    let redlock = open(&servers);
    // The published algorithm: SET with NX and PX, and DEL after a comparison.
    for server in &servers[1..] {
        let set = at(server, &["SET", &name(), "theirs", "NX", "PX", "60000"]);
        assert_eq!(set, Reply::Text(b"OK".to_vec()));
    }
    assert!(refused(&redlock) >= 1);
    assert_eq!(at(&servers[2], &["GET", &name()]), Reply::Text(b"theirs".to_vec()));
    for server in &servers[1..] {
        let script = "if redis.call('get', KEYS[1]) == ARGV[1] then \
                      return redis.call('del', KEYS[1]) else return 0 end";
        let freed = at(server, &["EVAL", script, "1", &name(), "theirs"]);
        assert_eq!(freed, Reply::Text(b"1".to_vec()));
    }
    let held = redlock.lock(&name(), TTL, WAIT_MAX).expect("it is free");
    wait_until_on_all(&held, &servers);
    for server in &servers {
        assert_eq!(at(server, &["SET", &name(), "theirs", "NX", "PX", "60000"]), Reply::Nil);
    }
    drop(held);
}

#[test]
fn hanging_node_does_not_delay_the_lock() {
    let servers = servers(5);
    let redlock = open(&servers);
    eprintln!("all nodes work: {:?}", measure_locks(&redlock, "another one", TTL, 20));
    let before = servers[2].calls("set");
    servers[2].signal("STOP");
    // A client that waits half a second for each node can never hold a lock with a shorter TTL.
    let ttl = Duration::from_millis(200);
    for _ in 0..5 {
        let held = redlock.lock(&name(), ttl, WAIT_MAX).expect("four of five are enough");
        let _ = held.release();
    }
    let times = measure_locks(&redlock, "another one", TTL, 20);
    eprintln!("one of five hangs: {times:?}");
    drop(redlock.lock(&name(), TTL, WAIT_MAX).expect("four of five are enough"));
    servers[2].signal("CONT");
    until("the delayed request arrives", || servers[2].calls("set") > before);
    until("the delayed request is undone", || taken(&servers) == 0);
}

#[test]
fn lock_works_while_fewer_than_half_the_nodes_are_dead() {
    let mut servers = servers(5);
    let redlock = open(&servers);
    servers[0].kill();
    servers[3].kill();
    let held = redlock.lock(&name(), TTL, WAIT_MAX).expect("three of five are enough");
    servers[4].kill();
    assert!(matches!(held.extend(), Err(RedlockError::NotExtended(_))));
    assert!(held.is_valid());
    drop(held);
    let refused = redlock.try_lock(&name(), TTL).expect_err("two of five are not enough");
    eprintln!("{refused}");
    let RedlockError::NoQuorum { failed, nodes, why, .. } = refused else { panic!("{refused}") };
    assert!(failed >= 3 && nodes == 5, "{failed} of {nodes}");
    assert!(why.contains(&format!("127.0.0.1:{}", servers[0].port)), "{why}");
    until("the two are free again", || taken(&servers[1..3]) == 0);
    // The dead servers return empty, and existing clients use them again.
    servers[0].restart();
    assert!(redlock.lock(&name(), TTL, WAIT_MAX).is_ok());
}

#[test]
fn kept_lock_survives_the_kill_of_one_node() {
    let mut servers = servers(3);
    let redlock = open(&servers);
    let held = redlock.lock(&name(), Duration::from_secs(12), WAIT_MAX).expect("a free lock");
    held.keep().expect("a thread that extends");
    servers[1].kill();
    let before = servers[0].calls("pexpire");
    until("it is extended twice", || {
        assert!(held.is_valid(), "it was lost");
        servers[0].calls("pexpire") >= before + 2
    });
    servers[1].restart();
    until("it has the lock again", || taken(&servers[1..2]) == 1);
    assert!(held.is_valid());
    servers[0].kill();
    servers[2].kill();
    assert!(held.wait_lost(WAIT_MAX), "two of three are dead");
    assert!(matches!(held.extend(), Err(RedlockError::Lost(_))));
    assert!(!held.release());
}

#[test]
fn unreleased_lock_expires() {
    let servers = servers(3);
    let (ours, theirs) = (open(&servers), open(&servers));
    let held = ours.lock(&name(), Duration::from_secs(1), WAIT_MAX).expect("a free lock");
    std::mem::forget(held);
    assert!(theirs.lock(&name(), TTL, WAIT_MAX).is_ok());
}

#[test]
fn grant_whose_answer_was_lost_is_released() {
    let servers = servers(3);
    let proxies: Vec<Proxy> = servers.iter().map(|server| Proxy::start(server.port)).collect();
    let url = |proxy: &Proxy| format!("redis://127.0.0.1:{}", proxy.port);
    let parse = |proxy: &Proxy| RedisOptions::parse(&url(proxy)).expect("an address");
    let options: Vec<RedisOptions> = proxies.iter().map(parse).collect();
    let redlock = Redlock::open(&options).expect("usable nodes");
    assert!(redlock.lock(&name(), TTL, WAIT_MAX).is_ok());
    until("it is free", || taken(&servers) == 0);
    // Requests to two servers arrive only after the client has stopped waiting for the answers.
    let (late, before) = (&servers[1..], [servers[1].calls("set"), servers[2].calls("set")]);
    proxies[1..].iter().for_each(|proxy| proxy.set(Mode::Hold));
    until("both requests were sent", || {
        match redlock.try_lock(&name(), TTL) {
            Err(RedlockError::NoQuorum { failed, .. }) => assert!(failed >= 2, "{failed} failed"),
            other => panic!("two of three do not answer: {other:?}"),
        }
        proxies[1..].iter().all(|proxy| proxy.held() > 0)
    });
    proxies[1..].iter().for_each(|proxy| proxy.set(Mode::Pass));
    // The late request takes the lock, and the request that frees it follows.
    let arrived = || late.iter().zip(before).all(|(it, before)| it.calls("set") > before);
    until("the held requests arrive", arrived);
    until("it is free long before it expires", || taken(&servers) == 0);
}

#[test]
fn nodes_without_scripts_are_refused_at_once() {
    let renamed = Server::start_with(&["--rename-command", "EVAL", ""]);
    let forbidden = Server::start();
    let _ = forbidden.ask(&["ACL", "SETUSER", "default", "-eval"]);
    for without in [renamed, forbidden] {
        let servers = [Server::start(), without, Server::start()];
        let options: Vec<RedisOptions> = servers.iter().map(Server::options).collect();
        let refused = Redlock::open(&options).expect_err("a node without scripts");
        let RedlockError::NoScripts { server, .. } = &refused else { panic!("{refused}") };
        assert_eq!(*server, format!("127.0.0.1:{}", servers[1].port));
        assert!(refused.to_string().contains("EVAL"), "{refused}");
    }
}

#[test]
fn invalid_node_lists_are_refused() {
    let of = |url: &str| RedisOptions::parse(url).expect("an address");
    let open = |urls: &[&str]| {
        let options: Vec<RedisOptions> = urls.iter().map(|url| of(url)).collect();
        Redlock::open(&options).map(|_| ()).expect_err("an invalid list")
    };
    assert_eq!(open(&[]), RedlockError::Rules(BadRules::Nodes(0)));
    let two = open(&["redis://127.0.0.1:1", "redis://127.0.0.1:2"]);
    assert_eq!(two, RedlockError::Rules(BadRules::Nodes(2)));
    let twice = ["redis://127.0.0.1:1", "redis://127.0.0.1:2", "redis://127.0.0.1:1"];
    assert!(matches!(open(&twice), RedlockError::Nodes(_)));
    assert!(matches!(open(&["redis+cluster://127.0.0.1:1"]), RedlockError::Nodes(_)));
    let server = Server::start_with(&["--requirepass", "secret"]);
    assert!(matches!(open(&[&server.url()]), RedlockError::Refused { .. }));
    let options = of(&format!("redis://:secret@127.0.0.1:{}", server.port));
    let redlock = Redlock::open(&[options]).expect("the right password");
    let short = redlock.try_lock("lock", Duration::from_millis(1));
    assert!(matches!(short, Err(RedlockError::Rules(BadRules::Ttl(_)))));
    assert!(redlock.lock("lock", TTL, WAIT_MAX).is_ok());
}
