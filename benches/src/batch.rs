//! A sink like that of a host.

use std::hint::black_box;

use pricetime_engine::{Event, Header, Outcome, Sink};

/// Collects events like a host, and clears the list before it gets long.
#[derive(Debug)]
pub struct Batch(Vec<Event>);

impl Batch {
    /// The number of events after which a batch is passed on.
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
