//! LOBSTER files: messages, and the rows of the book.

use pricetime_engine::{Engine, Timestamp};
use pricetime_recordings::lobster::{BookReader, Learn, Options, Reader, Writer, check_book};
use pricetime_recordings::{
    Agreement, Commands, ComparedEngine, InstrumentId, Mode, VenueReader as _,
};

use super::{goes_on, source};
use crate::Bytes;

/// Columns that are usually good.
pub fn lines(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let mut text = String::new();
    for line in 0..bytes.byte() % 32 {
        let columns = [
            format!("3420{}.{}", line / 8, bytes.number()),
            format!("{}", 1 + bytes.byte() % 7),
            format!("{}", bytes.byte() % 8),
            format!("{}", 1 + bytes.byte() % 8),
            format!("{}", i16::from(bytes.byte() % 16) - 2),
            String::from(bytes.pick(&["1", "-1", "1,null", "1,UBSS"])),
        ];
        text.push_str(&columns.join(","));
        text.push_str(bytes.pick(&["\n", "\n", "\n", "\r\n", ""]));
    }
    let mut text = text.into_bytes();
    bytes.corrupt(&mut text);
    text
}

/// Rows of asks from 10 on and bids from 9 on.
pub fn rows(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let mut text = String::new();
    let levels = 1 + i64::from(bytes.byte() % 3);
    for _ in 0..bytes.byte() % 32 {
        let (mut ask, mut bid) = (6_i64, 9_i64);
        for level in 0..levels {
            ask += 1 + i64::from(bytes.byte() % 3);
            bid -= 1 + i64::from(bytes.byte() % 3);
            let comma = if level == 0 { "" } else { "," };
            let (asks, bids) = (bytes.byte() % 12, bytes.byte() % 12);
            text.push_str(&format!("{comma}{ask},{asks},{bid},{bids}"));
        }
        text.push('\n');
    }
    let mut text = text.into_bytes();
    bytes.corrupt(&mut text);
    text
}

/// Reads messages alone and with rows, in both modes, and writes what was read.
pub fn read(messages: &[u8], rows: &[u8]) {
    for (mode, learn) in [(Mode::Reconstruct, None), (Mode::Rematch, Some(Learn::EveryRow))] {
        let Some(source_of_messages) = source("m.csv", messages) else { return };
        let mut reader = Reader::new(source_of_messages, Options::default());
        if let Some(learn) = learn {
            let Some(rows) = source("b.csv", rows) else { return };
            reader = reader.with_book(BookReader::new(rows), learn);
        }
        let mut commands = Commands::new(mode);
        let mut compared = ComparedEngine::new(Engine::new(1), Agreement::default());
        let mut writer = Writer::new(Vec::new(), "w.csv", InstrumentId(1), Timestamp(0));
        loop {
            match reader.next() {
                Ok(Some(message)) => {
                    commands.apply(&message, &mut compared);
                    writer.write(&message).expect("what was read can be written");
                }
                Ok(None) => break,
                Err(refused) => {
                    if !goes_on(&refused, &["m.csv", "b.csv"]) {
                        assert_eq!(reader.next().expect("the end"), None);
                    }
                }
            }
        }
        commands.finish(&mut compared);
        let written = writer.finish().expect("memory");
        if let Some(again) = source("w.csv", &written).filter(|_| !written.is_empty()) {
            let mut again = Reader::new(again, Options::default());
            while again.next().expect("it was written").is_some() {}
        }
    }
    let both = source("m.csv", messages).zip(source("b.csv", rows));
    let Some((messages, rows)) = both else { return };
    let options = (Options::default(), Learn::EveryRow);
    if let Err(refused) = check_book(messages, rows, options, 3, &mut Engine::new(1)) {
        goes_on(&refused, &["m.csv", "b.csv"]);
    }
}
