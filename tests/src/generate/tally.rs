//! Counts of events in runs, so that a test can require that each kind occurs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use pricetime_engine::{
    ActionKind, CancelReason, Command, Event, Group, MarketId, MarketSnapshot, OrderId, Outcome,
    Reason,
};

use super::live;

mod situations;

pub use situations::Situation;

/// Counts of events.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Commands.
    pub commands: u64,
    /// Restores.
    pub restores: u64,
    /// The largest number of live orders in a market.
    pub live_max: usize,
    /// Events, by the name of their kind.
    pub events: BTreeMap<&'static str, u64>,
    /// `Cancelled` events by reason.
    pub cancels: BTreeMap<CancelReason, u64>,
    /// Refused commands.
    pub refusals: BTreeMap<(ActionKind, Reason), u64>,
    /// Accepted commands.
    pub accepted: BTreeMap<ActionKind, u64>,
    /// Rarer situations.
    pub situations: BTreeMap<Situation, u64>,
    ids: BTreeSet<(MarketId, OrderId)>,
}

impl Tally {
    /// Counts a group. `before` is the market's state before the command, if it is known.
    pub fn count(&mut self, command: &Command, before: Option<&MarketSnapshot>, group: &Group) {
        self.commands += 1;
        let live = before.map_or(0, |market| live(market).count());
        self.live_max = self.live_max.max(live);
        let kind = command.action.kind();
        match group.outcome {
            Outcome::Accepted => *self.accepted.entry(kind).or_default() += 1,
            Outcome::Rejected(reason) => *self.refusals.entry((kind, reason)).or_default() += 1,
            Outcome::Duplicate => {}
        }
        for event in &group.events {
            *self.events.entry(name(event)).or_default() += 1;
            if let Event::Cancelled { reason, .. } = event {
                *self.cancels.entry(*reason).or_default() += 1;
            }
            if let Event::Accepted { place, .. } = event
                && !self.ids.insert((command.market, place.order))
            {
                self.record(Situation::OrderIdUsedAgain);
            }
        }
        situations::find_all(command, before, group, &mut |situation| self.record(situation));
    }

    /// Ends a run. The order ids seen in it have no meaning in the next one.
    pub fn end(&mut self) {
        self.ids.clear();
    }

    /// Adds another tally.
    pub fn add(&mut self, other: &Self) {
        self.commands += other.commands;
        self.restores += other.restores;
        self.live_max = self.live_max.max(other.live_max);
        sum(&mut self.events, &other.events);
        sum(&mut self.cancels, &other.cancels);
        sum(&mut self.refusals, &other.refusals);
        sum(&mut self.accepted, &other.accepted);
        sum(&mut self.situations, &other.situations);
    }

    /// The number of commands that were refused for this reason.
    #[must_use]
    pub fn refused(&self, reason: Reason) -> u64 {
        let of =
            |((_, why), count): (&(ActionKind, Reason), &u64)| (*why == reason).then_some(*count);
        self.refusals.iter().filter_map(of).sum()
    }

    fn record(&mut self, situation: Situation) {
        *self.situations.entry(situation).or_default() += 1;
    }
}

fn sum<K: Copy + Ord>(into: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
    for (key, count) in from {
        *into.entry(*key).or_default() += count;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} commands, {} restores, up to {} live orders",
            self.commands, self.restores, self.live_max
        )?;
        for (kind, count) in &self.accepted {
            writeln!(f, "  carried out  {kind:?}: {count}")?;
        }
        for ((kind, reason), count) in &self.refusals {
            writeln!(f, "  refused      {kind:?} {reason:?}: {count}")?;
        }
        for (name, count) in &self.events {
            writeln!(f, "  event        {name}: {count}")?;
        }
        for (reason, count) in &self.cancels {
            writeln!(f, "  cancelled    {reason:?}: {count}")?;
        }
        for (situation, count) in &self.situations {
            writeln!(f, "  seen         {situation:?}: {count}")?;
        }
        Ok(())
    }
}

/// The kinds of event.
pub const EVENTS: [&str; 16] = [
    "Accepted",
    "Rejected",
    "Traded",
    "Reduced",
    "Amended",
    "Cancelled",
    "Triggered",
    "Replenished",
    "PhaseChanged",
    "EpochClosed",
    "MarketAdded",
    "MarketSet",
    "MarketRemoved",
    "AccountBlocked",
    "AccountUnblocked",
    "Duplicate",
];

const fn name(event: &Event) -> &'static str {
    EVENTS[match event {
        Event::Accepted { .. } => 0,
        Event::Rejected { .. } => 1,
        Event::Traded { .. } => 2,
        Event::Reduced { .. } => 3,
        Event::Amended { .. } => 4,
        Event::Cancelled { .. } => 5,
        Event::Triggered { .. } => 6,
        Event::Replenished { .. } => 7,
        Event::PhaseChanged { .. } => 8,
        Event::EpochClosed(_) => 9,
        Event::MarketAdded(_) => 10,
        Event::MarketSet(_) => 11,
        Event::MarketRemoved => 12,
        Event::AccountBlocked(_) => 13,
        Event::AccountUnblocked(_) => 14,
        Event::Duplicate { .. } => 15,
    }]
}
