//! Locks over five servers, with all of them responding or with one that hangs.

use std::env;
use std::time::Duration;

use pricetime::persistence::redis::redlock::{Redlock, measure_locks};

use super::super::progress::Progress;
use super::super::redis::server::RedisServer;
use super::super::report::Measured;
use super::{Settle, times};
use crate::failure::Failure;

/// The number of servers.
const NODES: usize = 5;
/// The time after which a lock expires.
const TTL: Duration = Duration::from_secs(10);

/// Returns `true` if a `redis-server` is in the PATH.
pub(super) fn is_redis_installed() -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join("redis-server").is_file())
}

/// Takes locks and releases them.
pub(super) fn measure(settle: &Settle, progress: &Progress) -> Result<Vec<Measured>, Failure> {
    let start = |node: usize| RedisServer::named(&settle.folder, &format!("node-{node}"));
    let servers = (0..NODES).map(start).collect::<Result<Vec<_>, _>>()?;
    let nodes: Vec<_> = servers.iter().map(|server| server.options.clone()).collect();
    let mut measured = Vec::new();
    for hung in [0, 1] {
        progress.now(format!("locks, {hung} of {NODES} servers hanging"));
        // A first lock opens the connections, so that later ones find them open.
        let redlock = Redlock::open(&nodes).map_err(Failure::failed)?;
        measure_locks(&redlock, "bench", TTL, 1).map_err(Failure::failed)?;
        for server in servers.iter().take(hung) {
            server.hang(true)?;
        }
        let measured_locks = measure_locks(&redlock, "bench", TTL, settle.locks);
        for server in servers.iter().take(hung) {
            server.hang(false)?;
        }
        let measured_locks = measured_locks.map_err(Failure::failed)?;
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let state = if hung == 0 { "well" } else { "hung" };
        let what = |what: &str| format!("{what}, {hung} of {NODES} servers hanging");
        let locks = measured_locks.iter().map(|it| ms(it.lock)).collect();
        measured.push(times(format!("lock-{state}"), locks, what("to acquire a lock")));
        let unlocks = measured_locks.iter().map(|it| ms(it.unlock)).collect();
        measured.push(times(format!("unlock-{state}"), unlocks, what("to release it")));
        progress.done();
    }
    Ok(measured)
}
