//! The last trades, newest first, in the color of the taker's side.

use pricetime_engine::Side;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use super::colors::Colors;
use super::picture::TradeRow;

/// Draws the trades into an area without a frame.
pub(super) fn tape(buffer: &mut Buffer, area: Rect, trades: &[TradeRow], colors: Colors) {
    let rows = usize::from(area.height).saturating_sub(1);
    let shown = || trades.iter().take(rows);
    let price = shown().map(|trade| trade.price.len()).max().unwrap_or(0).max(7);
    let quantity = shown().map(|trade| trade.quantity.len()).max().unwrap_or(0).max(8);
    let heading = format!(" {:<8} taker  {:>price$} {:>quantity$}", "time", "price", "quantity");
    let mut lines = vec![Line::styled(heading, colors.label())];
    lines.extend(shown().map(|trade| {
        let taker = match trade.taker_side {
            Side::Buy => "▲ buy ",
            Side::Sell => "▼ sell",
        };
        let style = colors.side(trade.taker_side);
        Line::from(vec![
            Span::styled(format!(" {:<8} ", trade.time), colors.label()),
            Span::styled(taker, style),
            Span::styled(format!(" {:>price$}", trade.price), style),
            Span::raw(format!(" {:>quantity$}", trade.quantity)),
        ])
    }));
    if trades.is_empty() {
        lines.push(Line::styled(" no trade yet", colors.label()));
    }
    for (line, y) in lines.iter().zip(area.y..area.bottom()) {
        line.render(Rect { y, height: 1, ..area }, buffer);
    }
}
