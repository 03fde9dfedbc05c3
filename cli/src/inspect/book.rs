//! `pricetime inspect book`: the price levels of one market.

use clap::Args;
use pricetime::MarketView;
use pricetime_engine::MarketId;
use pricetime_gateway::json::{Answer, Book};

use super::super::reader::{self, Stop, json_line};
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
        Ok(reader::book(out, &answer)?)
    }
}
