//! The answers that a connection still waits for.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::incoming::Incoming;

/// How many lines may wait for their answers before no more are sent.
const IN_FLIGHT: usize = 4_096;

/// The answers that are pending. The sending and the receiving end share it.
#[derive(Debug, Default)]
pub(super) struct PendingAnswers {
    counts: Mutex<Counts>,
    changed: Condvar,
}

/// What was sent and answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    /// How many lines the market has received, with empty lines.
    pub(super) sent: u64,
    /// How many of those the caller did not ask for: the `hello` with a token.
    pub(super) internal_lines: u64,
    /// How many lines need an answer.
    pub(super) expected_answers: u64,
    /// How many lines were refused.
    pub(super) refused: u64,
    /// The lines without an answer, in the numbers of the market.
    pub(super) waiting: VecDeque<u64>,
    /// No more lines will be sent.
    pub(super) complete: bool,
    /// Why the input ended early.
    pub(super) input_failure: Option<String>,
    /// The connection has ended. The text is the reason, if the market or the system gave one.
    pub(super) ended: Option<String>,
}

impl Counts {
    /// Returns `true` if no line waits for an answer, and no more lines will be sent.
    pub(super) fn is_done(&self) -> bool {
        self.complete && self.waiting.is_empty()
    }

    /// The lines without an answer, in the numbers of the caller.
    pub(super) fn unanswered(&self) -> Option<String> {
        let (first, last) = (
            self.waiting.front()? - self.internal_lines,
            self.waiting.back()? - self.internal_lines,
        );
        Some(if first == last {
            format!("line {first}")
        } else {
            format!("lines {first} to {last}")
        })
    }
}

impl PendingAnswers {
    /// Locks the counts.
    pub(super) fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the counts and wakes up everything that waits for a change.
    pub(super) fn change(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts());
        self.changed.notify_all();
    }

    /// Counts a line that is about to be sent. Returns `false` if it has to wait for room.
    pub(super) fn reserve(&self, has_answer: bool) -> bool {
        let mut counts = self.counts();
        if counts.waiting.len() >= IN_FLIGHT && counts.ended.is_none() {
            return false;
        }
        counts.sent += 1;
        if has_answer {
            counts.expected_answers += 1;
            let number = counts.sent;
            counts.waiting.push_back(number);
        }
        true
    }

    /// Waits until there is room for a line, or the connection has ended.
    pub(super) fn wait_for_room(&self) {
        let full =
            |counts: &mut Counts| counts.waiting.len() >= IN_FLIGHT && counts.ended.is_none();
        drop(self.changed.wait_while(self.counts(), full));
    }

    /// Waits until every line is answered or the connection has ended. Returns `false` if neither happens
    /// within this time.
    pub(super) fn wait_for_answers(&self, timeout: Duration) -> bool {
        let waiting = |counts: &mut Counts| !counts.waiting.is_empty() && counts.ended.is_none();
        let waited = self.changed.wait_timeout_while(self.counts(), timeout, waiting);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Notes that the connection has ended. The market may have said why before.
    pub(super) fn end(&self, why: &str) {
        self.change(|counts| {
            counts.ended.get_or_insert_with(|| why.to_owned());
        });
    }

    /// Counts a line that was received.
    pub(super) fn note(&self, incoming: &Incoming) {
        self.change(|counts| match incoming {
            Incoming::Answer(line) => counts.answer(*line),
            Incoming::Refusal(line) => {
                counts.refused += 1;
                counts.answer(Some(*line));
            }
            Incoming::Closing(why) => counts.ended = Some(why.clone()),
            Incoming::Unsolicited => {}
        });
    }
}

impl Counts {
    /// The number of the line that would be sent next, for the caller.
    pub(super) fn number_of_next(&self) -> u64 {
        self.sent + 1 - self.internal_lines
    }

    fn answer(&mut self, line: Option<u64>) {
        if line.is_none_or(|line| self.waiting.front() == Some(&line)) {
            self.waiting.pop_front();
        } else {
            self.waiting.retain(|waiting| Some(*waiting) != line);
        }
    }
}
