//! Tests of `pricetime convert`.

use std::fs;
use std::path::Path;

use pricetime_tests::record::commands;
use serde_json::Value;
use tempfile::TempDir;

use crate::folder::prepared;
use crate::program::{RunResult, run, run_with};

const DAY: &str = r#"{"add_market":{"market":1,"symbol":"SUN","tick":"0.25","lot":"0.1","quantity_max":"1000","price_min":"-10","price_max":"100"}}
{"set_phase":{"market":1,"phase":"continuous"}}
{"place":{"market":1,"account":"00000000-0000-0000-0000-000000000001","order":"01934d7c-9d1f-7abc-8def-0123456789ab","side":"buy","type":"limit","price":"-9.75","quantity":"5.0","time":"2026-06-01T00:01:00Z"}}
{"place":{"market":1,"account":"00000000-0000-0000-0000-000000000002","order":"00000000-0000-0000-0000-000000000002","side":"sell","type":"limit","price":"-9.75","quantity":"7.0","display_quantity":"1.0","session":7,"request":"00000000-0000-0000-0000-000000000009","time":"2026-06-01T00:02:00Z"}}
{"close_epoch":{"market":1,"number":1}}
{"cancel":{"market":1,"account":"00000000-0000-0000-0000-000000000003","order":"00000000-0000-0000-0000-000000000002"}}
"#;

/// Two asks and a bid; an order that takes an ask and a part of the other one, which hides most of itself.
const LOBSTER: &str = "34200.1,1,7,100,5853300,-1
34200.2,1,8,100,5853400,-1
34200.3,1,9,70,5853200,1
34200.4,4,7,100,5853300,-1
34200.4,4,8,50,5853400,-1
34200.5,2,9,20,5853200,1
34200.6,3,9,50,5853200,1
";

/// A folder, and the path of a name in it.
fn folder() -> (TempDir, impl Fn(&str) -> String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_owned();
    (folder, move |name| path.join(name).to_str().expect("text").to_owned())
}

/// The day with prices above zero, as ITCH needs them.
fn above_zero() -> String {
    DAY.replace("-10", "0").replace("\"-", "\"")
}

fn converted(done: &RunResult) -> Value {
    done.lines()[0]["converted"].clone()
}

/// The digest that `replay` finds.
fn digest(path: &str) -> Value {
    run(["replay", path, "--json"]).assert_success().lines()[0]["replayed"]["digest"].clone()
}

#[test]
fn every_format_of_commands_leads_to_the_same_digest() {
    let (_folder, at) = folder();
    fs::write(at("day.jsonl"), DAY).expect("written");
    let expected = digest(&at("day.jsonl"));
    let names =
        ["day.csv.gz", "data", "again.csv", "again.jsonl.zst", "other.csv.zst", "last.jsonl"];
    let mut from = at("day.jsonl");
    for name in names {
        let to = at(name);
        let report = converted(&run(["convert", &from, &to, "--json"]).assert_success());
        assert_eq!(report["digest"], expected, "{name}");
        assert_eq!((&report["commands"], &report["rejected"]["not_owner"]), (&6.into(), &1.into()));
        assert_eq!(digest(&to), expected, "{name}");
        from = to;
    }
    assert_eq!(fs::read_dir(at("")).expect("a folder").count(), 1 + names.len());
    // A market continues in the new folder.
    let view = "{\"view\":{\"market\":1}}\n";
    let viewed = run_with(["run", "--once", "--folder", &at("data")], view).assert_success();
    assert!(viewed.lines()[0]["book"]["epoch"].as_u64() >= Some(2), "{}", viewed.out);
    run(["verify", &at("data")]).assert_success();
}

#[test]
fn journal_with_every_kind_of_command_is_converted() {
    let prepared = prepared();
    let (_folder, at) = folder();
    let journal = prepared.path.to_str().expect("text");
    run(["convert", journal, &at("day.csv")]).assert_success();
    run(["convert", &at("day.csv"), &at("data")]).assert_success();
    assert_eq!(commands(Path::new(&at("data"))), commands(&prepared.path));
    let report = run(["convert", &at("data"), &at("day.jsonl"), "--json"]).assert_success();
    let left_out = converted(&report)["left_out"].clone();
    assert_eq!(left_out.as_object().expect("an object").len(), 1, "{left_out}");
    run(["convert", &at("day.jsonl"), &at("again.csv")]).assert_success();
    assert_eq!(digest(&at("again.csv")), prepared.digest);
}

