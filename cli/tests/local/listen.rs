//! The listeners of `pricetime run` keep files that belong to others, and stay available during floods.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use crate::program::{self, Client, MARKET, Running, VIEW, err, folder, place, run};
use pricetime_tests::wait::until;
use tokio::net::TcpSocket;

const STATUS: &str = "{\"status\":{}}\n";
/// A line of 4 KiB that is refused.
fn refused_line() -> String {
    format!("{{\"{}\":1}}\n", "x".repeat(4_096))
}

/// Starts the program with these settings in `[listen]`.
fn start(settings: &str) -> Running {
    let folder = folder();
    fs::write(folder.path().join("c.toml"), format!("[listen]\n{settings}")).expect("a file");
    Running::start_in(folder, &["--config", "c.toml", "--tcp", "127.0.0.1:0"])
}

/// A client that connects from this address.
async fn from(address: &str, host: &mut Running) -> Client<TcpStream> {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(address.parse().expect("an address")).expect("an address of this machine");
    let stream = socket.connect(host.address()).await.expect("a connection");
    let stream = stream.into_std().expect("a stream");
    stream.set_nonblocking(false).expect("a stream that waits");
    Client::of(stream)
}

/// The error of a refused line, and its number.
fn refusal(answer: &serde_json::Value) -> (u64, &str) {
    let refused = &answer["refused"];
    (refused["line"].as_u64().expect("a line"), refused["error"].as_str().expect("an error"))
}

/// The inode of the file at this path.
fn inode(path: &Path) -> u64 {
    fs::symlink_metadata(path).expect("a file").ino()
}

#[test]
fn unix_socket_replaces_no_file_of_another_kind() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("file"), "not a socket").expect("a file");
    fs::create_dir(at("folder")).expect("a folder");
    symlink("file", at("link")).expect("a link");
    symlink("nowhere", at("dangling")).expect("a link");
    for name in ["file", "folder", "link", "dangling"] {
        let before = inode(&at(name));
        let done = run(folder.path(), &["run", "--once", "--unix", name], "");
        assert_eq!(done.status.code(), Some(1), "{name}");
        assert!(err(&done).contains("not a socket"), "{name}: {}", err(&done));
        assert_eq!(inode(&at(name)), before, "{name} is still there");
    }
    assert_eq!(fs::read(at("file")).expect("a file"), b"not a socket");
}

#[tokio::test]
async fn unix_socket_with_full_backlog_is_not_replaced() {
    let folder = folder();
    let path = folder.path().join("socket");
    let socket = tokio::net::UnixSocket::new_stream().expect("a socket");
    socket.bind(&path).expect("a free name");
    let listener = socket.listen(0).expect("a listener");
    // The listener does not accept, so the queue fills up and a connection would have to wait.
    let mut queued = Vec::new();
    while let Ok(stream) = tokio::net::UnixStream::connect(&path).await {
        queued.push(stream);
    }
    let before = inode(&path);
    let done = run(folder.path(), &["run", "--once", "--unix", "socket"], "");
    assert_eq!(done.status.code(), Some(1));
    assert!(err(&done).contains("another process listens there"), "{}", err(&done));
    assert_eq!(inode(&path), before, "the socket of the other process is still there");
    drop(listener);
}

#[test]
fn process_that_ends_leaves_another_process_socket() {
    let host = Running::start(&[]);
    let path = host.folder.path().join("socket");
    fs::remove_file(&path).expect("its socket");
    let other = UnixListener::bind(&path).expect("a free name");
    let (code, log, folder) = host.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(folder.path().join("socket").exists(), "the other process still listens there");
    drop(other);
    // The other process is dead now and had the same user. Its socket is replaced, and removed at the end.
    let host = Running::start_in(folder, &[]);
    assert!(host.unix().ask(VIEW).get("refused").is_some(), "there is no market");
    let (code, log, folder) = host.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(!folder.path().join("socket").exists());
}

