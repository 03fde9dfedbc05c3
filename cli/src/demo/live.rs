//! The demo on the trading screen.

use std::io;
use std::time::{Duration, Instant};

use pricetime_engine::{Engine, Timestamp};

use super::super::screen::{self, Choice, Figure, Picture, Press, Screen, Tab};
use super::report::{grouped, rate};
use super::tape::Tape;
use super::traders::MARKET;

/// The time between frames. It looks smooth and costs the core almost nothing.
const FRAME: Duration = Duration::from_millis(100);

/// The market at one moment of the run.
#[derive(Clone, Copy, Debug)]
pub(super) struct MarketState<'a> {
    pub(super) engine: &'a Engine,
    pub(super) tape: &'a Tape,
    /// When the epoch closes.
    pub(super) gate: Timestamp,
    pub(super) in_core: Duration,
}

/// The screen appears after this time. A run that is shorter only prints its summary.
const SCREEN_DELAY: Duration = Duration::from_millis(150);

/// The screen, and what the person in front of it has chosen.
#[derive(Debug)]
pub(super) struct LiveScreen {
    /// `None` until it appears.
    screen: Option<Screen>,
    /// Whether there can be no screen, because there is no keyboard.
    is_off: bool,
    choice: Choice,
    seed: u64,
    due: Instant,
    /// How long the demo was paused.
    paused: Duration,
}

impl LiveScreen {
    pub(super) fn new(seed: u64) -> Self {
        let (choice, due) = (Choice::new(None), Instant::now() + SCREEN_DELAY);
        Self { screen: None, is_off: false, choice, seed, due, paused: Duration::ZERO }
    }

    /// How long the demo was paused.
    pub(super) const fn paused(&self) -> Duration {
        self.paused
    }

    /// Draws a frame if one is due, and waits while the demo is paused. Returns `false` if the demo is to
    /// end.
    pub(super) fn frame(&mut self, state: MarketState<'_>) -> io::Result<bool> {
        let started = Instant::now();
        if started < self.due || self.is_off {
            return Ok(true);
        }
        if self.screen.is_none() {
            self.screen = Screen::open().ok();
        }
        let Some(screen) = &mut self.screen else {
            self.is_off = true;
            return Ok(true);
        };
        let picture = picture(state, self.seed);
        loop {
            screen.draw(&picture, &mut self.choice)?;
            let now = Instant::now();
            let until = if self.choice.is_paused { now + FRAME } else { now };
            let pressed = screen.press(&picture, &mut self.choice, until)?;
            if pressed == Some(Press::Quit) {
                return Ok(false);
            }
            if pressed.is_none() && !self.choice.is_paused {
                break;
            }
            self.paused += now.elapsed();
        }
        self.due = Instant::now() + FRAME;
        Ok(true)
    }
}

fn picture(state: MarketState<'_>, seed: u64) -> Picture {
    let MarketState { engine, tape, gate, in_core } = state;
    let now = engine.last_timestamp();
    let book = engine.market(MARKET);
    let tab = |book: &pricetime_engine::Book| Tab {
        market: MARKET.0,
        symbol: book.spec().symbol.to_string(),
    };
    let totals = &tape.totals;
    let count = |number: u64| grouped(u128::from(number));
    Picture {
        title: format!("demo, seed {seed}"),
        clock: screen::clock(now),
        tabs: book.map(tab).into_iter().collect(),
        market: book.map(|book| screen::market(book, &tape.history, now, Some(gate))),
        empty: "the market opens soon",
        figures: vec![
            Figure::new(grouped(rate(totals.commands, in_core)), "commands/s in the core"),
            Figure::new(count(totals.commands), "commands"),
            Figure::new(count(totals.trades), "trades"),
            Figure::new(count(book.map_or(0, |book| book.live().into())), "live orders"),
        ],
        notice: None,
    }
}
