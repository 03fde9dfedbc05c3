//! What a replay collects besides its totals.

use std::time::Instant;

use pricetime_engine::{Command, Engine, Group};
use pricetime_recordings::report::Collector;

use super::marks::EpochMarks;
use super::sink::ReplaySink;

/// Measures the engine and collects what the page shows.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) collector: Collector,
    group: Group,
}

impl Measured {
    /// Executes a command. Only the engine is measured, not what becomes of its events.
    #[inline(never)]
    pub(super) fn apply(&mut self, engine: &mut Engine, command: &Command, sink: &mut ReplaySink) {
        self.collector.before(command, engine);
        let begun = Instant::now();
        engine.apply(command, &mut self.group);
        let took = begun.elapsed();
        self.collector.after(&self.group, engine, Some(took));
        sink.take(&self.group);
    }
}

/// What a replay is to collect.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// `true` if the inputs are hashed.
    pub(super) hash: bool,
    pub(super) measured: Option<Box<Measured>>,
    pub(super) marks: Option<Box<EpochMarks>>,
}
