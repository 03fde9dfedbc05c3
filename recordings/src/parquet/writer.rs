//! Writes a table.

use std::io::{self, Write};
use std::sync::Arc;

use foldhash::HashMap;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use pricetime_engine::{Engine, Event, Group, Header, MarketId, Side};

use super::column::Column;
use super::event::{event_row, time, trade_row};
use super::market::Market;
use super::row::{EventRow, LevelRow, Row, TradeRow};
use super::table::{Options, Table};
use crate::csv::word;
use crate::error::{Fault, RecordingError};

/// Writes a table of what an engine does, from its first command on. See [the module](super). After an error it must not
/// be used any more.
pub struct Writer<W: Write + Send> {
    name: String,
    table: Table,
    options: Options,
    file: SerializedFileWriter<W>,
    columns: Vec<Column>,
    markets: HashMap<MarketId, Market>,
    rows: u64,
    /// The rows that are not written yet.
    waiting: usize,
}

impl<W: Write + Send> Writer<W> {
    /// Begins a file. Its name is for errors.
    ///
    /// # Errors
    /// Returns an error if there are more decimal places than [`Options::DECIMALS_MAX`], or if nothing can be written.
    pub fn new(out: W, name: &str, table: Table, options: Options) -> Result<Self, RecordingError> {
        if options.decimals > Options::DECIMALS_MAX {
            let fault = Fault::OutOfRange("a number up to 28");
            let value = options.decimals.to_string();
            return Err(RecordingError::new(name, fault).field("decimals", value.as_bytes()));
        }
        let columns = match table {
            Table::Trades => TradeRow::columns(),
            Table::Levels => LevelRow::columns(),
            Table::Events => EventRow::columns(),
        };
        let mut schema = format!("message {} {{", table.name());
        // Without an index of pages, which would be kept in memory until the end.
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(Default::default()))
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true)
            .set_created_by(format!("pricetime {}", env!("CARGO_PKG_VERSION")));
        for column in &columns {
            schema.push_str(&column.schema(options.decimals));
            properties = column.encoded(properties);
        }
        schema.push('}');
        let file = parse_message_type(&schema).and_then(|schema| {
            SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties.build()))
        });
        let file = file.map_err(|error| unwritten(name, error))?;
        let (name, markets) = (name.to_owned(), HashMap::default());
        Ok(Self { name, table, options, file, columns, markets, rows: 0, waiting: 0 })
    }

    /// Adds the rows of a command. The engine is the one that executed it, before it executes another.
    ///
    /// # Errors
    /// Returns an error if a price or a quantity is not a decimal of the table, if the time is after 2262, or if
    /// rows cannot be written.
    pub fn write(&mut self, group: &Group, engine: &Engine) -> Result<(), RecordingError> {
        self.add(group, engine).map_err(|error| error.in_file(&self.name))
    }

    fn add(&mut self, group: &Group, engine: &Engine) -> Result<(), RecordingError> {
        let header = &group.header;
        for event in &group.events {
            if let Event::MarketAdded(spec) = event {
                self.markets.insert(header.market, Market::new(spec, self.options.decimals));
            }
            let market = self.markets.get(&header.market);
            match self.table {
                Table::Trades => {
                    if let Some(row) = trade_row(header, event, market)? {
                        row.append(&mut self.columns);
                        self.added()?;
                    }
                }
                Table::Levels => {}
                Table::Events => {
                    event_row(header, event, market)?.append(&mut self.columns);
                    self.added()?;
                }
            }
            if let Event::EpochClosed(epoch) = event
                && let Some(market) = self.markets.get_mut(&header.market)
            {
                market.epoch = epoch.number.next().0;
            }
        }
        if self.table == Table::Levels {
            self.add_levels(header, engine)?;
        }
        if group.events.contains(&Event::MarketRemoved) {
            self.markets.remove(&header.market);
        }
        Ok(())
    }

    /// Adds the levels that are different now.
    fn add_levels(&mut self, header: &Header, engine: &Engine) -> Result<(), RecordingError> {
        // Taken out, so that rows can be added.
        let Some(mut market) = self.markets.remove(&header.market) else { return Ok(()) };
        for side in [Side::Buy, Side::Sell] {
            let book = engine.market(header.market);
            market.follow(side, book, self.options.levels, |market, place, level| {
                let quantity = level.map(|level| level.quantity).unwrap_or_default();
                let row = LevelRow {
                    time: time(header.timestamp)?,
                    sequence: header.sequence.0,
                    market: header.market.0.into(),
                    symbol: market.spec.symbol.as_str(),
                    side: word(side),
                    level: place,
                    price: level.map(|level| market.price(level.price)).transpose()?,
                    quantity: market.quantity(quantity)?,
                    orders: level.map_or(0, |level| level.orders.into()),
                };
                row.append(&mut self.columns);
                self.added()
            })?;
        }
        self.markets.insert(header.market, market);
        Ok(())
    }

    /// Counts a row, and writes the row group when it is full.
    #[inline]
    fn added(&mut self) -> Result<(), RecordingError> {
        self.rows += 1;
        self.waiting += 1;
        if self.waiting < self.options.group_rows.get() {
            return Ok(());
        }
        self.write_group().map_err(|error| unwritten(&self.name, error))
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let mut group = self.file.next_row_group()?;
        for column in &mut self.columns {
            if let Some(mut writer) = group.next_column()? {
                column.write(&mut writer)?;
                writer.close()?;
            }
        }
        group.close()?;
        self.waiting = 0;
        Ok(())
    }

    /// The number of rows so far.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Writes what is left and the end of the file.
    ///
    /// # Errors
    /// Returns an error if it cannot be written.
    pub fn finish(mut self) -> Result<W, RecordingError> {
        let rest = if self.waiting > 0 { self.write_group() } else { Ok(()) };
        rest.and_then(|()| self.file.into_inner()).map_err(|error| unwritten(&self.name, error))
    }
}

/// The reason why something could not be written.
fn unwritten(name: &str, error: ParquetError) -> RecordingError {
    let error = if let ParquetError::External(error) = error {
        error.downcast::<io::Error>().map_or_else(io::Error::other, |error| *error)
    } else {
        io::Error::other(error)
    };
    RecordingError::new(name, Fault::Io(error))
}