#[test]
fn connection_whose_first_line_is_not_a_json_object_is_closed() {
    let mut host = start("");
    let mut operator = host.unix();
    operator.send(MARKET);
    operator.receive();
    operator.receive();
    let order = place(1, 1, "buy", "2.50", 4);
    let browser = format!(
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{order}",
        order.len()
    );
    let others = [
        String::from("\n \n[1]\n"),
        String::from("{\"status\":\n"),
        String::from("\u{16}\u{3}\u{1}\n"),
        format!("{{\"{}\"\n", "x".repeat(70_000)),
    ];
    for input in [browser].into_iter().chain(others.map(|line| line + &order)) {
        // Over TCP, a connection without a token may place no order; on the Unix socket, the order would be
        // executed.
        let mut client = host.unix();
        client.send(&input);
        let refused = client.receive();
        assert!(refusal(&refused).1.contains("the first line is not a JSON object"), "{input}");
        client.closed();
    }
    let mut client = host.tcp();
    client.send("x\n");
    client.receive();
    client.closed();
    assert_eq!(operator.ask(VIEW)["book"]["sequence"], 2, "nothing was carried out");
    let mut client = host.unix();
    client.send(&format!("\n{STATUS}x\n{order}"));
    assert_eq!(client.receive()["status"]["line"], 2);
    assert_eq!(refusal(&client.receive()).0, 3, "a later invalid line closes nothing");
    assert_eq!(client.receive()["done"]["line"], 4);
}

#[tokio::test]
async fn connection_limits_hold_in_total_and_per_address_and_spare_operators() {
    let mut host =
        start("connections = 6\nconnections_reserved = 2\nconnections_per_address = 3\n");
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = from("127.0.0.1:0", &mut host).await;
        client.ask(STATUS);
        clients.push(client);
    }
    let refused = from("127.0.0.1:0", &mut host).await.receive();
    let limit = "127.0.0.1 has 3 connections, which is the limit; close one";
    assert_eq!(refusal(&refused), (0, limit));
    let mut other = from("127.0.0.2:0", &mut host).await;
    other.ask(STATUS);
    let mut refused = from("127.0.0.3:0", &mut host).await;
    let limit = "4 connections are open, which is the limit; try again later";
    assert_eq!(refusal(&refused.receive()), (0, limit));
    refused.closed();
    let mut operators = [host.unix(), host.unix()];
    for operator in &mut operators {
        assert_eq!(operator.ask(STATUS)["status"]["line"], 1);
    }
    let refused = host.unix().receive();
    assert_eq!(refusal(&refused).0, 0);
    // When a client disconnects, another can connect.
    clients.pop();
    until("free place", || host.tcp().try_ask(STATUS).is_some_and(|it| it.get("status").is_some()));
}

