//! The records of a file, whatever they are about.

use super::metadata::{self, Names, Schema};
use crate::error::{Fault, MessageNumber, RecordingError};
use crate::format::Format;
use crate::source::Source;

/// The length of the part that all records have: length, type, publisher, instrument and time.
const HEADER: usize = 16;

/// The bytes that are read at once, which is the usual length of a record.
const USUAL: usize = 64;

/// The records of a file.
#[derive(Debug)]
pub(super) struct Frames {
    source: Source,
    /// The length of the record that was returned last, which is still in the buffer.
    held: usize,
    /// The number of records that were returned.
    number: u64,
}

/// A record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    pub(super) number: u64,
    /// All its bytes, with the header.
    pub(super) bytes: &'a [u8],
    pub(super) kind: u8,
}

/// A publisher and its number of an instrument.
pub(super) type Key = (u16, u32);

/// The publisher of a record and its number of the instrument.
#[inline]
pub(super) fn key(record: &[u8]) -> Key {
    (u16::from_le_bytes(field(record, 2)), u32::from_le_bytes(field(record, 4)))
}

/// A field of a record. The bytes that the record does not have are zeros.
#[inline]
pub(super) fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|it| it.first_chunk()).copied().unwrap_or([0; N])
}

/// The error about the record of an instrument that exceeds a limit.
#[cold]
pub(super) fn beyond((_, instrument): Key, limit: Fault) -> RecordingError {
    RecordingError::new("", limit).field("instrument", instrument.to_string().as_bytes())
}

impl Frames {
    /// Reads the metadata of a file with this schema.
    pub(super) fn new(mut source: Source, schema: Schema) -> Result<(Self, Names), RecordingError> {
        let names = metadata::read(&mut source, schema)?;
        Ok((Self { source, held: 0, number: 0 }, names))
    }

    /// The name of the file.
    pub(super) fn name(&self) -> &str {
        self.source.name()
    }

    /// Returns the next record, or `None` after the last one.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Frame<'_>>, RecordingError> {
        self.source.consume(std::mem::take(&mut self.held));
        let found = self.source.fill(USUAL)?;
        let Some(words) = found.first() else { return Ok(None) };
        let (length, found) = (usize::from(*words) * 4, found.len());
        self.number += 1;
        if length < HEADER || (found < length && self.source.fill(length)?.len() < length) {
            return Err(self.unreadable(length));
        }
        self.held = length;
        let bytes = &self.source.fill(0)?[..length];
        Ok(Some(Frame { number: self.number, bytes, kind: bytes[1] }))
    }

    #[cold]
    fn unreadable(&mut self, length: usize) -> RecordingError {
        if length < HEADER {
            return self.wrong_length(length, "at least 16 bytes");
        }
        self.failed(RecordingError::new("", Fault::Incomplete))
    }

    /// The error about a record whose length cannot be right, so that no later one can be found.
    #[cold]
    pub(super) fn wrong_length(&mut self, length: usize, expected: &'static str) -> RecordingError {
        let error = RecordingError::new("", Fault::OutOfRange(expected));
        let error = error.field("record length", length.to_string().as_bytes());
        self.failed(error.not_format(Format::Databento, &[]))
    }

    /// Adds to an error which record it is about. If it is not in one message, no record follows.
    #[cold]
    pub(super) fn failed(&mut self, error: RecordingError) -> RecordingError {
        let error = error.at_message(MessageNumber::Record(self.number));
        let error = error.at_offset(self.source.offset());
        if !error.is_in_one_message() {
            self.held = 0;
        }
        self.source.failed(error)
    }
}
