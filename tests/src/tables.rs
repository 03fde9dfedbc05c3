//! What the tables of a Parquet file have to contain, row by row.

use std::collections::{BTreeMap, HashMap};

use pricetime_engine::{
    AccountId, Amount, Command, Engine, Event, Group, Header, Level, MarketId, MarketSpec, OrderId,
    OrderKind, Party, Place, Quantity, Side, TimeInForce,
};
use pricetime_gateway::word;

use crate::Core;

/// The fields of a row by their columns. Null is an empty field.
pub type Row = BTreeMap<&'static str, String>;

/// The rows of each table.
#[derive(Debug, Default)]
pub struct Tables {
    /// A row for each trade.
    pub trades: Vec<Row>,
    /// A row for each level that changed.
    pub levels: Vec<Row>,
    /// A row for each event.
    pub events: Vec<Row>,
    specs: HashMap<MarketId, MarketSpec>,
}

/// The first levels of both sides.
type Shown = [Vec<Level>; 2];

const SIDES: [Side; 2] = [Side::Buy, Side::Sell];

fn shown(engine: &Engine, market: MarketId, count: usize) -> Shown {
    SIDES.map(|side| {
        let book = engine.market(market);
        book.into_iter().flat_map(|book| book.levels(side)).take(count).collect()
    })
}

impl Tables {
    /// Executes a command, and adds the rows that follow from its events and from the book before and after.
    pub fn apply(&mut self, engine: &mut Engine, command: &Command, levels: u16) -> Group {
        let count = usize::from(levels);
        let (market, before) = (command.market, shown(engine, command.market, count));
        let epoch = engine.market(market).map_or(1, |book| book.head().epoch.0);
        let group = Core::apply(engine, command);
        for event in &group.events {
            if let Event::MarketAdded(spec) = event {
                self.specs.insert(market, *spec);
            }
            let mut row = header(&group.header, self.specs.get(&market), Some(epoch));
            row.insert("command", word(&group.header.kind));
            if let Some(spec) = self.specs.get(&market) {
                add_event(&mut row, event, spec);
            } else {
                add_plain(&mut row, event);
            }
            if row["event"] == "traded" {
                self.trades.push(row.clone());
            }
            self.events.push(row);
        }
        if let Some(spec) = self.specs.get(&market) {
            let after = shown(engine, market, count);
            for ((side, before), after) in SIDES.iter().zip(&before).zip(&after) {
                for place in 0..before.len().max(after.len()) {
                    let now = after.get(place);
                    if before.get(place) == now {
                        continue;
                    }
                    let mut row = header(&group.header, Some(spec), None);
                    row.insert("side", word(side));
                    row.insert("level", (place + 1).to_string());
                    let price = now.map(|level| amount(spec, level.price)).unwrap_or_default();
                    row.insert("price", price);
                    let quantity = now.map_or(Quantity::ZERO, |level| level.quantity);
                    row.insert("quantity", amount(spec, quantity));
                    row.insert("orders", now.map_or(0, |level| level.orders).to_string());
                    self.levels.push(row);
                }
            }
        }
        if group.events.contains(&Event::MarketRemoved) {
            self.specs.remove(&market);
        }
        group
    }
}

fn header(header: &Header, spec: Option<&MarketSpec>, epoch: Option<u64>) -> Row {
    let mut row = Row::new();
    row.insert("time", header.timestamp.to_string());
    row.insert("sequence", header.sequence.to_string());
    row.insert("market", header.market.to_string());
    if let Some(spec) = spec {
        row.insert("symbol", spec.symbol.to_string());
        row.insert("epoch", epoch.map(|it| it.to_string()).unwrap_or_default());
    }
    row
}

/// A price or a quantity with nine decimal places.
fn amount(spec: &MarketSpec, amount: impl Amount) -> String {
    let text = spec.show(amount).to_string();
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    format!("{whole}.{part:0<9}")
}

fn id(id: u128) -> String {
    if id <= u64::MAX.into() {
        return id.to_string();
    }
    let mut text = format!("{id:032x}");
    for at in [20, 16, 12, 8] {
        text.insert(at, '-');
    }
    text
}

/// The text of a number, or nothing for zero.
fn unless_zero(number: u64) -> String {
    if number == 0 { String::new() } else { number.to_string() }
}

