//! Compares the examples of a documentation page with real output.

use std::path::Path;
use std::process::Command;

use super::{err, out};

/// The blocks of a page that begin with this text, in order.
pub(crate) fn blocks_after(page: &'static str, opening: &str) -> Vec<&'static str> {
    let blocks = page.split(opening).skip(1);
    blocks.map(|rest| rest.split("```").next().unwrap_or_default()).collect()
}

/// The code blocks of a page in one language, in order.
pub(crate) fn blocks(page: &'static str, kind: &str) -> Vec<&'static str> {
    blocks_after(page, &format!("```{kind}\n"))
}

/// Returns `true` if a line matches the example, in which `…` stands for any text.
fn matches_example(line: &str, shown: &str) -> bool {
    let mut rest = line;
    shown.split('…').all(|part| match rest.find(part.trim()) {
        Some(at) => {
            rest = rest.get(at + part.trim().len()..).unwrap_or_default();
            true
        }
        None => false,
    })
}

/// Runs each `$` command of the page in this folder. Commands for the program begin with `program`, which
/// ends with a space. Each must succeed and print every line that is shown below it. The page must show at
/// least `commands_min` commands.
pub(crate) fn run_examples(page: &'static str, folder: &Path, program: &str, commands_min: usize) {
    let mut printed = String::new();
    let mut commands = 0;
    for line in blocks(page, "console").into_iter().flat_map(str::lines) {
        let Some(command) = line.strip_prefix("$ ") else {
            let found = printed.lines().any(|printed| matches_example(printed, line));
            assert!(found, "no line {line:?} in:\n{printed}");
            continue;
        };
        commands += 1;
        let here = command.replace(program, concat!(env!("CARGO_BIN_EXE_pricetime"), " "));
        let mut shell = Command::new("sh");
        let output = shell.args(["-c", &format!("{here} 2>&1")]).current_dir(folder).output();
        let output = output.expect("a shell");
        printed = out(&output);
        assert!(output.status.success(), "{command}\n{printed}");
    }
    assert!(commands >= commands_min, "the page shows {commands} commands");
}

/// Sends the queries in blocks of one language to the server on this port. Compares its answers with the
/// blocks of another language, both without the values that differ from run to run.
pub(crate) fn ask(
    page: &'static str,
    [asked, answered]: [&str; 2],
    port: u16,
    plain: impl Fn(&str) -> String,
) {
    let (asked, answered) = (blocks(page, asked), blocks(page, answered));
    assert!(asked.len() >= 3, "the page shows {} examples", asked.len());
    assert_eq!(asked.len(), answered.len(), "each example has its answer");
    for (asked, answered) in asked.into_iter().zip(answered) {
        let script = asked.replace("redis-cli ", &format!("redis-cli -p {port} "));
        let output = Command::new("sh").args(["-c", &script]).output().expect("a shell");
        assert_eq!(plain(&out(&output)), plain(answered), "{asked}\n{}", err(&output));
    }
}
