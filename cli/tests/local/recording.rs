//! `run --once` on a recording repeats what happened then, and ends with the digest of `replay`.

use std::path::Path;

use crate::program::{self, VIEW, err, folder, lines, out, place, run};
use serde_json::{Value, json};

/// The lines with a time, this many minutes after the start of the day.
fn at_minute(minute: u32, input: &str) -> String {
    let time = format!("2026-06-01T{:02}:{:02}:00Z", minute / 60, minute % 60);
    let mut all = String::new();
    for mut line in lines(input) {
        for body in line.as_object_mut().expect("an object").values_mut() {
            body["time"] = json!(time);
        }
        all += &format!("{line}\n");
    }
    all
}

/// An order that expires at this minute.
fn expiring_order(minute: u32, order: u32) -> String {
    let mut line: Value = serde_json::from_str(&place(1, order, "buy", "1.00", 5)).expect("a line");
    let end = format!("2026-06-01T00:{minute:02}:00Z");
    line["place"]["time_in_force"] = json!({ "good_till_date": end });
    format!("{line}\n")
}

fn day() -> String {
    at_minute(0, program::MARKET)
        + &at_minute(1, &expiring_order(5, 1))
        + &at_minute(2, &expiring_order(50, 2))
        + "{\"place\":\n"
        + &at_minute(3, &place(2, 9, "sell", "3.001", 1))
        // Only the clock of the recording expires the first order before this one arrives.
        + &at_minute(10, &place(2, 3, "sell", "1.00", 6))
        + &at_minute(15, &program::close(1))
        + &at_minute(16, &place(2, 3, "sell", "2.00", 1))
}

/// The digest that a process prints on its standard error or output.
fn digest(text: &str) -> &str {
    let after_digest = text.rsplit_once("digest").expect(text).1;
    after_digest.trim_start_matches(|it: char| !it.is_ascii_hexdigit()).get(..32).expect(text)
}

/// The answers and the log of `run --once` with these arguments.
fn run_once(folder: &Path, words: &[&str]) -> (Vec<Value>, String) {
    let done = run(folder, &[&["run", "--once"], words].concat(), "");
    (lines(&out(&done)), err(&done))
}

#[test]
fn run_and_replay_of_a_recording_reach_the_same_digest() {
    let folder = folder();
    std::fs::write(folder.path().join("day.jsonl"), day()).expect("a file");
    let (answers, log) = run_once(folder.path(), &["--input", "day.jsonl"]);
    let replayed = run(folder.path(), &["replay", "day.jsonl"], "");
    assert_eq!(replayed.status.code(), Some(4), "{}", err(&replayed));
    assert_eq!(digest(&log), digest(&out(&replayed)));
    let traded: Vec<_> =
        answers.iter().flat_map(|line| line["done"]["events"].as_array()).collect();
    let traded: Vec<_> = traded.into_iter().flatten().filter_map(|it| it.get("traded")).collect();
    assert_eq!(traded.len(), 1, "the first order had ended");
    assert_eq!(traded[0]["quantity"], "5");
    let last = &answers.last().expect("answers")["done"];
    assert_eq!(
        (&last["time"], &last["outcome"]),
        (&json!("2026-06-01T00:16:00.000000000Z"), &json!({"rejected": "duplicate_order_id"}))
    );
    assert!(
        log.contains("input ended lines=9 refused=2 accepted=6 rejected=1 duplicates=0"),
        "{log}"
    );
    assert!(log.contains("reasons=\"1 duplicate_order_id\""), "{log}");
    // Commands exported from the journal are such a recording again.
    let written = run(folder.path(), &["replay", "./data", "--commands", "again.jsonl"], "");
    assert_eq!(written.status.code(), Some(0), "{}", err(&written));
    let (_, again) = run_once(folder.path(), &["--folder", "other", "--input", "again.jsonl"]);
    assert_eq!(digest(&again), digest(&log));
}

#[test]
fn recording_can_be_read_from_a_pipe() {
    let folder = folder();
    let day = String::from("\n") + &day();
    std::fs::write(folder.path().join("day.jsonl"), &day).expect("a file");
    let (_, log) = run_once(folder.path(), &["--input", "day.jsonl"]);
    let piped = run(folder.path(), &["run", "--once", "--folder", "other"], &day);
    assert_eq!(digest(&err(&piped)), digest(&log));
}

