//! A process that `tests/tests/crash.rs` kills at any moment. `victim FOLDER SEED FIRST [REDIS]` opens a
//! host and submits commands without end, each with its own request id. For each acknowledgement it prints
//! a line with the number, the sequence, and whether it was a duplicate. With a Redis URL it also publishes
//! events there.

use std::collections::VecDeque;
use std::io::{self, Write as _};

use pricetime::engine::{AccountId, Action, Outcome, Phase};
use pricetime::persistence::journal::JournalOptions;
use pricetime::persistence::redis::RedisOptions;
use pricetime::persistence::redis::stream::Publish;
use pricetime::{Draft, EpochSchedule, Host, Options, Refused, Ticket};
use pricetime_tests::load;

/// The number of commands in flight.
const IN_FLIGHT: usize = 64;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("victim FOLDER SEED FIRST");
    let (folder, seed, first) = (next()?, next()?.parse()?, next()?.parse()?);
    let mut redis = arguments.next().map(|url| RedisOptions::parse(&url)).transpose()?;
    if let Some(redis) = &mut redis {
        redis.publish = Some(Publish::default());
    }
    let host = Host::open(Options {
        redis,
        journal: JournalOptions { segment_bytes: 1 << 15 },
        gates: EpochSchedule::Commands(97),
        ..Options::new(folder)
    })?;
    if host.spec(load::MARKET).is_none() {
        for action in [Action::AddMarket(load::spec()), Action::SetPhase(Phase::Continuous)] {
            let (account, market) = (AccountId(1), load::MARKET);
            let draft =
                Draft { market, account, operator: true, request: None, action, session: None };
            // After a crash between the two commands, the second is still missing; the first is then
            // rejected.
            drop(host.submit(draft)?.wait()?);
        }
    }
    submit(&host, seed, first)
}

fn submit(host: &Host, seed: u64, first: u64) -> Result<(), Box<dyn std::error::Error>> {
    let mut pending: VecDeque<(u64, Ticket)> = VecDeque::new();
    let mut out = io::stdout().lock();
    for number in first.. {
        if pending.len() == IN_FLIGHT
            && let Some((number, ticket)) = pending.pop_front()
        {
            let group = ticket.wait()?;
            let is_duplicate = group.outcome == Outcome::Duplicate;
            writeln!(out, "{number} {} {is_duplicate}", group.header.sequence.0)?;
            out.flush()?;
        }
        loop {
            match host.submit(load::draft(seed, number)) {
                Ok(ticket) => break pending.push_back((number, ticket)),
                Err(Refused::Busy) => std::thread::yield_now(),
                Err(refused) => return Err(refused.into()),
            }
        }
    }
    Ok(())
}
