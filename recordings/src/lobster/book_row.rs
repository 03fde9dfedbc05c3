//! The lines of an order-book file.

use std::io::{self, Write};

use pricetime_engine::{Book, Price, Quantity, Side};

use super::row::{BadLine, NO_PRICE, column, price};
use crate::error::{Fault, RecordingError};
use crate::format::Format;
use crate::number::unsigned;
use crate::source::Source;

/// The largest size of a level: what an order of the engine can have.
const LEVEL_MAX: u64 = 1 << 33;

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

    /// The last row.
    pub(super) const fn row(&self) -> &BookRow {
        &self.row
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
    let count = || line.split(|b| *b == b',').count();
    if first {
        row.levels = count().div_ceil(4);
    }
    row.asks.clear();
    row.bids.clear();
    let mut columns = line.split(|b| *b == b',');
    for _ in 0..row.levels {
        for (side, price_name, size_name) in
            [(Side::Sell, "ask price", "ask size"), (Side::Buy, "bid price", "bid size")]
        {
            let (Some(at), Some(size)) = (columns.next(), columns.next()) else {
                return Err(bad_columns(row.levels, count()));
            };
            let quantity = column(size_name, size, |text| match unsigned(text)? {
                size if size <= LEVEL_MAX => Ok(Quantity(size)),
                _ => Err(Fault::OutOfRange("at most 8589934592")),
            })?;
            if quantity.is_zero() {
                continue;
            }
            let levels = row.side_mut(side);
            let price = column(price_name, at, |text| match (price(text)?, levels.last()) {
                (price, Some(before)) if !is_better(side, before.price, price) => {
                    Err(Fault::OutOfRange("worse than the price of the level before"))
                }
                (price, _) => Ok(price),
            })?;
            levels.push(BookLevel { price, quantity });
        }
    }
    if columns.next().is_some() {
        return Err(bad_columns(row.levels, count()));
    }
    Ok(())
}

const fn bad_columns<'a>(levels: usize, found: usize) -> BadLine<'a> {
    BadLine { fault: Fault::Columns { expected: levels * 4, found }, field: None }
}

/// Returns `true` if a price is better than another one.
pub(super) const fn is_better(side: Side, Price(price): Price, Price(other): Price) -> bool {
    match side {
        Side::Buy => price > other,
        Side::Sell => price < other,
    }
}
