//! Turns events into entries. Public entries are built from fields that name no order and no account.

use std::collections::BTreeMap;

use pricetime_engine::{
    EpochNumber, EpochSummary, Event, Header, MarketHead, MarketId, MarketSpec, Price, Quantity,
    SideSummary, Step,
};

use super::order::{self, Fields, serde_name};
use super::{Entries, Entry, EntryId, Stream};
use pricetime_journal::History;

/// Turns events into entries. It keeps what entries say about each market.
#[derive(Clone, Debug)]
pub struct EntryEncoder {
    history: String,
    markets: BTreeMap<MarketId, MarketInfo>,
}

/// What is known of a market.
#[derive(Clone, Copy, Debug)]
struct MarketInfo {
    spec: MarketSpec,
    epoch: EpochNumber,
}

/// How many entries each stream has of the current command.
#[derive(Clone, Copy, Debug, Default)]
pub struct Numbers([u64; 3]);

impl Numbers {
    fn next(&mut self, stream: Stream) -> u64 {
        let Self([trades, orders, epochs]) = self;
        let number = match stream {
            Stream::Trades => trades,
            Stream::Orders => orders,
            Stream::Epochs => epochs,
        };
        *number += 1;
        *number
    }
}

/// The current event, and where its entries go.
struct EntrySink<'a> {
    history: &'a str,
    header: &'a Header,
    info: Option<MarketInfo>,
    numbers: &'a mut Numbers,
    into: &'a mut Entries,
}

impl EntrySink<'_> {
    /// Adds an entry: its own fields, and then those that every entry has.
    fn add(&mut self, stream: Stream, event: &str, own: Fields) {
        let sequence = self.header.sequence.0;
        let mut fields: Fields = Vec::with_capacity(own.len() + 7);
        fields.push(("event", event.to_owned()));
        fields.extend(own);
        fields.push(("market", self.header.market.to_string()));
        if let Some(info) = self.info {
            fields.push(("symbol", info.spec.symbol.to_string()));
            fields.push(("epoch", info.epoch.to_string()));
        }
        fields.push(("sequence", sequence.to_string()));
        fields.push(("timestamp", self.header.timestamp.to_string()));
        fields.push(("history", self.history.to_owned()));
        let id = EntryId { sequence, number: self.numbers.next(stream) };
        self.into.push(stream, Entry { id, fields });
    }
}

impl EntryEncoder {
    /// Creates an encoder that knows these markets.
    #[must_use]
    pub fn new(history: History, heads: impl IntoIterator<Item = MarketHead>) -> Self {
        let info =
            |head: MarketHead| (head.market, MarketInfo { spec: head.spec, epoch: head.epoch });
        Self { history: history.to_string(), markets: heads.into_iter().map(info).collect() }
    }

    /// Adds the entries of the next event. `numbers` counts the entries of its command.
    pub fn add(
        &mut self,
        header: &Header,
        event: &Event,
        numbers: &mut Numbers,
        into: &mut Entries,
    ) {
        let market = header.market;
        if let Event::MarketAdded(spec) = event {
            self.markets.insert(market, MarketInfo { spec: *spec, epoch: EpochNumber(1) });
        }
        let info = self.markets.get(&market).copied();
        let history = self.history.as_str();
        let mut sink = EntrySink { history, header, info, numbers, into };
        if let Some(info) = info {
            public(&mut sink, &info.spec, event);
        }
        for (name, fields) in order::order_entries(header, info.map(|info| info.spec), event) {
            sink.add(Stream::Orders, name, fields);
        }
        match event {
            Event::MarketSet(terms) => {
                if let Some(info) = self.markets.get_mut(&market) {
                    info.spec.terms = *terms;
                }
            }
            Event::EpochClosed(summary) => {
                if let Some(info) = self.markets.get_mut(&market) {
                    info.epoch = EpochNumber(summary.number.0.saturating_add(1));
                }
            }
            Event::MarketRemoved => _ = self.markets.remove(&market),
            Event::Accepted { .. }
            | Event::Rejected { .. }
            | Event::Traded { .. }
            | Event::Reduced { .. }
            | Event::Amended { .. }
            | Event::Cancelled { .. }
            | Event::Triggered { .. }
            | Event::Replenished { .. }
            | Event::PhaseChanged { .. }
            | Event::MarketAdded(_)
            | Event::AccountBlocked(_)
            | Event::AccountUnblocked(_)
            | Event::Duplicate { .. } => {}
        }
    }
}

