//! Compares a book with the order-book file.

use std::fmt;

use pricetime_engine::{Command, Engine, MarketId, Price, Side};

use super::book_row::{BookLevel, BookReader, BookRow};
use super::reader::{Options, Reader};
use crate::commands::{CommandSink, Commands, Mode};
use crate::error::{Fault, RecordingError};
use crate::source::Source;
use crate::venue::{VenueMessage, VenueReader as _};

/// How far the engine's book agrees with the order-book file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BookAgreement {
    /// The number of rows that were compared.
    pub rows: u64,
    /// The number of rows of which every level agrees.
    pub agreed: u64,
    /// For each level, the best first: the number of rows of which this level agrees on both sides.
    pub agreed_by_level: Vec<u64>,
    /// The first differences, at most one for each row.
    pub differences: Vec<BookDifference>,
    differences_max: usize,
    /// The worst prices of the first row, bid and ask, of sides that may go on behind it.
    deepest: [Option<Price>; 2],
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
    /// Its orders were there before the recording began, deeper in the book than the first row shows.
    Earlier,
    /// The engine's book lacks orders.
    Missing,
    /// The engine's book has orders that the exchange's did not have.
    Surplus,
}

impl BookAgreement {
    /// Starts a comparison with a file that begins with this row, which is not compared yet.
    #[must_use]
    pub fn new(first: &BookRow, differences_max: usize) -> Self {
        let deepest = [Side::Buy, Side::Sell].map(|side| {
            // A side with fewer levels than the file shows has no deeper ones.
            first.side(side).get(first.levels.saturating_sub(1)).map(|level| level.price)
        });
        let agreed_by_level = vec![0; first.levels];
        Self { agreed_by_level, differences_max, deepest, ..Self::default() }
    }

    /// Compares a row with the best levels of the engine's book.
    pub fn compare(&mut self, row: u64, expected: &BookRow, found: &BookRow) {
        self.rows += 1;
        let mut first = None;
        for (at, agreed) in self.agreed_by_level.iter_mut().enumerate() {
            let differs = |side: &Side| expected.side(*side).get(at) != found.side(*side).get(at);
            match [Side::Sell, Side::Buy].into_iter().find(differs) {
                None => *agreed += 1,
                Some(side) => first = first.or(Some((at, side))),
            }
        }
        let Some((at, side)) = first else {
            self.agreed += 1;
            return;
        };
        if self.differences.len() < self.differences_max {
            let [expected, found] = [expected, found].map(|it| it.side(side).get(at).copied());
            let cause = self.cause(side, expected, found);
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
        let better = |one: Price, two: Price| match side {
            Side::Buy => one > two,
            Side::Sell => one < two,
        };
        let Some(expected) = expected else { return BookCause::Surplus };
        let surplus = found.is_some_and(|found| {
            better(found.price, expected.price)
                || (found.price == expected.price && found.quantity > expected.quantity)
        });
        let [bid, ask] = self.deepest;
        let deepest = if side == Side::Buy { bid } else { ask };
        if surplus {
            BookCause::Surplus
        } else if deepest.is_some_and(|deepest| better(deepest, expected.price)) {
            BookCause::Earlier
        } else {
            BookCause::Missing
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
    options: Options,
    differences_max: usize,
    engine: &mut Engine,
) -> Result<BookAgreement, RecordingError> {
    let (name, book_name) = (messages.name().to_owned(), book.name().to_owned());
    let (mut reader, mut rows) = (Reader::new(messages, options), BookReader::new(book));
    let mut expected = rows.next()?;
    let mut agreement = BookAgreement::new(&BookRow::default(), 0);
    let mut found = BookRow::default();
    if let Some(first) = expected {
        reader = reader.starting_with(first);
        agreement = BookAgreement::new(first, differences_max);
        found.levels = first.levels;
    }
    let (mut commands, mut applied) = (Commands::new(Mode::Reconstruct), Applied(engine));
    let mut last: Option<VenueMessage> = None;
    loop {
        let next = reader.next()?;
        // Several messages come with the first line. Its row is the state after all of them.
        if let Some(number) =
            last.map(|it| it.number).filter(|it| next.is_none_or(|next| next.number != *it))
        {
            let Some(row) = expected else {
                return Err(RecordingError::new(&book_name, Fault::Shorter(name)));
            };
            if let Some(book) = applied.0.market(MarketId(1)) {
                found.take_from(book);
            }
            agreement.compare(number, row, &found);
            expected = rows.next()?;
        }
        let Some(message) = next else { break };
        commands.apply(&message, &mut applied);
        last = next;
    }
    if expected.is_some() {
        return Err(RecordingError::new(&name, Fault::Shorter(book_name)));
    }
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
            Self::Earlier => {
                "its orders were there before the recording began, deeper than the first row shows"
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
