//! The summary of a conversion.

use std::collections::BTreeMap;
use std::io::{self, Write};

use pricetime_engine::Engine;
use pricetime_recordings::Format;
use pricetime_terminal::{Paint, Tone};
use serde::Serialize;

use super::super::reader::grouped;
use super::super::reader::recording::Mode;
use super::format::TargetFormat;
use super::input::Found;
use super::run::Tally;

/// What was read and written.
pub(super) struct Summary {
    pub(super) found: Found,
    /// How messages became commands, if an exchange's were read.
    pub(super) mode: Option<Mode>,
    pub(super) format: TargetFormat,
    pub(super) to: String,
    pub(super) tally: Tally,
    /// The number of messages, if what an exchange would publish was written, or of rows of a table.
    pub(super) written: Option<u64>,
    /// What the output cannot hold, with counts.
    pub(super) left_out: Vec<(u64, String)>,
    pub(super) engine: Engine,
}

/// The summary as a JSON line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SummaryLine {
    Converted(Converted),
}

#[derive(Debug, Serialize)]
pub(super) struct Converted {
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<u64>,
    without_command: BTreeMap<String, u64>,
    refused: u64,
    commands: u64,
    accepted: u64,
    rejected: BTreeMap<String, u64>,
    duplicates: u64,
    to: String,
    format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages_written: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows_written: Option<u64>,
    left_out: BTreeMap<String, u64>,
    digest: String,
}

impl Summary {
    /// Returns `true` if there was no command.
    pub(super) const fn is_empty(&self) -> bool {
        self.tally.commands == 0
    }

    /// The number of lines, rows and messages that could not be read.
    pub(super) const fn refused(&self) -> u64 {
        self.found.end.refused
    }

    /// Returns `true` if a table was written.
    fn is_table(&self) -> bool {
        self.format == TargetFormat::Parquet
    }

    /// The number of messages, if an exchange's were read.
    fn messages_read(&self) -> Option<u64> {
        Some(self.found.end.counts?.messages)
    }

    /// The messages that became no command, by reason.
    fn without_command(&self) -> [(u64, String); 2] {
        let counts = self.found.end.counts.unwrap_or_default();
        [
            (counts.unknown_orders, "messages are about orders from before the recording"),
            (counts.unlisted, "messages are about an instrument that is not listed"),
        ]
        .map(|(count, what)| (count, what.to_owned()))
    }

    /// The name of the format that was read.
    fn from(&self) -> Option<String> {
        self.found.format.as_ref().map(Format::to_string)
    }

    /// The summary as JSON.
    pub(super) fn line(&self) -> SummaryLine {
        let counts = |all: &[(u64, String)]| {
            let all = all.iter().filter(|(count, _)| *count > 0);
            all.map(|(count, what)| (what.clone(), *count)).collect()
        };
        SummaryLine::Converted(Converted {
            from: self.from(),
            mode: self.mode.map(Mode::name),
            messages: self.messages_read(),
            without_command: counts(&self.without_command()),
            refused: self.found.end.refused,
            commands: self.tally.commands,
            accepted: self.tally.outcomes.accepted,
            rejected: self.tally.outcomes.reasons(),
            duplicates: self.tally.outcomes.duplicates,
            to: self.to.clone(),
            format: self.format.name(),
            messages_written: self.written.filter(|_| !self.is_table()),
            rows_written: self.written.filter(|_| self.is_table()),
            left_out: counts(&self.left_out),
            digest: format!("{:032x}", self.engine.digest()),
        })
    }

    /// Writes the summary as text.
    pub(super) fn write(&self, out: &mut impl Write, paint: Paint) -> io::Result<()> {
        let commands = grouped(self.tally.commands);
        let from = self.from().unwrap_or_else(|| String::from("an empty file"));
        match self.messages_read().zip(self.mode) {
            Some((messages, mode)) => writeln!(
                out,
                "read       {} events in {from}; mode {} makes {commands} commands of them",
                grouped(messages),
                mode.name()
            )?,
            None => writeln!(out, "read       {commands} commands in {from}")?,
        }
        for (count, what) in self.without_command().iter().filter(|(count, _)| *count > 0) {
            writeln!(out, "           {} {what}", grouped(*count))?;
        }
        if self.refused() > 0 {
            let text = format!("{} could not be read", grouped(self.refused()));
            writeln!(out, "           {}", paint.text(Tone::Warning, &text))?;
        }
        let what = if self.is_table() { "rows" } else { "messages" };
        let written = self.written.map(|it| format!("{} {what} of ", grouped(it)));
        let written = written.unwrap_or_default();
        writeln!(out, "written    {written}{} to {}", self.format.name(), self.to)?;
        for (count, what) in &self.left_out {
            writeln!(out, "left out   {} {what}", grouped(*count))?;
        }
        writeln!(out, "outcomes   {}", self.tally.outcomes)?;
        writeln!(out, "digest     {:032x}", self.engine.digest())
    }
}
