//! What two recordings have in common, and their first difference.

use std::io::{self, Write};

use pricetime::MarketView;
use pricetime_engine::{Command, Engine, Group};
use pricetime_gateway::json::{Book, Done, Line};
use pricetime_terminal::{Paint, Tone};
use serde::Serialize;
use serde_json::Value;

use super::super::failure::Failure;
use super::super::reader::{book, exported, grouped, json_line};
use super::side::restored;

/// The result of a comparison.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    /// The number of commands that are the same.
    same: u64,
    /// The digest of the state after them.
    digest: String,
    difference: Option<Difference>,
}

/// The first command that differs.
#[derive(Debug, Serialize)]
pub(super) struct Difference {
    command: u64,
    /// The parts of it that differ, by their names in JSON.
    parts: Vec<String>,
    a: Option<Commanded>,
    b: Option<Commanded>,
    /// The book of its market before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    book: Option<Book>,
}

/// A command, and what it does.
#[derive(Debug, Serialize)]
struct Commanded {
    line: Option<Line>,
    /// Its events; `None` if there is no such market, so that nothing has a price.
    done: Option<Done>,
}

impl Report {
    pub(super) fn new(same: u64, engine: &Engine, difference: Option<Difference>) -> Self {
        Self { same, digest: format!("{:032x}", engine.digest()), difference }
    }

    /// A side whose reading failed has not ended, so its end is no difference.
    pub(super) fn keep_if_read(&mut self, failed: [bool; 2]) {
        self.difference = self.difference.take().filter(|it| {
            let ended = [it.a.is_none(), it.b.is_none()];
            !std::iter::zip(ended, failed).any(|(ended, failed)| ended && failed)
        });
    }

    pub(super) const fn is_same(&self) -> bool {
        self.difference.is_none()
    }

    pub(super) fn print(&self, json: bool) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if json {
            return json_line(&mut out, &serde_json::json!({ "diff": self }));
        }
        let paint = Paint::out();
        writeln!(out, "same       {} commands, digest {}", grouped(self.same), self.digest)?;
        let Some(difference) = &self.difference else { return Ok(()) };
        let what = match (&difference.a, &difference.b) {
            (None, _) => String::from("A has ended"),
            (_, None) => String::from("B has ended"),
            _ => difference.parts.join(", "),
        };
        let differs = paint.text(Tone::Bad, "differs");
        writeln!(out, "{differs}    command {}: {what}", difference.command)?;
        for (name, side) in [("a", &difference.a), ("b", &difference.b)] {
            let Some(Commanded { line, done }) = side else { continue };
            write!(out, "{name:<11}")?;
            json_line(&mut out, line)?;
            if let Some(done) = done {
                write!(out, "{:11}", "")?;
                json_line(&mut out, done)?;
            }
        }
        let Some(before) = &difference.book else { return Ok(()) };
        writeln!(out, "\nthe book before it")?;
        book(&mut out, before)
    }
}

impl Difference {
    /// Compares two commands, of which at most one is missing, in this state.
    pub(super) fn of(
        engine: &Engine,
        [a, b]: [Option<Command>; 2],
        depth: usize,
    ) -> Result<Self, Failure> {
        let first = a.or(b);
        // A line has no number.
        let is_renumbered = matches!((a, b), (Some(a), Some(b)) if a.sequence != b.sequence);
        let book = first.and_then(|command| engine.market(command.market)).map(|book| {
            Book::of(&MarketView::of_book(book, engine.last_sequence(), depth), book.spec())
        });
        let [a, b] = [a, b].map(|it| it.map(|it| Commanded::of(engine, &it)).transpose());
        let (a, b) = (a?, b?);
        let value = |side: &Option<Commanded>| serde_json::to_value(&side.as_ref()?.line).ok();
        let mut parts = match (value(&a), value(&b)) {
            (Some(a), Some(b)) => parts(&a, &b),
            _ => Vec::new(),
        };
        if is_renumbered {
            parts.push(String::from("sequence"));
        }
        let command = engine.last_sequence().0.saturating_add(1);
        Ok(Self { command, parts, a, b, book })
    }
}

/// The names of the parts in which two lines differ.
fn parts(a: &Value, b: &Value) -> Vec<String> {
    let only = |value: &Value| {
        let (kind, content) = value.as_object()?.iter().next()?;
        Some((kind.clone(), content.as_object()?.clone()))
    };
    let (Some((kind, a)), Some((other, b))) = (only(a), only(b)) else { return Vec::new() };
    if kind != other {
        return vec![String::from("kind")];
    }
    let all: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    all.into_iter().filter(|key| a.get(*key) != b.get(*key)).cloned().collect()
}

impl Commanded {
    /// Executes a command in a copy of this state.
    fn of(engine: &Engine, command: &Command) -> Result<Self, Failure> {
        let mut copy = restored(&engine.snapshot(), engine.markets_max())?;
        let mut group = Group::default();
        copy.apply(command, &mut group);
        let [before, after] =
            [engine, &copy].map(|it| it.market(command.market).map(|it| *it.spec()));
        let line = exported(command, engine);
        let done = before.or(after).map(|spec| Done::of_group(&group, &spec));
        Ok(Self { line, done })
    }
}
