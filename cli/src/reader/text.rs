//! Words and tables.

use std::io::{self, Write};

use pricetime_engine::Outcome;
use pricetime_gateway::json::{Book, CallLine, LevelLine};
use pricetime_gateway::{grouped, word};
use pricetime_terminal::{Cell, Paint, Tone};

/// A number of things.
pub(in super::super) fn many(count: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// Writes a table in the colors of standard output.
pub(in super::super) fn table<const N: usize>(
    out: &mut impl Write,
    heading: [&str; N],
    rows: impl IntoIterator<Item = [impl Into<Cell>; N]>,
) -> io::Result<()> {
    out.write_all(pricetime_terminal::table(Paint::out(), heading, rows).as_bytes())
}

/// The outcome of a command as a word, and its color.
pub(in super::super) fn outcome(outcome: Outcome) -> (Tone, String) {
    match outcome {
        Outcome::Accepted => (Tone::Good, String::from("accepted")),
        Outcome::Rejected(reason) => (Tone::Bad, word(&reason)),
        Outcome::Duplicate => (Tone::Warning, String::from("duplicate")),
    }
}

/// Writes the levels of a book, the best ones first.
pub(in super::super) fn book(out: &mut impl Write, answer: &Book) -> io::Result<()> {
    let last = answer.last_price.as_ref().map_or("-".into(), ToString::to_string);
    writeln!(
        out,
        "{} ({}) at command {}: {}, epoch {}, last price {last}",
        answer.symbol,
        answer.market,
        answer.sequence,
        word(&answer.phase),
        answer.epoch
    )?;
    if let Some(CallLine { indicative, market_bids, market_asks }) = &answer.call {
        let price = indicative.as_ref().map_or("nothing would trade".into(), |it| {
            format!("{} would trade at {}, surplus {}", it.volume, it.price, it.surplus)
        });
        writeln!(
            out,
            "in call: {price}; market orders: {} to buy ({}), {} to sell ({})",
            market_bids.orders, market_bids.quantity, market_asks.orders, market_asks.quantity
        )?;
    }
    let rows = answer.bids.len().max(answer.asks.len());
    let cells: Vec<_> = (0..rows)
        .map(|at| {
            let cell = |level: Option<&LevelLine>| match level {
                Some(it) => [it.orders.to_string(), it.quantity.to_string(), it.price.to_string()],
                None => [const { String::new() }; 3],
            };
            let [bids, bought, bid] = cell(answer.bids.get(at));
            let [asks, sold, ask] = cell(answer.asks.get(at));
            let (bid, ask) = (Cell::new(Tone::Buy, bid), Cell::new(Tone::Sell, ask));
            [bids.into(), bought.into(), bid, ask, sold.into(), asks.into()]
        })
        .collect();
    table(out, [" orders", " quantity", " bid", " ask", " quantity", " orders"], cells)
}
