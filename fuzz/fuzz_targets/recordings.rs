//! Reads arbitrary bytes as a recording: a LOBSTER message file, its order-book file, or a compressed stream. They
//! are read, or refused with an error that names the file. The memory that this takes is proportional to their
//! length.
#![no_main]

use std::io::{Cursor, Write as _};

use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;
use pricetime_engine::{Engine, Timestamp};
use pricetime_fuzz::Bytes;
use pricetime_fuzz::bounds::{checked_error, with_memory_limit};
use pricetime_recordings::lobster::{BookReader, Learn, Options, Reader, Writer, check_book};
use pricetime_recordings::{
    Agreement, Commands, ComparedEngine, InstrumentId, Mode, RecordingError, Source,
    VenueReader as _,
};

/// The memory of sources and engines, which does not depend on the input, in units of the limit.
const CONSTANT: usize = 1 << 15;
/// Bytes of memory for each byte of the input.
const EACH: u64 = 256;
/// The lines that are read. A few compressed bytes can stand for many.
const LINES_MAX: u64 = 1 << 12;

fn source(name: &str, bytes: &[u8]) -> Option<Source> {
    match Source::of(name, Cursor::new(bytes.to_vec())) {
        Ok(source) => Some(source),
        Err(refused) => {
            assert!(checked_error(&refused).starts_with(name), "{refused}");
            None
        }
    }
}

/// Checks an error, and returns `true` if the next message can be read.
fn goes_on(refused: &RecordingError, names: &[&str]) -> bool {
    let text = checked_error(refused);
    assert!(names.iter().any(|name| text.starts_with(name)), "{text}");
    refused.is_in_one_message()
}

/// Columns that are usually good.
fn lines(bytes: &mut Bytes<'_>) -> Vec<u8> {
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
fn rows(bytes: &mut Bytes<'_>) -> Vec<u8> {
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
fn lobster(messages: &[u8], rows: &[u8]) {
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

/// Reads lines of a stream, which may be compressed and damaged.
fn stream(bytes: &mut Bytes<'_>) {
    let plain = lines(bytes);
    let mut file = match bytes.byte() % 4 {
        0 => bytes.text().into_bytes(),
        1 => plain.clone(),
        2 => {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&plain).expect("memory");
            encoder.finish().expect("memory")
        }
        _ => zstd::encode_all(plain.as_slice(), 1).expect("memory"),
    };
    bytes.corrupt(&mut file);
    let Some(mut source) = source("f", &file) else { return };
    let (mut end, mut count) = (0, 0);
    loop {
        match source.line().map(|line| line.map(|line| line.offset)) {
            Ok(Some(offset)) => assert_eq!(offset, end),
            Ok(None) => break,
            Err(refused) => {
                assert!(!goes_on(&refused, &["f"]), "{refused}");
                assert_eq!(source.line().expect("the end"), None);
                break;
            }
        }
        end = source.offset();
        count += 1;
        if count == LINES_MAX {
            break;
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    with_memory_limit(data.len() + CONSTANT, EACH, || match bytes.byte() % 4 {
        0 => {
            let text = bytes.text().into_bytes();
            lobster(&text, &text);
        }
        1 | 2 => {
            let (messages, rows) = (lines(&mut bytes), rows(&mut bytes));
            lobster(&messages, &rows);
        }
        _ => stream(&mut bytes),
    });
});
