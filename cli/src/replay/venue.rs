//! The messages of an exchange: their commands are executed, and the trades compared with its executions.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::mem;

use pricetime_engine::{Book, Command, Group, MarketId};
use pricetime_recordings::{
    Agreement, Cause, ComparedEngine, Counts, Executor, Format, VenueReader, report,
};
use pricetime_terminal::{Paint, Tone};
use serde::Serialize;

use super::super::failure::Failure;
use super::super::reader::recording::{Mode, RecordingOptions};
use super::super::reader::venue_ahead::{self, VenueSink, not_reconstructed};
use super::super::reader::{Stop, grouped, many};
use super::pace::Pacer;
use super::run::Run;

/// What was read of an exchange's messages, and how far the engine agrees with the exchange.
#[derive(Debug)]
pub(super) struct VenueReport {
    format: Format,
    mode: Mode,
    /// The number of messages that could not be read.
    faulty: u64,
    counts: Counts,
    agreement: Agreement,
    /// The first differences, in the units of their markets.
    differences: Vec<String>,
}

impl VenueReport {
    pub(super) fn new(format: Format, options: &RecordingOptions) -> Self {
        let (counts, agreement) = (Counts::default(), Agreement::default());
        let (mode, differences) = (options.mode(), Vec::new());
        Self { format, mode, faulty: 0, counts, agreement, differences }
    }

    /// Replays messages. Returns why it could not read all of them.
    pub(super) fn replay(
        &mut self,
        messages: Box<dyn VenueReader + Send>,
        options: &RecordingOptions,
        run: &mut Run,
        pace: &mut Pacer,
    ) -> Result<Option<Failure>, Stop> {
        run.sink.group = Some(Group::default());
        let driven = Driven { run, pace, ended: Ok(false) };
        let mut compared = ComparedEngine::<Driven<'_>>::new(driven, Agreement::default());
        let found = venue_ahead::execute(messages, options, &mut compared)?;
        let ComparedEngine { engine: Driven { run, ended, .. }, agreement, .. } = compared;
        (self.counts, self.faulty, self.agreement) = (found.counts, found.faulty, agreement);
        let differences = self.agreement.differences().iter();
        self.differences = differences.map(|it| it.text(run.spec(it.market))).collect();
        ended?;
        let tally = &run.sink.tally;
        let refused = tally.commands.saturating_sub(tally.outcomes.accepted);
        Ok(found.failed.or_else(|| not_reconstructed(self.mode, refused)))
    }

    /// The number of messages that could not be read.
    pub(super) const fn faulty(&self) -> u64 {
        self.faulty
    }

    /// How messages became commands.
    pub(super) const fn mode(&self) -> Mode {
        self.mode
    }

    /// The comparison as the page shows it. A reconstruction compares nothing.
    pub(super) fn comparison(&self) -> Option<report::Comparison> {
        let differences = self.differences.clone();
        (self.mode == Mode::Rematch).then(|| report::Comparison::new(&self.agreement, differences))
    }

