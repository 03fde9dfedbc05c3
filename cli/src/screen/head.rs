//! The lines above and below the panels: title, markets, figures, keys.

use pricetime_engine::Side;
use pricetime_gateway::word;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use super::choice::Choice;
use super::colors::Colors;
use super::picture::{Figure, Notice, Picture, Tab};

const KEYS: [(&str, &str); 5] =
    [("q", "quit"), ("?", "help"), ("p", "pause"), ("+ -", "depth"), ("← →", "market")];

/// Draws the title, the phase and the last price, and at the right the time.
pub(super) fn title(
    buffer: &mut Buffer,
    area: Rect,
    picture: &Picture,
    choice: &Choice,
    colors: Colors,
) {
    let name = shortened(&picture.title, usize::from(area.width) / 2);
    let mut spans = vec![Span::styled(format!(" {name} "), colors.badge())];
    if choice.is_paused {
        spans.push(Span::raw(" "));
        spans.push(Span::styled(" PAUSED ", colors.note().patch(colors.badge())));
    }
    if let Some(market) = &picture.market {
        spans.push(Span::styled(format!("  {}", market.symbol), colors.strong()));
        spans.push(Span::styled(format!("  {}", word(&market.phase)), colors.phase(market.phase)));
        if let Some(last) = &market.last_price {
            let (arrow, style) = match market.trades.first().map(|trade| trade.taker_side) {
                Some(Side::Buy) => (" ▲", colors.side(Side::Buy)),
                Some(Side::Sell) => (" ▼", colors.side(Side::Sell)),
                None => ("", colors.strong()),
            };
            spans.push(Span::raw("  last "));
            spans.push(Span::styled(format!("{last}{arrow}"), style));
        }
    }
    let left = Line::from(spans);
    let right = Line::from(format!("{} ", picture.clock)).right_aligned();
    let used = left.width() + right.width();
    left.render(area, buffer);
    if used < usize::from(area.width) {
        right.render(area, buffer);
    }
}

/// The end of a text that is too long, because that is where a path differs from others.
fn shortened(text: &str, most: usize) -> String {
    let more = text.chars().count().saturating_sub(most);
    match text.char_indices().nth(more + 1) {
        Some((at, _)) if more > 0 => format!("…{}", text.get(at..).unwrap_or_default()),
        Some(_) | None => text.to_owned(),
    }
}

/// Draws the markets, scrolled so that the chosen one is visible.
pub(super) fn tabs(buffer: &mut Buffer, area: Rect, tabs: &[Tab], at: usize, colors: Colors) {
    let label = |tab: &Tab| format!(" {} {} ", tab.market, tab.symbol);
    let width = usize::from(area.width);
    let mut first = at;
    let mut used = tabs.get(at).map_or(0, |tab| label(tab).chars().count());
    while let Some(before) = first.checked_sub(1).and_then(|before| tabs.get(before)) {
        used += label(before).chars().count() + 1;
        if used + 4 > width {
            break;
        }
        first -= 1;
    }
    let mut spans = vec![Span::raw(if first > 0 { "‹" } else { " " })];
    for (index, tab) in tabs.iter().enumerate().skip(first).take(width) {
        let style = if index == at { colors.badge() } else { colors.label() };
        spans.push(Span::styled(label(tab), style));
        spans.push(Span::raw(" "));
    }
    Line::from(spans).render(area, buffer);
}

/// Draws the figures, as many as fit.
pub(super) fn figures(buffer: &mut Buffer, area: Rect, figures: &[Figure], colors: Colors) {
    let mut line = Line::default();
    for Figure { value, name } in figures {
        let mut next = line.clone();
        if !next.spans.is_empty() {
            next.push_span(Span::styled(" │", colors.frame()));
        }
        next.push_span(Span::styled(format!(" {value}"), colors.strong()));
        next.push_span(Span::styled(format!(" {name}"), colors.label()));
        if next.width() > usize::from(area.width) {
            break;
        }
        line = next;
    }
    line.render(area, buffer);
}

/// Draws the notice, or the keys.
pub(super) fn foot(buffer: &mut Buffer, area: Rect, picture: &Picture, colors: Colors) {
    let line = match &picture.notice {
        Some(Notice::Fault(text)) => Line::styled(format!(" {text} "), colors.fault()),
        Some(Notice::Note(text)) => Line::styled(format!(" {text}"), colors.note()),
        None => {
            let is_one = picture.tabs.len() < 2;
            let keys = KEYS.iter().take(KEYS.len() - usize::from(is_one));
            Line::from_iter(keys.flat_map(|(key, name)| {
                let key = Span::styled(format!(" {key} "), colors.accent());
                [key, Span::styled(format!("{name}  "), colors.label())]
            }))
        }
    };
    line.render(area, buffer);
}
