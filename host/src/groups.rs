//! The events of several commands, in one list.

use pricetime_engine::{Event, Header, Outcome, Sequence, Sink};

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

impl Groups {
    pub(crate) const fn len(&self) -> usize {
        self.closed.len()
    }

    /// Returns the groups in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Header, &[Event], Outcome)> {
        let mut from = 0;
        self.closed.iter().map(move |closed| {
            let events = self.events.get(from..closed.end).unwrap_or_default();
            from = closed.end;
            (&closed.header, events, closed.outcome)
        })
    }

    /// Returns a group.
    pub(crate) fn at(&self, group: usize) -> Option<(&Header, &[Event], Outcome)> {
        let closed = self.closed.get(group)?;
        let before = group.checked_sub(1).and_then(|before| self.closed.get(before));
        let from = before.map_or(0, |before| before.end);
        let events = self.events.get(from..closed.end).unwrap_or_default();
        Some((&closed.header, events, closed.outcome))
    }

    /// Copies these groups, which are some of its own.
    pub(crate) fn select(&self, groups: &[usize]) -> Self {
        let events = groups.iter().filter_map(|group| self.at(*group));
        let count = events.map(|(_, events, _)| events.len()).sum();
        let (closed, events) = (Vec::with_capacity(groups.len()), Vec::with_capacity(count));
        let mut selected = Self { closed, events };
        for (header, events, outcome) in groups.iter().filter_map(|group| self.at(*group)) {
            selected.events.extend_from_slice(events);
            let end = selected.events.len();
            selected.closed.push(ClosedGroup { header: *header, outcome, end });
        }
        selected
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

    /// Removes all groups and keeps the capacity.
    pub(crate) fn clear(&mut self) {
        self.closed.clear();
        self.events.clear();
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
