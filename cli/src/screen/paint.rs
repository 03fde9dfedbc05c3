//! Pictures of markets from values of the core.

use std::time::Duration;

use pricetime::MarketView;
use pricetime_engine::{Book, Level, MarketSpec, Price, Quantity, Sequence, Timestamp, Turnover};
use pricetime_gateway::json::Time;

use super::choice::SHOWN_MAX;
use super::history::History;
use super::picture::{Call, Countdown, EpochRow, LevelRow, Market, TradeRow};

/// A market of an engine. `gate` is when its epoch closes, if that is known.
pub(crate) fn market(
    book: &Book,
    history: &History,
    now: Timestamp,
    gate: Option<Timestamp>,
) -> Market {
    let (head, spec) = (book.head(), book.spec());
    let view = MarketView::of_book(book, Sequence(0), SHOWN_MAX);
    let best = |levels: &[Level]| levels.first().map(|level| level.price);
    let indicative = view.call.as_ref().map(|call| call.indicative);
    let mut running = running(spec, head.epoch.0, history.begin, &head.turnover);
    running.gate = indicative.flatten().map(|it| spec.show_price(it.price));
    Market {
        number: head.market.0,
        symbol: spec.symbol.to_string(),
        phase: head.phase,
        epoch: head.epoch.0,
        last_price: head.last_price.map(|price| spec.show_price(price)),
        spread: spread(spec, best(&view.bids), best(&view.asks)),
        call: indicative.map(|it| {
            it.map_or(Call::Nothing, |it| Call::Uncross {
                price: spec.show_price(it.price),
                volume: spec.show_quantity(it.volume),
                surplus: spec.show_lots(it.surplus),
            })
        }),
        levels: [view.bids.len() + view.more_bids, view.asks.len() + view.more_asks],
        bids: level_rows(spec, &view.bids),
        asks: level_rows(spec, &view.asks),
        trades: trade_rows(spec, history),
        running: Some(running),
        epochs: epoch_rows(spec, history),
        countdown: countdown(history.begin, now, gate),
    }
}

fn countdown(
    begin: Option<Timestamp>,
    now: Timestamp,
    gate: Option<Timestamp>,
) -> Option<Countdown> {
    let (begin, gate) = (begin?, gate?);
    let since = |from: Timestamp| Duration::from_nanos(gate.0.saturating_sub(from.0));
    Some(Countdown { left: since(now), whole: since(begin) })
}

fn level_rows(spec: &MarketSpec, levels: &[Level]) -> Vec<LevelRow> {
    let row = |level: &Level| LevelRow {
        price: spec.show_price(level.price),
        quantity: spec.show_quantity(level.quantity),
        orders: level.orders,
        weight: weight(level.quantity),
    };
    levels.iter().map(row).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a bar needs no more than a few digits")]
const fn weight(quantity: Quantity) -> f64 {
    quantity.0 as f64
}

/// The difference of two prices as text, if there are both.
pub(crate) fn spread(spec: &MarketSpec, bid: Option<Price>, ask: Option<Price>) -> Option<String> {
    Some(spec.show_price(Price(ask?.0.saturating_sub(bid?.0))))
}

/// The trades of a market, newest first.
pub(crate) fn trade_rows(spec: &MarketSpec, history: &History) -> Vec<TradeRow> {
    let rows = history.trades.iter().map(|trade| TradeRow {
        time: time_of_day(trade.time),
        taker_side: trade.taker_side,
        price: spec.show_price(trade.price),
        quantity: spec.show_quantity(trade.quantity),
    });
    rows.collect()
}

/// The closed epochs of a market, newest first.
pub(crate) fn epoch_rows(spec: &MarketSpec, history: &History) -> Vec<EpochRow> {
    let rows = history.epochs.iter().map(|epoch| EpochRow {
        gate: epoch.gate.map(|price| spec.show_price(price)),
        ..running(spec, epoch.number, epoch.begin, &epoch.turnover)
    });
    rows.collect()
}

/// An epoch with these totals, without its gate.
pub(crate) fn running(
    spec: &MarketSpec,
    number: u64,
    begin: Option<Timestamp>,
    turnover: &Turnover,
) -> EpochRow {
    let show = |price: Price| spec.show_price(price);
    EpochRow {
        number,
        begin: begin.map(time_of_day),
        prices: turnover
            .prices
            .map(|it| [show(it.open), show(it.high), show(it.low), show(it.close)]),
        volume: spec.show_lots(i128::try_from(turnover.volume).unwrap_or(i128::MAX)),
        trades: turnover.trades,
        gate: None,
    }
}

/// A time of day in UTC, to the second.
fn time_of_day(time: Timestamp) -> String {
    Time(time).to_string().get(11..19).unwrap_or_default().to_owned()
}

/// A date and time in UTC, to the second.
pub(crate) fn clock(time: Timestamp) -> String {
    Time(time).to_string().get(..19).unwrap_or_default().replace('T', " ")
}
