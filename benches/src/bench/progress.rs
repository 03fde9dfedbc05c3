//! The progress of a measurement.

use pricetime_terminal as terminal;

/// A bar with a step for each run.
#[derive(Debug)]
pub(super) struct Progress(terminal::Progress);

impl Progress {
    /// Creates a bar with this many steps.
    pub(super) fn new(steps: usize) -> Self {
        Self(terminal::Progress::steps(steps as u64))
    }

    /// Shows what runs now.
    pub(super) fn now(&self, text: impl Into<String>) {
        self.0.now(text);
    }

    /// Completes a step.
    pub(super) fn done(&self) {
        self.0.add(1);
    }
}
