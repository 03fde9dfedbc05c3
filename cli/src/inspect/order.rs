//! `pricetime inspect order`: the history of an order.

use std::io::Write as _;

use clap::Args;
use pricetime_engine::{Book, Engine, Event, Group, MarketId, MarketSpec, OrderId};
use pricetime_gateway::json::{Answer, Done, OrderFound, OrderLine};
use pricetime_terminal::{Paint, Tone};
use serde::Serialize;
use uuid::Uuid;

use super::super::failure::{Code, Failure};
use super::super::reader::{Stop, json_line, word};
use super::why::QueuePlace;
use super::{MomentArgs, Out, order_events, time};

/// Shows the whole history of an order.
///
/// An order's id can be used again once the order is gone. If it was used more than once, every use is
/// shown. With --why, each place in a queue is shown with the orders ahead of it, and each rejection and
/// each end with its rule.
#[derive(Debug, Args)]
pub(super) struct OrderCommand {
    /// The market's number
    market: u32,
    /// The order
    order: Uuid,
    /// Show reasons: the orders ahead of it, and the rule that rejected or ended it
    #[arg(long)]
    why: bool,
    #[command(flatten)]
    moment: MomentArgs,
}

/// The reasons as a JSON line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Output {
    Why {
        sequence: u64,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        reasons: Vec<String>,
        /// Its place in the queue after the command, if it got one.
        #[serde(skip_serializing_if = "Option::is_none")]
        place: Option<QueuePlace>,
    },
}

/// Prints the events.
struct EventPrinter<'a> {
    out: &'a mut Out,
    order: OrderId,
    why: bool,
    json: bool,
    printed: u64,
}

impl OrderCommand {
    pub(super) fn show(&self, out: &mut Out) -> Result<(), Stop> {
        let (market, order) = (MarketId(self.market), OrderId::from(self.order));
        let replay = self.moment.replay()?;
        let mut printer =
            EventPrinter { out, order, why: self.why, json: self.moment.json, printed: 0 };
        // A market that is removed takes its spec with it, so the last known one is kept.
        let mut known: Option<MarketSpec> = None;
        let engine = replay.replay_all(&mut |engine, _, group| {
            if group.header.market != market {
                return Ok(());
            }
            let book = engine.market(market);
            known = book.map(|book| *book.spec()).or(known);
            if let (Some(part), Some(spec)) = (order_events::part(group, order), &known) {
                printer.print(&part, spec, book)?;
            }
            Ok(())
        })?;
        let printed = printer.printed;
        self.print_state(out, &engine, printed)
    }

    /// Prints where the order is at the end.
    fn print_state(&self, out: &mut Out, engine: &Engine, printed: u64) -> Result<(), Stop> {
        let (market, order) = (MarketId(self.market), OrderId::from(self.order));
        let at = engine.last_sequence();
        let book = engine.market(market);
        let found = book.and_then(|book| Some((book.order(order)?.record, book)));
        if printed == 0 && found.is_none() {
            let text =
                format!("no command up to {at} names order {} in market {market}", self.order);
            return Err(Failure::new(Code::Failed, text).into());
        }
        if self.moment.json {
            let found = found.map(|(record, book)| OrderLine::of(&record, book.spec()));
            return Ok(json_line(
                out,
                &Answer::Order(OrderFound { line: 0, market: market.0, found }),
            )?);
        }
        match found {
            None => writeln!(out, "at command {at} it is gone")?,
            Some((record, book)) => {
                let spec = book.spec();
                writeln!(
                    out,
                    "at command {at} it is live: {} open, {} shown{}",
                    spec.show_quantity(record.open),
                    spec.show_quantity(record.shown),
                    QueuePlace::of(book, order)
                        .map(|place| format!("; {}", place.text()))
                        .unwrap_or_default()
                )?;
            }
        }
        Ok(())
    }
}

/// A description in the color of its event.
fn painted(event: &Event, text: String) -> String {
    let tone = if matches!(event, Event::Accepted { .. } | Event::Traded { .. }) {
        Tone::Good
    } else if matches!(event, Event::Rejected { .. }) {
        Tone::Bad
    } else if matches!(event, Event::Cancelled { .. }) {
        Tone::Warning
    } else {
        return text;
    };
    Paint::out().text(tone, text).to_string()
}

impl EventPrinter<'_> {
    fn print(&mut self, part: &Group, spec: &MarketSpec, book: Option<&Book>) -> Result<(), Stop> {
        self.printed += 1;
        let gets_place = part.events.iter().any(order_events::gives_place);
        let place = book.filter(|_| self.why && gets_place);
        let place = place.and_then(|book| QueuePlace::of(book, self.order));
        let reasons = || part.events.iter().filter_map(|event| order_events::reason(event, spec));
        if self.json {
            json_line(self.out, &Answer::Done(Done::of_group(part, spec)))?;
            let reasons: Vec<_> = reasons().collect();
            if self.why && (place.is_some() || !reasons.is_empty()) {
                let sequence = part.header.sequence.0;
                json_line(self.out, &Output::Why { sequence, reasons, place })?;
            }
            return Ok(());
        }
        for event in &part.events {
            self.line(part, event, spec)?;
        }
        if let Some(place) = place {
            writeln!(self.out, "            why: {}", place.text())?;
        }
        Ok(())
    }

    fn line(&mut self, part: &Group, event: &Event, spec: &MarketSpec) -> Result<(), Stop> {
        let header = &part.header;
        writeln!(
            self.out,
            "{:>10}  {}  {} ({})",
            header.sequence,
            time(header.timestamp),
            painted(event, order_events::describe(event, self.order, spec)),
            word(&header.kind),
        )?;
        if let Some(reason) = order_events::reason(event, spec).filter(|_| self.why) {
            writeln!(self.out, "            why: {reason}")?;
        }
        Ok(())
    }
}
