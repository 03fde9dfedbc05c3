//! The image is written to the right server: the cluster node that has the market's slot, wherever the
//! slot moves, or the master that the sentinels name, whichever server that is.
#![cfg(feature = "servers")]

use pricetime_journal::History;
use pricetime_redis::{Link, RedisOptions};
use pricetime_tests::redis::Server;
use pricetime_tests::redis::books::Books;
use pricetime_tests::redis::cluster::{self, cluster, wait_until_synced};
use pricetime_tests::redis::sentinel::Sentinel;
use pricetime_tests::redis::updater::{ImageUpdater, read_images};
use pricetime_tests::wait::{TIMEOUT, until};

const PAGE: &str = include_str!("../../docs/redis.md");

/// The number of markets whose metadata is on a node.
fn markets_at(node: &Server) -> usize {
    node.ask(&["KEYS", "pricetime:dev:*:metadata"]).lines().filter(|line| !line.is_empty()).count()
}

#[test]
fn each_market_is_on_the_node_that_owns_its_slot() {
    let nodes = cluster();
    let options = cluster::options(&nodes);
    let mut books = Books::new(3);
    for _ in 0..6 {
        let _ = books.add();
    }
    let mut updater = ImageUpdater::of(options.clone(), History::fresh(), &books.engine);
    for commands in [50, 2_000, 10, 2_500, 20] {
        updater.fold(&books.epoch(commands));
        let _ = updater.write().expect("the cluster works");
        assert_eq!(read_images(options.clone()), books.engine.snapshot().markets);
    }
    let spread: Vec<usize> = nodes.iter().map(markets_at).collect();
    eprintln!("markets per node: {spread:?}");
    assert_eq!(spread.iter().sum::<usize>(), 8);
    assert!(spread.iter().filter(|markets| **markets > 0).count() > 1, "{spread:?}");

    // All slots of one node move to another. The old node redirects clients.
    let from = nodes.iter().max_by_key(|node| markets_at(node)).expect("a node");
    let to = nodes.iter().find(|node| node.port != from.port).expect("another");
    cluster::move_slots(from, to);
    until("the old node is empty", || markets_at(from) == 0);
    let mut failures = 0;
    for commands in [30, 2_000, 30] {
        updater.fold(&books.epoch(commands));
        while let Err(error) = updater.write() {
            failures += 1;
            eprintln!("{error}");
            assert!(failures < 9, "at most one error per market: {error}");
        }
        assert_eq!(read_images(options.clone()), books.engine.snapshot().markets);
    }
}

#[test]
fn image_follows_the_master_that_the_sentinels_name() {
    let mut master = Server::start();
    let replica = Server::start();
    assert_eq!(replica.ask(&["REPLICAOF", "127.0.0.1", &master.port.to_string()]), "OK");
    wait_until_synced(&replica);
    let sentinel = Sentinel::start(master.port);
    let options = sentinel.options();
    sentinel.wait_for_replica(replica.port);
    let mut books = Books::new(4);
    let mut updater = ImageUpdater::of(options.clone(), History::fresh(), &books.engine);
    for commands in [50, 2_000] {
        updater.fold(&books.epoch(commands));
        let _ = updater.write().expect("the master answers");
        assert_eq!(read_images(options.clone()), books.engine.snapshot().markets);
    }
    // The master dies and the replica takes over, however much it has received.
    master.kill();
    updater.fold(&books.epoch(40));
    assert!(updater.write().is_err(), "there is no master");
    until("the sentinel names the other server", || updater.write().is_ok());
    assert_eq!(read_images(replica.options()), books.engine.snapshot().markets);
    // The old master returns, and the role is handed back while both are running. The former master
    // then only answers READONLY.
    master.restart();
    assert_eq!(master.ask(&["REPLICAOF", "127.0.0.1", &replica.port.to_string()]), "OK");
    wait_until_synced(&master);
    until("the sentinel hands over", || sentinel.ask(&["SENTINEL", "failover", "main"]) == "OK");
    until("each server knows its role", || {
        master.ask(&["ROLE"]).starts_with("master") && replica.ask(&["ROLE"]).starts_with("slave")
    });
    for commands in [30, 2_000] {
        updater.fold(&books.epoch(commands));
        until("the writer finds the master again", || updater.write().is_ok());
        assert_eq!(read_images(master.options()), books.engine.snapshot().markets);
    }
}

#[test]
fn sentinel_password_is_separate_from_the_server_password() {
    let master = Server::start_with(&["--requirepass", "of the master"]);
    let user = PAGE.split("```acl sentinel\n").nth(1).and_then(|it| it.lines().next());
    let user = user.expect("the user of the page").replace(">other", ">hunter2");
    let lines =
        format!("sentinel auth-pass main \"of the master\"\nuser default off\nuser {user}\n");
    let sentinel = Sentinel::start_with(master.port, &lines);
    let ping = |more: &str| {
        let options = sentinel.options_with(more);
        let password = Some(String::from("of the master"));
        let (connect, control) = (TIMEOUT, TIMEOUT);
        let mut link = Link::new(RedisOptions { password, connect, control, ..options });
        link.ping("key").map_err(|error| error.to_string())
    };
    assert_eq!(ping("?sentinel_user=watcher&sentinel_password=hunter2"), Ok(()));
    for (more, expected) in [
        ("", "NOAUTH"),
        ("?sentinel_user=watcher&sentinel_password=hunter3", "WRONGPASS"),
        ("?sentinel_password=hunter2", "WRONGPASS"),
    ] {
        let error = ping(more).expect_err("the sentinel requires a password");
        assert!(error.contains(expected), "{more}: {error}");
        assert!(!error.contains("hunter") && !error.contains("of the master"), "{error}");
    }
}
