//! A market behind a socket under load.

use std::process::{Child, Command, Stdio};

use pricetime_tests::wait;
use serde_json::Value;
use tempfile::TempDir;

use super::{parsed, printed, refused};

/// Arguments for a small load.
const SMALL: [&str; 11] = [
    "gateway",
    "--workload",
    "normal",
    "--orders",
    "200",
    "--commands",
    "600",
    "--runs",
    "2",
    // A measurement ends when its commands are used up, and not when its time is over.
    "--seconds",
    "3600",
];

fn check(report: &Value) {
    let one = &report["workloads"][0];
    assert_eq!(one["rate"]["runs"].as_array().map(Vec::len), Some(2), "{one}");
    assert!(one["rate"]["median"].as_f64().is_some_and(|rate| rate > 0.0), "{one}");
    let load = &one["host"]["loads"][0];
    assert_eq!(load["latency"]["count"], 600, "{one}");
}

#[test]
fn gateway_bench_starts_its_own_market() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path().to_str().expect("a path of text");
    let own =
        [SMALL.as_slice(), &["--folder", at, "--connections", "3", "--rate", "20000"]].concat();
    check(&parsed(&[own.as_slice(), &["--json"]].concat()));
    let text = printed(&own);
    for what in ["a market of its own, 3 connections", "commands a second", "20,000"] {
        assert!(text.contains(what), "{what} in {text}");
    }
    let left = std::fs::read_dir(folder.path()).expect("the folder").count();
    assert_eq!(left, 0, "folders were left behind");
}

#[test]
fn gateway_bench_removes_a_market_with_so_many_orders_that_the_answer_is_skipped() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path().to_str().expect("a path of text");
    let many = ["gateway", "--workload", "normal", "--orders", "12000", "--commands", "100"];
    let more = ["--runs", "1", "--rate", "20000", "--seconds", "3600", "--folder", at, "--json"];
    let report = parsed(&[many.as_slice(), &more].concat());
    assert_eq!(report["workloads"][0]["host"]["loads"][0]["latency"]["count"], 100, "{report}");
}

/// A market that ends with the test.
struct Market(Child);

impl Drop for Market {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn gateway_bench_leaves_existing_markets_as_they_are() {
    let folder = TempDir::new().expect("a folder");
    let socket = folder.path().join("socket");
    let process = Command::new(env!("CARGO_BIN_EXE_pricetime"))
        .args(["run", "--folder"])
        .arg(folder.path().join("data"))
        .arg("--unix")
        .arg(&socket)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let _market = Market(process);
    let socket = socket.to_str().expect("a path of text");
    let send = |line: &str| {
        let done = Command::new(env!("CARGO_BIN_EXE_pricetime"))
            .args(["send", "--unix", socket, line])
            .output()
            .expect("the program starts");
        String::from_utf8(done.stdout).expect("text")
    };
    let add = r#"{"add_market":{"market":7,"symbol":"SUN","tick":"0.01","lot":"1","quantity_max":"1000","price_min":"0","price_max":"100"}}"#;
    wait::until("a market that listens", || send(add).contains("accepted"));
    // The second time the ids of the first are used up.
    for _ in 0..2 {
        check(&parsed(&[SMALL.as_slice(), &["--unix", socket, "--load", "50", "--json"]].concat()));
        let markets = send(r#"{"markets":{}}"#);
        assert!(markets.contains("SUN") && !markets.contains("BENCH"), "{markets}");
    }
}

#[test]
fn gateway_bench_without_a_market_says_where_it_looked() {
    let (code, message) =
        refused(&["gateway", "--workload", "normal", "--commands", "9", "--unix", "/none"]);
    assert_eq!(code, Some(1), "{message}");
    assert!(message.contains("cannot connect to /none"), "{message}");
    assert_eq!(refused(&["gateway", "--unix", "/none", "--tcp", "localhost:1"]).0, Some(2));
}
