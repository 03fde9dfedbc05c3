//! A server that never answers does not keep the program from shutting down.

use std::net::TcpListener;

use pricetime_tests::redis::Server;

use crate::program::{MARKET, Running, close, place};

/// Asserts that the program shuts down in order.
fn assert_shuts_down(running: Running) {
    let (code, log, _folder) = running.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("closed sequence="), "{log}");
    assert!(log.contains("the image in Redis stays behind; the next start"), "{log}");
}

fn start(url: &str) -> Running {
    let folder = crate::folder();
    let settings = format!(
        "[redis]\nurl = \"{url}\"\n[redis.publish]\nevents = true\n[settlement]\nledger = \"redis\"\n"
    );
    std::fs::write(folder.path().join("c.toml"), settings).expect("a file");
    Running::start_in(folder, &["--epoch", "never", "--config", "c.toml"])
}

fn trade(running: &Running) {
    let mut operator = running.unix();
    for input in
        [MARKET, &place(1, 1, "sell", "1.00", 5), &place(2, 2, "buy", "1.00", 5), &close(1)]
    {
        operator.send(input);
        for _ in input.lines() {
            assert_eq!(operator.receive()["done"]["outcome"], "accepted");
        }
    }
}

#[test]
fn program_shuts_down_cleanly_while_redis_is_stopped() {
    let server = Server::start();
    let mut running = start(&server.url());
    running.wait_for("Redis: events are published");
    server.signal("STOP");
    trade(&running);
    assert_shuts_down(running);
}

#[test]
fn program_shuts_down_cleanly_while_redis_accepts_but_never_answers() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("its address");
    let running = start(&format!("redis://{address}"));
    trade(&running);
    assert_shuts_down(running);
}
