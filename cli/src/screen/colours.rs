//! The colours of the screen: the terminal's own sixteen, or none.

use pricetime_engine::{Phase, Side};
use ratatui::style::{Color, Modifier, Style};

/// The styles of the screen. Without colours, everything is still told apart by its place or its text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Colours {
    is_on: bool,
}

impl Colours {
    /// Colours, unless the variable `NO_COLOR` is set to something.
    pub(super) fn from_environment() -> Self {
        Self { is_on: std::env::var_os("NO_COLOR").is_none_or(|text| text.is_empty()) }
    }

    #[cfg(test)]
    pub(super) const fn new(is_on: bool) -> Self {
        Self { is_on }
    }

    fn colour(self, colour: Color) -> Style {
        if self.is_on { Style::new().fg(colour) } else { Style::new() }
    }

    /// Of bids, or of trades with this taker.
    pub(super) fn side(self, side: Side) -> Style {
        match side {
            Side::Buy => self.colour(Color::Green),
            Side::Sell => self.colour(Color::Red),
        }
    }

    pub(super) fn phase(self, phase: Phase) -> Style {
        let colour = match phase {
            Phase::Continuous => Color::Green,
            Phase::Call => Color::Yellow,
            Phase::Halted => Color::Red,
            Phase::Closed => Color::Blue,
        };
        self.colour(colour).add_modifier(Modifier::BOLD)
    }

    /// Of frames.
    pub(super) fn frame(self) -> Style {
        self.colour(Color::DarkGray)
    }

    /// Of headings and labels.
    pub(super) const fn label(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub(super) const fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(super) fn accent(self) -> Style {
        self.colour(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    pub(super) const fn badge(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD).add_modifier(Modifier::REVERSED)
    }

    pub(super) fn note(self) -> Style {
        self.colour(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    pub(super) fn fault(self) -> Style {
        self.colour(Color::Red).add_modifier(Modifier::BOLD).add_modifier(Modifier::REVERSED)
    }
}
