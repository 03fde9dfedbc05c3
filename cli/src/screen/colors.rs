//! The colors of the screen: the terminal's own sixteen, or none.

use pricetime_engine::{Phase, Side};
use ratatui::style::{Color, Modifier, Style};

/// The styles of the screen. Without colors, everything is still told apart by its place or its text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Colors {
    is_on: bool,
}

impl Colors {
    pub(super) const fn new(is_on: bool) -> Self {
        Self { is_on }
    }

    fn color(self, color: Color) -> Style {
        if self.is_on { Style::new().fg(color) } else { Style::new() }
    }

    /// Of bids, or of trades with this taker.
    pub(super) fn side(self, side: Side) -> Style {
        match side {
            Side::Buy => self.color(Color::Green),
            Side::Sell => self.color(Color::Red),
        }
    }

    pub(super) fn phase(self, phase: Phase) -> Style {
        let color = match phase {
            Phase::Continuous => Color::Green,
            Phase::Call => Color::Yellow,
            Phase::Halted => Color::Red,
            Phase::Closed => Color::Blue,
        };
        self.color(color).add_modifier(Modifier::BOLD)
    }

    /// Of frames.
    pub(super) fn frame(self) -> Style {
        self.color(Color::DarkGray)
    }

    /// Of headings and labels.
    pub(super) const fn label(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub(super) const fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(super) fn accent(self) -> Style {
        self.color(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    pub(super) const fn badge(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD).add_modifier(Modifier::REVERSED)
    }

    pub(super) fn note(self) -> Style {
        self.color(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    pub(super) fn fault(self) -> Style {
        self.color(Color::Red).add_modifier(Modifier::BOLD).add_modifier(Modifier::REVERSED)
    }
}
