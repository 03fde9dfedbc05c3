//! `pricetime inspect market`: lists the markets.

use clap::Args;
use pricetime_engine::{Book, Engine, MarketId, Phase, Price, Sequence, Side};
use pricetime_gateway::json::Amount;
use serde::Serialize;

use super::super::reader::{Stop, json_line, table, word};
use super::{MomentArgs, Out, no_such_market};

/// Lists the markets: phase, epoch, orders, prices.
#[derive(Debug, Args)]
pub(super) struct MarketCommand {
    /// Only this market
    market: Option<u32>,
    #[command(flatten)]
    moment: MomentArgs,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Output {
    Market(Row),
}

#[derive(Debug, Serialize)]
struct Row {
    market: u32,
    symbol: String,
    sequence: u64,
    phase: Phase,
    epoch: u64,
    orders: u32,
    best_bid: Option<Amount>,
    best_ask: Option<Amount>,
    last_price: Option<Amount>,
    trades: u64,
    digest: String,
}

fn row(book: &Book, at: Sequence) -> Row {
    let (head, spec) = (book.head(), book.spec());
    let price = |price: Option<Price>| price.and_then(|it| Amount::new(spec.show_price(it)));
    Row {
        market: head.market.0,
        symbol: spec.symbol.to_string(),
        sequence: at.0,
        phase: head.phase,
        epoch: head.epoch.0,
        orders: book.live(),
        best_bid: price(book.best(Side::Buy).map(|level| level.price)),
        best_ask: price(book.best(Side::Sell).map(|level| level.price)),
        last_price: price(head.last_price),
        trades: head.last_trade.0,
        digest: format!("{:032x}", book.digest()),
    }
}

impl MarketCommand {
    pub(super) fn show(&self, out: &mut Out) -> Result<(), Stop> {
        let engine = self.moment.replay()?.state()?;
        let rows = self.rows(&engine)?;
        if self.moment.json {
            for row in rows {
                json_line(out, &Output::Market(row))?;
            }
            return Ok(());
        }
        let or_dash = |price: &Option<Amount>| price.as_ref().map_or("-".into(), Amount::to_string);
        let cells: Vec<_> = rows
            .iter()
            .map(|row| {
                [
                    row.market.to_string(),
                    row.symbol.clone(),
                    word(&row.phase),
                    row.epoch.to_string(),
                    row.orders.to_string(),
                    or_dash(&row.best_bid),
                    or_dash(&row.best_ask),
                    or_dash(&row.last_price),
                    row.trades.to_string(),
                ]
            })
            .collect();
        let heading =
            [" market", "symbol", "phase", " epoch", " orders", " bid", " ask", " last", " trades"];
        Ok(table(out, heading, cells)?)
    }

    fn rows(&self, engine: &Engine) -> Result<Vec<Row>, Stop> {
        let at = engine.last_sequence();
        match self.market.map(MarketId) {
            None => Ok(engine.markets().map(|book| row(book, at)).collect()),
            Some(market) => {
                let book = engine.market(market).ok_or_else(|| no_such_market(market, at))?;
                Ok(vec![row(book, at)])
            }
        }
    }
}
