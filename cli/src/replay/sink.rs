//! The sink of a replay: counts outcomes, and keeps the events that the replay needs.

use pricetime_engine::{EpochNumber, Event, Group, Header, MarketId, Outcome, Sink};
use pricetime_journal::image::Image;

use pricetime_gateway::Outcomes;

/// The totals of a replay.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) commands: u64,
    pub(super) outcomes: Outcomes,
    pub(super) trades: u64,
    pub(super) epochs: u64,
}

/// The sink of a replay.
#[derive(Debug, Default)]
pub(super) struct ReplaySink {
    pub(super) tally: Tally,
    /// The epoch that the last command closed.
    pub(super) closed: Option<(MarketId, EpochNumber)>,
    /// The image that events are applied to, if the replay is verified.
    pub(super) image: Option<Image>,
    /// The last group, if groups are written.
    pub(super) group: Option<Group>,
    market: MarketId,
}

impl ReplaySink {
    /// Takes the events of a command that has been executed.
    pub(super) fn take(&mut self, group: &Group) {
        self.begin(&group.header);
        group.events.iter().for_each(|event| self.event(event));
        self.end(group.outcome);
    }
}

impl Sink for ReplaySink {
    #[inline]
    fn begin(&mut self, header: &Header) {
        self.tally.commands += 1;
        self.market = header.market;
        self.closed = None;
        if let Some(image) = &mut self.image {
            image.begin(header);
        }
        if let Some(group) = &mut self.group {
            group.begin(header);
        }
    }

    #[inline]
    fn event(&mut self, event: &Event) {
        if let Event::Traded { .. } = event {
            self.tally.trades += 1;
        } else if let Event::EpochClosed(summary) = event {
            self.tally.epochs += 1;
            self.closed = Some((self.market, summary.number));
        }
        if let Some(image) = &mut self.image {
            image.event(event);
        }
        if let Some(group) = &mut self.group {
            group.event(event);
        }
    }

    #[inline]
    fn end(&mut self, outcome: Outcome) {
        self.tally.outcomes.count(outcome);
        if let Some(image) = &mut self.image {
            image.end(outcome);
        }
        if let Some(group) = &mut self.group {
            group.end(outcome);
        }
    }
}
