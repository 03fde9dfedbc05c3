//! Writes commands.

use std::io::Write;

use pricetime_engine::Command;

use super::cells::Cells;
use super::column::{Column, ColumnSet};
use super::compose::compose;
use super::fault::CsvFault;
use super::markets::Markets;
use crate::error::{Fault, MessageNumber, RecordingError};

/// A comma for each column.
const COMMAS: [u8; Column::ALL.len()] = [b','; Column::ALL.len()];

/// Writes commands as a CSV file. A value that the reader assumes anyway is left out.
///
/// ```
/// use pricetime_engine::{
///     AccountId, Action, Command, MarketId, MarketSpec, OrderId, Place, Price, Quantity, Sequence,
///     Side, Timestamp,
/// };
/// use pricetime_recordings::csv::{Column, Writer};
///
/// let spec = MarketSpec::new("SUN/EUR".parse()?, "0.0001".parse()?, "0.01".parse()?);
/// let of = |number, action| {
///     Command::new(Sequence(number), Timestamp(0), MarketId(1), AccountId(7), action)
/// };
/// let order = Place::limit(OrderId(1), Side::Sell, Quantity(300), Price(1_425));
///
/// let mut writer = Writer::new(Vec::new(), "orders.csv", &Column::ALL)?;
/// writer.write(&Command { operator: true, ..of(1, Action::AddMarket(spec)) })?;
/// writer.write(&of(2, order.into()))?;
/// let text = String::from_utf8(writer.finish()?)?;
/// assert!(text.contains(",2,place,1,7,1,sell,,0.1425,,3.00,"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    name: String,
    columns: Vec<Column>,
    set: ColumnSet,
    /// Where each column is.
    places: [u8; Column::ALL.len()],
    /// `true` if the columns are in the order of [`Column::ALL`].
    is_in_order: bool,
    markets: Markets,
    /// The lines that were written.
    lines: u64,
    cells: Cells,
    line: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Writes the header. A column that is given twice is written once. The name of the file is for errors.
    ///
    /// # Errors
    /// Returns an error if the columns lack [`Column::Action`] or [`Column::Market`], or if the header cannot be
    /// written.
    pub fn new(out: W, name: &str, columns: &[Column]) -> Result<Self, RecordingError> {
        let (mut kept, mut set, mut line) = (Vec::new(), ColumnSet::default(), Vec::new());
        for column in columns {
            if !set.contains(*column) {
                set.insert(*column);
                kept.push(*column);
                line.extend_from_slice(column.name().as_bytes());
                line.push(b',');
            }
        }
        if let Some(needed) = ColumnSet::of(&[Column::Action, Column::Market]).first_beyond(set) {
            return Err(RecordingError::new(name, CsvFault::NoColumn(needed.name()).into()));
        }
        let mut places = [0; Column::ALL.len()];
        for (place, column) in (0..).zip(&kept) {
            places[*column as usize] = place;
        }
        let mut writer = Self {
            out,
            name: name.to_owned(),
            places,
            is_in_order: kept.iter().copied().eq(set.columns()),
            columns: kept,
            set,
            markets: Markets::new(),
            lines: 0,
            cells: Cells::default(),
            line,
        };
        writer.end_line()?;
        Ok(writer)
    }

    /// Writes the row of a command.
    ///
    /// # Errors
    /// Returns an error if the command has a value for which there is no column, or if the row cannot be
    /// written.
    pub fn write(&mut self, command: &Command) -> Result<(), RecordingError> {
        compose(&mut self.cells, command, &self.markets, self.set.contains(Column::Account));
        if let Some(column) = self.cells.filled().first_beyond(self.set) {
            let error = RecordingError::new(&self.name, CsvFault::NotWritten.into())
                .at_message(MessageNumber::Line(self.lines + 1));
            return Err(error.field(column.name(), self.cells.text(column)));
        }
        self.markets.follow(command);
        self.line.clear();
        let mut next = 0;
        if self.is_in_order {
            // Most fields are empty, so only the others are visited.
            for column in self.cells.filled().columns() {
                let place = usize::from(self.places[column as usize]);
                if place == next + 1 {
                    self.line.push(b',');
                } else {
                    self.line.extend_from_slice(&COMMAS[next..place]);
                }
                self.line.extend_from_slice(self.cells.text(column));
                next = place;
            }
        } else {
            for column in self.columns.iter().take(self.columns.len() - 1) {
                self.line.extend_from_slice(self.cells.text(*column));
                self.line.push(b',');
            }
            next = self.columns.len() - 1;
            self.line.extend_from_slice(self.cells.text(self.columns[next]));
        }
        self.line.extend_from_slice(&COMMAS[next..self.columns.len()]);
        self.end_line()
    }

    /// Ends the file and returns what it was written to.
    ///
    /// # Errors
    /// Returns an error if it cannot be written.
    pub fn finish(mut self) -> Result<W, RecordingError> {
        self.out.flush().map_err(|error| RecordingError::new(&self.name, Fault::Io(error)))?;
        Ok(self.out)
    }

    /// Writes the line, whose last comma becomes its end.
    fn end_line(&mut self) -> Result<(), RecordingError> {
        if let Some(last) = self.line.last_mut() {
            *last = b'\n';
        }
        self.lines += 1;
        let written = self.out.write_all(&self.line);
        written.map_err(|error| RecordingError::new(&self.name, Fault::Io(error)))
    }
}
