//! A sink such as a host would have.

use std::hint::black_box;

use pricetime_engine::{Event, Header, Outcome, Sink};

/// Collects events as a host would, and forgets them before they are too many.
#[derive(Debug)]
pub struct Batch(Vec<Event>);

impl Batch {
    /// After how many events a batch is handed on.
    const EVENTS: usize = 256;
}

impl Default for Batch {
    fn default() -> Self {
        Self(Vec::with_capacity(2 * Self::EVENTS))
    }
}

impl Sink for Batch {
    fn begin(&mut self, _: &Header) {
        if self.0.len() > Self::EVENTS {
            black_box(&self.0);
            self.0.clear();
        }
    }

    fn event(&mut self, event: &Event) {
        self.0.push(*event);
    }

    fn end(&mut self, _: Outcome) {}
}
