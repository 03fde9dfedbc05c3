//! Numbers and names as people read them.

use std::io::{self, Write};

use serde::Serialize;

/// A number with a comma between thousands.
pub(in super::super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The name of a variant as the JSON lines have it.
pub(in super::super) fn word(of: &impl Serialize) -> String {
    match serde_json::to_value(of) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::from("?"),
    }
}

/// Writes rows under a heading, each column as wide as it needs; a column whose heading begins with
/// a blank stands on the right.
pub(in super::super) fn table<const N: usize>(
    out: &mut impl Write,
    heading: [&str; N],
    rows: &[[String; N]],
) -> io::Result<()> {
    let wide = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
        cells.chain(heading.get(at).map(|name| name.trim().len())).max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(wide);
    let mut line = |cells: [&str; N]| {
        let mut text = String::new();
        for ((cell, width), name) in cells.into_iter().zip(widths).zip(heading) {
            if name.starts_with(' ') {
                text += &format!("{cell:>width$}  ");
            } else {
                text += &format!("{cell:<width$}  ");
            }
        }
        writeln!(out, "{}", text.trim_end())
    };
    line(heading.map(str::trim))?;
    rows.iter().try_for_each(|row| line(std::array::from_fn(|at| row[at].as_str())))
}
