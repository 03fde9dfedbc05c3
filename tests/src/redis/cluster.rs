//! Clusters of real Redis servers.

use std::process::{Command, Stdio};

use pricetime_redis::RedisOptions;

use super::Server;
use crate::wait::until;

/// Starts a node that knows no other. As a replica it takes over only on request, so that a pause of the
/// machine causes no failover.
///
/// # Panics
/// Panics if it does not start.
#[must_use]
pub fn node() -> Server {
    let no_failover = ["--cluster-replica-no-failover", "yes"];
    let arguments = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
    Server::start_with(&[&arguments[..], &no_failover].concat())
}

/// Starts three masters with a third of the slots each.
///
/// # Panics
/// Panics if they do not find each other.
#[must_use]
pub fn cluster() -> Vec<Server> {
    let mut nodes = Vec::new();
    for slots in [["0", "5460"], ["5461", "10922"], ["10923", "16383"]] {
        let node = node();
        assert_eq!(node.ask(&["CLUSTER", "ADDSLOTSRANGE", slots[0], slots[1]]), "OK");
        nodes.push(node);
    }
    for node in &nodes[1..] {
        assert_eq!(node.ask(&["CLUSTER", "MEET", "127.0.0.1", &nodes[0].port.to_string()]), "OK");
    }
    until("the cluster is ready", || {
        let is_ready = |node: &Server| {
            let state = node.ask(&["CLUSTER", "INFO"]);
            state.contains("cluster_state:ok") && state.contains("cluster_known_nodes:3")
        };
        nodes.iter().all(is_ready)
    });
    nodes
}

/// Starts a replica of this node of a cluster.
///
/// # Panics
/// Panics if it does not become a replica.
#[must_use]
pub fn replica(of: &Server) -> Server {
    let (replica, id) = (node(), of.ask(&["CLUSTER", "MYID"]));
    assert_eq!(replica.ask(&["CLUSTER", "MEET", "127.0.0.1", &of.port.to_string()]), "OK");
    until("the replica knows its master", || replica.ask(&["CLUSTER", "REPLICATE", &id]) == "OK");
    wait_until_synced(&replica);
    replica
}

/// Waits until a replica is in sync with its master.
pub fn wait_until_synced(replica: &Server) {
    until("the replica follows", || {
        replica.ask(&["INFO", "replication"]).contains("master_link_status:up")
    });
}

/// The options to connect to a cluster of these nodes.
///
/// # Panics
/// Panics if the list of nodes is no valid address.
#[must_use]
pub fn options(nodes: &[Server]) -> RedisOptions {
    let nodes: Vec<String> = nodes.iter().map(|it| format!("127.0.0.1:{}", it.port)).collect();
    RedisOptions::parse(&format!("redis+cluster://{}", nodes.join(","))).expect("an address")
}

/// Moves all slots of a node to another one, with their keys.
///
/// # Panics
/// Panics if the move fails.
pub fn move_slots(from: &Server, to: &Server) {
    let id = |node: &Server| node.ask(&["CLUSTER", "MYID"]);
    let moved = Command::new("redis-cli")
        .args(["--cluster", "reshard", &format!("127.0.0.1:{}", from.port), "--cluster-yes"])
        .args(["--cluster-slots", "5462", "--cluster-from", &id(from), "--cluster-to", &id(to)])
        .stdout(Stdio::null())
        .status();
    assert!(moved.expect("redis-cli is installed").success());
}
