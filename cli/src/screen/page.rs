//! The whole screen: which panel goes where. It fits itself to the terminal.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, Widget as _};

use super::choice::Choice;
use super::colors::Colors;
use super::picture::{Market, Picture};
use super::{book, epochs, head, help, tape};

/// The smallest width at which the trades stand beside the book.
const BESIDE: u16 = 70;
/// The smallest height of the book at which the trades stand below it if there is no room beside it.
const BELOW: u16 = 18;
/// The width of the trades.
const TAPE: u16 = 37;

/// Draws the screen. Returns how many levels of each side can be shown: there are as many, and room for them.
pub(super) fn page(
    buffer: &mut Buffer,
    area: Rect,
    picture: &Picture,
    choice: &Choice,
    colors: Colors,
) -> usize {
    let mut left = area;
    head::title(buffer, top(&mut left, 1), picture, choice, colors);
    if picture.tabs.len() > 1 {
        let at = choice.at(&picture.tabs);
        head::tabs(buffer, top(&mut left, 1), &picture.tabs, at, colors);
    }
    head::foot(buffer, bottom(&mut left, 1), picture, colors);
    head::figures(buffer, bottom(&mut left, 1), &picture.figures, colors);
    let room = match &picture.market {
        Some(market) => panels(buffer, left, market, choice, colors),
        None => {
            let middle = Rect { y: left.y + left.height / 2, height: left.height.min(1), ..left };
            Line::raw(picture.empty).centered().render(middle, buffer);
            choice.room
        }
    };
    if choice.is_helping {
        help::help(buffer, area, colors);
    }
    room
}

fn panels(
    buffer: &mut Buffer,
    area: Rect,
    market: &Market,
    choice: &Choice,
    colors: Colors,
) -> usize {
    let mut left = area;
    if area.height >= 16 {
        let lower = bottom(&mut left, (area.height / 3).clamp(6, 16));
        let title = epochs::title(market, colors);
        let inner = framed(buffer, lower, (title, Line::default()), colors);
        epochs::epochs(buffer, inner, market, colors);
    }
    if area.width >= BESIDE {
        let width = TAPE.max(area.width * 2 / 5).min(TAPE + 12);
        let right = Rect { x: left.right() - width, width, ..left };
        left.width -= width;
        let inner = framed(buffer, right, (Line::raw(" Trades "), Line::default()), colors);
        tape::tape(buffer, inner, &market.trades, colors);
    } else if left.height >= BELOW {
        let lower = bottom(&mut left, area.height / 4);
        let inner = framed(buffer, lower, (Line::raw(" Trades "), Line::default()), colors);
        tape::tape(buffer, inner, &market.trades, colors);
    }
    let title = Line::styled(format!(" Book of market {} ", market.number), colors.strong());
    let inner = Block::bordered().inner(left);
    let room = book::book(buffer, inner, market, choice.depth, colors);
    let [bids, asks] = market.levels;
    let depth = choice.depth.min(room).min(bids.max(asks));
    let levels = Line::styled(format!(" {depth} of {bids} bids, {asks} asks "), colors.label());
    framed(buffer, left, (title, levels), colors);
    room.min(market.bids.len().max(market.asks.len()))
}

/// Draws a frame with a title at the left and one at the right. Returns the area inside.
fn framed(
    buffer: &mut Buffer,
    area: Rect,
    (title, right): (Line<'_>, Line<'_>),
    colors: Colors,
) -> Rect {
    let block = Block::bordered().border_style(colors.frame());
    let inner = block.inner(area);
    let room = usize::from(area.width).saturating_sub(title.width() + 4);
    let block = block.title(title);
    let fits = right.width() > 0 && right.width() <= room;
    let block = if fits { block.title(right.right_aligned()) } else { block };
    block.render(area, buffer);
    inner
}

/// Cuts rows off the top of an area.
fn top(area: &mut Rect, rows: u16) -> Rect {
    let height = rows.min(area.height);
    let cut = Rect { height, ..*area };
    area.y += height;
    area.height -= height;
    cut
}

/// Cuts rows off the bottom of an area.
fn bottom(area: &mut Rect, rows: u16) -> Rect {
    let height = rows.min(area.height);
    area.height -= height;
    Rect { y: area.bottom(), height, ..*area }
}

#[cfg(test)]
mod tests;
