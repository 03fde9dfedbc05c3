//! The check of servers, and its findings about unfit ones.

use pricetime_tests::redis::Server;
use pricetime_tests::wait::until;

use crate::program::{book, err, folder, lines, out, run};
use crate::{code, redis, shown, write_image};

#[test]
fn check_reports_unfit_server_settings() {
    let (server, folder) = (Server::start_with(&["--appendonly", "yes"]), folder());
    let url = server.url();
    let good = redis(folder.path(), &url, &["check"]);
    assert_eq!(code(&good), Some(0), "{}", err(&good));
    let found = lines(&out(&redis(folder.path(), &url, &["check", "--json"])));
    assert!(found.iter().all(|it| it["finding"]["level"] == "good"), "{found:?}");
    let _ = server.ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    assert_eq!(code(&redis(folder.path(), &url, &["check"])), Some(0), "only a warning");
    let _ = server.ask(&["CONFIG", "SET", "maxmemory", "100mb"]);
    let bad = redis(folder.path(), &url, &["check"]);
    assert_eq!(code(&bad), Some(3));
    assert!(out(&bad).contains("maxmemory-policy noeviction"), "{}", out(&bad));
    let refused = write_image(folder.path(), &url, "");
    assert_eq!(code(&refused), Some(2), "{}", err(&refused));
    let accept = format!("[redis]\nurl = \"{url}\"\naccept_eviction = true\n");
    std::fs::write(folder.path().join("c.toml"), accept).expect("a file");
    let accepted = run(folder.path(), &["run", "--once", "--config", "c.toml"], "");
    assert_eq!(code(&accepted), Some(0), "{}", err(&accepted));
    assert!(err(&accepted).contains("allkeys-lru"), "{}", err(&accepted));
    let replica = Server::start_with(&["--replicaof", "127.0.0.1", &server.port.to_string()]);
    let checked_replica = redis(folder.path(), &replica.url(), &["check"]);
    assert_eq!(code(&checked_replica), Some(3));
    assert!(out(&checked_replica).contains("name the master"), "{}", out(&checked_replica));
}

#[test]
fn check_recognizes_a_cluster_node() {
    let server = Server::start_with(&["--cluster-enabled", "yes"]);
    assert_eq!(server.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]), "OK");
    until("the cluster is ready", || server.ask(&["CLUSTER", "INFO"]).contains("cluster_state:ok"));
    let folder = folder();
    let single = redis(folder.path(), &server.url(), &["check"]);
    assert_eq!(code(&single), Some(3));
    assert!(out(&single).contains("use redis+cluster://"), "{}", out(&single));
    let url = format!("redis+cluster://127.0.0.1:{}", server.port);
    let good = redis(folder.path(), &url, &["check"]);
    assert_eq!(code(&good), Some(0), "{}{}", out(&good), err(&good));
    let done = write_image(folder.path(), &url, &book());
    assert_eq!(code(&done), Some(0), "{}", err(&done));
    assert_eq!(shown(folder.path(), &url)[0]["image"]["sequence"], 13);
    let dropped = redis(folder.path(), &url, &["drop", "1", "--yes"]);
    assert_eq!(code(&dropped), Some(0), "{}", err(&dropped));
}
