//! The JSON Schema of the lines.

use std::io::{self, Write as _};

use clap::{Args, ValueEnum};
use pricetime_gateway::json::{Answer, Line};
use schemars::schema_for;

/// Prints a JSON Schema of the lines that go in, or of those that come out.
#[derive(Debug, Args)]
pub(crate) struct SchemaCommand {
    /// Which lines.
    #[arg(value_enum, default_value = "input")]
    lines: Lines,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Lines {
    /// What goes in: commands and questions.
    Input,
    /// What comes out: answers.
    Output,
}

impl SchemaCommand {
    /// Prints it.
    pub(crate) fn run(&self) -> io::Result<()> {
        let schema = match self.lines {
            Lines::Input => schema_for!(Line),
            Lines::Output => schema_for!(Answer),
        };
        let mut out = io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, &schema)?;
        writeln!(out)
    }
}
