//! A host that settles the trades of its folder, to be killed and stopped: `runner FOLDER LEDGER [LOCK…]`.
//! The ledger is a folder or the URL of a server, a lock the URL of a Redis server. It ends when everything
//! is settled.

use std::path::Path;
use std::time::Duration;

use pricetime::persistence::settlement::RetryPolicy;
use pricetime::persistence::settlement::ledger::postgres::{PostgresLedger, PostgresOptions};
use pricetime::persistence::settlement::ledger::{EmbeddedLedger, Ledger, LedgerError};
use pricetime::persistence::{redis::RedisOptions, settlement::ledger::RedisLedger};
use pricetime::{EpochSchedule, Host, Options, Settlement, SettlementLock};
use pricetime_tests::settle::books::PLATFORM;

fn ledger(place: &str) -> Result<Box<dyn Ledger>, LedgerError> {
    let refused = |why: String| LedgerError::Refused { ledger: place.to_owned(), why };
    if place.starts_with("postgres:") {
        return Ok(Box::new(PostgresLedger::open(PostgresOptions::parse(place, "pricetime")?)?));
    }
    if place.starts_with("redis:") {
        let options = RedisOptions::parse(place).map_err(|why| refused(why.to_string()))?;
        return Ok(Box::new(RedisLedger::open(options)?));
    }
    Ok(Box::new(EmbeddedLedger::open(Path::new(place))?))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("runner FOLDER LEDGER [LOCK…]")?;
    let place = arguments.next().ok_or("runner FOLDER LEDGER [LOCK…]")?;
    let nodes = arguments.map(|url| RedisOptions::parse(&url)).collect::<Result<Vec<_>, _>>()?;
    let lock = SettlementLock { nodes, ttl: Duration::from_millis(300) };
    let host = Host::open(Options {
        gates: EpochSchedule::OnRequest,
        settlement: Some(Settlement {
            platform: PLATFORM,
            lock: (!lock.nodes.is_empty()).then_some(lock),
            patience: RetryPolicy {
                backoff_min: Duration::from_millis(5),
                backoff_max: Duration::from_millis(100),
                lock_wait: Duration::from_millis(20),
                watch: Duration::from_millis(200),
                batches_max: 8,
                ..RetryPolicy::default()
            },
            ..Settlement::new(move || ledger(&place))
        }),
        ..Options::new(&folder)
    })?;
    loop {
        let all = host.settlement();
        if !all.is_empty() && all.iter().all(|it| it.settled >= Some(it.closed)) {
            return Ok(host.close()?);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
