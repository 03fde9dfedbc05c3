//! Words and tables.

use std::io::{self, Write};

use pricetime_engine::Outcome;
use pricetime_gateway::word;
use pricetime_terminal::{Cell, Paint, Tone};

/// Writes a table in the colors of standard output.
pub(in super::super) fn table<const N: usize>(
    out: &mut impl Write,
    heading: [&str; N],
    rows: impl IntoIterator<Item = [impl Into<Cell>; N]>,
) -> io::Result<()> {
    out.write_all(pricetime_terminal::table(Paint::out(), heading, rows).as_bytes())
}

/// The outcome of a command as a word, and its color.
pub(in super::super) fn outcome(outcome: Outcome) -> (Tone, String) {
    match outcome {
        Outcome::Accepted => (Tone::Good, String::from("accepted")),
        Outcome::Rejected(reason) => (Tone::Bad, word(&reason)),
        Outcome::Duplicate => (Tone::Warning, String::from("duplicate")),
    }
}
