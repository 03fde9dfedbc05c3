//! The report of a replay.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use pricetime_engine::Sequence;
use pricetime_terminal::{Paint, Tone};
use serde::Serialize;

use super::super::reader::{ReplayVerifier, Stop, grouped};
use super::files::Found;
use super::run::Run;
use super::venue::VenueLine;
use pricetime_gateway::Outcomes;

/// The command after which the replay began, and how long it took.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReplayTiming {
    pub(super) after: Sequence,
    pub(super) wall: Duration,
}

/// The report as a JSON line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Report {
    Replayed(Replayed),
}

/// The result of a replay.
#[derive(Debug, Serialize)]
pub(super) struct Replayed {
    after: u64,
    through: u64,
    commands: u64,
    seconds: f64,
    commands_per_second: f64,
    accepted: u64,
    rejected: BTreeMap<String, u64>,
    duplicates: u64,
    refused_lines: u64,
    trades: u64,
    epochs: u64,
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<Vec<Check>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recording: Option<VenueLine>,
    /// For the text report only: it holds the same as `accepted`, `rejected` and `duplicates`.
    #[serde(skip)]
    outcomes: Outcomes,
}

/// One comparison.
#[derive(Debug, Serialize)]
struct Check {
    right: bool,
    what: String,
}

impl Report {
    /// Ends a replay: flushes the output and runs the comparisons.
    pub(super) fn of(
        mut run: Run,
        timing: &ReplayTiming,
        found: &Found,
    ) -> Result<(Self, Option<ReplayVerifier>), Stop> {
        run.flush()?;
        let mut verifier = run.verifier.take();
        if let (Some(verifier), Some(image)) = (&mut verifier, &run.sink.image) {
            if run.until.is_none() {
                verifier.report_missed(&run.engine);
            }
            verifier.finish(&run.engine, image);
        }
        let checks = verifier.as_ref().map(|verifier| {
            let findings = verifier.findings.iter();
            findings.map(|(right, what)| Check { right: *right, what: what.clone() }).collect()
        });
        let tally = run.sink.tally;
        let seconds = timing.wall.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate needs few digits")]
        let rate = if seconds > 0.0 { tally.commands as f64 / seconds } else { 0.0 };
        let replayed = Replayed {
            after: timing.after.0,
            through: run.engine.last_sequence().0,
            commands: tally.commands,
            seconds,
            commands_per_second: rate.round(),
            accepted: tally.outcomes.accepted,
            rejected: tally.outcomes.reasons(),
            duplicates: tally.outcomes.duplicates,
            refused_lines: found.refused,
            trades: tally.trades,
            epochs: tally.epochs,
            digest: format!("{:032x}", run.engine.digest()),
            checks,
            recording: found.venue.as_ref().map(VenueLine::from),
            outcomes: tally.outcomes,
        };
        Ok((Self::Replayed(replayed), verifier))
    }

    /// Writes the report as text.
    pub(super) fn write(&self, out: &mut impl Write, paint: Paint) -> io::Result<()> {
        let Self::Replayed(it) = self;
        let range = match it.commands {
            0 => format!("none after command {}", it.after),
            _ => format!("{} to {}", it.after + 1, it.through),
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate is a whole number that is not negative"
        )]
        let rate = grouped(it.commands_per_second as u64);
        writeln!(
            out,
            "commands   {} ({range}) in {:.3} s: {rate} a second",
            grouped(it.commands),
            it.seconds
        )?;
        writeln!(out, "outcomes   {}", it.outcomes)?;
        writeln!(out, "trades     {} in {} closed epochs", grouped(it.trades), grouped(it.epochs))?;
        writeln!(out, "digest     {} at command {}", it.digest, it.through)?;
        for check in it.checks.iter().flatten().filter(|check| check.right) {
            writeln!(out, "{}      {}", paint.text(Tone::Good, "right"), check.what)?;
        }
        Ok(())
    }
}
