//! Tests of `pricetime replay`.

use std::fs;

use pricetime_gateway::json::Answer;
use pricetime_tests::patience::until;
use pricetime_tests::record::commands;

use crate::folder::{made, made_short, open, open_markets, options, submit};
use crate::program::{run, run_with};

#[test]
fn journal_replays_to_the_digest_of_its_process() {
    let made = made();
    let folder = made.path.to_str().expect("text");
    let ran = run(["replay", folder, "--json"]).well();
    assert_eq!(ran.digest(), made.digest);
    let report = &ran.lines()[0]["replayed"];
    assert_eq!(report["commands"], commands(&made.path).len());
    assert_eq!(report["rejected"]["unknown_market"], 1);
    assert!(
        report["trades"].as_u64() > Some(50) && report["epochs"].as_u64() > Some(5),
        "{report}"
    );

    run(["replay", folder, "--verify"]).says(0, &["digest", &made.digest, "snapshot of command"]);
    run(["replay", folder]).says(0, &["a second", "accepted", "unknown_market"]);
}

#[test]
fn export_replays_to_the_same_digest() {
    let made = made();
    let folder = made.path.to_str().expect("text");
    let file = made.path.join("day.jsonl");
    let file = file.to_str().expect("text");
    run(["replay", folder, "--commands", file]).well();
    assert_eq!(run(["replay", file, "--json"]).well().digest(), made.digest);
    // From standard input, and from two files.
    let text = fs::read_to_string(file).expect("the export");
    assert_eq!(run_with(["replay", "-", "--json"], &text).well().digest(), made.digest);
    let (first, second) = text.split_at(text.find("\n{\"cancel").expect("a cancel") + 1);
    let halves = ["a.jsonl", "b.jsonl"].map(|name| made.path.join(name).display().to_string());
    fs::write(&halves[0], first).expect("written");
    fs::write(&halves[1], second).expect("written");
    let ran = run(["replay", &halves[0], &halves[1], "--json"]).well();
    assert_eq!(ran.digest(), made.digest);
}

#[test]
fn replay_writes_the_events_of_every_command() {
    let made = made();
    let folder = made.path.to_str().expect("text");
    let ran = run(["replay", folder, "--events", "-"]).says(0, &["digest"]);
    let commands = commands(&made.path);
    assert_eq!(ran.out.lines().count(), commands.len());
    for (line, command) in ran.out.lines().zip(&commands) {
        let Ok(Answer::Done(done)) = serde_json::from_str(line) else { panic!("{line}") };
        assert_eq!(done.sequence, command.sequence.0);
        assert_eq!(done.command, command.action.kind());
    }
    run(["replay", folder, "--events", "-", "--commands", "-"]).says(2, &["name a file"]);
}

#[test]
fn replay_stops_at_until() {
    let made = made();
    let folder = made.path.to_str().expect("text");
    let through = |moment: &str| {
        let ran = run(["replay", folder, "--json", "--until", moment]).well();
        ran.lines()[0]["replayed"]["through"].as_u64().expect("a number")
    };
    assert_eq!(through("100"), 100);
    let closed = through("epoch:2@2");
    let command = commands(&made.path)[usize::try_from(closed).expect("small") - 1];
    assert_eq!(command.market.0, 2);
    assert!(through("epoch:2") < closed);
    run(["replay", folder, "--until", "epoch:9999"]).says(1, &["was not reached"]);
    run(["replay", folder, "--until", "soon"]).says(2, &["is not a moment"]);
    run(["replay", folder, "--speed", "fast"]).says(2, &["is not a speed"]);
    run(["replay", folder, "--speed", "1000000x", "--until", "50"]).well();
}

#[test]
fn invalid_line_is_reported_and_the_others_are_replayed() {
    let made = made();
    let folder = made.path.to_str().expect("text");
    let export = run(["replay", folder, "--commands", "-"]).well().out;
    let mut lines: Vec<&str> = export.lines().collect();
    lines.insert(4, "{\"place\":{\"market\":1,\"nobody\":2}}");
    lines.insert(9, "not JSON at all");
    lines.insert(11, "");
    lines.insert(12, "{\"status\":{}}");
    let long = format!("{{\"place\":{{\"market\":{}1}}}}", " ".repeat(2 << 20));
    lines.insert(20, &long);
    let ran = run_with(["replay", "-", "--json"], &lines.join("\n"));
    let long = "-:21: it is longer than 1048576 bytes";
    let ran = ran.says(
        4,
        &["-:5:29: unknown field `nobody`", "-:10:", "-:13: this line is a question", long],
    );
    assert_eq!(ran.digest(), made.digest);
    assert_eq!(ran.lines()[0]["replayed"]["refused_lines"], 4);
    run(["replay", "/nowhere/day.jsonl"]).says(1, &["/nowhere/day.jsonl"]);
    run_with(["replay", "-", "--verify"], "").says(2, &["name a folder"]);
    run_with(["replay", "-"], "").well();
}

#[test]
fn truncated_journal_replays_from_its_oldest_snapshot() {
    let made = made_short();
    let folder = made.path.to_str().expect("text");
    let ran = run(["replay", folder, "--json", "--verify"]);
    let ran = ran.says(0, &["begins with the snapshot of command"]);
    assert_eq!(ran.digest(), made.digest);
    assert!(ran.lines()[0]["replayed"]["after"].as_u64() > Some(0));
    run(["replay", folder, "--until", "1"]).says(2, &["begins after command"]);
    run(["verify", folder]).well();
}

#[test]
fn replay_works_beside_a_running_process() {
    let own = tempfile::tempdir().expect("a folder");
    let path = own.path().join("market");
    let host = open(|| options(&path));
    open_markets(&host);
    submit(&host, 1..200);
    // An idle host soon marks in the journal how far it is durable.
    let folder = path.to_str().expect("text");
    let digest = format!("{:032x}", host.digest());
    until("the journal is marked durable", || {
        run(["replay", folder, "--json", "--verify"]).well().digest() == digest
    });
    run(["verify", folder]).well();
    run(["inspect", "market", "--folder", folder]).says(0, &["ONE", "TWO", "continuous"]);
    run(["snapshot", folder]).says(1, &["in use by another process"]);
    host.close().expect("a clean shutdown");
}
