//! A process without a data folder, which `tests/tests/redis_only.rs` kills. `fleeting URL SEED FIRST`
//! submits commands without end. Its clock stands still, so its output follows from the seed, the first
//! number and the state that it finds in Redis. It prints a line for each command that was answered.

use std::io::{self, Write as _};

use pricetime::{EpochSchedule, Host, Options, Refused, Ticket};
use pricetime_redis::RedisOptions;
use pricetime_tests::alone::{self, Still};

/// The number of commands in flight.
const IN_FLIGHT: usize = 64;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("fleeting URL SEED FIRST");
    let (url, seed, first): (_, u64, u64) = (next()?, next()?.parse()?, next()?.parse()?);
    let host = Host::open(Options {
        gates: EpochSchedule::Commands(alone::EPOCH),
        clock: Some(Box::new(Still)),
        trades_epochs: u64::MAX,
        ..Options::redis_only(RedisOptions::parse(&url)?)
    })?;
    let mut out = io::stdout().lock();
    let mut waiting: Vec<Ticket> = Vec::new();
    for number in first.. {
        if waiting.len() == IN_FLIGHT {
            for ticket in waiting.drain(..) {
                writeln!(out, "{}", ticket.wait()?.header.sequence.0)?;
            }
            out.flush()?;
        }
        loop {
            match host.submit(alone::draft(seed, number)) {
                Ok(ticket) => break waiting.push(ticket),
                Err(Refused::Busy) => std::thread::yield_now(),
                Err(refused) => return Err(refused.into()),
            }
        }
    }
    Ok(())
}
