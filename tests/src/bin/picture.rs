//! Draws the screen of a running program as an SVG picture: `picture PROGRAM [ARGUMENT...]`. The picture
//! is of the first screen that shows the text in `PICTURE_OF`. `scripts/picture` makes the README's picture.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use pricetime_tests::terminal::{Setting, Terminal};
use vt100::{Cell, Color, Screen};

/// The columns and rows of the terminal.
const SIZE: (u16, u16) = (96, 30);
/// The width and height of a cell in the picture.
const CELL: (f32, f32) = (8.4, 18.0);
/// The margin around the screen.
const MARGIN: f32 = 14.0;
/// The colors of the background and of text.
const COLORS: (&str, &str) = ("#11151c", "#d8dee9");
/// The sixteen named colors of a terminal.
const NAMED: [&str; 16] = [
    "#3b4252", "#e5696f", "#8fc98b", "#e6c07b", "#6fa8dc", "#b48ead", "#72c2c9", "#d8dee9",
    "#7b8496", "#ff8087", "#a9e0a4", "#f4d699", "#8fc1f0", "#cba6d4", "#92dbe1", "#ffffff",
];

fn main() -> io::Result<()> {
    let usage = || io::Error::other("usage: PICTURE_OF=TEXT picture PROGRAM [ARGUMENT...]");
    let mut words = std::env::args().skip(1);
    let program = words.next().ok_or_else(usage)?;
    let wanted = std::env::var("PICTURE_OF").map_err(|_| usage())?;
    let setting = Setting { folder: Path::new("."), environment: &[], size: SIZE };
    let mut terminal = Terminal::start(&program, &words.collect::<Vec<_>>(), setting);
    terminal.wait_for_text(&wanted);
    io::stdout().write_all(svg(terminal.cells()).as_bytes())
}

/// The picture of a screen.
fn svg(screen: &Screen) -> String {
    let (columns, rows) = SIZE;
    let (width, height) = (f32::from(columns) * CELL.0, f32::from(rows) * CELL.1);
    let mut svg = String::new();
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0} {1:.0}\" \
         font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"14\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{2}\"/>",
        width + 2.0 * MARGIN,
        height + 2.0 * MARGIN,
        COLORS.0,
    );
    for row in 0..rows {
        let mut column = 0;
        while column < columns {
            let Some(first) = screen.cell(row, column) else { break };
            let begin = column;
            let mut text = String::new();
            while let Some(cell) =
                screen.cell(row, column).filter(|cell| style(cell) == style(first))
            {
                text.push_str(if cell.has_contents() { cell.contents() } else { " " });
                column += 1;
            }
            run(&mut svg, first, &text, (row, begin, column - begin));
        }
    }
    svg + "</svg>\n"
}

/// Draws cells that lie side by side and look the same: their row, first column and number.
fn run(svg: &mut String, cell: &Cell, text: &str, (row, column, count): (u16, u16, u16)) {
    let (x, y) = (MARGIN + f32::from(column) * CELL.0, MARGIN + f32::from(row) * CELL.1);
    let width = f32::from(count) * CELL.0;
    let (front, back, is_bold) = style(cell);
    if let Some(back) = back {
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{:.1}\" fill=\"{back}\"/>",
            CELL.1
        );
    }
    let weight = if is_bold { " font-weight=\"bold\"" } else { "" };
    // Word by word, so that columns stay aligned in any font.
    let mut at = x;
    for word in text.split(' ') {
        let cells: f32 = word.chars().map(|_| CELL.0).sum();
        if word.chars().any(|sign| BLOCKS.contains(&sign)) {
            let wide: f32 = word.chars().map(filled_width).sum();
            let _ = writeln!(
                svg,
                "<rect x=\"{at:.1}\" y=\"{:.1}\" width=\"{wide:.1}\" height=\"{:.1}\" fill=\"{front}\"/>",
                y + 1.0,
                CELL.1 - 2.0,
            );
        } else if !word.is_empty() {
            let word = word.replace('&', "&amp;").replace('<', "&lt;");
            let _ = writeln!(
                svg,
                "<text x=\"{at:.1}\" y=\"{:.1}\" textLength=\"{cells:.1}\" fill=\"{front}\"{weight}>{word}</text>",
                y + 0.75 * CELL.1,
            );
        }
        at += cells + CELL.0;
    }
}

/// The blocks that fill a cell from its left side: whole, seven eighths and so on.
const BLOCKS: [char; 8] = ['█', '▉', '▊', '▋', '▌', '▍', '▎', '▏'];

/// How much of its cell a block fills.
fn filled_width(block: char) -> f32 {
    let eighths = (1..=8_u8).rev().zip(BLOCKS).find(|(_, known)| *known == block);
    eighths.map_or(0.0, |(eighths, _)| CELL.0 * f32::from(eighths) / 8.0)
}

/// The color of a cell's text, that of its background unless it is the default one, and whether it is bold.
fn style(cell: &Cell) -> (String, Option<String>, bool) {
    let (mut front, mut back) = (color(cell.fgcolor()), color(cell.bgcolor()));
    if cell.inverse() {
        (front, back) = (
            Some(back.unwrap_or_else(|| COLORS.0.to_owned())),
            Some(front.unwrap_or_else(|| COLORS.1.to_owned())),
        );
    }
    if cell.dim() {
        front = Some(NAMED[8].to_owned());
    }
    (front.unwrap_or_else(|| COLORS.1.to_owned()), back, cell.bold())
}

/// A color of the terminal as one of SVG, or `None` for the default.
fn color(color: Color) -> Option<String> {
    match color {
        Color::Default => None,
        Color::Rgb(red, green, blue) => Some(format!("#{red:02x}{green:02x}{blue:02x}")),
        Color::Idx(index @ 232..) => {
            let gray = 8 + 10 * (index - 232);
            Some(format!("#{gray:02x}{gray:02x}{gray:02x}"))
        }
        Color::Idx(index @ 16..) => {
            let side = |part: u8| if part == 0 { 0 } else { 55 + 40 * part };
            let cube = index - 16;
            let (red, green, blue) = (side(cube / 36), side(cube / 6 % 6), side(cube % 6));
            Some(format!("#{red:02x}{green:02x}{blue:02x}"))
        }
        Color::Idx(index) => Some(NAMED[usize::from(index)].to_owned()),
    }
}
