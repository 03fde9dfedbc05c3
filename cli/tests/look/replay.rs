//! Tests of `pricetime replay`.

use std::fs;

use pricetime_gateway::json::Answer;
use pricetime_tests::record::commands;
use pricetime_tests::wait::until;

use crate::folder::{open, open_markets, options, prepared, prepared_short, submit};
use crate::program::{run, run_with};

#[test]
fn journal_replays_to_the_digest_of_its_process() {
    let prepared = prepared();
    let folder = prepared.path.to_str().expect("text");
    let result = run(["replay", folder, "--json"]).assert_success();
    assert_eq!(result.digest(), prepared.digest);
    let report = &result.lines()[0]["replayed"];
    assert_eq!(report["commands"], commands(&prepared.path).len());
    assert_eq!(report["rejected"]["unknown_market"], 1);
    assert!(
        report["trades"].as_u64() > Some(50) && report["epochs"].as_u64() > Some(5),
        "{report}"
    );

    run(["replay", folder, "--verify"])
        .assert_prints(0, &["digest", &prepared.digest, "snapshot of command"]);
    run(["replay", folder]).assert_prints(0, &["a second", "accepted", "unknown_market"]);
}

#[test]
fn export_replays_to_the_same_digest() {
    let prepared = prepared();
    let folder = prepared.path.to_str().expect("text");
    let file = prepared.path.join("day.jsonl");
    let file = file.to_str().expect("text");
    run(["replay", folder, "--commands", file]).assert_success();
    assert_eq!(run(["replay", file, "--json"]).assert_success().digest(), prepared.digest);
    // From standard input, and from two files.
    let text = fs::read_to_string(file).expect("the export");
    assert_eq!(
        run_with(["replay", "-", "--json"], &text).assert_success().digest(),
        prepared.digest
    );
    let (first, second) = text.split_at(text.find("\n{\"cancel").expect("a cancel") + 1);
    let halves = ["a.jsonl", "b.jsonl"].map(|name| prepared.path.join(name).display().to_string());
    fs::write(&halves[0], first).expect("written");
    fs::write(&halves[1], second).expect("written");
    let result = run(["replay", &halves[0], &halves[1], "--json"]).assert_success();
    assert_eq!(result.digest(), prepared.digest);
}

#[test]
fn replay_writes_the_events_of_every_command() {
    let prepared = prepared();
    let folder = prepared.path.to_str().expect("text");
    let result = run(["replay", folder, "--events", "-"]).assert_prints(0, &["digest"]);
    let commands = commands(&prepared.path);
    assert_eq!(result.out.lines().count(), commands.len());
    for (line, command) in result.out.lines().zip(&commands) {
        let Ok(Answer::Done(done)) = serde_json::from_str(line) else { panic!("{line}") };
        assert_eq!(done.sequence, command.sequence.0);
        assert_eq!(done.command, command.action.kind());
    }
    run(["replay", folder, "--events", "-", "--commands", "-"]).assert_prints(2, &["name a file"]);
}

#[test]
fn replay_stops_at_until() {
    let prepared = prepared();
    let folder = prepared.path.to_str().expect("text");
    let through = |moment: &str| {
        let result = run(["replay", folder, "--json", "--until", moment]).assert_success();
        result.lines()[0]["replayed"]["through"].as_u64().expect("a number")
    };
    assert_eq!(through("100"), 100);
    let closed = through("epoch:2@2");
    let command = commands(&prepared.path)[usize::try_from(closed).expect("small") - 1];
    assert_eq!(command.market.0, 2);
    assert!(through("epoch:2") < closed);
    run(["replay", folder, "--until", "epoch:9999"]).assert_prints(1, &["was not reached"]);
    run(["replay", folder, "--until", "soon"]).assert_prints(2, &["is not a moment"]);
    run(["replay", folder, "--speed", "fast"]).assert_prints(2, &["is not a speed"]);
    run(["replay", folder, "--speed", "1000000x", "--until", "50"]).assert_success();
}

#[test]
fn invalid_line_is_reported_and_the_others_are_replayed() {
    let prepared = prepared();
    let folder = prepared.path.to_str().expect("text");
    let export = run(["replay", folder, "--commands", "-"]).assert_success().out;
    let mut lines: Vec<&str> = export.lines().collect();
    lines.insert(4, "{\"place\":{\"market\":1,\"nobody\":2}}");
    lines.insert(9, "not JSON at all");
    lines.insert(11, "");
    lines.insert(12, "{\"status\":{}}");
    let long = format!("{{\"place\":{{\"market\":{}1}}}}", " ".repeat(2 << 20));
    lines.insert(20, &long);
    let result = run_with(["replay", "-", "--json"], &lines.join("\n"));
    let long = "-:21: it is longer than 1048576 bytes";
    let result = result.assert_prints(
        4,
        &["-:5:29: unknown field `nobody`", "-:10:", "-:13: this line is a question", long],
    );
    assert_eq!(result.digest(), prepared.digest);
    assert_eq!(result.lines()[0]["replayed"]["refused_lines"], 4);
    run(["replay", "/nowhere/day.jsonl"]).assert_prints(1, &["/nowhere/day.jsonl"]);
    run_with(["replay", "-", "--verify"], "").assert_prints(2, &["name a folder"]);
    run_with(["replay", "-"], "").assert_success();
}

#[test]
fn truncated_journal_replays_from_its_oldest_snapshot() {
    let prepared = prepared_short();
    let folder = prepared.path.to_str().expect("text");
    let result = run(["replay", folder, "--json", "--verify"]);
    let result = result.assert_prints(0, &["begins with the snapshot of command"]);
    assert_eq!(result.digest(), prepared.digest);
    assert!(result.lines()[0]["replayed"]["after"].as_u64() > Some(0));
    run(["replay", folder, "--until", "1"]).assert_prints(2, &["begins after command"]);
    run(["verify", folder]).assert_success();
}

#[test]
fn replay_works_beside_a_running_process() {
    let temp = tempfile::tempdir().expect("a folder");
    let path = temp.path().join("market");
    let host = open(|| options(&path));
    open_markets(&host);
    submit(&host, 1..200);
    // An idle host soon marks in the journal how far it is durable.
    let folder = path.to_str().expect("text");
    let digest = format!("{:032x}", host.digest());
    until("the journal is marked durable", || {
        run(["replay", folder, "--json", "--verify"]).assert_success().digest() == digest
    });
    run(["verify", folder]).assert_success();
    run(["inspect", "market", "--folder", folder]).assert_prints(0, &["ONE", "TWO", "continuous"]);
    run(["snapshot", folder]).assert_prints(1, &["in use by another process"]);
    host.close().expect("a clean shutdown");
}
