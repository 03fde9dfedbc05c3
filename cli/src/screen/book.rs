//! The book as a ladder: asks above, bids below, and a bar for the quantity at each price.

use pricetime_engine::{Phase, Side};
use pricetime_gateway::word;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use super::bar::bar;
use super::colors::Colors;
use super::picture::{Call, LevelRow, Market};

/// The widths of the columns.
#[derive(Clone, Copy)]
struct Columns {
    price: usize,
    quantity: usize,
    orders: usize,
    bar: usize,
}

impl Columns {
    /// Wide enough for these levels. The bars get what is left of `all`.
    fn of<'a>(levels: impl Iterator<Item = &'a LevelRow>, all: usize) -> Self {
        let mut columns = Self { price: 8, quantity: 9, orders: 6, bar: 0 };
        for level in levels {
            columns.price = columns.price.max(level.price.len());
            columns.quantity = columns.quantity.max(level.quantity.len());
            columns.orders = columns.orders.max(level.orders.to_string().len());
        }
        // A space before each column and after the bar.
        let used = columns.price + columns.quantity + columns.orders + 5;
        Self { bar: all.saturating_sub(used), ..columns }
    }
}

/// Draws the book into an area without a frame. Shows `depth` levels of each side at most, and returns how
/// many there is room for.
pub(super) fn book(
    buffer: &mut Buffer,
    area: Rect,
    market: &Market,
    depth: usize,
    colors: Colors,
) -> usize {
    let rows = usize::from(area.height);
    let room = rows.saturating_sub(2) / 2;
    let depth = depth.min(room);
    let asks: Vec<&LevelRow> = market.asks.iter().take(depth).collect();
    let bids: Vec<&LevelRow> = market.bids.iter().take(depth).collect();
    let all = || asks.iter().chain(&bids).copied();
    let columns = Columns::of(all(), usize::from(area.width));
    let most = all().map(|level| level.weight).fold(0.0, f64::max);
    let mut lines = vec![heading(columns, colors)];
    // The best ask stands right above the middle, even if there are few.
    let empty = (rows.saturating_sub(2) / 2).saturating_sub(asks.len());
    lines.extend((0..empty).map(|_| Line::default()));
    lines.extend(asks.iter().rev().map(|it| row(it, Side::Sell, (columns, most), colors)));
    lines.push(middle(market, usize::from(area.width), colors));
    lines.extend(bids.iter().map(|it| row(it, Side::Buy, (columns, most), colors)));
    for (line, y) in lines.iter().zip(area.y..area.bottom()) {
        line.render(Rect { y, height: 1, ..area }, buffer);
    }
    room
}

fn heading(columns: Columns, colors: Colors) -> Line<'static> {
    let Columns { price, quantity, orders, .. } = columns;
    let text = format!(" {:>price$} {:>quantity$} {:>orders$}", "price", "quantity", "orders");
    Line::styled(text, colors.label())
}

fn row(
    level: &LevelRow,
    side: Side,
    (columns, most): (Columns, f64),
    colors: Colors,
) -> Line<'static> {
    let Columns { price, quantity, orders, bar: width } = columns;
    let style = colors.side(side);
    Line::from(vec![
        Span::styled(format!(" {:>price$}", level.price), style),
        Span::raw(format!(" {:>quantity$}", level.quantity)),
        Span::styled(format!(" {:>orders$} ", level.orders), colors.label()),
        Span::styled(bar(level.weight, most, width), style),
    ])
}

/// The line between the sides: the spread, or what an uncross would do.
fn middle(market: &Market, width: usize, colors: Colors) -> Line<'static> {
    let (text, style) = match (&market.call, &market.spread) {
        (Some(call), _) => (gate(call, width.saturating_sub(4)), colors.phase(Phase::Call)),
        (None, _) if market.phase == Phase::Halted || market.phase == Phase::Closed => {
            (format!("the market is {}", word(&market.phase)), colors.phase(market.phase))
        }
        (None, Some(spread)) => (format!("spread {spread}"), colors.label()),
        (None, None) if market.bids.is_empty() && market.asks.is_empty() => {
            (String::from("the book is empty"), colors.label())
        }
        (None, None) => (String::from("one side is empty"), colors.label()),
    };
    let rest = width.saturating_sub(text.chars().count() + 4);
    Line::from(vec![
        Span::styled(String::from(" ─ "), colors.frame()),
        Span::styled(text, style),
        Span::styled(format!(" {}", "─".repeat(rest)), colors.frame()),
    ])
}

/// What an uncross would do: its price, its volume and, if there is room, what would be left over.
fn gate(call: &Call, room: usize) -> String {
    let Call::Uncross { price, volume, surplus } = call else {
        return String::from("the gate would trade nothing");
    };
    let short = format!("gate {price}: {volume}");
    let long = match surplus.strip_prefix('-') {
        Some(more) => format!("{short}, {more} ask left"),
        None if surplus.bytes().all(|byte| matches!(byte, b'0' | b'.')) => {
            format!("{short}, none left")
        }
        None => format!("{short}, {surplus} bid left"),
    };
    if long.chars().count() <= room { long } else { short }
}
