//! `pricetime redis drop`: takes images away.

use std::io::Write as _;

use clap::Args;
use pricetime::engine::MarketId;
use pricetime::persistence::redis::{find_image, read_markets, remove_image};
use serde::Serialize;

use super::super::failure::{Code, Failure};
use super::super::look::{Stop, json_line};
use super::{Out, There, undone};

/// Takes the keys of markets out of Redis. A process that still runs them writes them anew.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["market", "all"])))]
pub(super) struct Remove {
    #[command(flatten)]
    there: There,
    /// The markets
    market: Vec<u32>,
    /// Every market there is
    #[arg(long)]
    all: bool,
    /// Do it; without this nothing is taken away
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Dropped { market: u32, keys: u64 },
}

impl Remove {
    pub(super) fn run(&self, out: &mut Out) -> Result<(), Stop> {
        let (mut link, options) = self.there.link()?;
        let names = &options.names;
        let there = read_markets(&mut link, names).map_err(|error| undone(&error))?;
        let named = self.market.iter().copied().map(MarketId).collect();
        let markets: Vec<MarketId> = if self.all { there } else { named };
        if !self.yes {
            let found = find_image(&mut link, names).map_err(|error| undone(&error))?;
            let of = found.map_or(String::new(), |it| {
                format!(
                    "; what is there is of history {} up to command {}",
                    it.history, it.sequence
                )
            });
            let list: Vec<String> = markets.iter().map(ToString::to_string).collect();
            let text = format!("--yes takes these markets out: {}{of}", list.join(", "));
            return Err(Failure::new(Code::Usage, text).into());
        }
        for market in markets {
            let keys = remove_image(&mut link, names, market).map_err(|error| undone(&error))?;
            if self.there.json {
                json_line(out, &Said::Dropped { market: market.0, keys })?;
            } else {
                writeln!(out, "market {market}: {keys} keys are gone")?;
            }
        }
        Ok(())
    }
}