/// Fills in an order, its account and its reference, in these columns.
fn add_order(row: &mut Row, columns: [&'static str; 3], party: &Party) {
    let Party { order: OrderId(order), account: AccountId(account), reference } = *party;
    let account = if account == 0 { String::new() } else { id(account) };
    row.extend(columns.into_iter().zip([id(order), account, unless_zero(reference)]));
}

const ORDER: [&str; 3] = ["order", "account", "reference"];

/// Fills in the parts of an event that need no market.
fn add_plain(row: &mut Row, event: &Event) {
    let name = match event {
        Event::Rejected { order, reference, reason } => {
            row.insert("order", order.map(|order| id(order.0)).unwrap_or_default());
            row.insert("reference", reference.map(unless_zero).unwrap_or_default());
            row.insert("reason", word(reason));
            "rejected"
        }
        Event::PhaseChanged { from, to } => {
            row.extend([("previous_phase", word(from)), ("phase", word(to))]);
            "phase_changed"
        }
        Event::AccountBlocked(account) => {
            row.insert("account", id(account.0));
            "account_blocked"
        }
        Event::AccountUnblocked(account) => {
            row.insert("account", id(account.0));
            "account_unblocked"
        }
        Event::Duplicate { original, .. } => {
            row.insert("original", original.to_string());
            "duplicate"
        }
        Event::MarketAdded(_) => "market_added",
        Event::MarketSet(_) => "market_set",
        Event::MarketRemoved => "market_removed",
        other => panic!("an event without a market: {other:?}"),
    };
    row.insert("event", name.to_owned());
}

/// Fills in an event.
fn add_event(row: &mut Row, event: &Event, spec: &MarketSpec) {
    let name = match event {
        Event::Accepted { account, place, priority } => {
            let Place { order, reference, .. } = *place;
            add_order(row, ORDER, &Party { order, account: *account, reference });
            row.insert("priority", priority.to_string());
            add_place(row, place, spec);
            "accepted"
        }
        Event::Traded { maker, taker, taker_side, number, .. } => {
            add_order(row, ["maker_order", "maker_account", "maker_reference"], maker);
            add_order(row, ["taker_order", "taker_account", "taker_reference"], taker);
            row.extend([("taker_side", word(taker_side)), ("trade", number.to_string())]);
            "traded"
        }
        Event::Reduced { party, by, .. } => {
            add_order(row, ORDER, party);
            row.insert("quantity", amount(spec, *by));
            "reduced"
        }
        Event::Amended { party, kind, priority, .. } => {
            add_order(row, ORDER, party);
            add_kind(row, *kind, spec);
            row.insert("priority", priority.to_string());
            "amended"
        }
        Event::Cancelled { party, side, price, reason, .. } => {
            add_order(row, ORDER, party);
            row.extend([("side", word(side)), ("reason", word(reason))]);
            row.insert("price", price.map(|price| amount(spec, price)).unwrap_or_default());
            "cancelled"
        }
        Event::Triggered { party, priority } => {
            add_order(row, ORDER, party);
            row.insert("priority", priority.to_string());
            "triggered"
        }
        Event::Replenished { party, priority, .. } => {
            add_order(row, ORDER, party);
            row.insert("priority", priority.to_string());
            "replenished"
        }
        Event::EpochClosed(epoch) => {
            if let Some(clearing) = epoch.clearing {
                row.insert("price", amount(spec, clearing.price));
                row.insert("quantity", amount(spec, clearing.volume));
            }
            "epoch_closed"
        }
        other => return add_plain(row, other),
    };
    row.insert("event", name.to_owned());
    add_quantities(row, event, spec);
}

/// Fills in what is left after an event, and the price and the quantity of a trade.
fn add_quantities(row: &mut Row, event: &Event, spec: &MarketSpec) {
    match event {
        Event::Traded { price, quantity, maker_remaining, taker_remaining, .. } => {
            row.insert("price", amount(spec, *price));
            row.insert("quantity", amount(spec, *quantity));
            row.insert("maker_remaining", amount(spec, *maker_remaining));
            row.insert("taker_remaining", amount(spec, *taker_remaining));
        }
        Event::Reduced { remaining, shown, .. }
        | Event::Amended { remaining, shown, .. }
        | Event::Replenished { remaining, shown, .. } => {
            row.insert("remaining", amount(spec, *remaining));
            row.insert("shown", amount(spec, *shown));
        }
        Event::Cancelled { remaining, .. } => {
            row.insert("remaining", amount(spec, *remaining));
        }
        _ => {}
    }
}

fn add_kind(row: &mut Row, kind: OrderKind, spec: &MarketSpec) {
    let name = match kind {
        OrderKind::Limit { .. } => "limit",
        OrderKind::Market => "market",
        OrderKind::Stop { .. } => "stop",
        OrderKind::StopLimit { .. } => "stop_limit",
    };
    row.insert("kind", name.to_owned());
    row.extend(kind.price().map(|price| ("price", amount(spec, price))));
    row.extend(kind.stop().map(|price| ("stop_price", amount(spec, price))));
}

fn add_place(row: &mut Row, place: &Place, spec: &MarketSpec) {
    add_kind(row, place.kind, spec);
    row.insert("side", word(&place.side));
    row.insert("quantity", amount(spec, place.quantity));
    row.insert("post_only", place.post_only.to_string());
    row.insert("self_trade", word(&place.self_trade));
    row.extend(place.minimum_quantity.map(|it| ("minimum_quantity", amount(spec, it))));
    row.extend(place.display_quantity.map(|it| ("display_quantity", amount(spec, it))));
    let lasts = match place.time_in_force {
        TimeInForce::GoodTillCancel => "good_till_cancel",
        TimeInForce::ImmediateOrCancel => "immediate_or_cancel",
        TimeInForce::FillOrKill => "fill_or_kill",
        TimeInForce::GoodTillDate(until) => {
            row.insert("until", until.0.min(i64::MAX.cast_unsigned()).to_string());
            "good_till_date"
        }
        TimeInForce::ForEpochs(epochs) => {
            row.insert("epochs", epochs.to_string());
            "for_epochs"
        }
    };
    row.insert("time_in_force", lasts.to_owned());
}
