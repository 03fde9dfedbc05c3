//! One frame of the demo: the best price levels, the last trades, the last epochs. It fits a terminal of 80
//! columns and 24 lines and is drawn over the previous frame.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use pricetime_engine::{Book, Engine, Phase, Side};

use super::crowd::MARKET;
use super::report::{EPOCH_COLUMNS, EpochReport, grouped, rate};
use super::tape::{Tape, Trade};
use super::time::Utc;

/// The number of levels shown per side.
const LEVELS: usize = 5;

/// The frame that is on the screen.
#[derive(Debug, Default)]
pub(super) struct Screen {
    lines: usize,
}

impl Screen {
    /// The number of epochs that a frame shows.
    pub(super) const EPOCHS: usize = 5;

    /// Draws a frame over the previous one.
    pub(super) fn draw(
        &mut self,
        out: &mut impl Write,
        engine: &Engine,
        tape: &Tape,
        in_core: Duration,
    ) -> io::Result<()> {
        let Some(market) = engine.market(MARKET) else {
            return Ok(());
        };
        let mut lines = vec![heading(engine, market), String::new()];
        lines.extend(book(market));
        lines.push(String::new());
        lines.push("   last trades, newest first".to_owned());
        lines.extend(tape.trades.iter().map(|trade| trade_line(market, trade)));
        lines.push(EPOCH_COLUMNS.to_owned());
        let reports = tape.epochs.iter().map(|epoch| EpochReport::new(market.spec(), epoch));
        lines.extend(reports.map(|report| report.to_string()));
        lines.push(String::new());
        let totals = &tape.totals;
        let rate = grouped(rate(totals.commands, in_core));
        let (commands, trades) = (u128::from(totals.commands), u128::from(totals.trades));
        lines.push(format!(
            "   {} commands, {} trades; core {rate} commands/s",
            grouped(commands),
            grouped(trades)
        ));
        self.put(out, &lines)
    }

    /// Moves to the first line of the previous frame and overwrites it, in one write.
    fn put(&mut self, out: &mut impl Write, lines: &[String]) -> io::Result<()> {
        let mut frame = String::new();
        if self.lines > 0 {
            // Moves up and clears everything below.
            let _ = write!(frame, "\x1b[{}A", self.lines);
        }
        for line in lines {
            frame.push_str(line);
            frame.push_str("\x1b[K\n");
        }
        frame.push_str("\x1b[J");
        self.lines = lines.len();
        out.write_all(frame.as_bytes())?;
        out.flush()
    }
}

fn heading(engine: &Engine, market: &Book) -> String {
    let phase = match market.phase() {
        Phase::Continuous => "continuous",
        Phase::Call => "call",
        Phase::Halted => "halted",
        Phase::Closed => "closed",
    };
    let indicative = market.indicative().map_or_else(String::new, |clearing| {
        let price = market.spec().show_price(clearing.price);
        let volume = market.spec().show_quantity(clearing.volume);
        format!(": {volume} kWh at {price}")
    });
    let time = Utc::of(engine.last_timestamp());
    let symbol = market.spec().symbol;
    let epoch = market.head().epoch;
    format!("   {symbol}  {time}  epoch {epoch}  {phase}{indicative}")
}

/// The price levels of both sides, best first.
fn book(market: &Book) -> Vec<String> {
    let spec = market.spec();
    let side = |side: Side| -> Vec<[String; 3]> {
        let shown = market.levels(side).take(LEVELS);
        let cells = shown.map(|level| {
            let quantity = spec.show_quantity(level.quantity);
            [level.orders.to_string(), quantity, spec.show_price(level.price)]
        });
        cells.collect()
    };
    let (bids, asks) = (side(Side::Buy), side(Side::Sell));
    let mut lines = vec!["   orders     bid kWh      bid | ask      ask kWh     orders".to_owned()];
    for at in 0..LEVELS {
        let [orders, quantity, price] = bids.get(at).cloned().unwrap_or_default();
        let bid = format!("{orders:>9} {quantity:>11} {price:>8}");
        let [orders, quantity, price] = asks.get(at).cloned().unwrap_or_default();
        lines.push(format!("{bid} | {price:<8} {quantity:<11} {orders:<9}"));
    }
    lines
}

fn trade_line(market: &Book, trade: &Trade) -> String {
    let taker = match trade.taker_side {
        Side::Buy => "bought",
        Side::Sell => "sold",
    };
    let price = market.spec().show_price(trade.price);
    let quantity = market.spec().show_quantity(trade.quantity);
    let time = Utc::of(trade.time);
    format!("   {time}  {taker:<6} {quantity:>9} kWh at {price:>7}")
}
