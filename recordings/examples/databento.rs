//! Shows what the engine makes of a Databento file.
//!
//! ```sh
//! databento rematch day.mbo.dbn.zst [definition.dbn.zst]   # how far the engine repeats the executions
//! databento books day.mbo.dbn.zst [definition.dbn.zst]     # the book after each event, for tests/judges/databento.py
//! ```

use std::error::Error;
use std::io::{self, Write};

use flate2::Crc;
use pricetime_engine::{Command, Engine, MarketId, Side};
use pricetime_recordings::databento::{Definitions, Reader};
use pricetime_recordings::{
    Agreement, Cause, Commands, ComparedEngine, InstrumentId, Mode, Source, VenueReader as _,
};

/// One in so many books is written whole.
const WHOLE: u64 = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [mode, file, definitions @ ..] = arguments.as_slice() else {
        return Err("usage: databento rematch|books FILE [DEFINITIONS]".into());
    };
    let mut reader = Reader::new(Source::open(file)?)?;
    if let Some(file) = definitions.first() {
        reader = reader.with_definitions(Definitions::read(Source::open(file)?)?);
    }
    let out = io::BufWriter::new(io::stdout().lock());
    if mode == "books" { books(reader, out) } else { rematch(reader, out) }
}

fn rematch(mut reader: Reader, mut out: impl Write) -> Result<(), Box<dyn Error>> {
    let mut commands = Commands::new(Mode::Rematch);
    let mut compared = ComparedEngine::new(Engine::new(1 << 20), Agreement::new(20));
    while let Some(message) = reader.next()? {
        commands.apply(&message, &mut compared);
    }
    commands.finish(&mut compared);
    let ComparedEngine { engine, agreement, refused, .. } = &compared;
    writeln!(out, "{:?}", commands.counts())?;
    writeln!(out, "{} commands, {refused} refused", engine.last_sequence().0)?;
    let Agreement { executions, agreed, trades, unexpected, .. } = agreement;
    writeln!(out, "{agreed} of {executions} executions agree")?;
    writeln!(out, "{trades} trades of the engine, {unexpected} unexpected")?;
    for cause in Cause::ALL {
        writeln!(out, "{:6} {cause}", agreement.count(cause))?;
    }
    for difference in agreement.differences() {
        writeln!(out, "{difference}")?;
    }
    Ok(())
}

/// Writes a line after each change: instrument, number of the record, number of orders, best bid, best ask, and now and
/// then a checksum of all orders.
fn books(mut reader: Reader, mut out: impl Write) -> Result<(), Box<dyn Error>> {
    let mut commands = Commands::new(Mode::Reconstruct);
    let (mut engine, mut list) = (Engine::new(1 << 20), Vec::<Command>::new());
    let mut last = (InstrumentId(0), 0);
    while let Some(message) = reader.next()? {
        if message.instrument != last.0 || message.number > last.1 {
            book(&engine, last, &mut out)?;
            last = (message.instrument, message.number);
        }
        commands.apply(&message, &mut list);
        for command in list.drain(..) {
            engine.apply(&command, &mut ());
        }
    }
    book(&engine, last, &mut out)?;
    Ok(())
}

fn book(
    engine: &Engine,
    (instrument, number): (InstrumentId, u64),
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    let Some(book) = engine.market(MarketId(instrument.0)) else { return Ok(()) };
    write!(out, "{instrument} {number}")?;
    for side in [Side::Buy, Side::Sell] {
        match book.best(side) {
            Some(level) => write!(out, " {}@{}", level.quantity, level.price)?,
            None => write!(out, " -")?,
        }
    }
    if number % WHOLE == 0 {
        let mut orders = book.snapshot().resting;
        orders.sort_by_key(|it| (it.side == Side::Sell, it.kind.price(), it.priority));
        let mut text = Vec::new();
        for order in &orders {
            let price = order.kind.price().unwrap_or_default();
            writeln!(text, "{:?} {} {price} {}", order.side, order.party.order, order.open)?;
        }
        let mut crc = Crc::new();
        crc.update(&text);
        write!(out, " {} {}", orders.len(), crc.sum())?;
    }
    writeln!(out)?;
    Ok(())
}
