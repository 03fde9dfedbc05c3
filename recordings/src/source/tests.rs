use std::io::Write as _;
use std::io::{self, Read};

use flate2::Compression as Level;
use flate2::write::GzEncoder;

use super::Source;
use crate::error::{Fault, RecordingError};

const TEXT: &[u8] = b"first\nsecond\r\n\nlast";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Level::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 0).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A reader that returns one byte at a time, as a slow pipe does.
struct Slow(Vec<u8>, usize);

impl Read for Slow {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (Some(byte), Some(first)) = (self.0.get(self.1), into.first_mut()) else {
            return Ok(0);
        };
        *first = *byte;
        self.1 += 1;
        Ok(1)
    }
}

fn lines(mut source: Source) -> Result<Vec<(u64, String)>, RecordingError> {
    let mut found = Vec::new();
    while let Some(line) = source.line()? {
        assert_eq!(line.ended, line.text != b"last");
        found.push((line.offset, String::from_utf8(line.text.to_vec()).unwrap()));
    }
    Ok(found)
}

#[test]
fn source_reads_lines_of_plain_and_compressed_streams_with_offsets() {
    let expected =
        [(0, "first"), (6, "second"), (14, ""), (15, "last")].map(|(n, s)| (n, s.to_owned()));
    let two_members = [gzip(&TEXT[..9]), gzip(&TEXT[9..])].concat();
    let two_frames = [zstd(&TEXT[..9]), zstd(&TEXT[9..])].concat();
    for bytes in [TEXT.to_vec(), gzip(TEXT), zstd(TEXT), two_members, two_frames] {
        let source = Source::of("slow", Slow(bytes.clone(), 0)).unwrap();
        assert_eq!(lines(source).unwrap(), expected);
        let source = Source::of("fast", io::Cursor::new(bytes)).unwrap();
        assert_eq!(lines(source).unwrap(), expected);
    }
}

#[test]
fn byte_order_mark_is_skipped_at_the_beginning_only() {
    let marked = "\u{feff}first\n\u{feff}second\n".as_bytes();
    let expected = [(3, "first"), (9, "\u{feff}second")].map(|(n, s)| (n, s.to_owned()));
    for bytes in [marked.to_vec(), gzip(marked), zstd(marked)] {
        let source = Source::of("slow", Slow(bytes, 0)).unwrap();
        assert_eq!(lines(source).unwrap(), expected);
    }
    let error = Source::of("a.csv", "\u{feff}".as_bytes()).unwrap_err();
    assert!(matches!(error.details().fault, Fault::Empty), "{error:?}");
}

#[test]
fn source_returns_bytes_across_refills() {
    let bytes: Vec<u8> = (0..Source::MESSAGE_MAX * 3).map(|at| (at % 251) as u8).collect();
    let mut source = Source::of("bytes", io::Cursor::new(bytes.clone())).unwrap();
    let mut found = Vec::new();
    loop {
        let next = source.fill(50).unwrap();
        let some = next.len().min(37);
        found.extend_from_slice(&next[..some]);
        if some == 0 {
            break;
        }
        source.consume(some);
        assert_eq!(source.offset(), found.len() as u64);
    }
    assert!(found == bytes);
}

#[test]
fn damaged_streams_are_errors_that_end_the_source() {
    let long: Vec<u8> = (0..20_000_u32).flat_map(|n| format!("{n}\n").into_bytes()).collect();
    let cut = |mut bytes: Vec<u8>| {
        bytes.truncate(bytes.len() / 2);
        bytes
    };
    let broken = |mut bytes: Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle..middle + 64].fill(0xff);
        bytes
    };
    for (bytes, expected) in [
        (cut(gzip(&long)), "the gzip stream is cut off; copy or download the file again"),
        (cut(zstd(&long)), "the zstd stream is cut off; copy or download the file again"),
        (broken(gzip(&long)), "the gzip stream is damaged"),
        (broken(zstd(&long)), "the zstd stream is damaged"),
        (vec![b'x'; Source::MESSAGE_MAX + 1], "byte 0: is longer than 131072 bytes"),
    ] {
        // A short stream is decompressed when it is opened.
        let error = Source::of("f", io::Cursor::new(bytes)).and_then(|mut source| {
            let error = loop {
                match source.line() {
                    Ok(line) => assert!(line.is_some(), "{expected}"),
                    Err(error) => break error,
                }
            };
            assert_eq!(source.line()?, None);
            Err::<(), _>(error)
        });
        let error = error.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!error.is_in_one_message());
    }
}

#[test]
fn zstd_window_above_the_limit_is_refused() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(28).unwrap();
    encoder.write_all(b"small").unwrap();
    let error = Source::of("f", io::Cursor::new(encoder.finish().unwrap())).unwrap_err();
    assert!(
        error.to_string().contains("compress such a file again with `zstd --long=27`"),
        "{error}"
    );
}

#[test]
fn source_without_a_byte_is_an_error() {
    for bytes in [Vec::new(), gzip(b""), zstd(b"")] {
        let error = Source::of("standard input", io::Cursor::new(bytes)).unwrap_err();
        assert_eq!(error.to_string(), "standard input: is empty; check the program that writes it");
    }
}

#[test]
fn directory_and_missing_file_are_errors_with_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let error = Source::open(folder.path()).unwrap_err();
    assert!(matches!(error.details().fault, Fault::Directory), "{error}");
    assert!(error.to_string().ends_with("is a directory; give a file in it"), "{error}");
    let missing = folder.path().join("missing.csv");
    let error = Source::open(&missing).unwrap_err();
    assert!(error.to_string().starts_with(missing.to_str().unwrap()), "{error}");
}
