//! Commands that were read and are not submitted yet.

use pricetime::Draft;
use pricetime::engine::Timestamp;

use crate::unsent::{CommandLine, TOGETHER_MAX};

/// Commands in the order of their lines.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    /// Each with its time, if the times of a recording are followed.
    pub(crate) drafts: Vec<(Option<Timestamp>, Draft)>,
    pub(crate) lines: Vec<CommandLine>,
}

impl Commands {
    pub(crate) fn push(&mut self, line: CommandLine, time: Option<Timestamp>, draft: Draft) {
        self.drafts.push((time, draft));
        self.lines.push(line);
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.drafts.is_empty()
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.drafts.len() >= TOGETHER_MAX
    }

    /// Takes the lines of all commands, once they are submitted.
    pub(crate) fn take_lines(&mut self) -> Vec<CommandLine> {
        self.drafts = Vec::new();
        std::mem::take(&mut self.lines)
    }

    /// Takes the first command.
    pub(crate) fn take_first(&mut self) -> Option<(CommandLine, (Option<Timestamp>, Draft))> {
        (!self.is_empty()).then(|| (self.lines.remove(0), self.drafts.remove(0)))
    }
}
