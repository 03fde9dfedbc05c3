//! `pricetime settle balances`: prints the balances of accounts, and reads them from a file.

use std::path::Path;

use clap::Args;
use pricetime::engine::{MarketId, MarketSpec};
use pricetime::persistence::settlement::ledger::Balance;
use pricetime_gateway::json::Amount;
use pricetime_gateway::{BalanceLine, amount, read_balances};
use uuid::Uuid;

use super::super::failure::{Code, Failure};
use super::super::reader::{Stop, json_line, table};
use super::replay::JournalReplay;
use super::{LedgerArgs, Out};

/// Shows the balance of every account in a market. With --json, the output is a file for `settle start`.
#[derive(Debug, Args)]
pub(super) struct Balances {
    #[command(flatten)]
    args: LedgerArgs,
    /// The market
    #[arg(long, value_name = "N")]
    market: u32,
}

impl Balances {
    pub(super) fn run(&self, out: &mut Out) -> Result<(), Stop> {
        let context = self.args.config()?;
        let market = MarketId(self.market);
        let specs = JournalReplay::of(&context)?.specs()?;
        let spec = specs.get(&market).ok_or_else(|| unknown(market))?;
        let mut cells = Vec::new();
        for balance in context.read()?.market(market)?.balances {
            let line =
                Some(&balance).filter(|_| self.args.json).and_then(|it| BalanceLine::of(it, spec));
            if let Some(line) = line {
                json_line(out, &line)?;
            } else {
                let base = amount::base(spec, balance.base);
                let quote = amount::quote(spec, balance.quote);
                let account = Uuid::from(balance.account);
                let cell = |it: &Option<Amount>| amount::cell(it.as_ref());
                cells.push([account.to_string(), cell(&base), cell(&quote)]);
            }
        }
        if !self.args.json {
            table(out, ["account", " base", " quote"], cells)?;
        }
        Ok(())
    }
}

pub(super) fn unknown(market: MarketId) -> Stop {
    Failure::failed(format!("there is no market {market} in the folder")).into()
}

/// Reads balances from a file with one JSON object per line.
pub(super) fn read(file: &Path, spec: &MarketSpec) -> Result<Vec<Balance>, Stop> {
    let name = file.display();
    let from = std::fs::File::open(file)
        .map_err(|why| Failure::failed(format!("cannot read {name}: {why}")))?;
    let bad = |why| Failure::new(Code::Usage, format!("{name}, {why}")).into();
    read_balances(std::io::BufReader::new(from), spec).map_err(bad)
}
