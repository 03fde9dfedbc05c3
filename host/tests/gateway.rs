//! The example gateway, started and talked to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// A gateway that is killed when the test is done with it.
struct Gateway {
    process: Child,
    address: String,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // One that is dead already is what was wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where cargo put the example: beside this test's folder.
fn program() -> PathBuf {
    let own = std::env::current_exe().expect("this test");
    let target = own.parent().and_then(Path::parent).expect("the profile's folder");
    target.join("examples/gateway")
}

impl Gateway {
    fn start(folder: &Path) -> Self {
        let mut process = Command::new(program())
            .arg(folder)
            .arg("127.0.0.1:0")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the example is built with the tests");
        let mut line = String::new();
        let said = process.stderr.take().expect("its standard error");
        BufReader::new(said).read_line(&mut line).expect("it says where it listens");
        let address = line.trim().strip_prefix("listening on ").expect(&line).to_owned();
        Self { process, address }
    }

    /// One request, one reply: the status and the body.
    fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("it reads");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("it answers");
        let status = reply.get(9..12).and_then(|code| code.parse().ok()).expect("a status");
        let body = reply.split_once("\r\n\r\n").expect("a body").1;
        (status, serde_json::from_str(body).unwrap_or_else(|_| body.into()))
    }
}

fn id(n: u32) -> String {
    format!("00000000-0000-7000-8000-{n:012}")
}

#[test]
fn orders_come_change_trade_and_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let gateway = Gateway::start(folder.path());
    let sell = json!({ "account": id(1), "order": id(11), "request": id(91), "side": "sell",
        "price": "0.255", "quantity": "1.5" });
    let (status, reply) = gateway.ask("POST", "/orders", &sell);
    assert_eq!((status, &reply["outcome"]), (200, &json!("accepted")), "{reply}");
    // The same request again does nothing again.
    let (status, reply) = gateway.ask("POST", "/orders", &sell);
    assert_eq!((status, &reply["outcome"]), (200, &json!("duplicate")), "{reply}");

    let (status, reply) = gateway.ask("GET", "/book", &Value::Null);
    assert_eq!(status, 200);
    assert_eq!(reply["asks"], json!([{ "price": "0.255", "quantity": "1.500", "orders": 1 }]));

    let buy = json!({ "account": id(2), "order": id(12), "side": "buy",
        "price": "0.26", "quantity": "0.5" });
    let (_, reply) = gateway.ask("POST", "/orders", &buy);
    assert!(reply["events"][1]["traded"].is_object(), "{reply}");

    let change = json!({ "account": id(1), "price": "0.3" });
    let (status, reply) = gateway.ask("PATCH", &format!("/orders/{}", id(11)), &change);
    assert_eq!(status, 200, "{reply}");
    let (_, reply) = gateway.ask("GET", "/book", &Value::Null);
    assert_eq!(reply["asks"], json!([{ "price": "0.300", "quantity": "1.000", "orders": 1 }]));

    let path = format!("/orders/{}?account={}", id(11), id(2));
    let (status, reply) = gateway.ask("DELETE", &path, &Value::Null);
    assert_eq!((status, &reply["outcome"]), (422, &json!({ "rejected": "not_owner" })));

    let odd = json!({ "account": id(2), "order": id(13), "side": "buy",
        "price": "0.2555", "quantity": "0.5" });
    let (status, reply) = gateway.ask("POST", "/orders", &odd);
    assert_eq!(status, 400, "not a whole number of ticks: {reply}");

    // Killed and started again it holds what it told of.
    drop(gateway);
    let gateway = Gateway::start(folder.path());
    let (_, reply) = gateway.ask("GET", "/book", &Value::Null);
    assert_eq!(reply["asks"], json!([{ "price": "0.300", "quantity": "1.000", "orders": 1 }]));
    let path = format!("/orders/{}?account={}", id(11), id(1));
    let (status, reply) = gateway.ask("DELETE", &path, &Value::Null);
    assert_eq!((status, &reply["outcome"]), (200, &json!("accepted")));
}
