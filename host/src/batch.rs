//! What the core hands on at a time: commands, what became of them, and who wants to know.

use pricetime_engine::{Command, Event, Group, Header, Outcome, Sink};
use tokio::sync::oneshot;

/// What the core did in one step. It travels to the journal's thread, which makes it durable, and
/// from there to the publisher, which tells of it.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) commands: Vec<Command>,
    /// One for each command.
    groups: Vec<Closed>,
    /// The events of all groups, one after the other.
    events: Vec<Event>,
    /// Who waits for which of the groups, ascending.
    pub(crate) waiting: Vec<(usize, oneshot::Sender<Group>)>,
}

/// A group that is closed: its events end here.
#[derive(Clone, Copy, Debug)]
struct Closed {
    header: Header,
    outcome: Outcome,
    end: usize,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.commands.len()
    }

    /// For how many commands it has room.
    pub(crate) fn room(&self) -> usize {
        self.commands.capacity()
    }

    /// The groups in their order.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (&Header, &[Event], Outcome)> {
        let mut from = 0;
        self.groups.iter().map(move |closed| {
            let events = self.events.get(from..closed.end).unwrap_or_default();
            from = closed.end;
            (&closed.header, events, closed.outcome)
        })
    }

    /// Tells everybody who waits.
    pub(crate) fn answer(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting).into_iter().peekable();
        for (at, (header, events, outcome)) in self.groups().enumerate() {
            if waiting.peek().is_none_or(|(first, _)| *first != at) {
                continue;
            }
            if let Some((_, ticket)) = waiting.next() {
                // A ticket that was thrown away wants no answer.
                let _ = ticket.send(Group { header: *header, events: events.to_vec(), outcome });
            }
        }
    }

    /// Empties it and keeps its room.
    pub(crate) fn clear(&mut self) {
        self.commands.clear();
        self.groups.clear();
        self.events.clear();
        self.waiting.clear();
    }
}

impl Sink for Batch {
    fn begin(&mut self, header: &Header) {
        self.groups.push(Closed { header: *header, outcome: Outcome::Accepted, end: 0 });
    }

    fn event(&mut self, event: &Event) {
        self.events.push(*event);
    }

    fn end(&mut self, outcome: Outcome) {
        if let Some(open) = self.groups.last_mut() {
            open.outcome = outcome;
            open.end = self.events.len();
        }
    }
}
