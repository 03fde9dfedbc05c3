//! The epochs: the current one with its countdown, and the last ones that closed.

use std::time::Duration;

use pricetime_gateway::{grouped, word};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use super::colors::Colors;
use super::picture::{Countdown, EpochRow, Market};

const COLUMNS: [&str; 9] =
    ["epoch", "begins", "open", "high", "low", "close", "volume", "trades", "gate"];
const WIDTHS: [usize; 9] = [6, 8, 7, 7, 7, 7, 10, 7, 7];
/// The columns of the bar that shows how much of the epoch has passed.
const PASSED: usize = 10;

/// The title: the number, the phase, and the time until the epoch closes.
pub(super) fn title(market: &Market, colors: Colors) -> Line<'static> {
    let mut spans = vec![
        Span::styled(format!(" Epoch {} ", market.epoch), colors.strong()),
        Span::styled(word(&market.phase), colors.phase(market.phase)),
        Span::raw(" "),
    ];
    if let Some(Countdown { left, whole }) = market.countdown {
        let passed = whole.saturating_sub(left).as_millis() * PASSED as u128;
        let passed = passed.checked_div(whole.as_millis()).unwrap_or_default();
        let passed = usize::try_from(passed).unwrap_or(PASSED).min(PASSED);
        spans.push(Span::raw(format!("closes in {} ", time(left))));
        spans.push(Span::styled("█".repeat(passed), colors.accent()));
        spans.push(Span::styled("░".repeat(PASSED - passed), colors.frame()));
        spans.push(Span::raw(" "));
    }
    Line::from(spans)
}

/// A duration like 2:14 or 1:02:14.
fn time(left: Duration) -> String {
    let seconds = left.as_secs();
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        1..24 => format!("{hours}:{minutes:02}:{seconds:02}"),
        hours => format!("{} days", hours / 24),
    }
}

/// Draws the epochs into an area without a frame.
pub(super) fn epochs(buffer: &mut Buffer, area: Rect, market: &Market, colors: Colors) {
    let rows = usize::from(area.height).saturating_sub(1);
    let all = market.running.iter().chain(&market.epochs).take(rows);
    let cells: Vec<[String; 9]> = all.map(cells).collect();
    let mut widths = WIDTHS;
    for row in &cells {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut lines = vec![Line::styled(row(&COLUMNS, widths), colors.label())];
    for (at, cells) in cells.iter().enumerate() {
        let is_running = at == 0 && market.running.is_some();
        let style = if is_running { colors.strong() } else { ratatui::style::Style::new() };
        lines.push(Line::styled(row(cells, widths), style));
    }
    if cells.is_empty() {
        lines.push(Line::styled(" no epoch has closed yet", colors.label()));
    }
    for (line, y) in lines.iter().zip(area.y..area.bottom()) {
        line.render(Rect { y, height: 1, ..area }, buffer);
    }
}

fn row(cells: &[impl AsRef<str>; 9], widths: [usize; 9]) -> String {
    let cells = cells.iter().zip(widths);
    cells.map(|(cell, width)| format!(" {:>width$}", cell.as_ref())).collect()
}

fn cells(row: &EpochRow) -> [String; 9] {
    let none = || String::from("-");
    let [open, high, low, close] =
        row.prices.clone().unwrap_or_else(|| std::array::from_fn(|_| none()));
    let begin = row.begin.clone().unwrap_or_else(none);
    let gate = row.gate.clone().unwrap_or_else(none);
    let (number, trades) = (row.number.to_string(), grouped(row.trades));
    [number, begin, open, high, low, close, row.volume.clone(), trades, gate]
}

#[cfg(test)]
mod tests {
    use super::{Duration, time};

    #[test]
    fn remaining_time_is_written_in_the_largest_unit_that_it_needs() {
        for (seconds, text) in [
            (0, "0:00"),
            (74, "1:14"),
            (3_600, "1:00:00"),
            (86_399, "23:59:59"),
            (200_000, "2 days"),
        ] {
            assert_eq!(time(Duration::from_secs(seconds)), text);
        }
    }
}
