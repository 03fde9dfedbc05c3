//! The documentation shows what the program really does.

use std::collections::BTreeSet;

use crate::program::{MARKET, Running, folder, out, page, place, run, token};
use pricetime_gateway::json::{Answer, Line};
use schemars::schema_for;
use serde_json::Value;

const JSON: &str = include_str!("../../../docs/json.md");

/// The lines of the blocks that follow a comment with this name.
fn lines(name: &str) -> Vec<&'static str> {
    let blocks = page::blocks_after(JSON, &format!("<!-- {name} -->\n```json\n"));
    assert!(!blocks.is_empty(), "docs/json.md shows no {name}");
    blocks.into_iter().flat_map(str::lines).collect()
}

/// A line without the values that differ from run to run.
fn plain(line: &str) -> String {
    let mut line: Value = serde_json::from_str(line).expect(line);
    for body in line.as_object_mut().expect("an object").values_mut() {
        // A snapshot is written concurrently with matching, so it may or may not be complete.
        for own in ["time", "history", "snapshot"] {
            if let Some(value) = body.get_mut(own) {
                *value = Value::Null;
            }
        }
    }
    line.to_string()
}

#[test]
fn example_session_of_the_format_gives_the_documented_answers() {
    let input = lines("in").join("\n");
    let words = ["run", "--once", "--quiet", "--epoch", "never"];
    let output = run(folder().path(), &words, &input);
    assert_eq!(output.status.code(), Some(4), "three lines are refused");
    let text = out(&output);
    // Lines of subscriptions come in between.
    let mut answers: Vec<String> = text.lines().map(plain).collect();
    let mut shown: Vec<String> = lines("out").into_iter().map(plain).collect();
    answers.sort();
    shown.sort();
    for (answer, shown) in answers.iter().zip(&shown) {
        assert_eq!(answer, shown);
    }
    assert_eq!(answers.len(), shown.len());
}

#[test]
fn client_example_sessions_give_the_documented_answers() {
    let folder = folder();
    let tokens = token("test token of account b", &["00000000-0000-0000-0000-00000000000b"]);
    std::fs::write(folder.path().join("c.toml"), tokens).expect("a file");
    let words = ["--tcp", "127.0.0.1:0", "--epoch", "never", "--config", "c.toml"];
    let mut host = Running::start_in(folder, &words);
    let mut operator = host.unix();
    operator.send(&(MARKET.to_owned() + &place(7, 1, "sell", "9.90", 5)));
    for _ in 0..3 {
        assert_eq!(operator.receive()["done"]["outcome"], "accepted");
    }
    for (input, shown) in [("client in", "client out"), ("public in", "public out")] {
        let mut client = host.tcp();
        for (input, shown) in lines(input).into_iter().zip(lines(shown)) {
            let answer = client.ask(&format!("{input}\n")).to_string();
            assert_eq!(plain(&answer), plain(shown), "{answer}");
        }
        assert_eq!(lines(input).len(), lines(shown).len());
    }
}

/// The names of a schema's lines and of their members.
fn names(schema: &Value, into: &mut BTreeSet<String>) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::Object(members)) = object.get("properties") {
                into.extend(members.keys().cloned());
            }
            object.values().for_each(|value| names(value, into));
        }
        Value::Array(values) => values.iter().for_each(|value| names(value, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn format_page_shows_every_line_and_every_member() {
    for schema in [schema_for!(Line), schema_for!(Answer)] {
        let mut all = BTreeSet::new();
        names(schema.as_value(), &mut all);
        // Members that appear only in internal failures, and prices of a market without bids and asks,
        // would make the example conversation too long.
        let rare = ["stopped", "snapshot_failure", "faulty", "until", "post_only"];
        let missing: Vec<_> = all
            .iter()
            .filter(|name| !rare.contains(&name.as_str()))
            .filter(|name| {
                !JSON.contains(&format!("\"{name}\"")) && !JSON.contains(&format!("`{name}`"))
            })
            .collect();
        assert!(missing.is_empty(), "docs/json.md does not show {missing:?}");
    }
}

#[test]
fn every_documented_line_parses() {
    for line in lines("out").into_iter().chain(lines("other")) {
        let answer = serde_json::from_str::<Answer>(line).is_ok();
        assert!(answer || serde_json::from_str::<Line>(line).is_ok(), "{line}");
    }
}

const README: &str = include_str!("../../../README.md");
const TOUR: &str = include_str!("../../../docs/tour.md");

#[test]
fn readme_walkthrough_gives_the_documented_output() {
    page::run_examples(README, folder().path(), "cargo run --release -- ", 3);
}

#[test]
fn tour_gives_the_documented_output() {
    page::run_examples(TOUR, folder().path(), "cargo run --release -- ", 8);
}
