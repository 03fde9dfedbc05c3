//! Markets in the configuration.

use pricetime::engine::{MarketId, MarketSpec, Phase};
use pricetime::{Draft, engine::Action};
use pricetime_gateway::json::{AddMarket, Line};
use serde::Deserialize as _;

use super::setting::unknown;

/// A market from the configuration.
#[derive(Clone, Debug)]
pub(crate) struct ConfiguredMarket {
    /// The command that adds it.
    pub(crate) add: Draft,
    /// Its spec.
    pub(crate) spec: MarketSpec,
    /// Its initial phase.
    pub(crate) phase: Phase,
}

/// Every key of a market.
const KEYS: [&str; 20] = [
    "market",
    "symbol",
    "tick",
    "lot",
    "pricing",
    "quantity_max",
    "price_min",
    "price_max",
    "protection_ticks",
    "reference",
    "reference_price",
    "maker_ppm",
    "taker_ppm",
    "orders_max",
    "orders_per_account_max",
    "requests_max",
    "blocked_max",
    "parts_max",
    "phase",
    "account",
];

impl ConfiguredMarket {
    pub(super) fn new(mut table: toml::Table) -> Result<Self, String> {
        if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(unknown("market.", key, KEYS.into_iter()));
        }
        let name = table.get("symbol").map_or_else(String::new, ToString::to_string);
        let wrong = |what: String| format!("market {name}: {what}");
        let phase = match table.remove("phase") {
            None => Phase::Continuous,
            Some(phase) => Phase::deserialize(phase).map_err(|error| wrong(error.to_string()))?,
        };
        let add = AddMarket::deserialize(table).map_err(|error| wrong(error.to_string()))?;
        let add = Line::AddMarket(add).draft(None).map_err(|error| wrong(error.to_string()))?;
        let Action::AddMarket(spec) = add.action else {
            return Err(wrong(String::from("it is not a market")));
        };
        if add.market == MarketId(0) {
            return Err(wrong(String::from("markets are numbered from 1")));
        }
        Ok(Self { add, spec, phase })
    }
}
