//! Text tables.

use std::io::{self, Write};

/// Writes rows under a heading, with columns as wide as their content. A column whose heading begins with a
/// space is right-aligned.
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
