//! Batches, which the core passes on: commands, their events, and the callers that wait for them.

use pricetime_engine::Sequence;
use pricetime_engine::{Command, Event, Group, Header, Outcome, Sink};
use tokio::sync::oneshot;

use crate::answer::Answer;
use crate::question::PendingQuestion;

/// The work of one step of the core. It goes to the journal thread, which makes it durable, and from there
/// to the publisher.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) commands: Vec<Command>,
    /// One for each command.
    groups: Groups,
    /// Callers that wait for a group, each with its index, ascending.
    pub(crate) waiting: Vec<(usize, oneshot::Sender<Answer>)>,
    /// Questions between the commands, in order.
    pub(crate) questions: Vec<PendingQuestion>,
}

/// Groups, one after the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    closed: Vec<ClosedGroup>,
    /// The events of all of them.
    events: Vec<Event>,
}

/// A complete group. Its events end at `end`.
#[derive(Clone, Copy, Debug)]
struct ClosedGroup {
    header: Header,
    outcome: Outcome,
    end: usize,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.commands.is_empty() && self.questions.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.commands.len()
    }

    /// Returns the number of commands that it has room for.
    pub(crate) fn capacity(&self) -> usize {
        self.commands.capacity()
    }

    /// Returns the groups in order.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (&Header, &[Event], Outcome)> {
        let mut from = 0;
        self.groups.closed.iter().map(move |closed| {
            let events = self.groups.events.get(from..closed.end).unwrap_or_default();
            from = closed.end;
            (&closed.header, events, closed.outcome)
        })
    }

    /// Returns the groups, to be copied.
    pub(crate) const fn as_groups(&self) -> &Groups {
        &self.groups
    }

    /// Answers all waiting callers.
    pub(crate) fn answer(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting).into_iter().peekable();
        for (at, (header, events, outcome)) in self.groups().enumerate() {
            if waiting.peek().is_none_or(|(first, _)| *first != at) {
                continue;
            }
            if let Some((_, ticket)) = waiting.next() {
                // The caller may have dropped its ticket.
                let _ = ticket.send(Answer::from(Group {
                    header: *header,
                    events: events.to_vec(),
                    outcome,
                }));
            }
        }
    }

    /// Empties the batch and keeps its capacity.
    pub(crate) fn clear(&mut self) {
        self.commands.clear();
        self.groups.closed.clear();
        self.groups.events.clear();
        self.waiting.clear();
        self.questions.clear();
    }
}

impl Groups {
    /// Returns the header and the events of a group.
    pub(crate) fn at(&self, group: usize) -> Option<(&Header, &[Event])> {
        let closed = self.closed.get(group)?;
        let before = group.checked_sub(1).and_then(|before| self.closed.get(before));
        let from = before.map_or(0, |before| before.end);
        Some((&closed.header, self.events.get(from..closed.end).unwrap_or_default()))
    }

    /// Returns the sequences of the first and the last group.
    pub(crate) fn first_and_last(&self) -> Option<(Sequence, Sequence)> {
        let (first, last) = (self.closed.first()?, self.closed.last()?);
        Some((first.header.sequence, last.header.sequence))
    }

    /// Returns the number of events.
    pub(crate) fn events(&self) -> usize {
        self.events.len()
    }
}

impl Sink for Batch {
    fn begin(&mut self, header: &Header) {
        self.groups.begin(header);
    }

    fn event(&mut self, event: &Event) {
        self.groups.event(event);
    }

    fn end(&mut self, outcome: Outcome) {
        self.groups.end(outcome);
    }
}

impl Sink for Groups {
    fn begin(&mut self, header: &Header) {
        self.closed.push(ClosedGroup { header: *header, outcome: Outcome::Accepted, end: 0 });
    }

    fn event(&mut self, event: &Event) {
        self.events.push(*event);
    }

    fn end(&mut self, outcome: Outcome) {
        if let Some(open) = self.closed.last_mut() {
            open.outcome = outcome;
            open.end = self.events.len();
        }
    }
}
