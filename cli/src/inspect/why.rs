//! A sentence for every rejection and for every order's end, and the place of an order in its queue.

use pricetime_engine::{
    Book, CancelReason, MarketSpec, OrderId, OrderKind, OrderRecord, Quantity, Reason, Side,
};
use serde::Serialize;

/// The reason that a command was refused, as a sentence.
pub(super) fn refusal(reason: Reason, spec: Option<&MarketSpec>) -> String {
    let said = match reason {
        Reason::UnknownMarket => "there is no such market",
        Reason::OutOfSequence => "its number was not above the last one",
        Reason::NotOperator => "only an operator may do this",
        Reason::MarketExists => "another market has this number or this symbol",
        Reason::BadSpec => "the market's spec or terms violate a bound",
        Reason::MarketsFull => "the engine has its maximum number of markets",
        Reason::MarketNotEmpty => "the market still holds orders",
        Reason::BlockedFull => "the maximum number of accounts is blocked",
        Reason::NoChange => "nothing would have changed",
        Reason::WrongEpoch => "it named an epoch that is not the current one",
        Reason::UnknownOrder => {
            "no live order had this id then: it was traded or cancelled before, or never accepted"
        }
        Reason::NotOwner => "the order is another account's",
        Reason::WrongPhase => "the market's phase did not allow it then",
        Reason::Changed => "the open quantity was not the one that if_open expected",
        Reason::AccountBlocked => "the account is blocked from placing orders",
        Reason::ZeroQuantity => "the quantity is zero",
        Reason::QuantityTooLarge => "the quantity is above the largest that the market takes",
        Reason::PriceOutOfBand => "a limit or stop price is outside the market's price band",
        Reason::DuplicateOrderId => "a live order has this id already",
        Reason::BadDisplayQuantity => {
            "the display quantity is zero, above the quantity, or would make too many parts"
        }
        Reason::BadMinimumQuantity => "the minimum quantity is zero or above the quantity",
        Reason::BadCombination => "its attributes cannot be combined",
        Reason::AlreadyExpired => "it would already have expired",
        Reason::WouldTake => "it is post-only and would have traded at once",
        Reason::BookFull => "the market has its maximum number of orders",
        Reason::ZeroMarketId => "markets are numbered from 1",
        Reason::UsedMarketId => "a market's number must be above every number that was ever used",
        Reason::AccountFull => "its account has its maximum number of orders",
    };
    let bound = spec.and_then(|spec| bound(reason, spec));
    bound.map_or_else(|| said.to_owned(), |bound| format!("{said} ({bound})"))
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

/// The reason that an order ended before it was filled, as a sentence.
pub(super) const fn end(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::Requested => "its owner or an operator asked for it",
        CancelReason::ImmediateOrCancel => {
            "it was immediate or cancel: what could not trade at once was cancelled, or all of it \
             because its minimum quantity was not available"
        }
        CancelReason::FillOrKill => "it was fill or kill, and could not trade completely at once",
        CancelReason::NoLiquidity => "it was a market order, and no order was left to trade with",
        CancelReason::SelfTrade => {
            "it met an order of its own account, and its self-trade mode cancels it then"
        }
        CancelReason::Expired => "it expired",
        CancelReason::EpochEnded => "its last epoch ended",
        CancelReason::PriceProtection => {
            "it was a market order, and the next price was too far from the best one for its price \
             protection"
        }
        CancelReason::MarketClosed => "the market closed, which ends every order",
        CancelReason::SessionEnded => "its connection ended and had asked to cancel its orders",
    }
}

/// The place of an order in its queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Place {
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

impl Place {
    /// The place of a live order. Takes time proportional to the number of all orders.
    pub(super) fn of(book: &Book, order: OrderId) -> Option<Self> {
        let own = book.order(order)?.record;
        let spec = book.spec();
        let (mut ahead, mut better) = ((0, 0_u128), (0, 0_u128));
        if own.kind.stop().is_none() {
            for other in book.snapshot().resting.iter().filter(|other| other.side == own.side) {
                match stands(other, &own) {
                    Stands::Better => better = add(better, other.open),
                    Stands::Ahead => ahead = add(ahead, other.shown),
                    Stands::Behind => {}
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
            let way = if self.side == Side::Buy { "or above" } else { "or below" };
            return format!("it waits for a trade at {stop} {way}");
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

enum Stands {
    Better,
    Ahead,
    Behind,
}

/// The rank of another order of the same side, relative to `own`. In a call phase, market orders rank
/// before all others.
fn stands(other: &OrderRecord, own: &OrderRecord) -> Stands {
    let better = match (other.kind, own.kind) {
        (OrderKind::Market, OrderKind::Market) => None,
        (OrderKind::Market, _) => Some(true),
        (_, OrderKind::Market) => Some(false),
        (other, own) if other.price() == own.price() => None,
        (other, mine) if own.side == Side::Buy => Some(other.price() > mine.price()),
        (other, mine) => Some(other.price() < mine.price()),
    };
    match better {
        Some(true) => Stands::Better,
        None if other.priority < own.priority => Stands::Ahead,
        Some(false) | None => Stands::Behind,
    }
}

fn add((orders, lots): (u64, u128), more: Quantity) -> (u64, u128) {
    (orders + 1, lots + u128::from(more.0))
}