/// Adds the public entries of an event.
fn public(sink: &mut EntrySink<'_>, spec: &MarketSpec, event: &Event) {
    let price = |price: Price| spec.show_price(price);
    match event {
        Event::Traded { number, price, quantity, taker_side, .. } => {
            let fields = vec![
                ("number", number.to_string()),
                ("trade", number.uuid(sink.header.market).to_string()),
                ("price", spec.show_price(*price)),
                ("quantity", spec.show_quantity(*quantity)),
                ("notional", spec.show_notional(price.times(*quantity))),
                ("taker_side", serde_name(taker_side)),
            ];
            sink.add(Stream::Trades, "traded", fields);
        }
        Event::EpochClosed(summary) => {
            sink.add(Stream::Epochs, "epoch_closed", epoch(spec, summary));
        }
        Event::PhaseChanged { from, to } => {
            let fields = vec![("from", serde_name(from)), ("to", serde_name(to))];
            sink.add(Stream::Epochs, "phase_changed", fields);
        }
        Event::MarketAdded(spec) => {
            let step = |step: Step| format!("{}e{}", step.mantissa, step.exponent);
            let fields = vec![
                ("tick", step(spec.tick)),
                ("lot", step(spec.lot)),
                ("price_min", price(spec.terms.price_min)),
                ("price_max", price(spec.terms.price_max)),
                ("quantity_max", spec.show_quantity(spec.quantity_max)),
            ];
            sink.add(Stream::Epochs, "market_added", fields);
        }
        Event::MarketSet(terms) => {
            let fields =
                vec![("price_min", price(terms.price_min)), ("price_max", price(terms.price_max))];
            sink.add(Stream::Epochs, "market_set", fields);
        }
        Event::MarketRemoved => sink.add(Stream::Epochs, "market_removed", Vec::new()),
        Event::Accepted { .. }
        | Event::Rejected { .. }
        | Event::Reduced { .. }
        | Event::Amended { .. }
        | Event::Cancelled { .. }
        | Event::Triggered { .. }
        | Event::Replenished { .. }
        | Event::AccountBlocked(_)
        | Event::AccountUnblocked(_)
        | Event::Duplicate { .. } => {}
    }
}

/// The fields of a closed epoch. A price that does not exist is left out.
fn epoch(spec: &MarketSpec, summary: &EpochSummary) -> Fields {
    let turnover = summary.turnover;
    let volume = i128::try_from(turnover.volume).unwrap_or(i128::MAX);
    let mut fields = vec![
        ("number", summary.number.to_string()),
        ("first_sequence", summary.first_sequence.to_string()),
        ("last_sequence", summary.last_sequence.to_string()),
        ("trades", turnover.trades.to_string()),
        ("volume", spec.show_lots(volume)),
        ("notional", spec.show_notional(turnover.notional)),
        ("last_trade", summary.last_trade.to_string()),
        ("accepted", summary.accepted.to_string()),
        ("cancelled", summary.cancelled.to_string()),
    ];
    let mut price = |name, price: Option<Price>| {
        fields.extend(price.map(|price| (name, spec.show_price(price))));
    };
    price("open", turnover.prices.map(|prices| prices.open));
    price("high", turnover.prices.map(|prices| prices.high));
    price("low", turnover.prices.map(|prices| prices.low));
    price("close", turnover.prices.map(|prices| prices.close));
    price("clearing", summary.clearing.map(|clearing| clearing.price));
    price("best_bid", summary.bids.best);
    price("best_ask", summary.asks.best);
    let mut side = |orders, quantity, side: &SideSummary| {
        fields.push((orders, side.resting.to_string()));
        // Every client may read this, so the hidden quantity of icebergs is not counted.
        let (all, hidden) = (side.resting_quantity.0, side.hidden_quantity.0);
        let shown = Quantity(all.saturating_sub(hidden));
        fields.push((quantity, spec.show_quantity(shown)));
    };
    side("bids", "bid_quantity", &summary.bids);
    side("asks", "ask_quantity", &summary.asks);
    fields
}
