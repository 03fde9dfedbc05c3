use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::*;
use crate::redis::Server;
use crate::wait::until;

/// The panic message of `work`.
fn panic_message(work: impl FnOnce()) -> String {
    let why = catch_unwind(AssertUnwindSafe(work)).expect_err("a panic");
    *why.downcast::<String>().expect("a formatted message")
}

#[test]
fn port_is_reserved_together_with_its_cluster_bus_port() {
    let port = Port::reserve();
    assert!(Port::try_reserve(port.number).is_none(), "reserved while the value lives");
    let number = port.number;
    drop(port);
    let bus = TcpListener::bind(("127.0.0.1", number + CLUSTER_BUS)).expect("a free port");
    assert!(Port::try_reserve(number).is_none(), "its cluster bus port is in use");
    drop(bus);
}

#[test]
fn server_takes_another_port_if_its_own_is_in_use() {
    let mut listeners = Vec::new();
    let server = Server::start_on_free_port(
        || {
            let port = Port::reserve();
            if listeners.len() < 3 {
                // Another program takes the port after it was found free.
                let number = port.number + if listeners.len() == 1 { CLUSTER_BUS } else { 0 };
                listeners.push(TcpListener::bind(("127.0.0.1", number)).expect("a free port"));
            }
            port
        },
        &["--cluster-enabled", "yes"],
    );
    assert_eq!(listeners.len(), 3);
    assert_eq!(server.ask(&["PING"]), "PONG");
}

#[test]
fn server_that_ends_while_it_starts_fails_with_its_log() {
    let panic_message = panic_message(|| drop(Server::start_with(&["--no-such-option", "1"])));
    assert!(panic_message.contains("no-such-option"), "{panic_message}");
}

#[test]
fn query_to_a_server_that_ended_fails_with_its_log() {
    let server = Server::start();
    server.signal("TERM");
    let panic_message = panic_message(|| {
        until("an end", || {
            let _ = server.ask(&["PING"]);
            false
        })
    });
    assert!(panic_message.contains("User requested shutdown"), "{panic_message}");
}

#[test]
fn server_is_stopped_if_its_test_panics() {
    let mut id = 0;
    let panic_message = panic_message(|| {
        let server = Server::start();
        id = server.id();
        server.signal("STOP");
        panic!("process {id} is to end");
    });
    assert_eq!(panic_message, format!("process {id} is to end"));
    assert!(!Path::new(&format!("/proc/{id}")).exists());
}

#[test]
fn server_outlives_the_thread_that_started_it() {
    let server = std::thread::spawn(Server::start).join().expect("a server");
    assert_eq!(server.ask(&["PING"]), "PONG");
}
