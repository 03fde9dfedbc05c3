//! `pricetime settle balances`: what accounts have, and the same from a file.

use std::path::Path;

use clap::Args;
use pricetime::engine::{MarketId, MarketSpec};
use pricetime::json::Amount;
use pricetime::persistence::ledger::Balance;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::failure::{Code, Failure};
use super::super::look::{Stop, json_line, table};
use super::past::Past;
use super::{Out, There, amount};

/// Shows what every account has in a market. With --json it is a file for `settle start`.
#[derive(Debug, Args)]
pub(super) struct Balances {
    #[command(flatten)]
    there: There,
    /// The market
    #[arg(long, value_name = "N")]
    market: u32,
}

/// What an account has, as a line of a file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    account: Uuid,
    base: Amount,
    quote: Amount,
}

impl Balances {
    pub(super) fn run(&self, out: &mut Out) -> Result<(), Stop> {
        let place = self.there.config()?;
        let market = MarketId(self.market);
        let specs = Past::of(&place)?.specs()?;
        let spec = specs.get(&market).ok_or_else(|| unknown(market))?;
        let mut cells = Vec::new();
        for balance in place.read()?.market(market)?.balances {
            let base = amount::base(spec, balance.base);
            let quote = amount::quote(spec, balance.quote);
            let account = Uuid::from(balance.account);
            if let (true, Some(base), Some(quote)) = (self.there.json, &base, &quote) {
                let (base, quote) = (base.clone(), quote.clone());
                json_line(out, &Line { account, base, quote })?;
            } else {
                let cell = |it: &Option<Amount>| amount::cell(it.as_ref());
                cells.push([account.to_string(), cell(&base), cell(&quote)]);
            }
        }
        if !self.there.json {
            table(out, ["account", " base", " quote"], &cells)?;
        }
        Ok(())
    }
}

pub(super) fn unknown(market: MarketId) -> Stop {
    Failure::failed(format!("there is no market {market} in the folder")).into()
}

/// The balances in a file, a JSON object a line.
pub(super) fn read(file: &Path, spec: &MarketSpec) -> Result<Vec<Balance>, Stop> {
    let name = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|why| Failure::failed(format!("cannot read {name}: {why}")))?;
    let mut balances: Vec<Balance> = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let bad = |why: String| {
            Failure::new(
                Code::Usage,
                format!(
                    "{name}, line {}: {why}; a line is \
                     {{\"account\":UUID,\"base\":\"1.5\",\"quote\":\"-3.25\"}}",
                    at + 1
                ),
            )
        };
        let line: Line = serde_json::from_str(line).map_err(|why| bad(why.to_string()))?;
        let base = amount::lots(spec, &line.base)
            .ok_or_else(|| bad(format!("{} is no whole number of lots", line.base)))?;
        let quote = amount::ticks_lots(spec, &line.quote)
            .ok_or_else(|| bad(format!("{} is no whole number of ticks times lots", line.quote)))?;
        let account = line.account.into();
        if balances.iter().any(|it| it.account == account) {
            return Err(bad(String::from("this account stands twice")).into());
        }
        balances.push(Balance { account, base, quote });
    }
    Ok(balances)
}
