//! The JSON Schema of the JSON lines format.

use std::io::{self, Write as _};

use clap::{Args, ValueEnum};
use pricetime_gateway::json::{Answer, Line};
use schemars::schema_for;

/// Prints the JSON Schema of the input lines or of the output lines.
#[derive(Debug, Args)]
pub(crate) struct SchemaCommand {
    /// The lines to describe.
    #[arg(value_enum, default_value = "input")]
    lines: Lines,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Lines {
    /// Input: commands and queries.
    Input,
    /// Output: answers.
    Output,
}

impl SchemaCommand {
    /// Prints the schema.
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
