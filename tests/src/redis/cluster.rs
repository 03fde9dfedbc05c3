//! Clusters of real servers.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use pricetime_persistence::redis::RedisOptions;

use super::{Server, free_port};
use crate::patience::until;

/// A port whose neighbour ten thousand above, where the nodes of a cluster talk, is free as well.
fn pair_of_ports() -> u16 {
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let start = 12_000 + free_port() % 8_000;
    (start..start + 10_000).find(|port| free(*port) && free(port + 10_000)).expect("two ports")
}

/// A node that knows nobody.
///
/// # Panics
/// Where it does not come up.
#[must_use]
pub fn node() -> Server {
    let arguments = ["--save", "", "--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
    Server::start_on(pair_of_ports(), &arguments)
}

/// Three masters that have a third of the slots each.
///
/// # Panics
/// Where they do not find each other.
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
    until("the cluster comes up", || {
        let well = |node: &Server| {
            let state = node.ask(&["CLUSTER", "INFO"]);
            state.contains("cluster_state:ok") && state.contains("cluster_known_nodes:3")
        };
        nodes.iter().all(well)
    });
    nodes
}

/// A node that follows this one, which is in a cluster.
///
/// # Panics
/// Where it does not come to that.
#[must_use]
pub fn replica(of: &Server) -> Server {
    let (replica, id) = (node(), of.ask(&["CLUSTER", "MYID"]));
    assert_eq!(replica.ask(&["CLUSTER", "MEET", "127.0.0.1", &of.port.to_string()]), "OK");
    until("the replica knows its master", || replica.ask(&["CLUSTER", "REPLICATE", &id]) == "OK");
    follows(&replica);
    replica
}

/// Waits until a replica has what its master has.
pub fn follows(replica: &Server) {
    until("the replica follows", || {
        replica.ask(&["INFO", "replication"]).contains("master_link_status:up")
    });
}

/// The way to a cluster of these nodes.
///
/// # Panics
/// Where there is none.
#[must_use]
pub fn options(nodes: &[Server]) -> RedisOptions {
    let nodes: Vec<String> = nodes.iter().map(|it| format!("127.0.0.1:{}", it.port)).collect();
    RedisOptions::parse(&format!("redis+cluster://{}", nodes.join(","))).expect("an address")
}

/// Moves all slots of a node to another one, with all that stands in them.
///
/// # Panics
/// Where that does not work.
pub fn move_slots(from: &Server, to: &Server) {
    let id = |node: &Server| node.ask(&["CLUSTER", "MYID"]);
    let moved = Command::new("redis-cli")
        .args(["--cluster", "reshard", &format!("127.0.0.1:{}", from.port), "--cluster-yes"])
        .args(["--cluster-slots", "5462", "--cluster-from", &id(from), "--cluster-to", &id(to)])
        .stdout(Stdio::null())
        .status();
    assert!(moved.expect("redis-cli is installed").success());
}
