//! Tables with aligned columns.

use super::paint::{Paint, Tone};

/// A cell of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    text: String,
    tone: Option<Tone>,
}

impl Cell {
    /// A cell in the color of its meaning.
    pub fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: Some(tone) }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, tone: None }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// Rows under a heading, in columns as wide as their content. A column whose heading begins with a space is
/// right-aligned. No line ends with spaces.
pub fn table<const N: usize>(
    paint: Paint,
    heading: [&str; N],
    rows: impl IntoIterator<Item = [impl Into<Cell>; N]>,
) -> String {
    let rows: Vec<[Cell; N]> = rows.into_iter().map(|row| row.map(Into::into)).collect();
    let titles = heading.map(|name| Cell::new(Tone::Strong, name.trim()));
    let mut columns = heading.map(|name| (0, name.starts_with(' ')));
    for row in std::iter::once(&titles).chain(&rows) {
        for ((width, _), cell) in columns.iter_mut().zip(row) {
            *width = cell.text.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in std::iter::once(&titles).chain(&rows) {
        line(&mut text, paint, row, &columns);
    }
    text
}

/// Adds a line. Spaces are written only before text.
fn line(text: &mut String, paint: Paint, cells: &[Cell], columns: &[(usize, bool)]) {
    let mut spaces = 0;
    for (cell, (width, is_right)) in cells.iter().zip(columns) {
        let free = width - cell.text.chars().count();
        spaces += if *is_right { free } else { 0 };
        if !cell.text.is_empty() {
            text.extend(std::iter::repeat_n(' ', std::mem::take(&mut spaces)));
            match cell.tone {
                None => text.push_str(&cell.text),
                Some(tone) => text.push_str(&paint.text(tone, &cell.text).to_string()),
            }
        }
        spaces += if *is_right { 2 } else { free + 2 };
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::{Cell, Paint, Tone, table};

    #[test]
    fn columns_are_as_wide_as_their_content() {
        let rows = [["sun", "1", ""], ["a", "12,345", "late"]];
        let plain = "name  orders  why\nsun        1\na     12,345  late\n";
        assert_eq!(table(Paint::OFF, ["name", " orders", "why"], rows), plain);
        let none: [[&str; 2]; 0] = [];
        assert_eq!(table(Paint::OFF, ["a", " b"], none), "a  b\n");
    }

    #[test]
    fn colors_do_not_change_the_columns() {
        let rows =
            || [[Cell::from("sun"), Cell::new(Tone::Sell, "1")], ["wind".into(), "22".into()]];
        let heading = ["name", " µ"];
        let painted = table(Paint::ON, heading, rows());
        assert!(painted.contains("\x1b[31m1\x1b[0m\n"), "{painted:?}");
        let plain = painted.replace("\x1b[31m", "").replace("\x1b[1m", "").replace("\x1b[0m", "");
        assert_eq!(plain, table(Paint::OFF, heading, rows()));
    }
}
