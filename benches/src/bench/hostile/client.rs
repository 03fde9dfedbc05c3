//! A client that runs at the same time as the honest commands.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pricetime::engine::Outcome;
use pricetime::{Host, Ticket};

use super::super::report::Sent;
use super::step::Step;
use crate::failure::Failure;

/// The largest number of its commands without an answer.
const WINDOW: usize = 256;

/// What a client has sent in all rounds, and the time that it took.
#[derive(Debug, Default)]
pub(super) struct PacedClient {
    pub(super) sent: Sent,
    elapsed: Duration,
}

impl PacedClient {
    /// The commands or calls a second that it sent.
    pub(super) fn rate(&self) -> f64 {
        self.sent.sent as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// Takes a step whenever one is due, until `stop`, but at least one.
    pub(super) fn round(
        &mut self,
        host: &Host,
        step: &mut Step,
        rate: u32,
        stop: &AtomicBool,
    ) -> Result<(), Failure> {
        let (started, mut waiting) = (Instant::now(), VecDeque::with_capacity(WINDOW));
        for number in 0_u32.. {
            let due = started + Duration::from_secs_f64(f64::from(number) / f64::from(rate));
            thread::sleep(due.saturating_duration_since(Instant::now()));
            self.sent.sent += 1;
            waiting.extend(step(host)?);
            if waiting.len() == WINDOW
                && let Some(first) = waiting.pop_front()
            {
                self.wait_for_answer(first)?;
            }
            if stop.load(Ordering::Acquire) {
                break;
            }
        }
        self.elapsed += started.elapsed();
        waiting.into_iter().try_for_each(|ticket| self.wait_for_answer(ticket))
    }

    fn wait_for_answer(&mut self, ticket: Ticket) -> Result<(), Failure> {
        let group = ticket.wait().map_err(Failure::failed)?;
        self.sent.refused += usize::from(group.outcome != Outcome::Accepted);
        Ok(())
    }
}
