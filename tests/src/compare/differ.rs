//! Describes the first difference between two values.

use std::fmt::{Debug, Display};

use pricetime_engine::{EngineSnapshot, Group, MarketSnapshot};

/// Returns an error if the values differ.
pub(super) fn same<T: PartialEq + Debug>(
    what: impl Display,
    core: &T,
    model: &T,
) -> Result<(), String> {
    if core == model {
        return Ok(());
    }
    Err(format!("{what}:\n     core {core:?}\n    model {model:?}"))
}

/// Returns an error with the first difference if the lists differ.
fn same_rows<T: PartialEq + Debug>(what: &str, core: &[T], model: &[T]) -> Result<(), String> {
    if core == model {
        return Ok(());
    }
    let parts = |at: &usize| core.get(*at) != model.get(*at);
    let at = (0..core.len().max(model.len())).find(parts).unwrap_or(0);
    same(format_args!("{what} {at}"), &core.get(at), &model.get(at))
}

pub(super) fn same_groups(core: &Group, model: &Group) -> Result<(), String> {
    if core == model {
        return Ok(());
    }
    let sequence = core.header.sequence;
    let of = |what: &str| format!("command {sequence}, {what}");
    same(of("header"), &core.header, &model.header)?;
    same_rows(&of("event"), &core.events, &model.events)?;
    same(of("outcome"), &core.outcome, &model.outcome)
}

/// Returns an error if the state of `component` differs from the model's.
pub(super) fn same_state(
    component: &str,
    actual: &EngineSnapshot,
    model: &EngineSnapshot,
) -> Result<(), String> {
    if actual == model {
        return Ok(());
    }
    let of = |what: &str| format!("state of {component}, {what}");
    let ids = |state: &EngineSnapshot| -> Vec<_> {
        state.markets.iter().map(|market| market.head.market).collect()
    };
    same(of("rules version"), &actual.rules_version, &model.rules_version)?;
    same(of("sequence"), &actual.last_sequence, &model.last_sequence)?;
    same(of("time"), &actual.last_timestamp, &model.last_timestamp)?;
    same(of("last market"), &actual.last_market, &model.last_market)?;
    same(of("markets"), &ids(actual), &ids(model))?;
    for (actual, model) in actual.markets.iter().zip(&model.markets) {
        same_market(&of(&format!("market {}", model.head.market)), actual, model)?;
    }
    Ok(())
}

fn same_market(of: &str, actual: &MarketSnapshot, model: &MarketSnapshot) -> Result<(), String> {
    let of = |what: &str| format!("{of}, {what}");
    same(of("head"), &actual.head, &model.head)?;
    same_rows(&of("resting order"), &actual.resting, &model.resting)?;
    same_rows(&of("waiting stop"), &actual.waiting, &model.waiting)?;
    same_rows(&of("blocked account"), &actual.blocked, &model.blocked)?;
    same_rows(&of("request"), &actual.requests, &model.requests)
}
