//! Runs the golden tables, which state by hand what the rules require, against the engine and the model.
//!
//! A table is right unless the rules are unclear: expectations never come from the engine or the model.
//! `PRICETIME_GOLDEN=update cargo test -p pricetime-tests --test golden` writes the engine's output
//! into the failing lines. Use it only if a table itself was wrong, and check each line against the
//! rules before you keep it.

use std::fs;
use std::path::PathBuf;

use pricetime_engine::{Clearing, Command, Engine, EngineSnapshot, Group, MarketId};
use pricetime_tests::Core;
use pricetime_tests::model::Model;
use pricetime_tests::table::{TableCore, Verdict, run};

struct EngineCore(Engine);

impl Core for EngineCore {
    fn apply(&mut self, command: &Command) -> Group {
        let mut groups: Vec<Group> = Vec::new();
        let outcome = self.0.apply(command, &mut groups);
        assert_eq!(groups.len(), 1, "a command makes one group");
        let group = groups.pop().expect("there is one");
        assert_eq!(group.outcome, outcome, "the answer is the group's outcome");
        group
    }

    fn snapshot(&self) -> EngineSnapshot {
        self.0.snapshot()
    }
}

impl TableCore for EngineCore {
    fn audit(&self) -> Result<(), String> {
        self.0.audit().map_err(|broken| format!("{broken:?}"))
    }

    fn indicative(&self, market: MarketId) -> Option<Clearing> {
        self.0.market(market)?.indicative()
    }
}

struct ModelCore(Model);

impl Core for ModelCore {
    fn apply(&mut self, command: &Command) -> Group {
        self.0.apply(command)
    }

    fn snapshot(&self) -> EngineSnapshot {
        self.0.snapshot()
    }
}

impl TableCore for ModelCore {
    fn audit(&self) -> Result<(), String> {
        Ok(())
    }

    fn indicative(&self, market: MarketId) -> Option<Clearing> {
        self.0.indicative(market)
    }
}

/// The tables: path, name to print, and text.
fn tables() -> Vec<(PathBuf, String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden");
    let entries = fs::read_dir(&folder).expect("tests/golden is a folder");
    let mut paths: Vec<PathBuf> = entries.map(|e| e.expect("a readable entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "txt"));
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a readable table");
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("tests/golden/{file}");
        (path, name, text)
    };
    paths.into_iter().map(read).collect()
}

/// Runs all tables. Panics with every failure if there is one.
fn run_tables<C: TableCore>(core_name: &str, update: bool, core: impl Fn(u32) -> C) -> usize {
    let mut failures = Vec::new();
    let mut scenarios = 0;
    for (path, name, text) in tables() {
        let verdict = run(&name, &text, &core);
        scenarios += verdict.scenarios;
        if update && verdict.rewritten != text {
            fs::write(path, &verdict.rewritten).expect("a writable table");
        }
        failures.extend(verdict.failures);
    }
    let count = failures.len();
    assert!(failures.is_empty(), "{core_name}: {count} lines fail\n\n{}\n", failures.join("\n\n"));
    scenarios
}

#[test]
fn engine_matches_the_golden_tables() {
    let update = std::env::var("PRICETIME_GOLDEN").is_ok_and(|mode| mode == "update");
    let scenarios = run_tables("the engine", update, |max| EngineCore(Engine::new(max)));
    assert!(scenarios >= 160, "only {scenarios} scenarios: was a table lost?");
}

#[test]
fn model_matches_the_golden_tables() {
    run_tables("the model", false, |max| ModelCore(Model::new(max)));
}

fn run_table(text: &str) -> Verdict {
    run("table", text, |max| ModelCore(Model::new(max)))
}

const TABLE: &str = "scenario: one\n\
    place A1 alice sell 5 @ 101 show 2 -> accepted\n\
    place B1 bob buy 3 @ 101 -> accepted, traded A1 3 @ 101,\n    replenished A1 showing 1 of 2\n\
    place B2 bob buy 2 @ 100 -> accepted\n\
    book B2 2 @ 100 | A1 1+1 @ 101\n";

#[test]
fn correct_table_passes() {
    assert_eq!(run_table(TABLE).failures, Vec::<String>::new());
}

/// A change to any word of an expectation makes its line fail.
#[test]
fn change_to_any_expected_word_fails() {
    let right = ["accepted, ", "3 @ 101", "@ 101,", "showing 1", "of 2", "A1 1", "B2 2", "100 |"];
    let wrong = ["", "4 @ 101", "@ 100,", "showing 2", "of 3", "A2 1", "B3 2", "103 |"];
    for (right, wrong) in right.into_iter().zip(wrong) {
        let (head, tail) = TABLE.rsplit_once(right).expect("the table holds it");
        let failures = run_table(&format!("{head}{wrong}{tail}")).failures;
        assert_eq!(failures.len(), 1, "`{wrong}` for `{right}`");
    }
}

#[test]
fn failure_shows_line_expectation_and_result() {
    let table = "scenario: one\n\nplace A1 alice sell 5 @ 101 -> accepted, traded B1 5 @ 101\n";
    let verdict = run_table(table);
    assert_eq!(
        verdict.failures,
        ["table:3: in `one`:\n  place A1 alice sell 5 @ 101 ->\n  \
          expected: accepted, traded B1 5 @ 101\n  got:      accepted\n  in full:  accepted [#1]"]
    );
    let corrected = "scenario: one\n\nplace A1 alice sell 5 @ 101 -> accepted\n";
    assert_eq!(verdict.rewritten, corrected);
}

#[test]
fn unreadable_line_fails() {
    let broken = [
        "place A1 alice sell 5 @ 101",
        "place A1 alice sell 5 -> accepted",
        "place A1 alice sell five @ 1 -> accepted",
        "place A1 alice sell 5 @ 101 quickly -> accepted",
        "plaice A1 alice sell 5 @ 101 -> accepted",
        "cancel A1 -> cancelled 5",
        "market color=red",
        "in 2: book - | -",
    ];
    for line in broken {
        assert_eq!(run_table(&format!("scenario: one\n{line}\n")).failures.len(), 1, "{line}");
    }
}
