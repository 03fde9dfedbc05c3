//! Tests of `pricetime diff`.

use std::fs;

use tempfile::TempDir;

use crate::folder::{prepared, prepared_short};
use crate::program::run;

const DAY: &str = r#"{"add_market":{"market":1,"symbol":"SUN/EUR","tick":"0.01","lot":"0.1","quantity_max":"1000","price_min":"0","price_max":"5","time":"2026-11-30T10:00:00Z"}}
{"set_phase":{"market":1,"phase":"continuous","time":"2026-11-30T10:00:00Z"}}
{"place":{"market":1,"account":"00000000-0000-0000-0000-00000000000a","order":"00000000-0000-0000-0000-000000000001","side":"sell","type":"limit","price":"1.00","quantity":"10.0","time":"2026-11-30T10:01:00Z"}}
{"place":{"market":1,"account":"00000000-0000-0000-0000-00000000000b","order":"00000000-0000-0000-0000-000000000002","side":"buy","type":"limit","price":"1.20","quantity":"4.0","time":"2026-11-30T10:02:00Z"}}
"#;

/// Two files with these texts.
fn files(a: &str, b: &str) -> (TempDir, [String; 2]) {
    let folder = tempfile::tempdir().expect("a folder");
    let paths = ["a.jsonl", "b.jsonl"].map(|name| folder.path().join(name));
    for (path, text) in paths.iter().zip([a, b]) {
        fs::write(path, text).expect("written");
    }
    (folder, paths.map(|path| path.to_str().expect("text").to_owned()))
}

#[test]
fn same_recordings_are_the_same_in_any_form() {
    let prepared = prepared();
    let folder = prepared.path.to_str().expect("text");
    let export = prepared.path.join("day.jsonl");
    let export = export.to_str().expect("text");
    run(["replay", folder, "--commands", export]).assert_success();
    run(["diff", folder, export]).assert_prints(0, &["same", &prepared.digest]);
    let lines = run(["diff", export, folder, "--json"]).assert_success().lines();
    assert_eq!(lines[0]["diff"]["digest"], prepared.digest);
    assert!(lines[0]["diff"]["difference"].is_null());
}

#[test]
fn first_difference_is_shown_with_the_book_before_it() {
    let (_folder, [a, b]) = files(DAY, &DAY.replace("1.20", "0.90"));
    let words =
        ["same       3 commands", "command 4: price", "traded", "the book before it", "10.0"];
    run(["diff", &a, &b]).assert_prints(3, &words);
    let lines = run(["diff", &a, &b, "--json"]).assert_prints(3, &[]).lines();
    let difference = &lines[0]["diff"]["difference"];
    assert_eq!((&difference["command"], &difference["parts"][0]), (&4.into(), &"price".into()));
    assert_eq!(difference["b"]["line"]["place"]["price"], "0.90");
    assert!(difference["a"]["done"]["events"][1]["traded"].is_object(), "{difference}");
    assert_eq!(difference["book"]["asks"][0]["quantity"], "10.0");
}

#[test]
fn recording_that_ends_early_is_a_difference() {
    let (_folder, [a, b]) = files(DAY, &DAY[..DAY.rfind("{\"place\"").expect("the last line")]);
    run(["diff", &a, &b]).assert_prints(3, &["same       3 commands", "command 4: B has ended"]);
    run(["diff", &b, &a]).assert_prints(3, &["command 4: A has ended"]);
}

#[test]
fn number_of_a_command_is_a_part_of_it() {
    let rows = "sequence,action,market,phase,tick,lot\n1,add_market,SUN,,0.01,1\n2,set_phase,SUN,continuous,,\n";
    let (_folder, [a, b]) = files(rows, &rows.replace("\n2,", "\n3,"));
    run(["diff", &a, &b]).assert_prints(3, &["command 2: sequence"]);
}

#[test]
fn times_can_be_ignored() {
    let (_folder, [a, b]) = files(DAY, &DAY.replace("10:02", "10:03"));
    run(["diff", &a, &b]).assert_prints(3, &["command 4: time"]);
    run(["diff", &a, &b, "--ignore-times"]).assert_prints(0, &["same       4 commands"]);
}

#[test]
fn what_cannot_be_read_is_no_difference() {
    let (_folder, [a, b]) = files(DAY, &(DAY.to_owned() + "{\"place\":{}}\n"));
    run(["diff", &a, &b]).assert_prints(4, &["same       4 commands", "b.jsonl:5"]);
    run(["diff", "-", "-"]).assert_prints(2, &["cannot be both sides"]);
    run(["diff", &a, "/nowhere/day.jsonl"]).assert_prints(1, &["/nowhere/day.jsonl"]);
    let (whole, short) = (prepared(), prepared_short());
    let [whole, short] = [&whole, &short].map(|it| it.path.to_str().expect("text"));
    run(["diff", whole, short]).assert_prints(3, &["in another state"]);
}