#[test]
fn standard_input_and_output_are_converted() {
    let rows = run_with(["convert", "-", "-", "--to", "csv"], DAY);
    let rows = rows.assert_prints(0, &["6 commands in JSON lines", "CSV of commands to -"]);
    assert!(rows.out.starts_with("time,sequence,action,market"), "{}", rows.out);
    let lines = run_with(["convert", "-", "-", "--to", "json", "--json"], &rows.out);
    assert!(lines.err.starts_with("{\"converted\":"), "{}", lines.err);
    let again = run_with(["convert", "-", "-", "--to", "csv"], &lines.out);
    assert_eq!(again.out, rows.out);
}

#[test]
fn existing_output_is_refused_or_replaced() {
    let (_folder, at) = folder();
    fs::write(at("day.jsonl"), DAY).expect("written");
    fs::write(at("day.csv"), "mine").expect("written");
    fs::create_dir(at("data")).expect("created");
    run(["convert", &at("day.jsonl"), &at("day.csv")])
        .assert_prints(2, &["day.csv already exists", "--force"]);
    assert_eq!(fs::read(at("day.csv")).expect("read"), b"mine");
    run(["convert", &at("day.jsonl"), &at("data"), "--force"])
        .assert_prints(2, &["data already exists: name another one"]);
    run(["convert", &at("day.jsonl"), &at("day.jsonl"), "--force"])
        .assert_prints(2, &["is both an input and an output"]);
    run(["convert", &at("day.jsonl"), &at("day.csv"), "--force"]).assert_success();
    assert_eq!(digest(&at("day.csv")), digest(&at("day.jsonl")));
    fs::write(at("other.csv.part"), "").expect("written");
    run(["convert", &at("day.jsonl"), &at("other.csv")])
        .assert_prints(2, &["other.csv.part already exists"]);
    for (to, expected) in [("x.txt", "the name does not tell the format"), ("-", "no name")] {
        run(["convert", &at("day.jsonl"), to]).assert_prints(2, &[expected, "--to"]);
    }
}

#[test]
fn faulty_input_leaves_a_partial_file_and_is_reported() {
    let (_folder, at) = folder();
    let rows = run_with(["convert", "-", "-", "--to", "csv"], DAY).out;
    let faulty = rows.replace("set_phase", "set_face");
    fs::write(at("day.csv"), &faulty).expect("written");
    let done = run(["convert", &at("day.csv"), &at("day.jsonl")]);
    done.assert_prints(3, &["1 commands in CSV", "day.jsonl.part", "line 3", "set_face"]);
    assert!(!Path::new(&at("day.jsonl")).exists());
    let part = fs::read_to_string(at("day.jsonl.part")).expect("read");
    assert_eq!(part.lines().count(), 1);
    let done = run(["convert", &at("day.csv"), &at("day.jsonl"), "--force", "--lenient"]);
    done.assert_prints(4, &["5 commands", "1 could not be read", "line 3", "4 numbers"]);
    assert!(!Path::new(&at("day.jsonl.part")).exists());
    // Lines that are no commands are refused one by one.
    fs::write(at("more.jsonl"), format!("{DAY}{{\"place\":1}}\n")).expect("written");
    run(["convert", &at("more.jsonl"), &at("more.csv")]).assert_prints(4, &["more.jsonl:7"]);
    assert_eq!(
        digest(&at("more.csv")),
        run_with(["replay", "-", "--json"], DAY).lines()[0]["replayed"]["digest"]
    );
    // Nothing was converted, so nothing stays.
    fs::write(at("not.csv"), "action,market\nx,y\n").expect("written");
    run(["convert", &at("not.csv"), &at("not.jsonl")]).assert_prints(3, &["line 2"]);
    assert!(!Path::new(&at("not.jsonl.part")).exists());
}

#[test]
fn commands_that_only_csv_can_hold_are_refused_elsewhere() {
    let (_folder, at) = folder();
    let rows =
        "sequence,action,market,phase,tick,lot\n1,add_market,SUN,,0.01,1\n5,set_phase,SUN,call,,\n";
    fs::write(at("day.csv"), rows).expect("written");
    for to in ["day.jsonl", "data"] {
        run(["convert", &at("day.csv"), &at(to)])
            .assert_prints(1, &["command 5 comes where command 2 should"]);
        assert!(!Path::new(&at(to)).exists());
        assert!(!Path::new(&at(&format!("{to}.part"))).exists());
    }
    run(["convert", &at("day.csv"), &at("same.csv")]).assert_success();
    assert_eq!(digest(&at("same.csv")), digest(&at("day.csv")));
}

