//! Commands as JSON lines, as a recording has them.

use std::io;

use pricetime_engine::{Action, Command, Engine};
use pricetime_gateway::json::{Line, Unreadable, write_command};
use pricetime_journal::lines::too_long;

/// The reason that a line is refused, and the byte in it, counted from 1, at which parsing failed.
#[derive(Debug)]
pub(in super::super) struct BadLine {
    column: Option<usize>,
    why: String,
}

impl BadLine {
    /// A line that is too long to be read.
    pub(in super::super) fn too_long() -> Self {
        Self { column: None, why: too_long() }
    }

    /// The error message: where it is, and what is wrong.
    pub(in super::super) fn text(&self, file: &str, line: u64) -> String {
        let column = self.column.map(|column| format!(":{column}")).unwrap_or_default();
        format!("{file}:{line}{column}: {}", self.why)
    }
}

/// The command in a line, numbered as the next one of this engine.
pub(in super::super) fn command(text: &[u8], engine: &Engine) -> Result<Command, BadLine> {
    let line = Line::read(text.trim_ascii_end())
        .map_err(|Unreadable { column, why }| BadLine { column: Some(column), why })?;
    line.recorded(engine).map_err(|bad| BadLine { column: None, why: bad.to_string() })
}

/// The line of a command in a recording.
pub(in super::super) fn exported(command: &Command, engine: &Engine) -> Option<Line> {
    let spec = engine.market(command.market).map(|book| book.spec());
    Line::of(command, spec).or_else(|| Line::of(&without_prices(command), spec))
}

/// What is written for a command with prices if there is no market: a price has no units there. Such a command is
/// refused and only takes a sequence number. An `AdvanceTime` is refused there too.
const fn without_prices(command: &Command) -> Command {
    Command { action: Action::AdvanceTime, ..*command }
}

/// Appends the line of a command in a recording. Returns `false` if the line is that of another command.
pub(in super::super) fn append_exported(
    text: &mut Vec<u8>,
    command: &Command,
    engine: &Engine,
) -> io::Result<bool> {
    let spec = engine.market(command.market).map(|book| book.spec());
    Ok(write_command(text, command, spec)? || !write_command(text, &without_prices(command), spec)?)
}

/// The error message for a file that cannot be read.
pub(in super::super) fn unreadable(file: &str, error: &io::Error) -> String {
    format!("cannot read {file}: {error}")
}
