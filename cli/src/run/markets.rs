//! The markets that the configuration names.

use pricetime::engine::{Action, MarketId, MarketSpec, Outcome, Phase, Terms};
use pricetime::{Draft, Host, Policy, Refused};
use pricetime_gateway::json::Detail;
use tracing::info;

use super::super::config::ConfiguredMarket;
use super::super::failure::{Code, Failure};

/// The hint that is shown if there is no market.
pub(super) const HOW_TO_ADD: &str = "add a [[market]] to the configuration (`pricetime config \
     --default` shows one), or send, as an operator, a line like {\"add_market\":{\"market\":1,\
     \"symbol\":\"SUN/EUR\",\"tick\":\"0.0001\",\"lot\":\"0.01\",\"quantity_max\":\"1000\",\
     \"price_min\":\"0\",\"price_max\":\"5\"}} and then \
     {\"set_phase\":{\"market\":1,\"phase\":\"continuous\"}}";

/// Adds the configured markets that are missing, and applies the configured terms to those that exist.
pub(super) fn apply_configured(host: &Host, markets: &[ConfiguredMarket]) -> Result<(), Failure> {
    for market in markets {
        let (id, symbol) = (market.add.market, market.spec.symbol);
        match host.spec(id) {
            None => {
                submit(host, market, market.add.action)?;
                submit(host, market, Action::SetPhase(market.phase))?;
                info!(market = id.0, %symbol, "market added");
            }
            // Without a folder, a crash in a market's first epoch takes back everything after its addition.
            Some(existing) if existing == market.spec && is_untouched(host, id) => {
                submit(host, market, Action::SetPhase(market.phase))?;
            }
            Some(existing) if existing == market.spec => {}
            Some(existing) if without_terms(existing) == without_terms(market.spec) => {
                submit(host, market, Action::SetMarket(market.spec.terms))?;
                info!(market = id.0, %symbol, "terms set as configured");
            }
            Some(existing) => {
                return Err(Failure::new(
                    Code::Usage,
                    format!(
                        "market {id} ({symbol}) differs from the existing one ({}): symbol, tick, \
                         lot, pricing, quantity_max and limits of a market never change; give the \
                         new market a number of its own",
                        existing.symbol
                    ),
                ));
            }
        }
    }
    Ok(())
}

/// Returns `true` if a market is still as it was added: the commands that followed were lost.
fn is_untouched(host: &Host, id: MarketId) -> bool {
    host.policy() == Policy::Epoch
        && host.view(id, 0).is_some_and(|it| it.phase == Phase::Closed && it.epoch.0 == 1)
}

/// A spec with every changeable term reset, for comparison.
fn without_terms(spec: MarketSpec) -> MarketSpec {
    let terms = Terms {
        price_min: pricetime::engine::Price(0),
        price_max: pricetime::engine::Price(0),
        protection_ticks: None,
        reference: None,
        fees: pricetime::engine::Fees::default(),
    };
    MarketSpec { terms, ..spec }
}

fn submit(host: &Host, market: &ConfiguredMarket, action: Action) -> Result<(), Failure> {
    let ticket = host.submit(Draft { action, ..market.add }).map_err(|refused| {
        Failure::failed(match refused {
            Refused::Busy => "the core has no room for the configured markets".to_owned(),
            Refused::Scores => "prices beyond ±2^53 ticks cannot be stored in Redis".to_owned(),
            Refused::Stopped | _ => refused.to_string(),
        })
    })?;
    let group = ticket.wait().map_err(Failure::failed)?;
    match group.outcome {
        Outcome::Accepted | Outcome::Duplicate => Ok(()),
        Outcome::Rejected(reason) => {
            let id = market.add.market;
            let detail = Detail::of(group.outcome, id, &market.spec);
            let why = detail.map_or_else(String::new, |it| format!(": {}: {}", it.field, it.why));
            let what = format!("market {id} of the configuration is refused: {reason:?}{why}");
            Err(Failure::new(Code::Usage, what))
        }
    }
}