#[test]
fn commands_become_messages_of_an_exchange_with_the_same_book() {
    let (_folder, at) = folder();
    fs::write(at("day.jsonl"), above_zero()).expect("written");
    for to in ["day.itch.gz", "SUN_message_10.csv.zst"] {
        let midnight = ["--to-midnight", "2026-06-01T00:00Z"];
        let done = run([&["convert", &at("day.jsonl"), &at(to)], midnight.as_slice()].concat());
        let words = [
            "messages of",
            "1 hidden parts of orders",
            "1 closes of epochs",
            "1 commands that were refused",
        ];
        done.assert_prints(0, &words);
        let (from, book) = (at(to), at("SUN_orderbook_10.csv.zst"));
        let mut words = vec!["replay", &from, "--mode", "reconstruct", "--json"];
        if to.starts_with("SUN") {
            words.extend(["--with", &book]);
        }
        let report = run(words).assert_success().lines()[0]["replayed"].clone();
        // A market, its phase, the bid, its execution by the ask, and what the ask shows then.
        assert_eq!((&report["accepted"], &report["trades"]), (&5.into(), &0.into()), "{report}");
    }
}

#[test]
fn lobster_becomes_itch_and_lobster_again() {
    let (_folder, at) = folder();
    fs::write(at("AAPL_message_1.csv"), LOBSTER).expect("written");
    let from = at("AAPL_message_1.csv");
    for mode in ["rematch", "reconstruct"] {
        let itch = at(&format!("{mode}.itch"));
        run(["convert", &from, &itch, "--mode", mode]).assert_success();
        let again = at(&format!("{mode}_message_1.csv"));
        let words = ["convert", &itch, &again, "--mode", mode, "--levels", "1"];
        run(words).assert_prints(0, &["NASDAQ TotalView-ITCH 5.0", "messages of LOBSTER"]);
        let text = fs::read_to_string(&again).expect("read");
        let orders: Vec<_> = text.lines().filter(|line| !line.contains(",7,0,")).collect();
        if mode == "rematch" {
            assert_eq!(orders, LOBSTER.lines().collect::<Vec<_>>());
        } else {
            // What was executed is taken away instead.
            let reduced = LOBSTER.replace(",4,7,", ",3,7,").replace(",4,8,", ",2,8,");
            assert_eq!(orders, reduced.lines().collect::<Vec<_>>());
        }
        let rows = fs::read_to_string(at(&format!("{mode}_orderbook_1.csv"))).expect("read");
        assert_eq!(rows.lines().count(), text.lines().count());
        assert_eq!(rows.lines().last(), Some("5853400,50,-9999999999,0"));
    }
}

#[test]
fn what_does_not_fit_into_the_format_of_an_exchange_is_refused() {
    let (_folder, at) = folder();
    fs::write(at("day.jsonl"), DAY).expect("written");
    let words = ["convert", &at("day.jsonl"), &at("day.itch")];
    run(words).assert_prints(1, &["command 3", "price \"-9.7500\" is not from 0"]);
    assert_eq!(fs::read_dir(at("")).expect("a folder").count(), 1);
    let fine = DAY.replace("0.25", "0.00001").replace("-9.75", "1.00001").replace("-10", "0");
    fs::write(at("fine.jsonl"), &fine).expect("written");
    for to in ["fine.itch", "fine_message.csv"] {
        let words = ["convert", &at("fine.jsonl"), &at(to)];
        run(words).assert_prints(1, &["price \"1.00001\" has more than 4 decimal places"]);
    }
    let other = DAY.lines().next().expect("a line");
    let other = other.replace("SUN", "WIND").replace("\"market\":1", "\"market\":2");
    let untimed: Vec<_> = DAY.lines().take(2).chain([other.as_str()]).collect();
    fs::write(at("two.jsonl"), untimed.join("\n")).expect("written");
    let words = ["convert", &at("two.jsonl"), &at("two_message.csv")];
    run(words).assert_prints(2, &["name one with --market"]);
    let words = ["convert", &at("two.jsonl"), &at("two_message.csv"), "--market", "SUN"];
    run(words).assert_prints(0, &["2 messages of other markets"]);
    for (option, value) in
        [("--market", "1"), ("--book", "x"), ("--to-midnight", "2026-01-01T00:00Z")]
    {
        run(["convert", &at("day.jsonl"), &at("day.csv"), option, value])
            .assert_prints(2, &[option, "is only for"]);
    }
    fs::write(at("fine.jsonl"), above_zero()).expect("written");
    let words = ["convert", &at("fine.jsonl"), &at("x.itch"), "--to-midnight", "2026-01-01T00:00Z"];
    run(words).assert_prints(1, &["command 3", "time", "within a day of midnight"]);
}

