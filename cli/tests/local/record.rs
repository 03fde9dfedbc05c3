//! Tests of `pricetime record`, beside a market that runs.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use pricetime_tests::wait;
use serde_json::Value;

use crate::program::{MARKET, Running, close, err, lines, out, place, run};

/// A market that runs, with this many answered orders.
fn started(orders: u32) -> Running {
    let running = Running::start(&["--epoch", "never"]);
    let mut operator = running.unix();
    for line in MARKET.lines() {
        operator.ask(&format!("{line}\n"));
    }
    place_orders(&running, 1..=orders);
    running
}

fn place_orders(running: &Running, orders: std::ops::RangeInclusive<u32>) {
    let mut client = running.unix();
    for order in orders {
        let side = if order % 2 == 0 { "buy" } else { "sell" };
        let answer = client.ask(&place(order % 3 + 1, order, side, "50", 2));
        assert_eq!(answer["done"]["outcome"], "accepted", "{answer}");
    }
}

/// Begins to record the market in this folder, and waits until signals are handled.
fn record(folder: &Path, to: &str, arguments: &[&str]) -> Child {
    let child = Command::new(env!("CARGO_BIN_EXE_pricetime"))
        .current_dir(folder)
        .args(["record", to, "--json"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    let (part, whole) = (folder.join(format!("{to}.part")), folder.join(to));
    wait::until("an output", || part.exists() || whole.exists());
    child
}

fn interrupt(child: &Child) {
    let id = child.id().to_string();
    let done = Command::new("kill").args(["-s", "INT", &id]).status().expect("kill");
    assert!(done.success());
}

/// Waits for the end of a recording, and returns its summary and standard error.
fn recorded(child: Child) -> (Value, String) {
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", err(&output));
    (lines(&out(&output))[0]["converted"].clone(), err(&output))
}

/// The digest that `replay` finds.
fn digest(folder: &Path, name: &str) -> Value {
    let output = run(folder, &["replay", name, "--json"], "");
    assert!(output.status.success(), "{}", err(&output));
    lines(&out(&output))[0]["replayed"]["digest"].clone()
}

fn assert_usage(output: &Output, code: i32, text: &str) {
    assert_eq!(output.status.code(), Some(code), "{}", err(output));
    assert!(err(output).contains(text), "{}", err(output));
}

#[test]
fn recording_holds_every_command_that_was_answered_before_the_signal() {
    let running = started(10);
    let folder = running.folder.path();
    let recording = record(folder, "day.jsonl.zst", &[]);
    place_orders(&running, 11..=60);
    running.unix().ask(&close(1));
    interrupt(&recording);
    let (summary, _) = recorded(recording);
    assert_eq!(summary["commands"], 2 + 60 + 1, "{summary}");
    assert!(!folder.join("day.jsonl.zst.part").exists());
    assert_eq!(digest(folder, "day.jsonl.zst"), summary["digest"]);
    // The market goes on, and its journal is whole.
    place_orders(&running, 61..=62);
    assert!(run(folder, &["verify"], "").status.success());
}

#[test]
fn recording_ends_when_the_market_is_killed() {
    let running = started(10);
    let folder = running.folder.path();
    let recording = record(folder, "day.csv", &["--until", "epoch:7"]);
    place_orders(&running, 11..=20);
    running.signal("KILL");
    let (summary, notes) = recorded(recording);
    assert_eq!(summary["commands"], 2 + 20, "{summary}");
    assert!(notes.contains("ends before the close of an epoch 7"), "{notes}");
    for name in ["day.csv", "data"] {
        assert_eq!(digest(folder, name), summary["digest"], "{name}");
    }
}

#[test]
fn recording_ends_at_the_moment_that_was_named() {
    let running = started(10);
    let folder = running.folder.path();
    let to_command = record(folder, "command.jsonl", &["--until", "15"]);
    let to_epoch = record(folder, "epoch.csv", &["--until", "epoch:2@1"]);
    let to_time = record(folder, "time.jsonl", &["--until", "2026-01-01T00:00Z"]);
    // Times of the market are later than that, so nothing comes before it.
    assert_eq!(recorded(to_time).0["commands"], 0);
    place_orders(&running, 11..=20);
    assert_eq!(recorded(to_command).0["commands"], 15);
    for (epoch, is_closed) in [(2, false), (1, true), (1, false), (2, true)] {
        let answer = running.unix().ask(&close(epoch));
        assert_eq!(answer["done"]["outcome"] == "accepted", is_closed, "{answer}");
    }
    place_orders(&running, 21..=22);
    let (summary, notes) = recorded(to_epoch);
    assert_eq!(summary["commands"], 2 + 20 + 4, "{summary}");
    assert_eq!(notes, "");
    let output = run(folder, &["replay", "--until", "epoch:2", "--json"], "");
    assert_eq!(lines(&out(&output))[0]["replayed"]["digest"], summary["digest"]);
}

#[test]
fn what_cannot_be_recorded_is_refused() {
    let running = started(1);
    let folder = running.folder.path();
    let refused = |arguments: &[&str]| run(folder, &[&["record"], arguments].concat(), "");
    assert_usage(&refused(&["day.jsonl", "--until", "0"]), 2, "the first command is number 1");
    assert_usage(&refused(&["log"]), 2, "already exists");
    assert_usage(&refused(&["day.txt"]), 2, "the name does not tell the format");
    assert_usage(&refused(&["day.csv", "--folder", "none"]), 1, "none");
    assert_usage(&refused(&["data/day.csv"]), 2, "is in the data folder");
    assert_usage(&refused(&["-", "--to", "csv", "--levels", "3"]), 2, "--levels is only for");
    let found = std::fs::read_dir(folder).expect("a folder").map(|it| it.expect("a file"));
    let parts = found.filter(|it| it.file_name().to_string_lossy().contains(".part"));
    assert_eq!(parts.count(), 0);
}
