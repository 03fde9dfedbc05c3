//! Submission of commands to a host.

use std::collections::VecDeque;

use pricetime::engine::Command;
use pricetime::{Draft, Host, Refused, Ticket};
use pricetime_benches::{Flow, Prices, Shape};

use crate::Failure;

/// The number of commands that a submitter has in flight.
pub(crate) const WINDOW: usize = 4_096;

pub(crate) fn draft(command: &Command) -> Draft {
    let Command { market, account, operator, action, .. } = *command;
    Draft { market, account, operator, request: None, action, session: None }
}

/// Returns the opening of a book with this many resting orders, and the commands that follow.
pub(crate) fn flow(resting: usize, count: usize) -> (Vec<Command>, Vec<Command>) {
    let shape = Shape { resting, markets: 1, prices: Prices::Narrow };
    let (mut flow, opening) = Flow::new(23, shape);
    let commands = flow.varied(count.max(1));
    (opening, commands)
}

pub(crate) fn submit(host: &Host, draft: Draft) -> Result<Ticket, Failure> {
    loop {
        match host.submit(draft) {
            Ok(ticket) => return Ok(ticket),
            Err(Refused::Busy) => std::thread::yield_now(),
            Err(refused) => return Err(refused.into()),
        }
    }
}

/// Submits all commands and waits for the last answer.
pub(crate) fn load(host: &Host, commands: &[Command]) -> Result<(), Failure> {
    let mut waiting = VecDeque::with_capacity(WINDOW);
    for command in commands {
        if waiting.len() == WINDOW
            && let Some(first) = waiting.pop_front()
        {
            drop(Ticket::wait(first)?);
        }
        waiting.push_back(submit(host, draft(command))?);
    }
    waiting.into_iter().try_for_each(|ticket| Ok(ticket.wait().map(drop)?))
}
