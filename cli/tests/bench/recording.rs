//! A recording takes the place of a workload.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::{bench, parsed, printed, refused, text};

/// An exchange's day in which an order of 100 is hit twice.
const LOBSTER: &str = "34200.1,1,7,100,5853300,-1
34200.2,1,8,100,5853400,-1
34200.3,4,7,60,5853300,-1
34200.4,4,7,40,5853300,-1
";

fn file(folder: &Path, name: &str, content: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, content).expect("a file");
    path.to_str().expect("a path of text").to_owned()
}

/// Writes a recording of JSON lines.
fn day(folder: &Path) -> PathBuf {
    let path = folder.join("day.jsonl");
    let written = Command::new(env!("CARGO_BIN_EXE_pricetime"))
        .args(["demo", "--commands", "400", "--seed", "7", "--write"])
        .arg(&path)
        .output()
        .expect("the program starts");
    assert!(written.status.success(), "{}", text(&written.stderr));
    path
}

fn core(path: &str, more: &[&str]) -> Value {
    let core = ["core", "--recording", path, "--runs", "1", "--warmup", "0", "--json"];
    parsed(&[core.as_slice(), more].concat())
}

#[test]
fn own_recording_is_measured_through_the_core() {
    let folder = TempDir::new().expect("a folder");
    let lines = day(folder.path());
    let lines = lines.to_str().expect("a path of text");
    let report = core(lines, &[]);
    let Value::String(digest) = &report["settings"]["recording"]["digest"] else {
        panic!("no digest: {report}")
    };
    assert_eq!(report["workloads"][0]["workload"], "day.jsonl");
    // Whatever of it is measured, the engine ends in the state of the whole recording.
    let skipped = core(lines, &["--skip", "100"]);
    for one in [&report, &skipped] {
        assert_eq!(one["workloads"][0]["core"]["digest"], digest.as_str(), "{one}");
    }
    let counts = [&report, &skipped].map(|one| one["settings"]["commands"].as_u64());
    assert_eq!(counts[0], counts[1].map(|count| count + 100));

    let day = file(folder.path(), "AAPL_message.csv", LOBSTER);
    let report = core(&day, &[]);
    let one = &report["workloads"][0];
    assert_eq!((&report["settings"]["commands"], &one["core"]["trades"]), (&4.into(), &2.into()));
}

#[test]
fn own_recording_is_measured_through_a_host() {
    let folder = TempDir::new().expect("a folder");
    let lines = day(folder.path());
    let host = ["host", "--recording", lines.to_str().expect("a path of text"), "--runs", "1"];
    let at = folder.path().to_str().expect("a path of text");
    let report = parsed(&[host.as_slice(), &["--folder", at, "--load", "50", "--json"]].concat());
    let count = report["workloads"][0]["host"]["loads"][0]["latency"]["count"].as_u64();
    assert_eq!(count, report["settings"]["commands"].as_u64(), "{report}");
}

#[test]
fn recording_is_read_only_up_to_the_wanted_commands() {
    let folder = TempDir::new().expect("a folder");
    let lines = day(folder.path());
    let core = ["core", "--recording", lines.to_str().expect("a path of text"), "--runs", "1"];
    let run = bench(&[core.as_slice(), &["--commands", "50"]].concat());
    assert!(text(&run.stdout).contains("50 commands of day.jsonl"), "{run:?}");
    assert!(text(&run.stderr).contains("day.jsonl goes on after the 50 commands"), "{run:?}");
    let whole = printed(&[core.as_slice(), &["--skip", "30"]].concat());
    assert!(whole.contains("of day.jsonl after 30"), "{whole}");
}

#[test]
fn unusable_recording_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    for (name, content, message) in [
        ("notes.txt", "hello\n", "the format is unknown"),
        ("bad.jsonl", "{\"place\":{}}\n", "bad.jsonl:1"),
        ("none.csv", "action,market\n", "no command to measure"),
        ("cut.csv", "action,market,order\ncancel,NONE,1\n", "cut.csv"),
    ] {
        let path = file(at, name, content);
        let (code, text) = refused(&["core", "--recording", &path]);
        assert!(code == Some(3) || code == Some(1), "{name}: {code:?}");
        assert!(text.contains(message), "{name}: {text}");
    }
    let path = file(at, "AAPL_message.csv", LOBSTER);
    for more in [["--workload", "normal"], ["--orders", "10"]] {
        let arguments = [["core", "--recording", path.as_str()].as_slice(), &more].concat();
        assert_eq!(refused(&arguments).0, Some(2), "{arguments:?}");
    }
    assert_eq!(refused(&["core", "--skip", "3"]).0, Some(2));
}

#[test]
fn reports_of_different_recordings_are_not_compared() {
    let folder = TempDir::new().expect("a folder");
    let path = file(folder.path(), "AAPL_message.csv", LOBSTER);
    let before = file(folder.path(), "before.json", &core(&path, &[]).to_string());
    core(&path, &["--baseline", &before]);
    file(folder.path(), "AAPL_message.csv", &LOBSTER.replace("100,", "200,"));
    let (code, message) = refused(&["core", "--recording", &path, "--baseline", &before]);
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("--recording AAPL_message.csv"), "{message}");
}

#[test]
fn number_of_orders_is_a_setting() {
    let core = ["core", "--workload", "normal", "--orders", "700", "--commands", "50"];
    let report = parsed(&[core.as_slice(), &["--runs", "1", "--json"]].concat());
    assert_eq!(report["settings"]["orders"], 700);
    assert_eq!(report["workloads"][0]["core"]["resting_first"], 700);
    let both = ["core", "--workload", "normal,static", "--orders", "700", "--commands", "50"];
    let text = printed(&[both.as_slice(), &["--runs", "1"]].concat());
    assert!(text.contains("700 orders at the start"), "{text}");
    let (code, message) = refused(&["core", "--workload", "epochs", "--orders", "700"]);
    assert_eq!(code, Some(2));
    assert!(message.contains("epochs starts with an empty book"), "{message}");
}
