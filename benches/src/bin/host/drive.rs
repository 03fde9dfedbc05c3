//! Commands on their way into a host.

use std::collections::VecDeque;

use pricetime::engine::Command;
use pricetime::{Draft, Host, Refused, Ticket};
use pricetime_benches::{Flow, Prices, Shape};

use crate::Failure;

/// How many commands of one submitter are on their way.
pub(crate) const WINDOW: usize = 4_096;

pub(crate) fn draft(command: &Command) -> Draft {
    let Command { market, account, operator, action, .. } = *command;
    Draft { market, account, operator, request: None, action, session: None }
}

/// A flow beside so many standing orders: what opens the book, and what comes then.
pub(crate) fn flow(standing: usize, count: usize) -> (Vec<Command>, Vec<Command>) {
    let shape = Shape { standing, markets: 1, prices: Prices::Narrow };
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

/// Submits all of them and waits for the last answer.
pub(crate) fn load(host: &Host, commands: &[Command]) -> Result<(), Failure> {
    let mut waiting = VecDeque::with_capacity(WINDOW);
    for command in commands {
        if waiting.len() == WINDOW
            && let Some(first) = waiting.pop_front()
        {
            Ticket::wait(first)?;
        }
        waiting.push_back(submit(host, draft(command))?);
    }
    waiting.into_iter().try_for_each(|ticket| Ok(ticket.wait().map(drop)?))
}
