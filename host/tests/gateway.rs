//! The example gateway is a market over HTTP and WebSocket that shuts down cleanly and shows no
//! counterparty. The clients here are `ureq` and `tungstenite`.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use pricetime_tests::server::{Process, command, signal};
use pricetime_tests::wait::{TIMEOUT, until};
use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::{Message, WebSocket};

const SELLER: u64 = 70_070_070_071;
const BUYER: u64 = 80_080_080_082;

/// Returns the path of the example, which Cargo puts next to this test's folder.
fn program() -> PathBuf {
    let own = std::env::current_exe().expect("this test");
    let target = own.parent().and_then(Path::parent).expect("the profile's folder");
    target.join("examples/gateway")
}

struct Gateway {
    process: Process,
    address: String,
    agent: ureq::Agent,
}

impl Gateway {
    fn start(folder: &TempDir) -> Self {
        let (data, log) = (folder.path().join("data"), folder.path().join("log"));
        let mut command = command(program(), "KILL", None);
        command.arg(data).arg("127.0.0.1:0");
        let process =
            Process::start(command, log.clone(), "listening on ").expect("port 0 is free");
        // The line is not written all at once.
        let mut address = String::new();
        until("the address is in the log", || {
            let text = fs::read_to_string(&log).expect("the log");
            let line = text.strip_prefix("listening on ").and_then(|it| it.strip_suffix('\n'));
            address = line.unwrap_or_default().to_owned();
            line.is_some()
        });
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        let agent = config.timeout_global(Some(TIMEOUT)).build().into();
        Self { process, address, agent }
    }

    fn send(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header("content-type", "application/json")
            .body(body.to_owned())
            .expect("a request");
        let mut response = self.agent.run(request).expect("an answer");
        let body = response.body_mut().read_to_string().expect("a text");
        (response.status().as_u16(), body)
    }

    fn place(&self, account: u64, order: u64, new: &Value) -> (u16, String) {
        self.send("PUT", &format!("/orders/{account}/{order}"), &new.to_string())
    }

    fn cancel(&self, account: u64, order: u64) -> (u16, String) {
        self.send("DELETE", &format!("/orders/{account}/{order}"), "")
    }

    /// Returns the levels of the book.
    fn levels(&self) -> Value {
        let (status, body) = self.send("GET", "/book", "");
        assert_eq!(status, 200, "{body}");
        parse(&body)["levels"].take()
    }

    fn feed(&self) -> WebSocket<TcpStream> {
        let stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(TIMEOUT)).expect("a socket");
        let url = format!("ws://{}/feed", self.address);
        tungstenite::client(url, stream).expect("it speaks WebSocket").0
    }

    /// Shuts the process down cleanly.
    fn end(self) -> ExitStatus {
        signal(self.process.id(), "TERM");
        let mut exit_status = None;
        until("the process ends", || {
            exit_status = self.process.exit_status();
            exit_status.is_some()
        });
        exit_status.expect("it has ended")
    }
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).expect(text)
}

fn order(side: &str, price: &str, quantity: &str) -> Value {
    json!({ "side": side, "price": price, "quantity": quantity })
}

/// Returns the next message that is not only about a closed epoch, and checks that it names no account.
fn next(feed: &mut WebSocket<TcpStream>) -> Value {
    loop {
        let message = feed.read().expect("a message");
        let text = message.to_text().expect("a text");
        assert_names_none(text, &[SELLER, BUYER]);
        let message = parse(text);
        if message["levels"] != json!([]) || message["trades"] != json!([]) {
            return message;
        }
    }
}

fn assert_names_none(text: &str, accounts: &[u64]) {
    for account in accounts {
        assert!(!text.contains(&account.to_string()), "{text} names account {account}");
    }
}

#[test]
fn orders_trade_and_the_feed_shows_it_without_the_parties() {
    let folder = tempfile::tempdir().expect("a folder");
    let gateway = Gateway::start(&folder);
    let sell = order("sell", "0.2550", "1.5");
    let (status, first) = gateway.place(SELLER, 11, &sell);
    assert_eq!(status, 200, "{first}");
    assert_eq!(parse(&first)["trades"], json!([]));
    let (status, again) = gateway.place(SELLER, 11, &sell);
    assert_eq!(status, 409, "it is not carried out again: {again}");
    let resting = json!([["sell", "0.2550", "1.500"]]);
    assert_eq!(gateway.levels(), resting);

    let mut feed = gateway.feed();
    let book = next(&mut feed);
    assert_eq!(book, json!({ "sequence": book["sequence"], "levels": resting }));
    let (status, bought) = gateway.place(BUYER, 12, &order("buy", "0.26", "0.5"));
    assert_eq!(status, 200, "{bought}");
    let trades = json!([["buy", "0.2550", "0.500"]]);
    assert_eq!(parse(&bought)["trades"], trades);
    assert_names_none(&bought, &[SELLER]);
    let update = next(&mut feed);
    assert!(update["sequence"].as_u64() > book["sequence"].as_u64());
    assert_eq!(update["levels"], json!([["sell", "0.2550", "1.000"]]));
    assert_eq!(update["trades"], trades);

    let (status, refused) = gateway.cancel(BUYER, 11);
    assert_eq!(status, 409, "{refused}");
    assert_names_none(&refused, &[SELLER]);
    let (status, refused) = gateway.place(BUYER, 13, &order("buy", "0.25505", "0.5"));
    assert_eq!(status, 400, "{refused}");
    let (status, cancelled) = gateway.cancel(SELLER, 11);
    assert_eq!(status, 200, "{cancelled}");
    assert_eq!(next(&mut feed)["levels"], json!([["sell", "0.2550", "0.000"]]));
    assert_eq!(gateway.levels(), json!([]));
}

#[test]
fn sigterm_closes_cleanly_and_a_restart_has_the_orders() {
    let folder = tempfile::tempdir().expect("a folder");
    let gateway = Gateway::start(&folder);
    assert_eq!(gateway.place(SELLER, 21, &order("sell", "0.3", "2")).0, 200);
    let mut feed = gateway.feed();
    let resting = json!([["sell", "0.3000", "2.000"]]);
    assert_eq!(next(&mut feed)["levels"], resting);
    // The client answers the close frame, as clients do, while the gateway shuts down.
    let listening = std::thread::spawn(move || {
        while !matches!(feed.read().expect("a close before the end"), Message::Close(_)) {}
        drop(feed.read());
    });
    let status = gateway.end();
    assert!(status.success(), "{status}");
    listening.join().expect("the feed was closed");

    let gateway = Gateway::start(&folder);
    assert_eq!(gateway.levels(), resting);
    assert_eq!(gateway.cancel(SELLER, 21).0, 200);
}
