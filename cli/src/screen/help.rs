//! The help that `?` shows over the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Widget as _};

use super::colors::Colors;

const TEXT: [&str; 17] = [
    "q  Esc  Ctrl-C     quit",
    "→  Tab             the next market",
    "←  Shift-Tab       the previous market",
    "+  -               more or fewer price levels",
    "p  Space           pause, and go on",
    "?                  close this help",
    "",
    "Book    asks above, bids below, best prices in the middle.",
    "        A bar is as long as the quantity at its price.",
    "Trades  newest first. ▲ the taker bought, ▼ the taker sold.",
    "Epochs  the bold line is the current one, until now.",
    "        gate: the uniform price of the auction at its end;",
    "        in a call phase, the price that it would have now.",
    "        Left: what would remain of the bids or the asks.",
    "",
    "\"Pause\" stops a recording. A live market goes on, and is",
    "shown again as it is when you continue.",
];
const WIDTH: u16 = 63;

/// Draws the help in the middle of an area.
pub(super) fn help(buffer: &mut Buffer, area: Rect, colors: Colors) {
    let rows = u16::try_from(TEXT.len()).unwrap_or(u16::MAX).saturating_add(2);
    let (width, height) = (WIDTH.min(area.width), rows.min(area.height));
    let x = area.x + (area.width - width) / 2;
    let y = area.y + (area.height - height) / 2;
    let area = Rect { x, y, width, height };
    Clear.render(area, buffer);
    let block = Block::bordered().title(" Help ").border_style(colors.accent());
    let inner = block.inner(area);
    block.render(area, buffer);
    for (text, y) in TEXT.iter().zip(inner.y..inner.bottom()) {
        Line::raw(format!(" {text}")).render(Rect { y, height: 1, ..inner }, buffer);
    }
}
