//! The promise: what the documentation shows is what the program does.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use pricetime::json::{Answer, Line};
use schemars::schema_for;
use serde_json::Value;

const JSON: &str = include_str!("../../docs/json.md");

/// The blocks of a document behind a comment of this name, as lines.
fn blocks(document: &'static str, name: &str) -> Vec<&'static str> {
    let mark = format!("<!-- {name} -->\n```json\n");
    let marked = document.split(mark.as_str()).skip(1);
    marked.flat_map(|rest| rest.split("```").next().unwrap_or_default().lines()).collect()
}

/// A line without what no two runs share.
fn plain(line: &str) -> String {
    let mut line: Value = serde_json::from_str(line).expect(line);
    for body in line.as_object_mut().expect("an object").values_mut() {
        for own in ["time", "history"] {
            if let Some(value) = body.get_mut(own) {
                *value = Value::Null;
            }
        }
    }
    line.to_string()
}

#[test]
fn the_conversation_of_the_format_is_a_real_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = Command::new(env!("CARGO_BIN_EXE_pricetime"))
        .args(["run", "--once", "--quiet", "--epoch", "never", "--folder"])
        .arg(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program");
    let said = blocks(JSON, "in").join("\n");
    program.stdin.take().expect("its input").write_all(said.as_bytes()).expect("it reads");
    let output = program.wait_with_output().expect("its output");
    assert_eq!(output.status.code(), Some(4), "two lines are refused");
    let text = String::from_utf8(output.stdout).expect("text");
    // Subscriptions bring their lines in between.
    let mut answers: Vec<String> = text.lines().map(plain).collect();
    let mut shown: Vec<String> = blocks(JSON, "out").into_iter().map(plain).collect();
    answers.sort();
    shown.sort();
    for (answer, shown) in answers.iter().zip(&shown) {
        assert_eq!(answer, shown);
    }
    assert_eq!(answers.len(), shown.len());
}

/// The names of a schema's lines, and of what is in them.
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
fn the_format_shows_every_line_and_every_member() {
    for schema in [schema_for!(Line), schema_for!(Answer)] {
        let mut all = BTreeSet::new();
        names(schema.as_value(), &mut all);
        // What only goes wrong in the host itself, and the prices of a market with neither bids nor
        // asks, would make the conversation longer than it teaches.
        let rare = ["stopped", "snapshot_failure", "faulty", "until", "post_only", "post_only"];
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
fn every_line_shown_is_one() {
    for line in blocks(JSON, "out").into_iter().chain(blocks(JSON, "other")) {
        let answer = serde_json::from_str::<Answer>(line).is_ok();
        assert!(answer || serde_json::from_str::<Line>(line).is_ok(), "{line}");
    }
}
