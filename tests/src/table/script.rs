//! Parses a file of scenarios into steps with line numbers.

use std::collections::BTreeMap;

use super::words::{Parsed, repeated};

/// A scenario.
#[derive(Clone, Debug)]
pub(super) struct Scenario {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) steps: Vec<Step>,
}

/// One command with its expected events, or one query of the state.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// The first line of the step, counted from 1, and the number of its lines.
    pub(super) line: usize,
    pub(super) lines: usize,
    /// The text before the arrow, or the whole line.
    pub(super) left: String,
    /// The text after the arrow.
    pub(super) right: Option<String>,
    /// Whether other steps come from the same lines.
    pub(super) repeated: bool,
}

/// One statement of the file: a line with its continuation lines.
struct Statement {
    line: usize,
    lines: usize,
    text: String,
}

/// Parses the scenarios of a file.
pub(super) fn scenarios(text: &str) -> Result<Vec<Scenario>, (usize, String)> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    let mut setups: BTreeMap<String, Vec<Step>> = BTreeMap::new();
    let mut setup: Option<String> = None;
    for statement in statements(text) {
        let at = |problem: &str| (statement.line, problem.to_owned());
        if let Some(name) = statement.text.strip_prefix("scenario: ") {
            setup = None;
            let (name, line) = (name.to_owned(), statement.line);
            if scenarios.iter().any(|s| s.name == name) {
                return Err(at("a scenario of this name exists already"));
            }
            scenarios.push(Scenario { name, line, steps: Vec::new() });
        } else if let Some(name) = statement.text.strip_prefix("setup: ") {
            setup = Some(name.to_owned());
            setups.insert(name.to_owned(), Vec::new());
        } else {
            let steps = match statement.text.strip_prefix("after ") {
                Some(name) => setups.get(name).cloned().ok_or_else(|| at("no such setup"))?,
                None => steps(&statement).map_err(|problem| (statement.line, problem))?,
            };
            let open = match &setup {
                Some(name) => setups.get_mut(name),
                None => scenarios.last_mut().map(|s| &mut s.steps),
            };
            open.ok_or_else(|| at("no scenario is open"))?.extend(steps);
        }
    }
    Ok(scenarios)
}

fn statements(text: &str) -> Vec<Statement> {
    let mut statements: Vec<Statement> = Vec::new();
    for (at, raw) in text.lines().enumerate() {
        let content = match raw.find("# ") {
            Some(from) if raw[..from].trim().is_empty() || raw[..from].ends_with(' ') => {
                &raw[..from]
            }
            Some(_) | None => raw,
        };
        if content.trim().is_empty() || content.trim() == "#" {
            continue;
        }
        match statements.last_mut() {
            Some(open) if content.starts_with(' ') => {
                open.lines = at + 2 - open.line;
                open.text = format!("{} {}", open.text, content.trim());
            }
            Some(_) | None => {
                let text = content.trim().to_owned();
                statements.push(Statement { line: at + 1, lines: 1, text });
            }
        }
    }
    statements
}

fn steps(statement: &Statement) -> Parsed<Vec<Step>> {
    let expanded = repeated(&statement.text, "repeat")?;
    let repeated = expanded.len() != 1 || statement.text.starts_with("repeat ");
    let step = |text: String| {
        let (left, right) = match text.split_once(" -> ") {
            Some((left, right)) => (left.trim().to_owned(), Some(right.trim().to_owned())),
            None => (text, None),
        };
        Step { line: statement.line, lines: statement.lines, left, right, repeated }
    };
    Ok(expanded.into_iter().map(step).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_file_is_parsed_into_scenarios() {
        let text = "# A file.\nsetup: two\nplace A -> x\n\nscenario: one\nafter two\n\
                    place B -> accepted #1,\n    traded  # no more\n    y\nbook - | -\n\
                    repeat i 1..2: place C{i} -> z\n";
        let scenarios = scenarios(text).unwrap();
        let lefts: Vec<&str> = scenarios[0].steps.iter().map(|s| s.left.as_str()).collect();
        assert_eq!(lefts, ["place A", "place B", "book - | -", "place C1", "place C2"]);
        let b = &scenarios[0].steps[1];
        assert_eq!(b.right.as_deref(), Some("accepted #1, traded y"));
        assert_eq!((b.line, b.lines, b.repeated), (7, 3, false));
        assert!(scenarios[0].steps[3].repeated);
    }

    #[test]
    fn stray_line_is_an_error() {
        assert!(scenarios("place A -> x").is_err());
        assert!(scenarios("scenario: a\nafter nothing").is_err());
        assert!(scenarios("scenario: a\nscenario: a").is_err());
    }
}
