//! Queries of the state, as text.

use pricetime_engine::{Clearing, MarketId, MarketSnapshot, OrderKind, OrderRecord, Price, Side};

use super::TableCore;
use super::phrase::Phrase;
use super::spec::phase_name;
use super::words::{Parsed, name};

/// The first words of queries.
pub(super) const QUERIES: [&str; 9] =
    ["book", "depth", "best", "stops", "indicative", "last", "epoch", "next", "is"];

/// The result of a query: lists, of which a book has two.
pub(super) type View = Vec<Vec<Phrase>>;

/// Runs a query.
pub(super) fn query<C: TableCore>(core: &C, market: MarketId, word: &str) -> Parsed<View> {
    let snapshot = core.snapshot();
    let state = snapshot
        .markets
        .iter()
        .find(|m| m.head.market == market)
        .ok_or_else(|| format!("there is no market {market}"))?;
    let head = &state.head;
    let one = |text: String| vec![vec![Phrase::new(text)]];
    Ok(match word {
        "book" => [Side::Buy, Side::Sell].map(|side| orders(state, side)).into(),
        "depth" => [Side::Buy, Side::Sell].map(|side| levels(state, side)).into(),
        "best" => {
            let best = |side| sorted(state, side).iter().find_map(|o| o.kind.price());
            let word = |best: Option<Price>| best.map_or("-".to_owned(), |p| p.to_string());
            one(format!("{} / {}", word(best(Side::Buy)), word(best(Side::Sell))))
        }
        "stops" => vec![state.waiting.iter().map(stop).collect()],
        "indicative" => {
            let clearing = core.indicative(market);
            let words = |c: Clearing| format!("{} x {} surplus {}", c.price, c.volume, c.surplus);
            vec![clearing.map(words).map(Phrase::new).into_iter().collect()]
        }
        "last" => vec![head.last_price.map(Phrase::new).into_iter().collect()],
        "epoch" => one(head.epoch.to_string()),
        "next" => one(format!("#{}", head.next_priority)),
        "is" => one(phase_name(head.phase).to_owned()),
        "blocked" => {
            vec![state.blocked.iter().map(|a| Phrase::new(name(a.0))).collect()]
        }
        other => return Err(format!("`{other}` cannot be shown")),
    })
}

/// The orders of a side in the order in which they trade.
fn sorted(state: &MarketSnapshot, side: Side) -> Vec<&OrderRecord> {
    let mut orders: Vec<&OrderRecord> = state.resting.iter().filter(|o| o.side == side).collect();
    orders.sort_by_key(|o| {
        let price = o.kind.price().map(|p| match side {
            Side::Buy => -i128::from(p.0),
            Side::Sell => i128::from(p.0),
        });
        (price, o.priority)
    });
    orders
}

fn orders(state: &MarketSnapshot, side: Side) -> Vec<Phrase> {
    sorted(state, side).into_iter().map(resting).collect()
}

fn resting(order: &OrderRecord) -> Phrase {
    let quantity = if order.shown == order.open {
        order.open.to_string()
    } else {
        format!("{}+{}", order.shown, order.open.0.saturating_sub(order.shown.0))
    };
    let at = order.kind.price().map_or("market".to_owned(), |p| format!("@ {p}"));
    let stopped = matches!(order.kind, OrderKind::Stop { .. } | OrderKind::StopLimit { .. });
    Phrase::new(name(order.party.order.0))
        .required(format!("{quantity} {at}"))
        .required_if(stopped, "(a stop in the book)")
        .optional(format!("#{}", order.priority))
}

fn stop(order: &OrderRecord) -> Phrase {
    let side = match order.side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    };
    let price = order.kind.price().map_or(String::new(), |p| format!("@ {p}"));
    let stop = order.kind.stop().map_or("(no stop)".to_owned(), |p| format!("stop {p}"));
    Phrase::new(name(order.party.order.0))
        .required(format!("{side} {}", order.open))
        .required_if(!price.is_empty(), price)
        .required(stop)
        .required_if(order.shown.0 != 0, format!("(shows {})", order.shown))
        .optional(format!("#{}", order.priority))
}

/// The public levels of a side: the visible quantity, and the number of orders.
fn levels(state: &MarketSnapshot, side: Side) -> Vec<Phrase> {
    let mut levels: Vec<(Price, u128, u32)> = Vec::new();
    for order in sorted(state, side) {
        let Some(price) = order.kind.price() else {
            continue;
        };
        match levels.last_mut() {
            Some((at, shown, count)) if *at == price => {
                *shown += u128::from(order.shown.0);
                *count += 1;
            }
            Some(_) | None => levels.push((price, u128::from(order.shown.0), 1)),
        }
    }
    let phrase = |(price, shown, count): (Price, u128, u32)| {
        Phrase::new(format!("{shown} in {count} @ {price}"))
    };
    levels.into_iter().map(phrase).collect()
}
