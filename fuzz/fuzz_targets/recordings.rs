//! Reads arbitrary bytes as a recording of each format, or as a compressed stream. They are read, or refused with an
//! error that names the file and an offset in it. The memory that this takes is proportional to their length.
#![no_main]

use std::io::{Cursor, Write as _};

use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;
use pricetime_fuzz::Bytes;
use pricetime_fuzz::bounds::{checked_error, with_memory_limit};
use pricetime_fuzz::recordings::{csv, databento, goes_on, itch, lobster};
use pricetime_recordings::Source;

/// The memory of sources and engines, which does not depend on the input, in units of the limit.
const CONSTANT: usize = 1 << 15;
/// Bytes of memory for each byte of the input.
const EACH: u64 = 256;
/// The lines that are read. A few compressed bytes can stand for many.
const LINES_MAX: u64 = 1 << 12;

/// Reads lines of a stream, which may be compressed and damaged.
fn stream(bytes: &mut Bytes<'_>) {
    let plain = lobster::lines(bytes);
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
    let mut source = match Source::of("f", Cursor::new(file)) {
        Ok(source) => source,
        Err(refused) => {
            assert!(checked_error(&refused).starts_with('f'), "{refused}");
            return;
        }
    };
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

/// Reads bytes as they are, or files that are almost right. The first byte chooses the format.
fn recording(bytes: &mut Bytes<'_>) {
    let format = bytes.byte() % 16;
    // One in four inputs is arbitrary from its first byte on.
    let arbitrary = format < 4;
    match format % 4 {
        0 if arbitrary => lobster::read(bytes.0, bytes.0),
        0 => {
            let (messages, rows) = (lobster::lines(bytes), lobster::rows(bytes));
            lobster::read(&messages, &rows);
        }
        1 if arbitrary => itch::read(bytes.0),
        1 => itch::read(&itch::file(bytes)),
        2 if arbitrary => databento::read(bytes.0, &[]),
        2 => {
            let definitions = databento::definitions(bytes);
            databento::read(&databento::file(bytes), &definitions);
        }
        _ if arbitrary => csv::read(bytes.0),
        _ if format == 7 => stream(bytes),
        _ => csv::read(&csv::file(bytes)),
    }
}

fuzz_target!(|data: &[u8]| {
    with_memory_limit(data.len() + CONSTANT, EACH, || recording(&mut Bytes(data)));
});
