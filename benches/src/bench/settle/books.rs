//! The ledgers that are measured.

use std::any::Any;
use std::time::Duration;

use pricetime::persistence::settlement::ledger::RedisLedger;
use pricetime::persistence::settlement::ledger::postgres::{PostgresLedger, PostgresOptions};
use pricetime::persistence::settlement::ledger::{EmbeddedLedger, Ledger};

use super::super::host::Scratch;
use super::super::redis::raw::Raw;
use super::super::redis::served::Served;
use super::{Settle, locks, postgres};
use crate::failure::Failure;

/// The market for small batches in a row.
pub(super) const SMALL: u32 = 1_000;

/// A ledger and what it needs. The ledger is dropped first.
pub(super) struct Books {
    pub(super) name: &'static str,
    pub(super) ledger: Box<dyn Ledger>,
    _home: Box<dyn Any>,
}

/// A server from which everything that was written here is removed again.
struct Emptied {
    served: Served,
    markets: Vec<u32>,
}

impl Drop for Emptied {
    fn drop(&mut self) {
        if self.served.is_own() {
            return;
        }
        let names = &self.served.options.names;
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
        let _ = Raw::connect(&self.served.address).and_then(|mut raw| raw.ask(&words));
    }
}

/// All ledgers that can be measured.
pub(super) fn all(settle: &Settle) -> Result<Vec<Books>, Failure> {
    let folder = Scratch::new(&settle.folder, "ledger")?;
    let ledger = EmbeddedLedger::open(&folder.0).map_err(Failure::failed)?;
    let embedded = Books { name: "embedded", ledger: Box::new(ledger), _home: Box::new(folder) };
    let mut all = vec![embedded];
    let served = match &settle.redis {
        Some(url) => Some(Served::given(url)?),
        None if locks::are_possible() => Some(Served::own(&settle.folder)?),
        None => None,
    };
    if let Some(served) = served {
        let ledger = RedisLedger::open(served.options.clone()).map_err(Failure::failed)?;
        let markets = (1..=settle.trades.len() as u32).chain([SMALL]).collect();
        let home = Box::new(Emptied { served, markets });
        all.push(Books { name: "redis", ledger: Box::new(ledger), _home: home });
    }
    let home = match &settle.postgres {
        Some(url) => Some(postgres::Home::given(url)),
        None => postgres::Home::own(&settle.folder)?,
    };
    if let Some(home) = home {
        let mut options =
            PostgresOptions::parse(&home.url, &home.schema).map_err(Failure::failed)?;
        // Slow replies should be measured, not time out.
        options.answer = Duration::from_secs(120);
        let ledger = PostgresLedger::open(options).map_err(Failure::failed)?;
        all.push(Books { name: "postgres", ledger: Box::new(ledger), _home: Box::new(home) });
    }
    Ok(all)
}
