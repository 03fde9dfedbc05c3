//! A conversion in progress: each command is written, and executed by an engine.

use pricetime_engine::{Command, Engine, Event, Group, Header, Outcome, Sequence, Sink};
use pricetime_gateway::Outcomes;
use pricetime_recordings::FromEvents;

use super::super::failure::Failure;
use super::super::reader::Stop;
use super::target::Target;

/// A conversion in progress.
pub(super) struct Run {
    pub(super) engine: Engine,
    pub(super) tally: Tally,
    pub(super) target: Target,
    /// Whether faulty rows are skipped, so that numbers are missing.
    pub(super) lenient: bool,
}

/// What the commands did.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) commands: u64,
    pub(super) outcomes: Outcomes,
    /// The commands that got another number.
    pub(super) renumbered: u64,
    /// What an exchange would report, if that is written.
    pub(super) messages: Option<FromEvents>,
    /// What the last command did, if that is written.
    pub(super) group: Option<Group>,
}

impl Tally {
    /// Counts nothing yet.
    pub(super) fn new(messages: Option<FromEvents>, group: Option<Group>) -> Self {
        Self { commands: 0, outcomes: Outcomes::default(), renumbered: 0, messages, group }
    }
}

impl Run {
    /// Writes and executes a command.
    #[inline]
    pub(super) fn convert(&mut self, command: &Command) -> Result<(), Stop> {
        let next = self.engine.last_sequence().0.saturating_add(1);
        if command.sequence.0 != next && self.target.counts_commands() {
            return self.renumbered(command, Sequence(next));
        }
        self.target.write(command, &self.engine)?;
        self.engine.apply(command, &mut self.tally);
        if let Some(group) = &self.tally.group {
            self.target.write_group(group, &self.engine)?;
        }
        self.tally.messages.as_mut().map_or(Ok(()), |messages| self.target.write_events(messages))
    }

    #[cold]
    fn renumbered(&mut self, command: &Command, next: Sequence) -> Result<(), Stop> {
        let found = command.sequence;
        if !self.lenient || found < next {
            let text = format!(
                "command {found} comes where command {next} should: JSON lines and journals number commands \
                 without gaps; convert to CSV, or leave the column sequence out"
            );
            return Err(Failure::failed(text).into());
        }
        self.tally.renumbered += 1;
        self.convert(&Command { sequence: next, ..*command })
    }
}

impl Sink for Tally {
    #[inline]
    fn begin(&mut self, header: &Header) {
        self.commands += 1;
        if let Some(messages) = &mut self.messages {
            messages.begin(header);
        }
        if let Some(group) = &mut self.group {
            group.begin(header);
        }
    }

    #[inline]
    fn event(&mut self, event: &Event) {
        if let Some(messages) = &mut self.messages {
            messages.event(event);
        }
        if let Some(group) = &mut self.group {
            group.event(event);
        }
    }

    #[inline]
    fn end(&mut self, outcome: Outcome) {
        self.outcomes.count(outcome);
        if let Some(messages) = &mut self.messages {
            messages.end(outcome);
        }
        if let Some(group) = &mut self.group {
            group.end(outcome);
        }
    }
}