#[test]
fn commands_for_a_removed_market_give_the_same_result_in_run_and_replay() {
    let folder = folder();
    let phase = |phase: &str| format!("{{\"set_phase\":{{\"market\":1,\"phase\":\"{phase}\"}}}}\n");
    let day = at_minute(0, program::MARKET)
        + &at_minute(1, &place(1, 1, "buy", "1.00", 5))
        + &at_minute(
            2,
            "{\"cancel_all\":{\"market\":1,\"account\":\"00000000-0000-0000-0000-000000000001\"}}",
        )
        + &at_minute(3, &phase("closed"))
        + &at_minute(4, "{\"remove_market\":{\"market\":1}}")
        + &at_minute(5, &place(1, 2, "buy", "1.00", 5))
        + &at_minute(6, &phase("call"));
    std::fs::write(folder.path().join("day.jsonl"), day).expect("a file");
    let (answers, log) = run_once(folder.path(), &["--input", "day.jsonl"]);
    assert_eq!(answers[6]["refused"]["error"], "there is no market 1");
    let replayed = run(folder.path(), &["replay", "day.jsonl"], "");
    assert_eq!(digest(&log), digest(&out(&replayed)));
}

#[test]
fn single_line_without_newline_is_a_recording() {
    let folder = folder();
    let line = at_minute(0, program::MARKET.lines().next().expect("a line"));
    let done = run(folder.path(), &["run", "--once"], line.trim_end());
    assert_eq!(done.status.code(), Some(0), "{}", err(&done));
    assert_eq!(lines(&out(&done))[0]["done"]["time"], "2026-06-01T00:00:00.000000000Z");
}

#[test]
fn epoch_flag_closes_an_epoch_at_each_gate_of_recorded_time() {
    let folder = folder();
    let day = at_minute(0, program::MARKET)
        + &at_minute(1, &place(1, 1, "buy", "1.00", 5))
        + &at_minute(61, &place(1, 2, "buy", "1.00", 5))
        + VIEW;
    std::fs::write(folder.path().join("day.jsonl"), day).expect("a file");
    let (answers, log) = run_once(folder.path(), &["--input", "day.jsonl", "--epoch", "15m"]);
    assert_eq!(answers.last().expect("answers")["book"]["epoch"], 5, "{log}");
    let (answers, _) = run_once(folder.path(), &["--folder", "other", "--input", "day.jsonl"]);
    assert_eq!(answers.last().expect("answers")["book"]["epoch"], 1);
}

#[test]
fn times_are_refused_outside_a_recording_unless_ignored() {
    let folder = folder();
    let day = program::MARKET.to_owned() + &at_minute(1, &place(1, 1, "buy", "1.00", 5));
    std::fs::write(folder.path().join("day.jsonl"), day).expect("a file");
    let (answers, log) = run_once(folder.path(), &["--input", "day.jsonl"]);
    let why = answers[2]["refused"]["error"].as_str().expect("a refusal");
    assert!(why.contains("--ignore-times"), "{why}");
    assert!(!log.contains("digest"), "{log}");
    let words = ["--folder", "other", "--ignore-times", "--input", "day.jsonl"];
    let (answers, _) = run_once(folder.path(), &words);
    assert_eq!(answers[2]["done"]["outcome"], "accepted");
    assert_ne!(answers[2]["done"]["time"], "2026-06-01T00:01:00.000000000Z");
}

#[test]
fn input_that_is_not_json_lines_fails_before_a_folder_is_created() {
    let folder = folder();
    std::fs::write(folder.path().join("day.csv"), "time,price\n1,2\n").expect("a file");
    for (words, hint) in [
        (&["run", "--once", "--input", "day.csv"][..], "day.csv:1: not a JSON object"),
        (&["run", "--input", "day.csv"], "day.csv:1: not a JSON object"),
        (&["run", "--input", "nothing.jsonl"], "cannot read nothing.jsonl"),
        (&["replay", "--format", "json", "day.csv"], "day.csv:1: not a JSON object"),
    ] {
        let done = run(folder.path(), words, "");
        assert!(matches!(done.status.code(), Some(1 | 2)), "{words:?}");
        assert!(err(&done).contains(hint), "{}", err(&done));
        assert!(!folder.path().join("data").exists(), "{words:?}");
    }
    let done = run(folder.path(), &["replay", "day.csv"], "");
    assert_eq!(done.status.code(), Some(3));
    assert!(err(&done).contains("day.csv: line 1"), "{}", err(&done));
}
