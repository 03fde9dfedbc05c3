//! The lines of an order-book file.

use std::io::{self, Write};

use pricetime_engine::{Book, Price, Quantity, Side};

use super::row::{BadLine, column};
use crate::error::{Fault, RecordingError};
use crate::format::Format;
use crate::number::{signed, unsigned};
use crate::source::Source;
use crate::venue::VenueEvent;

/// The price of a level that does not exist; of a bid it is negative. Its size is 0.
const NO_PRICE: i64 = 9_999_999_999;

/// The quantity at a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookLevel {
    /// The price.
    pub price: Price,
    /// The quantity of all visible orders.
    pub quantity: Quantity,
}

/// The best levels of a book.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BookRow {
    /// The number of levels that the file shows of each side. A side can have fewer.
    pub levels: usize,
    /// The asks, the best first.
    pub asks: Vec<BookLevel>,
    /// The bids, the best first.
    pub bids: Vec<BookLevel>,
}

impl BookRow {
    /// One side.
    #[must_use]
    pub const fn side(&self, side: Side) -> &Vec<BookLevel> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    const fn side_mut(&mut self, side: Side) -> &mut Vec<BookLevel> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// Takes the best levels of an engine's book, at most [`levels`](Self::levels) of each side.
    pub fn take_from(&mut self, book: &Book) {
        let levels = self.levels;
        for side in [Side::Buy, Side::Sell] {
            let found = book.levels(side).take(levels);
            let found = found.map(|it| BookLevel { price: it.price, quantity: it.quantity });
            let into = self.side_mut(side);
            into.clear();
            into.extend(found);
        }
    }

    /// Writes the row as a line of an order-book file. The prices must have four decimal places.
    ///
    /// # Errors
    /// Returns an error if it cannot be written.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        for at in 0..self.levels {
            let comma = if at == 0 { "" } else { "," };
            let level = |side: &Vec<BookLevel>, price| {
                side.get(at).map_or((price, 0), |level| (level.price.0, level.quantity.0))
            };
            let (ask, bid) = (level(&self.asks, NO_PRICE), level(&self.bids, -NO_PRICE));
            write!(out, "{comma}{},{},{},{}", ask.0, ask.1, bid.0, bid.1)?;
        }
        out.write_all(b"\n")
    }

    /// What rested before the message that this row shows the effect of, the best prices first.
    pub(super) fn before(mut self, event: &VenueEvent) -> Vec<VenueEvent> {
        self.undo(event);
        let mut rested = Vec::new();
        for side in [Side::Buy, Side::Sell] {
            let levels = self.side(side).iter();
            rested.extend(levels.map(|it| VenueEvent::Rested {
                side,
                price: it.price,
                quantity: it.quantity,
            }));
        }
        rested
    }

    fn undo(&mut self, event: &VenueEvent) {
        if let VenueEvent::Added { side, price, quantity, .. } = *event {
            let levels = self.side_mut(side);
            for level in levels.iter_mut().filter(|it| it.price == price) {
                level.quantity = Quantity(level.quantity.0.saturating_sub(quantity.0));
            }
            levels.retain(|it| !it.quantity.is_zero());
            return;
        }
        let (VenueEvent::Reduced { quantity, side: Some(side), price: Some(price), .. }
        | VenueEvent::Executed { quantity, side: Some(side), price: Some(price), .. }
        | VenueEvent::Deleted {
            quantity: Some(quantity),
            side: Some(side),
            price: Some(price),
            ..
        }) = *event
        else {
            return;
        };
        let levels = self.side_mut(side);
        if let Some(level) = levels.iter_mut().find(|it| it.price == price) {
            level.quantity = Quantity(level.quantity.0.saturating_add(quantity.0));
            return;
        }
        let is_better = |it: &BookLevel| match side {
            Side::Buy => it.price > price,
            Side::Sell => it.price < price,
        };
        let at = levels.iter().take_while(|it| is_better(it)).count();
        levels.insert(at, BookLevel { price, quantity });
    }
}

/// Reads an order-book file.
#[derive(Debug)]
pub struct BookReader {
    source: Source,
    row: BookRow,
    lines: u64,
}

impl BookReader {
    /// Reads from a source.
    #[must_use]
    pub fn new(source: Source) -> Self {
        Self { source, row: BookRow::default(), lines: 0 }
    }

    /// The name of the file.
    #[must_use]
    pub fn name(&self) -> &str {
        self.source.name()
    }

    /// Returns the next row, or `None` after the last one. Its memory is used again.
    ///
    /// # Errors
    /// Returns an error if the row is faulty, as [`VenueReader::next`](crate::VenueReader::next) does.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend its items")]
    pub fn next(&mut self) -> Result<Option<&BookRow>, RecordingError> {
        let Some(line) = self.source.line()? else { return Ok(None) };
        self.lines += 1;
        if let Err(bad) = parse(line.text, self.lines == 1, &mut self.row) {
            let error = bad.error(self.lines, line, Format::LobsterBook);
            return Err(self.source.failed(error));
        }
        Ok(Some(&self.row))
    }
}

/// Parses a line. The first one decides how many levels the file has.
fn parse<'a>(line: &'a [u8], first: bool, row: &mut BookRow) -> Result<(), BadLine<'a>> {
    let found = line.split(|b| *b == b',').count();
    let expected = if first { found.div_ceil(4) * 4 } else { row.levels * 4 };
    if found != expected {
        return Err(BadLine { fault: Fault::Columns { expected, found }, field: None });
    }
    row.levels = expected / 4;
    row.asks.clear();
    row.bids.clear();
    let mut columns = line.split(|b| *b == b',');
    let mut next = || columns.next().unwrap_or_default();
    for _ in 0..row.levels {
        for (side, price, size) in
            [(Side::Sell, "ask price", "ask size"), (Side::Buy, "bid price", "bid size")]
        {
            let price = column(price, next(), signed)?;
            let quantity = column(size, next(), unsigned)?;
            if quantity > 0 {
                let level = BookLevel { price: Price(price), quantity: Quantity(quantity) };
                row.side_mut(side).push(level);
            }
        }
    }
    Ok(())
}
