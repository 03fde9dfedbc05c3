//! Batches, which the core passes on: commands, their events, and the callers that wait for them.

use std::ops::Range;

use pricetime_engine::{Action, Command, Event, Group, Header, Outcome, Sink};
use tokio::sync::oneshot;

use crate::answer::Answer;
use crate::answers::Answers;
use crate::groups::Groups;
use crate::question::PendingQuestion;

/// The most commands and the most events of a small batch.
const SMALL_COMMANDS: usize = 16;
const SMALL_EVENTS: usize = 64;

/// Work of a step of the core. It goes to the journal thread, which makes it durable, and from there
/// to the publisher.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) commands: Vec<Command>,
    /// One for each command.
    groups: Groups,
    /// Callers that wait.
    pub(crate) waiting: Vec<Waiting>,
    /// The groups that callers with several commands wait for.
    pub(crate) several: Vec<usize>,
    /// Questions between the commands, in order.
    pub(crate) questions: Vec<PendingQuestion>,
}

/// A caller that waits for its commands.
#[derive(Debug)]
pub(crate) enum Waiting {
    /// For this group.
    One(usize, oneshot::Sender<Answer>),
    /// For the groups that are listed in this part of [`Batch::several`].
    Several(Range<usize>, oneshot::Sender<Answers>),
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.commands.is_empty() && self.questions.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.commands.len()
    }

    /// Returns `true` if it is published so quickly that the journal can do that between two writes.
    pub(crate) fn is_small(&self) -> bool {
        self.len() <= SMALL_COMMANDS
            && self.groups.events() <= SMALL_EVENTS
            && self.questions.is_empty()
            && !self.commands.iter().any(|it| matches!(it.action, Action::CloseEpoch { .. }))
    }

    /// Returns the number of commands that it has room for.
    pub(crate) fn capacity(&self) -> usize {
        self.commands.capacity()
    }

    /// Returns the groups in order.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (&Header, &[Event], Outcome)> {
        self.groups.iter()
    }

    /// Returns the groups, to be copied.
    pub(crate) const fn as_groups(&self) -> &Groups {
        &self.groups
    }

    /// Answers all waiting callers.
    pub(crate) fn answer(&mut self) {
        let Self { groups, waiting, several, .. } = self;
        for waiting in waiting.drain(..) {
            // A caller may have dropped its ticket.
            match waiting {
                Waiting::One(at, reply) => {
                    if let Some((header, events, outcome)) = groups.at(at) {
                        let (header, events) = (*header, events.to_vec());
                        let _ = reply.send(Answer::from(Group { header, events, outcome }));
                    }
                }
                Waiting::Several(range, reply) => {
                    let own = several.get(range).unwrap_or_default();
                    let _ = reply.send(Answers::from(groups.select(own)));
                }
            }
        }
    }

    /// Empties the batch and keeps its capacity.
    pub(crate) fn clear(&mut self) {
        self.commands.clear();
        self.groups.clear();
        self.waiting.clear();
        self.several.clear();
        self.questions.clear();
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
