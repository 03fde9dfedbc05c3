//! The keys of the screen.

use ratatui::crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers};

/// What a key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Quit,
    Escape,
    Next,
    Previous,
    Deeper,
    Shallower,
    Pause,
    Help,
    /// The terminal has another size.
    Redraw,
}

const KEYS: [(KeyCode, Key); 14] = [
    (KeyCode::Char('q'), Key::Quit),
    (KeyCode::Char('Q'), Key::Quit),
    (KeyCode::Esc, Key::Escape),
    (KeyCode::Tab, Key::Next),
    (KeyCode::Right, Key::Next),
    (KeyCode::BackTab, Key::Previous),
    (KeyCode::Left, Key::Previous),
    (KeyCode::Char('+'), Key::Deeper),
    (KeyCode::Char('='), Key::Deeper),
    (KeyCode::Char('-'), Key::Shallower),
    (KeyCode::Char('p'), Key::Pause),
    (KeyCode::Char(' '), Key::Pause),
    (KeyCode::Char('?'), Key::Help),
    (KeyCode::F(1), Key::Help),
];

impl Key {
    /// The meaning of an event, if it has one.
    pub(super) fn of(event: &Event) -> Option<Self> {
        if let Event::Resize(..) = event {
            return Some(Self::Redraw);
        }
        let Event::Key(pressed) = event else { return None };
        if pressed.kind == KeyEventKind::Release {
            return None;
        }
        if pressed.modifiers.contains(KeyModifiers::CONTROL) {
            let ends = matches!(pressed.code, KeyCode::Char('c' | 'd'));
            return ends.then_some(Self::Quit);
        }
        KEYS.iter().find(|(code, _)| *code == pressed.code).map(|(_, key)| *key)
    }
}
