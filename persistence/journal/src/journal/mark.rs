//! The mark of a segment: a record in a place of its own that states how far the journal is durable.
//!
//! It is stored near the end of the file and overwritten in place. In a long segment, no other record
//! shares its block. So damage to the last records leaves the mark intact, and the mark shows that it is
//! damage.
//!
//! ```text
//! payload   0    where the record of the next command begins (8)
//!           8    how far the file was written: behind this byte there is only the mark (8)
//! ```
//!
//! Because of the second number, the rest of the file need not be read or zeroed when the journal is
//! opened. The number is durable before anything is written beyond that byte.
//!
//! If the record that states a batch to be durable were in the same block as the batch, damage that
//! zeroes the block would take both and look like a torn tail. The search for such a record covers every
//! byte that can hold one. It does not ask the file system for holes, because some file systems answer
//! that call wrongly.

use pricetime_engine::Sequence;

use super::record::{self, ALIGN, HEAD, Head, Kind};
use super::segment::{Header, START, Segment};
use super::{JournalError, io_error};

/// The part of a disk that is usually damaged at once.
pub(super) const BLOCK: u64 = 4096;

/// In segments of at least this length, no record shares the block of the mark.
const LONG: u64 = 1 << 16;

/// How many bytes at the end of a segment are reserved for the mark.
const ROOM: u64 = 64;

const SPAN: usize = HEAD + 16;

/// The contents of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// The last command that is durable.
    pub(super) durable: Sequence,
    /// The byte at which the record of the next command begins.
    pub(super) at: u64,
    /// The byte up to which the file was written.
    pub(super) written: u64,
}

/// The byte at which the mark of a segment of this length begins.
pub(super) const fn place(length: u64) -> u64 {
    length.saturating_sub(ROOM) / ALIGN as u64 * ALIGN as u64
}

/// The byte at which the records of a segment of this length must end. Records that older versions wrote
/// may continue up to the end of the segment. Such a segment has no mark.
pub(super) const fn limit(length: u64) -> u64 {
    let limit = place(length).saturating_sub(ROOM);
    if length < LONG { limit } else { limit / BLOCK * BLOCK }
}

/// How many bytes beyond its records a segment of this length counts as written.
pub(super) fn ahead(length: u64) -> u64 {
    (length / 16).clamp(512, 4 << 20)
}

impl Mark {
    /// The mark of a new segment.
    pub(super) fn first(header: &Header) -> Self {
        let durable = Sequence(header.first.0.saturating_sub(1));
        let written = (START + ahead(header.length)).min(limit(header.length));
        Self { durable, at: START, written }
    }

    /// Reads the mark of a segment. Returns `None` if there is none that can be read.
    pub(super) fn read(segment: &Segment) -> Result<Option<Self>, JournalError> {
        let Segment { header, path, file } = segment;
        let mut bytes = [0; SPAN];
        let read = file.read_at(place(header.length), &mut bytes);
        let read = read.map_err(io_error("read", path))?;
        Ok(Self::parse(bytes.get(..read).unwrap_or_default(), header))
    }

    pub(super) fn parse(bytes: &[u8], header: &Header) -> Option<Self> {
        let record = record::parse(bytes, header.salt)?;
        let (at, rest) = record.payload.split_first_chunk()?;
        let (written, _) = rest.split_first_chunk()?;
        let (at, written) = (u64::from_le_bytes(*at), u64::from_le_bytes(*written));
        let Head { kind, sequence, durable } = record.head;
        let is_sound = kind == Kind::Mark
            && sequence >= header.first
            && durable.0.checked_add(1) == Some(sequence.0)
            && (START..=written).contains(&at)
            && at % ALIGN as u64 == 0
            && written <= limit(header.length);
        is_sound.then_some(Self { durable, at, written })
    }

    /// Encodes the mark as a record.
    pub(super) fn to_bytes(self, header: &Header) -> Vec<u8> {
        let mut bytes = vec![0; HEAD];
        bytes.extend_from_slice(&self.at.to_le_bytes());
        bytes.extend_from_slice(&self.written.to_le_bytes());
        let (durable, sequence) = (self.durable, Sequence(self.durable.0.saturating_add(1)));
        record::close(&mut bytes, 0, header.salt, Head { kind: Kind::Mark, sequence, durable });
        bytes
    }

    /// Writes the mark in its place.
    pub(super) fn write(self, segment: &mut Segment) -> Result<(), JournalError> {
        let bytes = self.to_bytes(&segment.header);
        put(segment, &bytes)
    }

    /// Removes the mark of a segment that is complete. The existence of its successor shows that all of
    /// it is durable.
    pub(super) fn clear(segment: &mut Segment) -> Result<(), JournalError> {
        put(segment, &[0; SPAN])
    }
}

fn put(segment: &mut Segment, bytes: &[u8]) -> Result<(), JournalError> {
    let Segment { header, path, file } = segment;
    file.write_at(place(header.length), bytes).map_err(io_error("mark", path))
}