#[test]
fn connection_flood_leaves_file_descriptors_for_the_host_and_operators() {
    let folder = folder();
    fs::write(folder.path().join("c.toml"), "[listen]\nconnections_per_address = 1000\n")
        .expect("a file");
    let arguments = ["--config", "c.toml", "--tcp", "127.0.0.1:0"];
    let mut host = Running::start_with_files(160, folder, &arguments);
    assert!(host.log().contains("fewer connections than configured"), "{}", host.log());
    let flood: Vec<_> = (0..200).map(|_| host.tcp()).collect();
    host.wait_for("connections refused");
    let mut operator = host.unix();
    operator.send(MARKET);
    operator.receive();
    operator.receive();
    operator.ask(&place(1, 1, "buy", "2.50", 4));
    operator.ask(&program::close(1));
    until("snapshot", || operator.ask(STATUS)["status"]["snapshot"].as_u64() > Some(0));
    assert!(operator.ask(STATUS)["status"].get("snapshot_failure").is_none());
    drop(flood);
    let (code, log, _) = host.end();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn silent_and_idle_connections_are_closed_but_subscribers_are_kept() {
    let mut host = start("line_timeout = \"300ms\"\n");
    let mut silent = host.tcp();
    let closed = silent.receive();
    assert_eq!(refusal(&closed), (0, "connection closed: no line arrived within 300ms"));
    silent.closed();
    let mut half = host.tcp();
    // The write may come too late already.
    let _ = half.write(b"{\"status\":");
    assert_eq!(refusal(&half.receive()).0, 0, "half a line does not keep it open");
    half.closed();

    let mut host = start("idle_timeout = \"300ms\"\ntoken = \"sesame\"\n");
    // The time limit for the first line also applies to the Unix socket, so the operator uses TCP here.
    let mut operator = host.tcp();
    let hello = "{\"hello\":{\"format\":1,\"token\":\"sesame\"}}\n";
    operator.send(&format!("{hello}{MARKET}"));
    for _ in 0..3 {
        operator.receive();
    }
    let mut subscriber = host.tcp();
    assert_eq!(subscriber.ask("{\"subscribe\":{\"market\":1}}\n")["book"]["sequence"], 2);
    for _ in 0..3 {
        let mut idle = host.tcp();
        idle.ask(STATUS);
        assert_eq!(refusal(&idle.receive()), (0, "connection closed: idle for 300ms"));
        idle.closed();
    }
    let mut trader = host.tcp();
    trader.send(&format!("{hello}{}", place(1, 1, "buy", "2.50", 4)));
    (0..2).for_each(|_| drop(trader.receive()));
    assert_eq!(subscriber.receive()["update"]["bids"][0]["quantity"], "4");
}

#[test]
fn client_that_reads_no_answers_is_disconnected_with_little_buffered() {
    let host = start("write_timeout = \"1s\"\nconnection_bytes = 65536\n");
    let mut client = host.unix();
    let line = refused_line();
    let mut bytes_sent = 0;
    let error = loop {
        match client.write(line.as_bytes()) {
            Ok(()) => bytes_sent += line.len(),
            Err(error) => break error,
        }
    };
    let closed = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
    assert!(closed.contains(&error.kind()), "it is not closed: {error}");
    assert!(bytes_sent < 16 << 20, "{bytes_sent} bytes were read although no answer was taken");
    host.unix().ask(STATUS);
}

#[test]
fn clients_that_read_no_answers_do_not_block_others() {
    let mut host = start("connection_bytes = 65536\nconnections_bytes = 65536\n");
    let line = refused_line();
    let mut stalled: Vec<Client<UnixStream>> = Vec::new();
    for _ in 0..3 {
        let mut client = host.unix();
        client.write_timeout(Duration::from_secs(1));
        // The buffer is now full, or nearly so.
        while client.write(line.as_bytes()).is_ok() {}
        stalled.push(client);
    }
    let mut client = host.tcp();
    for _ in 0..200 {
        assert!(refusal(&client.ask(&line)).0 > 0);
    }
    client.send(&STATUS.repeat(1_000));
    for at in 201..=1_200 {
        assert_eq!(client.receive()["status"]["line"], at);
    }
}

#[test]
fn subscription_of_a_client_that_reads_nothing_ends_with_little_buffered() {
    let settings = "connection_bytes = 65536\n[limits]\nsubscription = 1000000\n";
    let mut host = start(settings);
    let mut trader = host.unix();
    trader.send(MARKET);
    trader.receive();
    trader.receive();
    let mut stalled = host.unix();
    stalled.ask("{\"subscribe\":{\"market\":1}}\n");
    for at in 0..24 {
        let orders = (1..=250).map(|number| place(1, at * 250 + number, "buy", "2.50", 1));
        trader.send(&orders.collect::<String>());
        (0..250).for_each(|_| drop(trader.receive()));
    }
    host.wait_for("subscription ended: its client is slow");
    let mut updates = 0;
    while stalled.receive().get("ended").is_none() {
        updates += 1;
    }
    assert!(updates < 6_000, "it received all of them");
    assert_eq!(stalled.ask(VIEW)["book"]["sequence"], 6_002);
}

#[test]
fn errors_quote_only_a_short_part_of_a_line() {
    let host = start("");
    let mut client = host.unix();
    let long = "x".repeat(60_000);
    let price = "1".repeat(60_000);
    client.send(MARKET);
    client.receive();
    client.receive();
    for line in [format!("{{\"{long}\":1}}\n"), place(1, 1, "buy", &price, 1)] {
        let answer = client.ask(&line);
        let (_, error) = refusal(&answer);
        assert!(error.contains('…') && error.len() < 1_000, "{error}");
    }
}
