//! Each stream is written to the right server, as the image is: the cluster node that has its slot, or
//! the master that the sentinels name. Whichever server takes over, every event is published once.
#![cfg(feature = "servers")]

use pricetime_tests::redis::Server;
use pricetime_tests::redis::cluster::{self, cluster, replica, wait_until_synced};
use pricetime_tests::redis::publishing::{
    check_streams_at, epoch, is_degraded, open, wait_until_published, with_publishing,
};
use pricetime_tests::redis::sentinel::Sentinel;
use pricetime_tests::redis::streams::KEYS;
use pricetime_tests::wait::until;

/// The port of the master that has this key.
fn place(nodes: &[Server], key: &str) -> u16 {
    let has = |node: &&Server| {
        node.ask(&["EXISTS", key]) == "1" && node.ask(&["ROLE"]).starts_with("master")
    };
    nodes.iter().find(has).expect("a node has the stream").port
}

#[test]
fn each_stream_is_on_the_node_that_owns_its_slot() {
    let mut nodes = cluster();
    let (folder, mut next) = (tempfile::tempdir().expect("a folder"), 0);
    let host = open(folder.path(), with_publishing(cluster::options(&nodes)));
    let held = |what: &str, nodes: &[Server]| {
        let markers = check_streams_at(what, folder.path(), |key| place(nodes, key));
        assert!(
            markers.iter().all(|it| it.len() == 1),
            "{what}: no stream begins again: {markers:?}"
        );
    };
    epoch(&host, 1, &mut next, 400);
    wait_until_published(&host);
    held("three masters", &nodes);
    // All slots of a node that has one of the streams move to another.
    let from = place(&nodes, KEYS[0]);
    let to = nodes.iter().find(|it| it.port != from).expect("another");
    let from = nodes.iter().find(|it| it.port == from).expect("that one");
    cluster::move_slots(from, to);
    epoch(&host, 1, &mut next, 400);
    wait_until_published(&host);
    held("its slots have moved", &nodes);
    // The node that now has them hands over to an up-to-date replica while more is published.
    let at = place(&nodes, KEYS[0]);
    let replica = replica(nodes.iter().find(|it| it.port == at).expect("that one"));
    wait_until_synced(&replica);
    epoch(&host, 1, &mut next, 400);
    until("it takes over", || {
        let _ = replica.ask(&["CLUSTER", "FAILOVER"]);
        replica.ask(&["ROLE"]).starts_with("master")
    });
    nodes.push(replica);
    epoch(&host, 1, &mut next, 400);
    wait_until_published(&host);
    held("a replica has taken over", &nodes);
    host.close().expect("a clean shutdown");
}

#[test]
fn streams_follow_the_master_that_the_sentinels_name() {
    let mut master = Server::start();
    let replica = Server::start();
    assert_eq!(replica.ask(&["REPLICAOF", "127.0.0.1", &master.port.to_string()]), "OK");
    wait_until_synced(&replica);
    let sentinel = Sentinel::start(master.port);
    sentinel.wait_for_replica(replica.port);
    let (folder, mut next) = (tempfile::tempdir().expect("a folder"), 0);
    let host = open(folder.path(), with_publishing(sentinel.options()));
    epoch(&host, 2, &mut next, 400);
    wait_until_published(&host);
    // The master dies while more is published. The replica takes over, however much it has received.
    epoch(&host, 2, &mut next, 400);
    master.kill();
    epoch(&host, 2, &mut next, 400);
    until("no server answers", || is_degraded(&host));
    until("the replica takes over", || replica.ask(&["ROLE"]).starts_with("master"));
    epoch(&host, 2, &mut next, 400);
    wait_until_published(&host);
    let _ = check_streams_at("the replica", folder.path(), |_| replica.port);
    host.close().expect("a clean shutdown");
}
