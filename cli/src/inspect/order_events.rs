//! The events about one order, and their descriptions.

use pricetime_engine::{
    Event, Group, Header, MarketSpec, OrderId, OrderKind, Outcome, Party, Side, TimeInForce,
};

use super::why;

/// Returns `true` if an event is about this order, or rejects a command that named it.
pub(super) fn is_of(event: &Event, order: OrderId) -> bool {
    matches!(event, Event::Rejected { order: named, .. } if *named == Some(order))
        || event.parties().any(|party| party.order == order)
}

/// Returns `true` if an event gives an order a place in a queue.
pub(super) const fn gives_place(event: &Event) -> bool {
    matches!(
        event,
        Event::Accepted { .. }
            | Event::Amended { .. }
            | Event::Triggered { .. }
            | Event::Replenished { .. }
    )
}

/// The events of a group that are about this order.
pub(super) fn part(group: &Group, order: OrderId) -> Option<Group> {
    let events: Vec<_> = group.events.iter().filter(|it| is_of(it, order)).copied().collect();
    let (header, outcome): (Header, Outcome) = (group.header, group.outcome);
    (!events.is_empty()).then_some(Group { header, events, outcome })
}

/// Describes what an event does to this order.
pub(super) fn describe(event: &Event, order: OrderId, spec: &MarketSpec) -> String {
    let lots = |lots| spec.show_quantity(lots);
    match event {
        Event::Accepted { place, priority, .. } => format!(
            "accepted: {} {}{}{}, {}, priority {priority}",
            side(place.side),
            lots(place.quantity),
            kind(place.kind, spec),
            place
                .display_quantity
                .map(|shown| format!(", showing {}", lots(shown)))
                .unwrap_or_default(),
            time_in_force(place.time_in_force),
        ),
        Event::Rejected { .. } => String::from("a command that named it was refused"),
        Event::Traded {
            number,
            maker,
            taker,
            price,
            quantity,
            maker_remaining,
            taker_remaining,
            ..
        } => {
            let was_maker = maker.order == order;
            let (role, other, left) = if was_maker {
                ("maker", taker, maker_remaining)
            } else {
                ("taker", maker, taker_remaining)
            };
            format!(
                "traded {} at {} as {role} with {}, {} left (trade {number})",
                lots(*quantity),
                spec.show_price(*price),
                party(other),
                lots(*left)
            )
        }
        Event::Reduced { by, remaining, .. } => {
            format!("was reduced by {} without a trade, {} left", lots(*by), lots(*remaining))
        }
        Event::Amended { kind: of, remaining, priority, .. } => {
            let now = kind(*of, spec);
            format!("was amended: {}{now} from now on, priority {priority}", lots(*remaining))
        }
        Event::Cancelled { remaining, .. } => {
            format!("was cancelled with {} not traded", lots(*remaining))
        }
        Event::Triggered { priority, .. } => format!("was elected, priority {priority}"),
        Event::Replenished { remaining, shown, priority, .. } => format!(
            "shows its next part: {} of {}, priority {priority}",
            lots(*shown),
            lots(*remaining)
        ),
        Event::PhaseChanged { .. }
        | Event::EpochClosed(_)
        | Event::MarketAdded(_)
        | Event::MarketSet(_)
        | Event::MarketRemoved
        | Event::AccountBlocked(_)
        | Event::AccountUnblocked(_)
        | Event::Duplicate { .. } => String::from("had an event that is not about an order"),
    }
}

/// The reason for an event, if it states one.
pub(super) fn reason(event: &Event, spec: &MarketSpec) -> Option<String> {
    if let Event::Rejected { reason, .. } = event {
        return Some(why::refusal(*reason, Some(spec)));
    }
    if let Event::Cancelled { reason, .. } = event {
        return Some(reason.to_string());
    }
    None
}

const fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

fn kind(kind: OrderKind, spec: &MarketSpec) -> String {
    let show = |price| spec.show_price(price);
    match kind {
        OrderKind::Limit { price } => format!(" at {}", show(price)),
        OrderKind::Market => String::from(" at any price"),
        OrderKind::Stop { stop } => format!(" at any price once {} has traded", show(stop)),
        OrderKind::StopLimit { stop, price } => {
            format!(" at {} once {} has traded", show(price), show(stop))
        }
    }
}

fn time_in_force(until: TimeInForce) -> String {
    match until {
        TimeInForce::GoodTillCancel => String::from("until cancelled"),
        TimeInForce::ImmediateOrCancel => String::from("immediate or cancel"),
        TimeInForce::FillOrKill => String::from("fill or kill"),
        TimeInForce::GoodTillDate(time) => format!("until {}", super::time(time)),
        TimeInForce::ForEpochs(epochs) => format!("for {epochs} epochs"),
    }
}

fn party(party: &Party) -> String {
    let (order, account) = (uuid::Uuid::from(party.order), uuid::Uuid::from(party.account));
    format!("order {order} of account {account}")
}