#[test]
fn more_markets_than_usual_are_named() {
    let (_folder, at) = folder();
    let add = DAY.lines().next().expect("a line");
    let markets = 1..=10_001;
    let lines = markets.map(|market| {
        let add = add.replace("\"market\":1,", &format!("\"market\":{market},"));
        add.replace("SUN", &format!("SUN-{market}"))
    });
    fs::write(at("day.jsonl"), lines.collect::<Vec<_>>().join("\n")).expect("written");
    let arguments = ["convert", &at("day.jsonl"), "--markets-max", "10001", &at("day.csv")];
    let done = run(arguments).assert_success();
    let note = "there are 10,001 markets: to read the output, give --markets-max 10001";
    assert!(done.err.contains(note), "{}", done.err);
    run(["convert", "day.csv"]).assert_prints(2, &["two names are needed"]);
}

#[test]
#[cfg(feature = "parquet")]
fn tables_of_what_the_engine_did_are_written_as_parquet() {
    let (_folder, at) = folder();
    fs::write(at("day.jsonl"), DAY).expect("written");
    for (words, rows) in [
        ([].as_slice(), 1),
        (["--table", "trades"].as_slice(), 1),
        (["--table", "levels", "--levels", "1"].as_slice(), 3),
        (["--table", "events", "--decimals", "2"].as_slice(), 7),
    ] {
        let (from, to) = (at("day.jsonl"), at("day.parquet"));
        let words = [&["convert", &from, &to, "--force", "--json"], words].concat();
        let report = converted(&run(words).assert_success());
        assert_eq!((&report["format"], &report["rows_written"]), (&"Parquet".into(), &rows.into()));
        assert_eq!(report["digest"], digest(&from));
        let bytes = fs::read(&to).expect("read");
        assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    }
    fs::write(at("empty.jsonl"), "").expect("written");
    run(["convert", &at("empty.jsonl"), &at("empty.parquet")])
        .assert_prints(0, &["0 rows of Parquet"]);
}

#[test]
#[cfg(feature = "parquet")]
fn table_that_cannot_be_written_is_refused() {
    let (_folder, at) = folder();
    fs::write(at("day.jsonl"), DAY).expect("written");
    for (to, option, value, expected) in [
        ("day.csv", "--table", "levels", "--table is only for Parquet outputs"),
        ("day.csv", "--decimals", "2", "--decimals is only for Parquet outputs"),
        ("day.parquet", "--table", "books", "[possible values: trades, levels, events]"),
        ("day.parquet", "--decimals", "29", "29 is not in 0..=28"),
        ("day.parquet.gz", "--table", "levels", "a Parquet file is compressed inside"),
    ] {
        run(["convert", &at("day.jsonl"), &at(to), option, value]).assert_prints(2, &[expected]);
    }
    run(["convert", &at("day.jsonl"), &at("day.parquet"), "--table"])
        .assert_prints(2, &["a value is required for '--table <TABLE>'", "trades, levels, events"]);
    let words = ["convert", &at("day.jsonl"), &at("day.parquet"), "--decimals", "1"];
    let price = "command 4: ";
    run(words).assert_prints(1, &[price, "\"-9.75\" has more than 1 decimal places; --decimals"]);
    assert_eq!(fs::read_dir(at("")).expect("a folder").count(), 1);
}

#[test]
#[cfg(not(feature = "parquet"))]
fn program_without_parquet_says_how_to_build_it() {
    let (_folder, at) = folder();
    fs::write(at("day.jsonl"), DAY).expect("written");
    run(["convert", &at("day.jsonl"), &at("day.parquet")])
        .assert_prints(2, &["built without Parquet", "--features parquet"]);
}
