//! Records the events of a batch, and keeps trades, epochs and totals from them.

use pricetime_engine::{EpochSummary, Event, Header, Notional, Outcome, Quantity, Sink, Timestamp};

use super::super::screen::History;
use super::time::START;

/// The events that have not been read yet.
#[derive(Debug, Default)]
pub(super) struct UnreadEvents {
    headers: Vec<Header>,
    events: Vec<(usize, Event)>,
    refused: u64,
}

impl Sink for UnreadEvents {
    fn begin(&mut self, header: &Header) {
        self.headers.push(*header);
    }

    fn event(&mut self, event: &Event) {
        self.events.push((self.headers.len() - 1, *event));
    }

    fn end(&mut self, outcome: Outcome) {
        self.refused += u64::from(outcome != Outcome::Accepted);
    }
}

/// A closed epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Epoch {
    pub(super) begin: Timestamp,
    pub(super) summary: EpochSummary,
}

/// The totals of the run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) commands: u64,
    pub(super) refused: u64,
    pub(super) accepted: u64,
    pub(super) amended: u64,
    pub(super) cancelled: u64,
    pub(super) elected: u64,
    pub(super) replenished: u64,
    pub(super) trades: u64,
    pub(super) volume: Quantity,
    pub(super) notional: Notional,
    pub(super) epochs: u64,
}

/// The last trades and epochs, the epochs that are not printed yet, and the totals.
#[derive(Debug)]
pub(super) struct Tape {
    pub(super) unread: UnreadEvents,
    pub(super) history: History,
    /// The epochs since they were last printed.
    pub(super) epochs: Vec<Epoch>,
    pub(super) totals: Totals,
    epoch_begin: Timestamp,
}

impl Default for Tape {
    fn default() -> Self {
        Self {
            unread: UnreadEvents::default(),
            history: History::default(),
            epochs: Vec::new(),
            totals: Totals::default(),
            epoch_begin: START,
        }
    }
}

impl Tape {
    /// Reads the new events and passes each to `each`.
    pub(super) fn read(&mut self, mut each: impl FnMut(&Header, &Event)) {
        let mut unread = std::mem::take(&mut self.unread);
        for (at, event) in &unread.events {
            if let Some(header) = unread.headers.get(*at) {
                self.note(header, event);
                each(header, event);
            }
        }
        self.totals.commands += unread.headers.len() as u64;
        self.totals.refused += unread.refused;
        unread.headers.clear();
        unread.events.clear();
        unread.refused = 0;
        self.unread = unread;
    }

    fn note(&mut self, header: &Header, event: &Event) {
        self.history.note(header, event);
        let totals = &mut self.totals;
        match event {
            Event::Accepted { .. } => totals.accepted += 1,
            Event::Amended { .. } => totals.amended += 1,
            Event::Cancelled { .. } => totals.cancelled += 1,
            Event::Triggered { .. } => totals.elected += 1,
            Event::Replenished { .. } => totals.replenished += 1,
            Event::Traded { price, quantity, .. } => {
                totals.trades += 1;
                totals.volume = totals.volume.plus(*quantity);
                totals.notional = totals.notional.plus(price.times(*quantity));
            }
            Event::EpochClosed(summary) => {
                totals.epochs += 1;
                self.epochs.push(Epoch { begin: self.epoch_begin, summary: *summary });
                self.epoch_begin = header.timestamp;
            }
            Event::Rejected { .. }
            | Event::Reduced { .. }
            | Event::PhaseChanged { .. }
            | Event::MarketAdded(_)
            | Event::MarketSet(_)
            | Event::MarketRemoved
            | Event::AccountBlocked(_)
            | Event::AccountUnblocked(_)
            | Event::Duplicate { .. } => {}
        }
    }
}