    /// Writes the report as text.
    pub(super) fn write(&self, out: &mut impl Write, paint: Paint) -> io::Result<()> {
        let Self { format, mode, faulty, counts, agreement, differences } = self;
        let events = many(counts.messages, "event");
        writeln!(out, "recording  {events} in {format}, mode {}", mode.name())?;
        let oddities = [
            (*faulty, "could not be read"),
            (counts.unknown_orders, "about orders from before the recording"),
            (counts.duplicate_orders, "with an added order that has the number of a live one"),
            (counts.excessive, "taking more from an order than it has"),
            (counts.unlisted, "about an instrument that is not listed"),
        ];
        for (count, what) in oddities.into_iter().filter(|(count, _)| *count > 0) {
            writeln!(out, "           {} {what}", many(count, "message"))?;
        }
        if *mode == Mode::Reconstruct {
            return Ok(());
        }
        let (agreed, comparable) = (agreement.agreed, agreement.comparable());
        if comparable == 0 {
            writeln!(out, "agreement  no execution could be compared")?;
        }
        let tone = if agreed == comparable { Tone::Good } else { Tone::Warning };
        if comparable > 0 {
            writeln!(
                out,
                "agreement  {} of {} ({}): the same order, price and quantity",
                grouped(agreed),
                many(comparable, "execution"),
                paint.text(tone, &format!("{:.2} %", share(agreed, comparable))),
            )?;
        }
        for cause in Cause::ALL.into_iter().filter(|cause| agreement.count(*cause) > 0) {
            let count = agreement.count(cause);
            let what = match (cause.is_difference(), count) {
                (true, 1) => "differs",
                (true, _) => "differ",
                (false, 1) => "more was not compared",
                (false, _) => "more were not compared",
            };
            writeln!(out, "           {} {what}: {cause}", grouped(count))?;
        }
        writeln!(
            out,
            "           {} of the engine, {} of them without an execution",
            many(agreement.trades, "trade"),
            grouped(agreement.unexpected)
        )?;
        differences.iter().try_for_each(|text| writeln!(out, "difference {text}"))
    }
}

/// The share in percent.
#[expect(clippy::cast_precision_loss, reason = "a share needs few digits")]
fn share(part: u64, all: u64) -> f64 {
    100.0 * part as f64 / all as f64
}

/// The report as JSON.
#[derive(Debug, Serialize)]
pub(super) struct VenueLine {
    format: String,
    mode: &'static str,
    events: u64,
    faulty: u64,
    unknown_orders: u64,
    duplicate_orders: u64,
    excessive: u64,
    unlisted: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    agreement: Option<AgreementLine>,
}

#[derive(Debug, Serialize)]
struct AgreementLine {
    executions: u64,
    comparable: u64,
    agreed: u64,
    quantity: String,
    agreed_quantity: String,
    trades: u64,
    unexpected: u64,
    causes: BTreeMap<String, u64>,
    differences: Vec<String>,
}

impl From<&VenueReport> for VenueLine {
    fn from(report: &VenueReport) -> Self {
        let VenueReport { format, mode, faulty, counts, agreement, differences } = report;
        let causes = Cause::ALL.into_iter().map(|it| (it.to_string(), agreement.count(it)));
        let compared = AgreementLine {
            executions: agreement.executions,
            comparable: agreement.comparable(),
            agreed: agreement.agreed,
            quantity: agreement.quantity.to_string(),
            agreed_quantity: agreement.agreed_quantity.to_string(),
            trades: agreement.trades,
            unexpected: agreement.unexpected,
            causes: causes.filter(|(_, count)| *count > 0).collect(),
            differences: differences.clone(),
        };
        Self {
            format: format.to_string(),
            mode: mode.name(),
            events: counts.messages,
            faulty: *faulty,
            unknown_orders: counts.unknown_orders,
            duplicate_orders: counts.duplicate_orders,
            excessive: counts.excessive,
            unlisted: counts.unlisted,
            agreement: (*mode == Mode::Rematch).then_some(compared),
        }
    }
}

impl VenueSink for ComparedEngine<Driven<'_>> {
    #[inline]
    fn goes_on(&self) -> bool {
        matches!(self.engine.ended, Ok(false))
    }
}

/// A replay that executes commands until it has reached its end.
struct Driven<'a> {
    run: &'a mut Run,
    pace: &'a mut Pacer,
    /// `true` once the replay has reached its end.
    ended: Result<bool, Stop>,
}

impl Executor for Driven<'_> {
    fn execute(&mut self, command: &Command, group: &mut Group) -> bool {
        if !matches!(self.ended, Ok(false)) {
            return false;
        }
        self.ended = self.run.execute(command, self.pace).map(|goes_on| !goes_on);
        let executed = self.run.engine.last_sequence() == command.sequence;
        if executed && let Some(events) = &mut self.run.sink.group {
            mem::swap(events, group);
        }
        executed
    }

    fn market(&self, id: MarketId) -> Option<&Book> {
        self.run.engine.market(id)
    }
}
