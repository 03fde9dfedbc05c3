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
            add_event(&mut row, event, self.specs.get(&market));
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

/// The name of an event: `EpochClosed` is `epoch_closed`.
fn name(event: &Event) -> String {
    let (debug, mut name) = (format!("{event:?}"), String::new());
    for letter in debug.chars().take_while(char::is_ascii_alphabetic) {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// Fills in an event. Without a market there are no amounts.
fn add_event(row: &mut Row, event: &Event, spec: Option<&MarketSpec>) {
    row.insert("event", name(event));
    match event {
        Event::Accepted { account, place, priority } => {
            let Place { order, reference, .. } = *place;
            add_order(row, ORDER, &Party { order, account: *account, reference });
            row.insert("priority", priority.to_string());
            add_place(row, place, spec);
        }
        Event::Rejected { order, reference, reason } => {
            row.insert("order", order.map(|order| id(order.0)).unwrap_or_default());
            row.insert("reference", reference.map(unless_zero).unwrap_or_default());
            row.insert("reason", word(reason));
        }
        Event::Traded { .. } => add_trade(row, event, spec),
        Event::Reduced { party, by, remaining, shown } => {
            add_order(row, ORDER, party);
            add_amounts(
                row,
                spec,
                [("quantity", *by), ("remaining", *remaining), ("shown", *shown)],
            );
        }
        Event::Amended { party, kind, remaining, shown, priority } => {
            add_order(row, ORDER, party);
            add_kind(row, *kind, spec);
            row.insert("priority", priority.to_string());
            add_amounts(row, spec, [("remaining", *remaining), ("shown", *shown)]);
        }
        Event::Cancelled { party, side, price, remaining, reason } => {
            add_order(row, ORDER, party);
            row.extend([("side", word(side)), ("reason", word(reason))]);
            add_amounts(row, spec, price.map(|price| ("price", price)));
            add_amounts(row, spec, [("remaining", *remaining)]);
        }
        Event::Triggered { party, priority } => {
            add_order(row, ORDER, party);
            row.insert("priority", priority.to_string());
        }
        Event::Replenished { party, remaining, shown, priority } => {
            add_order(row, ORDER, party);
            row.insert("priority", priority.to_string());
            add_amounts(row, spec, [("remaining", *remaining), ("shown", *shown)]);
        }
        Event::PhaseChanged { from, to } => {
            row.extend([("previous_phase", word(from)), ("phase", word(to))]);
        }
        Event::EpochClosed(epoch) => {
            add_amounts(row, spec, epoch.clearing.map(|it| ("price", it.price)));
            add_amounts(row, spec, epoch.clearing.map(|it| ("quantity", it.volume)));
        }
        Event::AccountBlocked(account) | Event::AccountUnblocked(account) => {
            row.insert("account", id(account.0));
        }
        Event::Duplicate { original, .. } => {
            row.insert("original", original.to_string());
        }
        Event::MarketAdded(_) | Event::MarketSet(_) | Event::MarketRemoved => {}
    }
}

/// Fills in amounts, if there is a market.
fn add_amounts(
    row: &mut Row,
    spec: Option<&MarketSpec>,
    amounts: impl IntoIterator<Item = (&'static str, impl Amount)>,
) {
    if let Some(spec) = spec {
        row.extend(amounts.into_iter().map(|(column, it)| (column, amount(spec, it))));
    }
}

fn add_trade(row: &mut Row, event: &Event, spec: Option<&MarketSpec>) {
    if let Event::Traded {
        number,
        maker,
        taker,
        taker_side,
        price,
        quantity,
        maker_remaining,
        taker_remaining,
    } = event
    {
        row.extend([("trade", number.to_string()), ("taker_side", word(taker_side))]);
        add_order(row, ["maker_order", "maker_account", "maker_reference"], maker);
        add_order(row, ["taker_order", "taker_account", "taker_reference"], taker);
        add_amounts(row, spec, [("price", *price)]);
        let open = [("maker_remaining", *maker_remaining), ("taker_remaining", *taker_remaining)];
        add_amounts(row, spec, [("quantity", *quantity)].into_iter().chain(open));
    }
}

fn add_kind(row: &mut Row, kind: OrderKind, spec: Option<&MarketSpec>) {
    let name = match kind {
        OrderKind::Limit { .. } => "limit",
        OrderKind::Market => "market",
        OrderKind::Stop { .. } => "stop",
        OrderKind::StopLimit { .. } => "stop_limit",
    };
    row.insert("kind", name.to_owned());
    add_amounts(row, spec, kind.price().map(|price| ("price", price)));
    add_amounts(row, spec, kind.stop().map(|price| ("stop_price", price)));
}

fn add_place(row: &mut Row, place: &Place, spec: Option<&MarketSpec>) {
    add_kind(row, place.kind, spec);
    row.insert("side", word(&place.side));
    row.insert("post_only", place.post_only.to_string());
    row.insert("self_trade", word(&place.self_trade));
    add_amounts(row, spec, [("quantity", place.quantity)]);
    add_amounts(row, spec, place.minimum_quantity.map(|it| ("minimum_quantity", it)));
    add_amounts(row, spec, place.display_quantity.map(|it| ("display_quantity", it)));
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
