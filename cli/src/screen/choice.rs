//! What the person in front of the screen has chosen.

use super::keys::Key;
use super::picture::Tab;

/// The most levels of each side that can be shown.
pub(crate) const SHOWN_MAX: usize = 100;

/// What is shown, as the keys have set it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice {
    /// The market, or the first one if none was chosen.
    pub(crate) market: Option<u32>,
    /// How many levels of each side are shown at most.
    pub(crate) depth: usize,
    pub(crate) is_paused: bool,
    pub(crate) is_helping: bool,
    /// How many levels can be shown: there are as many, and the terminal has room for them.
    pub(super) room: usize,
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Press {
    /// To draw again.
    Draw,
    Quit,
}

impl Choice {
    /// Shows this market first, with as many levels as there is room for.
    pub(crate) const fn new(market: Option<u32>) -> Self {
        Self { market, depth: SHOWN_MAX, is_paused: false, is_helping: false, room: SHOWN_MAX }
    }

    /// The index of the chosen market.
    pub(crate) fn at(&self, tabs: &[Tab]) -> usize {
        tabs.iter().position(|tab| Some(tab.market) == self.market).unwrap_or(0)
    }

    /// Changes the choice as a key asks.
    pub(super) fn press(&mut self, key: Key, tabs: &[Tab]) -> Press {
        let at = self.at(tabs);
        let last = tabs.len().saturating_sub(1);
        let shown = self.depth.min(self.room);
        match key {
            // Esc first closes the help.
            Key::Escape if self.is_helping => self.is_helping = false,
            Key::Quit | Key::Escape => return Press::Quit,
            Key::Next => self.show(tabs, if at < last { at + 1 } else { 0 }),
            Key::Previous => self.show(tabs, at.checked_sub(1).unwrap_or(last)),
            Key::Deeper => self.depth = (shown + 1).min(SHOWN_MAX),
            Key::Shallower => self.depth = shown.saturating_sub(1).max(1),
            Key::Pause => self.is_paused = !self.is_paused,
            Key::Help => self.is_helping = !self.is_helping,
            Key::Redraw => {}
        }
        Press::Draw
    }

    fn show(&mut self, tabs: &[Tab], at: usize) {
        self.market = tabs.get(at).map(|tab| tab.market).or(self.market);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_round_the_markets_and_bound_the_depth() {
        let tabs = [1, 4, 9].map(|market| Tab { market, symbol: String::new() });
        let mut choice = Choice::new(None);
        for (key, market) in
            [(Key::Next, 4), (Key::Next, 9), (Key::Next, 1), (Key::Previous, 9), (Key::Previous, 4)]
        {
            assert_eq!(choice.press(key, &tabs), Press::Draw);
            assert_eq!(choice.market, Some(market));
        }
        choice.room = 3;
        for (key, depth) in [
            (Key::Shallower, 2),
            (Key::Shallower, 1),
            (Key::Shallower, 1),
            (Key::Deeper, 2),
            (Key::Deeper, 3),
            (Key::Deeper, 4),
            (Key::Deeper, 4),
        ] {
            choice.press(key, &[]);
            assert_eq!(choice.depth, depth);
        }
        assert_eq!(choice.press(Key::Next, &[]), Press::Draw);
        assert_eq!(choice.market, Some(4));
    }

    #[test]
    fn escape_closes_the_help_before_it_quits() {
        let mut choice = Choice::new(None);
        choice.press(Key::Help, &[]);
        assert!(choice.is_helping);
        assert_eq!(choice.press(Key::Escape, &[]), Press::Draw);
        assert!(!choice.is_helping);
        assert_eq!(choice.press(Key::Escape, &[]), Press::Quit);
    }
}
