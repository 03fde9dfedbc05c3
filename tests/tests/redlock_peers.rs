//! This implementation and another one of the same algorithm agree on who holds a lock. A server that
//! hangs keeps the other one from acquiring a short lock, but not this one.
#![cfg(feature = "servers")]

use std::time::Duration;

use pricetime_redis::redlock::{Held, Redlock, RedlockError};
use pricetime_redis::{KeyNames, RedisOptions};
use pricetime_tests::environment::number;
use pricetime_tests::generate::random::Random;
use pricetime_tests::redis::{Server, servers};
use pricetime_tests::wait::{TIMEOUT, until};
use rslock::{Lock, LockManager};
use tokio::runtime::Runtime;

/// Long enough that nothing here waits for it to expire.
const TTL: Duration = Duration::from_secs(600);

/// A client of the other implementation.
struct Peer {
    runtime: Runtime,
    locks: LockManager,
}

impl Peer {
    fn of(servers: &[Server]) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let urls = servers.iter().map(|it| format!("redis://127.0.0.1:{}", it.port)).collect();
        let mut locks = LockManager::new::<String>(urls);
        locks.set_retry(1, Duration::ZERO);
        Self { runtime: runtime.expect("a runtime"), locks }
    }

    fn lock(&self, name: &str, ttl: Duration) -> Option<Lock> {
        self.runtime.block_on(self.locks.lock(name, ttl)).ok()
    }

    fn extend(&self, lock: &Lock) -> Option<Lock> {
        self.runtime.block_on(self.locks.extend(lock, TTL)).ok()
    }

    fn unlock(&self, lock: &Lock) {
        self.runtime.block_on(self.locks.unlock(lock));
    }
}

fn open_client(servers: &[Server]) -> Redlock {
    let options: Vec<RedisOptions> = servers.iter().map(Server::options).collect();
    Redlock::open(&options).expect("usable nodes")
}

fn name() -> String {
    KeyNames::default().lock("settlement_processing", "1")
}

/// Tries until it acquires the lock or another holder is reported: on a busy machine answers may be late.
fn try_until_known(redlock: &Redlock) -> Option<Held> {
    for _ in 0..1_000 {
        match redlock.try_lock(&name(), TTL) {
            Ok(held) => return Some(held),
            Err(RedlockError::Taken { .. }) => return None,
            Err(error) => assert!(matches!(error, RedlockError::NoQuorum { .. }), "{error}"),
        }
    }
    panic!("no node answers in time");
}

/// The number of these servers that have the lock.
fn taken(servers: &[Server]) -> usize {
    servers.iter().filter(|server| server.ask(&["EXISTS", &name()]) == "1").count()
}

/// The holder of the lock.
enum Holder {
    Free,
    Ours(Held),
    Peers(Lock),
}

#[test]
fn both_clients_see_the_same_holder() {
    let seed = number("PRICETIME_SEED", 1);
    eprintln!("PRICETIME_SEED={seed}");
    for nodes in [1, 3, 5] {
        let mut random = Random::new(seed.wrapping_add(nodes));
        let servers = servers(usize::try_from(nodes).expect("a few"));
        let (client, peer) = (open_client(&servers), Peer::of(&servers));
        let (mut holder, mut acquired) = (Holder::Free, [0, 0]);
        for step in 0..200 {
            let what = format!("seed {seed}, {nodes} nodes, step {step}");
            let (use_ours, use_peer) = (random.below(2) == 0, random.below(2) == 0);
            holder = match holder {
                Holder::Free if use_ours => {
                    acquired[0] += 1;
                    Holder::Ours(client.lock(&name(), TTL, TIMEOUT).expect(&what))
                }
                Holder::Free => {
                    acquired[1] += 1;
                    Holder::Peers(peer.lock(&name(), TTL).expect(&what))
                }
                Holder::Ours(held) if use_ours => {
                    assert!(
                        try_until_known(&client).is_none() && peer.lock(&name(), TTL).is_none(),
                        "{what}"
                    );
                    assert!(held.is_valid(), "{what}");
                    Holder::Ours(held)
                }
                Holder::Ours(held) if use_peer => {
                    assert!((0..100).any(|_| held.extend().is_ok()), "{what}");
                    Holder::Ours(held)
                }
                Holder::Ours(held) => {
                    // On a busy machine the answers may come too late to be certain.
                    if !held.release() {
                        until("it is free", || taken(&servers) == 0);
                    }
                    Holder::Free
                }
                Holder::Peers(lock) if use_ours => {
                    assert!(
                        try_until_known(&client).is_none() && peer.lock(&name(), TTL).is_none(),
                        "{what}"
                    );
                    Holder::Peers(lock)
                }
                Holder::Peers(lock) if use_peer => Holder::Peers(peer.extend(&lock).expect(&what)),
                Holder::Peers(lock) => {
                    peer.unlock(&lock);
                    Holder::Free
                }
            };
        }
        assert!(acquired.iter().all(|times| *times > 5), "{acquired:?}");
    }
}

#[test]
fn short_lock_succeeds_while_one_of_five_nodes_hangs_unlike_the_peer() {
    let servers = servers(5);
    let (client, peer) = (open_client(&servers), Peer::of(&servers));
    let ttl = Duration::from_millis(200);
    let lock = (0..100).find_map(|_| peer.lock(&name(), ttl)).expect("all nodes work");
    peer.unlock(&lock);
    servers[2].signal("STOP");
    for _ in 0..3 {
        assert!(
            peer.lock(&name(), ttl).is_none(),
            "the peer waits half a second for the hung node"
        );
        let held = client.lock(&name(), ttl, TIMEOUT).expect("four of five are enough");
        let _ = held.release();
    }
}
