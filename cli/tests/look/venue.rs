//! Tests of `pricetime replay` on the messages of an exchange.

use std::fs;

use tempfile::TempDir;

use crate::program::{RunResult, run, run_with};

/// Two asks, a bid behind them, and an order that takes one of the asks and a part of the other.
const DAY: &str = "34200.100000000,1,7,100,5853300,-1
34200.200000000,1,8,100,5853400,-1
34200.300000000,1,9,70,5853200,1
34200.400000000,4,7,100,5853300,-1
34200.400000000,4,8,50,5853400,-1
34200.500000000,3,9,70,5853200,1
";

/// A LOBSTER message file with this text.
fn file(text: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("AAPL_2012-06-21_message_10.csv");
    fs::write(&path, text).expect("written");
    let path = path.to_str().expect("text").to_owned();
    (folder, path)
}

fn replayed(done: &RunResult) -> serde_json::Value {
    done.lines()[0]["replayed"].clone()
}

#[test]
fn rematch_repeats_the_executions_of_the_exchange() {
    let (_folder, day) = file(DAY);
    let report = replayed(&run(["replay", &day, "--json"]).assert_success());
    let agreement = &report["recording"]["agreement"];
    assert_eq!((&agreement["executions"], &agreement["agreed"]), (&2.into(), &2.into()));
    assert_eq!(report["trades"], 2);
    run(["replay", &day])
        .assert_prints(0, &["a LOBSTER message file", "2 of 2 executions", "100.00 %"]);
    // The commands are a recording of their own, and lead to the same state.
    let commands = run(["replay", &day, "--commands", "-"]).assert_success();
    let again = replayed(&run_with(["replay", "-", "--json"], &commands.out).assert_success());
    assert_eq!(again["digest"], report["digest"]);
}

#[test]
fn reconstruct_leaves_the_book_of_the_exchange_without_a_trade() {
    let (_folder, day) = file(DAY);
    let done = run(["replay", &day, "--mode", "reconstruct", "--json"]).assert_success();
    let report = replayed(&done);
    assert_eq!((&report["trades"], &report["rejected"]), (&0.into(), &serde_json::json!({})));
    assert!(report["recording"]["agreement"].is_null());
}

#[test]
fn faulty_message_is_located_and_what_was_read_before_is_reported() {
    let faulty = DAY.replace(",3,9,70", ",8,9,70") + "34200.6,1,10,5,5853100,1\n";
    let (_folder, day) = file(&faulty);
    let words = ["2 of 2 executions", "AAPL_2012-06-21_message_10.csv", "line 6", "type"];
    run(["replay", &day]).assert_prints(3, &words);
    let done = run(["replay", &day, "--lenient", "--json"]).assert_prints(4, &["line 6"]);
    assert_eq!(replayed(&done)["recording"]["faulty"], 1);
    // Nothing of a file that is not what it is said to be is executed.
    run(["replay", &day, "--format", "json"]).assert_prints(2, &["not a JSON object"]);
    run_with(["replay", "-", "--format", "lobster"], "{\"status\":{}}\n")
        .assert_prints(3, &["it looks like JSON lines"]);
}

#[test]
fn compressed_recordings_are_read_and_other_formats_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("AAPL_message.csv.gz");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, DAY.as_bytes()).expect("compressed");
    let bytes = gzip.finish().expect("compressed");
    fs::write(&path, &bytes).expect("written");
    let whole = path.to_str().expect("text");
    run(["replay", whole]).assert_prints(0, &["2 of 2 executions"]);
    fs::write(&path, &bytes[..bytes.len() - 9]).expect("written");
    run(["replay", whole]).assert_prints(3, &["the gzip stream is cut off"]);
    run_with(["replay", "-"], "PK\u{3}\u{4}").assert_prints(2, &["a ZIP archive", "unpack it"]);
    run_with(["replay", "-"], "hello").assert_prints(3, &["the format is none of", "--format"]);
}

#[test]
fn options_that_do_not_fit_are_refused() {
    let (_folder, day) = file(DAY);
    run(["replay", &day, "--stock", "AAPL"]).assert_prints(2, &["--stock is only for ITCH"]);
    run(["replay", &day, &day]).assert_prints(2, &["name it alone"]);
    let late = ["replay", &day, "--midnight", "2554-07-20T00:00Z"];
    run(late).assert_prints(2, &["--midnight 2554-07-20T00:00:00", "is too late: give a time up"]);
    let rows = "action,market,phase,tick,lot\nadd_market,SUN,,0.01,1\nset_phase,SUN,continuous,,\n";
    let (_other, rows) = file(rows);
    run(["replay", &rows]).assert_prints(0, &["2 accepted"]);
    run(["replay", &rows, &rows]).assert_prints(2, &["name it first"]);
    run(["replay", &rows, "--mode", "rematch"]).assert_prints(2, &["--mode is only for"]);
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().to_str().expect("text");
    run(["replay", folder, "--lenient"]).assert_prints(2, &["only for files"]);
}
