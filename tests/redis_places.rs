//! The promise: the image finds its place: the node of a cluster that has the market's slot, wherever
//! it moves, and the master that the sentinels name, whoever that is.

use std::process::{Child, Command, Stdio};

use pricetime_persistence::History;
use pricetime_persistence::redis::RedisOptions;
use pricetime_tests::redis::books::Books;
use pricetime_tests::redis::cluster::{cluster, until};
use pricetime_tests::redis::keeper::{Keeper, stored};
use pricetime_tests::redis::{Server, free_port};

/// How many markets' metadata a node has.
fn markets_at(node: &Server) -> usize {
    node.ask(&["KEYS", "pricetime:dev:*:metadata"]).lines().filter(|line| !line.is_empty()).count()
}

#[test]
fn each_market_stands_on_the_node_that_has_its_slot() {
    let nodes = cluster();
    let list: Vec<String> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
    let options = RedisOptions::parse(&format!("redis+cluster://{}", list.join(","))).expect("one");
    let mut books = Books::new(3);
    for _ in 0..6 {
        let _ = books.add();
    }
    let mut keeper = Keeper::of(options.clone(), History::fresh(), &books.engine);
    for commands in [50, 2_000, 10, 2_500, 20] {
        keeper.fold(&books.epoch(commands));
        let _ = keeper.keep().expect("the cluster is well");
        assert_eq!(stored(options.clone()), books.engine.snapshot().markets);
    }
    let spread: Vec<usize> = nodes.iter().map(markets_at).collect();
    eprintln!("markets per node: {spread:?}");
    assert_eq!(spread.iter().sum::<usize>(), 8);
    assert!(spread.iter().filter(|markets| **markets > 0).count() > 1, "{spread:?}");

    // All slots of one node move to another; whoever asks the wrong one is told.
    let id = |node: &Server| node.ask(&["CLUSTER", "MYID"]);
    let from = nodes.iter().max_by_key(|node| markets_at(node)).expect("a node");
    let to = nodes.iter().find(|node| node.port != from.port).expect("another");
    let moved = Command::new("redis-cli")
        .args(["--cluster", "reshard", &list[0], "--cluster-yes", "--cluster-slots", "5462"])
        .args(["--cluster-from", &id(from), "--cluster-to", &id(to)])
        .stdout(Stdio::null())
        .status();
    assert!(moved.expect("redis-cli is installed").success());
    until("nothing is left there", || markets_at(from) == 0);
    let mut failures = 0;
    for commands in [30, 2_000, 30] {
        keeper.fold(&books.epoch(commands));
        while let Err(error) = keeper.keep() {
            failures += 1;
            eprintln!("{error}");
            assert!(failures < 9, "every market may be told once: {error}");
        }
        assert_eq!(stored(options.clone()), books.engine.snapshot().markets);
    }
}

/// A sentinel. It ends with this value.
struct Sentinel {
    port: u16,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn sentinel(master: u16) -> Sentinel {
    let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port());
    let file = folder.path().join("sentinel.conf");
    let text = format!(
        "port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {master} 1\nsentinel \
         down-after-milliseconds main 4000\nsentinel failover-timeout main 8000\n"
    );
    std::fs::write(&file, text).expect("written");
    let child = Command::new("redis-server")
        .arg(&file)
        .arg("--sentinel")
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed: scripts/test does that");
    Sentinel { port, child, _folder: folder }
}

#[test]
fn the_image_follows_the_master_that_the_sentinels_name() {
    let mut master = Server::start();
    let replica = Server::start();
    assert_eq!(replica.ask(&["REPLICAOF", "127.0.0.1", &master.port.to_string()]), "OK");
    until("the replica follows", || {
        replica.ask(&["INFO", "replication"]).contains("master_link_status:up")
    });
    let sentinel = sentinel(master.port);
    let url = format!("redis+sentinel://127.0.0.1:{}/main", sentinel.port);
    let options = RedisOptions::parse(&url).expect("an address");
    let ask = |words: &[&str]| {
        let port = sentinel.port.to_string();
        let output = Command::new("redis-cli").args(["-p", &port]).args(words).output();
        String::from_utf8_lossy(&output.expect("redis-cli is installed").stdout).into_owned()
    };
    until("the sentinel knows the replica", || {
        ask(&["SENTINEL", "replicas", "main"]).contains(&replica.port.to_string())
    });
    let mut books = Books::new(4);
    let mut keeper = Keeper::of(options.clone(), History::fresh(), &books.engine);
    for commands in [50, 2_000] {
        keeper.fold(&books.epoch(commands));
        let _ = keeper.keep().expect("the master is there");
        assert_eq!(stored(options.clone()), books.engine.snapshot().markets);
    }
    // The master dies; the replica takes its place, whatever it had received.
    master.kill();
    keeper.fold(&books.epoch(40));
    assert!(keeper.keep().is_err(), "there is no master");
    until("the sentinel names the other", || keeper.keep().is_ok());
    assert_eq!(stored(replica.options()), books.engine.snapshot().markets);
    // The old one comes back, and the master is handed over while both live: who was the master
    // only answers READONLY then.
    master.again();
    assert_eq!(master.ask(&["REPLICAOF", "127.0.0.1", &replica.port.to_string()]), "OK");
    until("the old master follows", || {
        master.ask(&["INFO", "replication"]).contains("master_link_status:up")
    });
    until("the sentinel hands over", || ask(&["SENTINEL", "failover", "main"]).trim() == "OK");
    until("each knows what it is", || {
        master.ask(&["ROLE"]).starts_with("master") && replica.ask(&["ROLE"]).starts_with("slave")
    });
    for commands in [30, 2_000] {
        keeper.fold(&books.epoch(commands));
        until("the writer finds the master again", || keeper.keep().is_ok());
        assert_eq!(stored(master.options()), books.engine.snapshot().markets);
    }
}
