//! A process without a data folder, which `tests/tests/redis_only.rs` kills. `fleeting URL SEED FIRST`
//! submits commands without end. Its clock stands still, so its output follows from the seed, the first
//! number and the state that it finds in Redis. It prints a line for each command that was answered.

use std::io::{self, Write as _};

use pricetime::{EpochSchedule, Host, Options, Refused, Ticket};
use pricetime_redis::RedisOptions;
use pricetime_tests::redis_only::{self, FixedClock};

/// The number of commands in flight.
const IN_FLIGHT: usize = 64;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("fleeting URL SEED FIRST");
    let (url, seed, first): (_, u64, u64) = (next()?, next()?.parse()?, next()?.parse()?);
    let host = Host::open(Options {
        gates: EpochSchedule::Commands(redis_only::EPOCH),
        clock: Some(Box::new(FixedClock)),
        trades_epochs: u64::MAX,
        ..Options::redis_only(RedisOptions::parse(&url)?)
    })?;
    let mut out = io::stdout().lock();
    let mut pending: Vec<Ticket> = Vec::new();
    for number in first.. {
        if pending.len() == IN_FLIGHT {
            for ticket in pending.drain(..) {
                writeln!(out, "{}", ticket.wait()?.header.sequence.0)?;
            }
            out.flush()?;
        }
        loop {
            match host.submit(redis_only::draft(seed, number)) {
                Ok(ticket) => break pending.push(ticket),
                Err(Refused::Busy) => std::thread::yield_now(),
                Err(refused) => return Err(refused.into()),
            }
        }
    }
    Ok(())
}
