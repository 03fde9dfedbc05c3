//! The ledgers that are measured.

use std::any::Any;
use std::time::Duration;

use pricetime::persistence::settlement::ledger::RedisLedger;
use pricetime::persistence::settlement::ledger::postgres::{PostgresLedger, PostgresOptions};
use pricetime::persistence::settlement::ledger::{EmbeddedLedger, Ledger};

use super::super::host::Scratch;
use super::super::redis::raw::RawConnection;
use super::super::redis::server::RedisServer;
use super::{Settle, locks, postgres};
use crate::failure::Failure;

/// The market for small batches in a row.
pub(super) const SMALL: u32 = 1_000;

/// A ledger and what it needs. The ledger is dropped first.
pub(super) struct MeasuredLedger {
    pub(super) name: &'static str,
    pub(super) ledger: Box<dyn Ledger>,
    _handle: Box<dyn Any>,
}

/// A server from which everything that was written here is removed again.
struct CleanedServer {
    server: RedisServer,
    markets: Vec<u32>,
}

impl Drop for CleanedServer {
    fn drop(&mut self) {
        if self.server.is_spawned() {
            return;
        }
        let names = &self.server.options.names;
        let stem = format!("{}:{}", names.prefix, names.env);
        let mut keys = vec![format!("{stem}:settlement:markets")];
        for market in &self.markets {
            let stem = format!("{stem}:{{{market}}}");
            let of = |what| format!("{stem}:settlement:{what}");
            keys.extend(["state", "pending", "outcomes", "balances", "accounts"].map(of));
            keys.push(format!("{stem}:stream:settlements"));
        }
        let words: Vec<&str> =
            std::iter::once("UNLINK").chain(keys.iter().map(String::as_str)).collect();
        // Anything that cannot be removed is left; its name shows where it came from.
        let _ = RawConnection::connect(&self.server.address).and_then(|mut raw| raw.ask(&words));
    }
}

/// All ledgers that can be measured.
pub(super) fn all(settle: &Settle) -> Result<Vec<MeasuredLedger>, Failure> {
    let folder = Scratch::new(&settle.folder, "ledger")?;
    let ledger = EmbeddedLedger::open(&folder.0).map_err(Failure::failed)?;
    let embedded =
        MeasuredLedger { name: "embedded", ledger: Box::new(ledger), _handle: Box::new(folder) };
    let mut all = vec![embedded];
    let server = match &settle.redis {
        Some(url) => Some(RedisServer::given(url)?),
        None if locks::is_redis_installed() => Some(RedisServer::spawned(&settle.folder)?),
        None => None,
    };
    if let Some(server) = server {
        let ledger = RedisLedger::open(server.options.clone()).map_err(Failure::failed)?;
        let markets = (1..=settle.trades.len() as u32).chain([SMALL]).collect();
        let handle = Box::new(CleanedServer { server, markets });
        all.push(MeasuredLedger { name: "redis", ledger: Box::new(ledger), _handle: handle });
    }
    let handle = match &settle.postgres {
        Some(url) => Some(postgres::PostgresServer::given(url)),
        None => postgres::PostgresServer::spawned(&settle.folder)?,
    };
    if let Some(handle) = handle {
        let mut options =
            PostgresOptions::parse(&handle.url, &handle.schema).map_err(Failure::failed)?;
        // Slow replies should be measured, not time out.
        options.answer = Duration::from_secs(120);
        let ledger = PostgresLedger::open(options).map_err(Failure::failed)?;
        all.push(MeasuredLedger {
            name: "postgres",
            ledger: Box::new(ledger),
            _handle: Box::new(handle),
        });
    }
    Ok(all)
}
