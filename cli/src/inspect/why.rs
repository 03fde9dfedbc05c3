//! Why a command was refused, and the place of an order in its queue.

use pricetime_engine::{Book, MarketSpec, OrderId, OrderKind, OrderRecord, Quantity, Reason, Side};
use serde::Serialize;

/// The reason that a command was refused, as a sentence.
pub(super) fn refusal(reason: Reason, spec: Option<&MarketSpec>) -> String {
    let bound = spec.and_then(|spec| bound(reason, spec));
    bound.map_or_else(|| reason.to_string(), |bound| format!("{reason} ({bound})"))
}

/// The market's limit that a refusal is about, if there is one.
fn bound(reason: Reason, spec: &MarketSpec) -> Option<String> {
    if reason == Reason::PriceOutOfBand {
        let (min, max) = (spec.terms.price_min, spec.terms.price_max);
        return Some(format!("{} to {}", spec.show_price(min), spec.show_price(max)));
    }
    if reason == Reason::QuantityTooLarge {
        return Some(format!("at most {}", spec.show_quantity(spec.quantity_max)));
    }
    if reason == Reason::BookFull {
        return Some(format!("at most {}", spec.limits.orders_max));
    }
    if reason == Reason::AccountFull {
        return Some(format!("at most {}", spec.limits.orders_per_account_max));
    }
    None
}

/// The place of an order in its queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct QueuePlace {
    /// Orders at the same price with higher priority.
    pub(super) ahead_orders: u64,
    /// Their visible quantity.
    pub(super) ahead_quantity: String,
    /// Orders at better prices.
    pub(super) better_orders: u64,
    /// Their open quantity, hidden parts included.
    pub(super) better_quantity: String,
    /// The order's own open quantity, hidden part included.
    pub(super) open: String,
    /// The visible part of it.
    pub(super) shown: String,
    /// The trigger price, if the order is a waiting stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) waits_for: Option<String>,
    #[serde(skip)]
    side: Side,
}

impl QueuePlace {
    /// The place of a live order. Takes time proportional to the number of all orders.
    pub(super) fn of(book: &Book, order: OrderId) -> Option<Self> {
        let own = book.order(order)?.record;
        let spec = book.spec();
        let (mut ahead, mut better) = ((0, 0_u128), (0, 0_u128));
        if own.kind.stop().is_none() {
            for other in book.snapshot().resting.iter().filter(|other| other.side == own.side) {
                match rank(other, &own) {
                    Rank::Better => better = add(better, other.open),
                    Rank::Ahead => ahead = add(ahead, other.shown),
                    Rank::Behind => {}
                }
            }
        }
        let lots = |lots: u128| spec.show_lots(i128::try_from(lots).unwrap_or(i128::MAX));
        Some(Self {
            ahead_orders: ahead.0,
            ahead_quantity: lots(ahead.1),
            better_orders: better.0,
            better_quantity: lots(better.1),
            open: spec.show_quantity(own.open),
            shown: spec.show_quantity(own.shown),
            waits_for: own.kind.stop().map(|stop| spec.show_price(stop)),
            side: own.side,
        })
    }

    /// The place as text.
    pub(super) fn text(&self) -> String {
        if let Some(stop) = &self.waits_for {
            let direction = if self.side == Side::Buy { "or above" } else { "or below" };
            return format!("it waits for a trade at {stop} {direction}");
        }
        let Self { ahead_orders, ahead_quantity, better_orders, better_quantity, .. } = self;
        let at_price = match ahead_orders {
            0 => String::from("first at its price"),
            1 => format!("1 order ({ahead_quantity}) before it at its price"),
            many => format!("{many} orders ({ahead_quantity}) before it at its price"),
        };
        let at_better = match better_orders {
            0 => String::from("none at a better one"),
            1 => format!("1 ({better_quantity}) at a better one"),
            many => format!("{many} ({better_quantity}) at better ones"),
        };
        format!("in its queue {at_price}, {at_better}")
    }
}

enum Rank {
    Better,
    Ahead,
    Behind,
}

/// The rank of another order of the same side, relative to `own`. In a call phase, market orders rank
/// before all others.
fn rank(other: &OrderRecord, own: &OrderRecord) -> Rank {
    let better = match (other.kind, own.kind) {
        (OrderKind::Market, OrderKind::Market) => None,
        (OrderKind::Market, _) => Some(true),
        (_, OrderKind::Market) => Some(false),
        (other, own) if other.price() == own.price() => None,
        (other, own_kind) if own.side == Side::Buy => Some(other.price() > own_kind.price()),
        (other, own_kind) => Some(other.price() < own_kind.price()),
    };
    match better {
        Some(true) => Rank::Better,
        None if other.priority < own.priority => Rank::Ahead,
        Some(false) | None => Rank::Behind,
    }
}

fn add((orders, lots): (u64, u128), more: Quantity) -> (u64, u128) {
    (orders + 1, lots + u128::from(more.0))
}
