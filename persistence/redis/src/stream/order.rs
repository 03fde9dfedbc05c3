//! The entries of the stream of orders, which name accounts.

use pricetime_engine::{
    AccountId, Event, Header, MarketSpec, OrderId, OrderKind, Party, Place, Quantity, Side,
    TimeInForce,
};
use serde::Serialize;
use uuid::Uuid;

/// Field names and values.
pub(super) type Fields = Vec<(&'static str, String)>;

/// The name of a value, spelled as it is everywhere else.
pub(super) fn serde_name(of: &impl Serialize) -> String {
    serde_json::to_string(of).unwrap_or_default().trim_matches('"').to_owned()
}

/// The entries of an event in the stream of orders: event names and fields. A trade gives two entries,
/// one for the maker and one for the taker.
pub(super) fn order_entries(
    header: &Header,
    spec: Option<MarketSpec>,
    event: &Event,
) -> Vec<(&'static str, Fields)> {
    if let Event::Rejected { order: Some(order), reference, reason } = event {
        let mut fields = owner_fields(*order, header.account);
        fields.extend(reference.map(|reference| ("reference", reference.to_string())));
        fields.push(("reason", serde_name(reason)));
        return vec![("rejected", fields)];
    }
    let Some(spec) = spec else { return Vec::new() };
    if let Event::Traded { .. } = event {
        return traded(header, &spec, event);
    }
    single_order_entry(&spec, event).into_iter().collect()
}

fn owner_fields(order: OrderId, account: AccountId) -> Fields {
    vec![("order", Uuid::from(order).to_string()), ("account", Uuid::from(account).to_string())]
}

fn party(party: &Party) -> Fields {
    let mut fields = owner_fields(party.order, party.account);
    // Zero means that the owner gave the order no number.
    if party.reference != 0 {
        fields.push(("reference", party.reference.to_string()));
    }
    fields
}

fn traded(header: &Header, spec: &MarketSpec, event: &Event) -> Vec<(&'static str, Fields)> {
    let Event::Traded {
        number,
        maker,
        taker,
        taker_side,
        price,
        quantity,
        maker_remaining,
        taker_remaining,
    } = event
    else {
        return Vec::new();
    };
    let maker_side = match taker_side {
        Side::Buy => Side::Sell,
        Side::Sell => Side::Buy,
    };
    let fields = |trader: &Party, role: &str, side: Side, remaining: Quantity| {
        let mut fields = party(trader);
        fields.extend([
            ("side", serde_name(&side)),
            ("role", role.to_owned()),
            ("number", number.to_string()),
            ("trade", number.uuid(header.market).to_string()),
            ("price", spec.show_price(*price)),
            ("quantity", spec.show_quantity(*quantity)),
            ("remaining", spec.show_quantity(remaining)),
        ]);
        ("traded", fields)
    };
    vec![
        fields(maker, "maker", maker_side, *maker_remaining),
        fields(taker, "taker", *taker_side, *taker_remaining),
    ]
}

/// The entry for an event of a single order.
fn single_order_entry(spec: &MarketSpec, event: &Event) -> Option<(&'static str, Fields)> {
    let quantity = |lots: Quantity| spec.show_quantity(lots);
    let mut fields = party(&event.parties().next()?);
    let name = match event {
        Event::Accepted { place, priority, .. } => {
            accepted(&mut fields, spec, place);
            fields.push(("priority", priority.to_string()));
            "accepted"
        }
        Event::Reduced { by, remaining, shown, .. } => {
            fields.push(("by", quantity(*by)));
            fields.push(("remaining", quantity(*remaining)));
            fields.push(("shown", quantity(*shown)));
            "reduced"
        }
        Event::Amended { kind, remaining, shown, priority, .. } => {
            push_kind(&mut fields, spec, *kind);
            fields.push(("remaining", quantity(*remaining)));
            fields.push(("shown", quantity(*shown)));
            fields.push(("priority", priority.to_string()));
            "amended"
        }
        Event::Cancelled { side, price, remaining, reason, .. } => {
            fields.push(("side", serde_name(side)));
            fields.extend(price.map(|price| ("price", spec.show_price(price))));
            fields.push(("remaining", quantity(*remaining)));
            fields.push(("reason", serde_name(reason)));
            "cancelled"
        }
        Event::Triggered { priority, .. } => {
            fields.push(("priority", priority.to_string()));
            "triggered"
        }
        Event::Replenished { remaining, shown, priority, .. } => {
            fields.push(("remaining", quantity(*remaining)));
            fields.push(("shown", quantity(*shown)));
            fields.push(("priority", priority.to_string()));
            "replenished"
        }
        Event::Traded { .. }
        | Event::Rejected { .. }
        | Event::PhaseChanged { .. }
        | Event::EpochClosed(_)
        | Event::MarketAdded(_)
        | Event::MarketSet(_)
        | Event::MarketRemoved
        | Event::AccountBlocked(_)
        | Event::AccountUnblocked(_)
        | Event::Duplicate { .. } => return None,
    };
    Some((name, fields))
}

fn accepted(fields: &mut Fields, spec: &MarketSpec, place: &Place) {
    fields.push(("side", serde_name(&place.side)));
    push_kind(fields, spec, place.kind);
    fields.push(("quantity", spec.show_quantity(place.quantity)));
    let (name, until) = match place.time_in_force {
        TimeInForce::GoodTillCancel => ("good_till_cancel", None),
        TimeInForce::ImmediateOrCancel => ("immediate_or_cancel", None),
        TimeInForce::FillOrKill => ("fill_or_kill", None),
        TimeInForce::GoodTillDate(time) => ("good_till_date", Some(time.to_string())),
        TimeInForce::ForEpochs(epochs) => ("for_epochs", Some(epochs.to_string())),
    };
    fields.push(("time_in_force", name.to_owned()));
    fields.extend(until.map(|until| ("until", until)));
    let display = place.display_quantity;
    fields.extend(display.map(|part| ("display_quantity", spec.show_quantity(part))));
}

/// Adds the type of the order and its prices.
fn push_kind(fields: &mut Fields, spec: &MarketSpec, kind: OrderKind) {
    let name = match kind {
        OrderKind::Limit { .. } => "limit",
        OrderKind::Market => "market",
        OrderKind::Stop { .. } => "stop",
        OrderKind::StopLimit { .. } => "stop_limit",
    };
    fields.push(("type", name.to_owned()));
    fields.extend(kind.price().map(|price| ("price", spec.show_price(price))));
    fields.extend(kind.stop().map(|stop| ("stop", spec.show_price(stop))));
}
