//! The demo's displays: the trading screen, plain lines, or JSON.

use std::io::{self, Write};
use std::time::Duration;

use pricetime_engine::Engine;

use super::live::{LiveScreen, MarketState};
use super::report::{EPOCH_COLUMNS, EpochReport, Summary};
use super::tape::Tape;
use super::traders::MARKET;

/// The display of the demo.
pub(super) struct DemoOutput<W> {
    out: W,
    style: Style,
}

enum Style {
    /// `None` once the terminal has been restored.
    Screen(Option<Box<LiveScreen>>),
    Lines,
    Json,
}

impl<W: Write> DemoOutput<W> {
    /// The trading screen, and the summary on `out`.
    pub(super) fn screen(live: LiveScreen, out: W) -> Self {
        Self { out, style: Style::Screen(Some(Box::new(live))) }
    }

    /// One line per epoch.
    pub(super) const fn lines(out: W) -> Self {
        Self { out, style: Style::Lines }
    }

    /// One JSON object per epoch.
    pub(super) const fn json(out: W) -> Self {
        Self { out, style: Style::Json }
    }

    /// Prints the heading. Above a screen it would not be visible, so there it comes with the summary.
    pub(super) fn begin(&mut self, seed: u64) -> io::Result<()> {
        match self.style {
            Style::Json | Style::Screen(Some(_)) => Ok(()),
            Style::Screen(None) => self.heading(seed),
            Style::Lines => {
                self.heading(seed)?;
                writeln!(self.out, "{EPOCH_COLUMNS}")
            }
        }
    }

    fn heading(&mut self, seed: u64) -> io::Result<()> {
        writeln!(self.out, "pricetime demo: a made-up energy market, seed {seed}, simulated time")
    }

    /// Prints the epochs that have closed since the last call. A screen shows them in its frames instead.
    pub(super) fn epochs(&mut self, engine: &Engine, tape: &mut Tape) -> io::Result<()> {
        let Some(market) = engine.market(MARKET) else {
            return Ok(());
        };
        for epoch in tape.epochs.drain(..) {
            let report = EpochReport::new(market.spec(), &epoch);
            match self.style {
                Style::Json => Self::object(&mut self.out, &report)?,
                Style::Lines => writeln!(self.out, "{report}")?,
                Style::Screen(_) => {}
            }
        }
        self.out.flush()
    }

    /// Draws a frame if one is due. Returns `false` if the person in front of the screen wants to end.
    pub(super) fn frame(&mut self, state: MarketState<'_>) -> io::Result<bool> {
        match &mut self.style {
            Style::Screen(Some(live)) => live.frame(state),
            Style::Screen(None) | Style::Lines | Style::Json => Ok(true),
        }
    }

    /// How long the demo was paused.
    pub(super) fn paused(&self) -> Duration {
        match &self.style {
            Style::Screen(Some(live)) => live.paused(),
            Style::Screen(None) | Style::Lines | Style::Json => Duration::ZERO,
        }
    }

    /// Prints the summary, on the normal screen.
    pub(super) fn end(&mut self, seed: u64, summary: &Summary) -> io::Result<()> {
        match &mut self.style {
            Style::Json => Self::object(&mut self.out, summary)?,
            Style::Lines => writeln!(self.out, "\n{summary}")?,
            Style::Screen(live) => {
                drop(live.take());
                self.heading(seed)?;
                writeln!(self.out, "\n{summary}")?;
            }
        }
        self.out.flush()
    }

    fn object(out: &mut W, report: &impl serde::Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut *out, report)?;
        writeln!(out)
    }
}
