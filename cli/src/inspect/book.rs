//! `pricetime inspect book`: the price levels of one market.

use std::io::Write as _;

use clap::Args;
use pricetime::MarketView;
use pricetime_engine::MarketId;
use pricetime_gateway::json::{Answer, Book, CallLine};
use pricetime_terminal::{Cell, Tone};

use super::super::reader::{Stop, json_line, table, word};
use super::{MomentArgs, Out, no_such_market};

/// Shows the public view of a market's book.
#[derive(Debug, Args)]
pub(super) struct BookCommand {
    /// The market's number
    market: u32,
    /// How many levels to show per side
    #[arg(long, default_value_t = 10, value_name = "N")]
    depth: usize,
    #[command(flatten)]
    moment: MomentArgs,
}

impl BookCommand {
    pub(super) fn show(&self, out: &mut Out) -> Result<(), Stop> {
        let engine = self.moment.replay()?.state()?;
        let (market, sequence) = (MarketId(self.market), engine.last_sequence());
        let book = engine.market(market).ok_or_else(|| no_such_market(market, sequence))?;
        let view = MarketView::of_book(book, sequence, self.depth);
        let answer = Book::of(&view, book.spec());
        if self.moment.json {
            return Ok(json_line(out, &Answer::Book(answer))?);
        }
        let last = answer.last_price.as_ref().map_or("-".into(), ToString::to_string);
        writeln!(
            out,
            "{} ({market}) at command {sequence}: {}, epoch {}, last price {last}",
            answer.symbol,
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
                let cell = |level: Option<&pricetime_gateway::json::LevelLine>| match level {
                    Some(it) => {
                        [it.orders.to_string(), it.quantity.to_string(), it.price.to_string()]
                    }
                    None => [const { String::new() }; 3],
                };
                let [bids, bought, bid] = cell(answer.bids.get(at));
                let [asks, sold, ask] = cell(answer.asks.get(at));
                let (bid, ask) = (Cell::new(Tone::Buy, bid), Cell::new(Tone::Sell, ask));
                [bids.into(), bought.into(), bid, ask, sold.into(), asks.into()]
            })
            .collect();
        Ok(table(out, [" orders", " quantity", " bid", " ask", " quantity", " orders"], cells)?)
    }
}
