//! Compares a book with the order-book file.

use std::fmt;

use pricetime_engine::{Command, Engine, MarketId, Price, Side};

use super::book_row::{BookLevel, BookReader, BookRow, is_better};
use super::reader::{Learn, Options, Reader};
use super::window::Revealed;
use crate::commands::{CommandSink, Commands, Mode};
use crate::error::RecordingError;
use crate::source::Source;
use crate::venue::VenueReader as _;

/// How far the engine's book agrees with the order-book file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BookAgreement {
    /// The number of rows that were compared.
    pub rows: u64,
    /// The number of rows of which every level agrees.
    pub agreed: u64,
    /// For each level, the best first: the number of rows of which this level agrees on both sides.
    pub agreed_by_level: Vec<u64>,
    /// What the order-book file revealed, and was not compared: a level that came into view.
    pub revealed: Revealed,
    /// The number of rows with a difference, by the cause of the first one.
    causes: [u64; BookCause::ALL.len()],
    /// The first differences, at most one for each row.
    differences: Vec<BookDifference>,
    differences_max: usize,
    /// For each side, bid and ask, the best price that some row did not show.
    hidden: [Option<Price>; 2],
}

/// The first level of a row that does not agree, asks first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookDifference {
    /// The number of the row.
    pub row: u64,
    /// The side.
    pub side: Side,
    /// The level, counted from 1.
    pub level: usize,
    /// The level in the file.
    pub expected: Option<BookLevel>,
    /// The level in the engine's book.
    pub found: Option<BookLevel>,
    /// The probable cause.
    pub cause: BookCause,
}

/// Why a level probably does not agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BookCause {
    /// Some earlier row did not show this price, so orders came or went there without a message.
    OutOfView,
    /// The engine's book lacks orders.
    Missing,
    /// The engine's book has orders that the exchange's did not have.
    Surplus,
}

impl BookCause {
    /// All causes.
    pub const ALL: [Self; 3] = [Self::OutOfView, Self::Missing, Self::Surplus];
}

impl BookAgreement {
    /// Starts a comparison that keeps this many differences.
    #[must_use]
    pub fn new(differences_max: usize) -> Self {
        Self { differences_max, ..Self::default() }
    }

    /// The number of rows whose first difference has this cause.
    #[must_use]
    pub fn count(&self, cause: BookCause) -> u64 {
        let mut all = BookCause::ALL.iter().zip(self.causes);
        all.find(|(it, _)| **it == cause).map_or(0, |(_, count)| count)
    }

    /// The first differences, at most one for each row.
    #[must_use]
    pub fn differences(&self) -> &[BookDifference] {
        &self.differences
    }

    /// Compares a row with the best levels of the engine's book.
    pub fn compare(&mut self, row: u64, expected: &BookRow, found: &BookRow) {
        self.rows += 1;
        self.agreed_by_level.resize(expected.levels, 0);
        let mut first = None;
        for (at, agreed) in self.agreed_by_level.iter_mut().enumerate() {
            let differs = |side: &Side| expected.side(*side).get(at) != found.side(*side).get(at);
            match [Side::Sell, Side::Buy].into_iter().find(differs) {
                None => *agreed += 1,
                Some(side) => first = first.or(Some((at, side))),
            }
        }
        match first {
            None => self.agreed += 1,
            Some((at, side)) => self.differ(row, (at, side), expected, found),
        }
        for (side, hidden) in [Side::Buy, Side::Sell].into_iter().zip(&mut self.hidden) {
            // A side with fewer levels than the file has room for is shown whole.
            let worst = expected.levels.checked_sub(1).and_then(|at| expected.side(side).get(at));
            let worst = worst.map(|level| level.price);
            *hidden = match (*hidden, worst) {
                (Some(hidden), Some(worst)) if is_better(side, hidden, worst) => Some(hidden),
                (hidden, worst) => worst.or(hidden),
            };
        }
    }

    fn differ(&mut self, row: u64, (at, side): (usize, Side), expected: &BookRow, found: &BookRow) {
        let [expected, found] = [expected, found].map(|it| it.side(side).get(at).copied());
        let cause = self.cause(side, expected, found);
        let all = BookCause::ALL.iter().zip(&mut self.causes);
        all.filter(|(it, _)| **it == cause).for_each(|(_, count)| *count += 1);
        if self.differences.len() < self.differences_max {
            let level = at + 1;
            self.differences.push(BookDifference { row, side, level, expected, found, cause });
        }
    }

    fn cause(
        &self,
        side: Side,
        expected: Option<BookLevel>,
        found: Option<BookLevel>,
    ) -> BookCause {
        let is_surplus = match (expected, found) {
            (Some(expected), Some(found)) if expected.price == found.price => {
                found.quantity > expected.quantity
            }
            (Some(expected), Some(found)) => is_better(side, found.price, expected.price),
            (expected, _) => expected.is_none(),
        };
        // The level that the other book lacks.
        let price = if is_surplus { found } else { expected }.map(|it| it.price);
        let [bid, ask] = self.hidden;
        let hidden = if side == Side::Buy { bid } else { ask };
        match (price, hidden) {
            (Some(price), Some(hidden)) if is_better(side, hidden, price) => BookCause::OutOfView,
            _ if is_surplus => BookCause::Surplus,
            _ => BookCause::Missing,
        }
    }
}

/// Reconstructs the book of a message file, and compares it with the order-book file after every message.
///
/// # Errors
/// Returns an error if one of the files is faulty, or if one has more lines.
pub fn check_book(
    messages: Source,
    book: Source,
    (options, learn): (Options, Learn),
    differences_max: usize,
    engine: &mut Engine,
) -> Result<BookAgreement, RecordingError> {
    let mut reader = Reader::new(messages, options).with_book(BookReader::new(book), learn);
    let (mut commands, mut applied) = (Commands::new(Mode::Reconstruct), Applied(engine));
    let (mut agreement, mut found) = (BookAgreement::new(differences_max), BookRow::default());
    while let Some(message) = reader.next()? {
        commands.apply(&message, &mut applied);
        let Some(row) = reader.row() else { continue };
        found.levels = row.levels;
        if let Some(book) = applied.0.market(MarketId(1)) {
            found.take_from(book);
        }
        agreement.compare(message.number, row, &found);
    }
    agreement.revealed = reader.revealed();
    Ok(agreement)
}

/// Applies commands to an engine.
struct Applied<'a>(&'a mut Engine);

impl CommandSink for Applied<'_> {
    fn command(&mut self, command: &Command) {
        self.0.apply(command, &mut ());
    }
}

impl fmt::Display for BookCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfView => {
                "an earlier row does not show this price, so orders came or went there without a message"
            }
            Self::Missing => "the engine's book lacks orders",
            Self::Surplus => "the engine's book has orders that the exchange's did not have",
        })
    }
}

impl fmt::Display for BookDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::Buy => "bid",
            Side::Sell => "ask",
        };
        let text = |level: Option<BookLevel>| {
            level.map_or_else(
                || String::from("nothing"),
                |it| format!("{} at {}", it.quantity, it.price),
            )
        };
        let (expected, found) = (text(self.expected), text(self.found));
        let Self { row, level, cause, .. } = self;
        write!(
            f,
            "row {row}: {side} {level} is {expected} in the file and {found} in the engine: {cause}"
        )
    }
}
