//! The demo's displays: a redrawn screen, plain lines, or JSON.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use pricetime_engine::Engine;

use super::crowd::MARKET;
use super::report::{EPOCH_COLUMNS, EpochReport, Measured, Summary};
use super::screen::Screen;
use super::tape::Tape;

/// The time between frames. It looks smooth and costs the core almost nothing.
const FRAME: Duration = Duration::from_millis(100);

/// The display of the demo.
pub(super) struct Face<W> {
    out: W,
    style: Style,
}

enum Style {
    Screen { screen: Screen, due: Instant },
    Lines,
    Json,
}

impl<W: Write> Face<W> {
    /// Frames that each overwrite the previous one.
    pub(super) fn screen(out: W) -> Self {
        let screen = Screen::default();
        let due = Instant::now();
        Self { out, style: Style::Screen { screen, due } }
    }

    /// One line per epoch.
    pub(super) const fn lines(out: W) -> Self {
        Self { out, style: Style::Lines }
    }

    /// One JSON object per epoch.
    pub(super) const fn json(out: W) -> Self {
        Self { out, style: Style::Json }
    }

    /// Prints the heading.
    pub(super) fn begin(&mut self, seed: u64) -> io::Result<()> {
        if matches!(self.style, Style::Json) {
            return Ok(());
        }
        writeln!(self.out, "pricetime demo: a made-up energy market, seed {seed}, simulated time")?;
        match self.style {
            Style::Lines => writeln!(self.out, "{EPOCH_COLUMNS}"),
            Style::Screen { .. } | Style::Json => writeln!(self.out),
        }
    }

    /// Prints the epochs that have closed since the last call. A screen shows them in its frames instead.
    pub(super) fn epochs(&mut self, engine: &Engine, tape: &mut Tape) -> io::Result<()> {
        let Some(market) = engine.market(MARKET) else {
            return Ok(());
        };
        if let Style::Screen { .. } = self.style {
            tape.forget_epochs(Screen::EPOCHS);
            return Ok(());
        }
        for epoch in tape.epochs.drain(..) {
            let report = EpochReport::new(market.spec(), &epoch);
            match self.style {
                Style::Json => Self::object(&mut self.out, &report)?,
                Style::Lines | Style::Screen { .. } => writeln!(self.out, "{report}")?,
            }
        }
        self.out.flush()
    }

    /// Draws a frame if one is due.
    pub(super) fn frame(
        &mut self,
        engine: &Engine,
        tape: &Tape,
        in_core: Duration,
    ) -> io::Result<()> {
        match &mut self.style {
            Style::Screen { screen, due } if *due <= Instant::now() => {
                *due = Instant::now() + FRAME;
                screen.draw(&mut self.out, engine, tape, in_core)
            }
            Style::Screen { .. } | Style::Lines | Style::Json => Ok(()),
        }
    }

    /// Prints the summary.
    pub(super) fn end(
        &mut self,
        engine: &Engine,
        tape: &Tape,
        summary: &Summary,
        measured: &Measured,
    ) -> io::Result<()> {
        match &mut self.style {
            Style::Json => Self::object(&mut self.out, summary)?,
            Style::Lines => writeln!(self.out, "\n{summary}")?,
            Style::Screen { screen, .. } => {
                screen.draw(&mut self.out, engine, tape, measured.in_core)?;
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
