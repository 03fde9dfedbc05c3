//! The rate of matching while Redis hangs, compared with its rate while Redis responds.

use std::path::Path;
use std::time::Duration;

use pricetime::persistence::redis::RedisOptions;
use pricetime::{EpochSchedule, Host, Options};

use super::super::host::Scratch;
use super::super::load;
use super::super::prepared::PreparedCommands;
use super::server::RedisServer;
use crate::failure::Failure;

/// The number of commands in an epoch.
const EPOCH: u64 = 10_000;
/// The longest time of a run.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// The commands a second of a host that writes its image to this server, which hangs or not.
pub(super) fn rate(
    prepared: &PreparedCommands,
    server: &RedisServer,
    folder: &Path,
    hangs: bool,
) -> Result<f64, Failure> {
    server.clear()?;
    let scratch = Scratch::new(folder, "host")?;
    // With the default timeouts of a host.
    let url = format!("redis://{}", server.address);
    let names = server.options.names.clone();
    let redis = RedisOptions { names, ..RedisOptions::parse(&url).map_err(Failure::failed)? };
    let options = Options::new(scratch.0.join("data"));
    let markets_max = options.markets_max.max(prepared.markets);
    let gates = EpochSchedule::Commands(EPOCH);
    let options = Options { markets_max, gates, redis: Some(redis), ..options };
    let host = Host::open(options).map_err(Failure::failed)?;
    let opening = load::distribute(&prepared.opening, 1);
    load::closed(&host, &opening, Duration::MAX)?;
    let flow = load::distribute(&prepared.flow, 1);
    server.hang(hangs)?;
    let closed = load::closed(&host, &flow, TIME_LIMIT);
    server.hang(false)?;
    let closed = closed?;
    host.close().map_err(Failure::failed)?;
    Ok(closed.done as f64 / closed.elapsed.as_secs_f64())
}
