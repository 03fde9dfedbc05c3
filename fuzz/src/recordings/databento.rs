//! Databento files, with and without definitions.

use pricetime_recordings::databento::{Definitions, Reader};
use pricetime_tests::databento::{
    LAST, Mbo, SNAPSHOT, UNDEF_PRICE, UNIT, definition_file, mbo, metadata,
};

use super::{execute, goes_on_within, messages, source};
use crate::Bytes;

const NAME: &str = "day.dbn";
const DEFINITIONS: &str = "definitions.dbn";

/// A file of records about the same few orders of two instruments.
pub fn file(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let version = 1 + bytes.byte() % 3;
    let schema = bytes.pick(&[0, 0, u16::MAX]);
    let mut file = metadata(version, schema, bytes.pick(&[&[("ESH4", "7")], &[]]));
    let mut time = 5;
    for _ in 0..bytes.byte() % 64 {
        time += u64::from(bytes.byte() % 2);
        if bytes.once_in(4) {
            file.extend(trade(time, bytes).iter().flat_map(|it| it.bytes()));
        } else {
            file.extend(record(time, bytes));
        }
    }
    bytes.corrupt(&mut file);
    file
}

/// An order that hits another one, which is usually known.
fn trade(time: u64, bytes: &mut Bytes<'_>) -> [Mbo; 3] {
    let (order, price) = (u64::from(bytes.byte() % 16), i64::from(bytes.byte() % 8));
    let size = 1 + u32::from(bytes.byte() % 8);
    let [taker, fill, change] = bytes.pick(&[[b"TB", b"FA", b"CA"], [b"TA", b"FB", b"CB"]]);
    let change = mbo(change, order, price, size, LAST);
    [mbo(taker, 99, price, size, 0), mbo(fill, order, price, size, 0), change]
        .map(|record| Mbo { time, ..record })
}

fn record(time: u64, bytes: &mut Bytes<'_>) -> Vec<u8> {
    let record = Mbo {
        publisher: 1,
        instrument: 7 + u32::from(bytes.once_in(4)),
        time,
        order: u64::from(bytes.byte() % 16),
        price: match bytes.byte() % 16 {
            0 => UNDEF_PRICE,
            1 => bytes.number().cast_signed(),
            other => i64::from(other % 8) * UNIT,
        },
        size: if bytes.once_in(8) {
            bytes.number() as u32
        } else {
            1 + u32::from(bytes.byte() % 8)
        },
        flags: bytes.pick(&[LAST, 0, 0, SNAPSHOT, LAST | 64, LAST | 16, u8::MAX]),
        action: bytes.pick(b"AAACMTFRN"),
        side: bytes.pick(b"ABABABN"),
    };
    let mut record = record.bytes();
    match bytes.byte() % 16 {
        // Another type, with the time when it was sent.
        0 => record[1] = 18 + bytes.byte() % 8,
        1 => {
            record[0] = 16;
            record.extend([0; 8]);
        }
        _ => {}
    }
    record
}

/// A definition file, or nothing.
pub fn definitions(bytes: &mut Bytes<'_>) -> Vec<u8> {
    if !bytes.once_in(2) {
        return Vec::new();
    }
    let tick = bytes.pick(&[UNIT, UNIT / 4, 0, 1, i64::MAX, i64::MIN]);
    let mut file = definition_file(1 + bytes.byte() % 3, tick);
    bytes.corrupt(&mut file);
    file
}

/// Reads a file, with definitions if there are any, and executes its messages.
pub fn read(bytes: &[u8], definitions: &[u8]) {
    let opened = source(NAME, bytes).map(Reader::new);
    let mut reader = match opened {
        Some(Ok(reader)) => reader,
        Some(Err(refused)) => {
            assert!(!goes_on_within(&refused, NAME, bytes.len()), "{refused}");
            return;
        }
        None => return,
    };
    if let Some(source) = source(DEFINITIONS, definitions).filter(|_| !definitions.is_empty()) {
        match Definitions::read(source) {
            Ok(definitions) => reader = reader.with_definitions(definitions),
            Err(refused) => {
                goes_on_within(&refused, DEFINITIONS, definitions.len());
            }
        }
    }
    execute(&messages(&mut reader, NAME, bytes.len()));
}
