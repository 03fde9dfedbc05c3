//! One record: head, checksum and payload.

use pricetime_engine::Sequence;

use crate::codec::COMMAND_MAX;

/// The number of bytes before the payload.
pub(super) const HEAD: usize = 24;

/// Records begin at multiples of this.
pub(super) const ALIGN: usize = 8;

/// No record is longer than this.
pub(super) const SPAN_MAX: usize = HEAD + COMMAND_MAX;

/// The kind of a record. The numbers never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A command.
    Command = 1,
    /// States only that everything before it is durable.
    Mark = 2,
    /// Like a mark, but written when the journal is closed cleanly.
    Seal = 3,
}

/// The head of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    /// The sequence of the command. In a mark or seal, that of the next command.
    pub(super) sequence: Sequence,
    /// The sequence that was known to be durable when the record was written.
    pub(super) durable: Sequence,
}

/// A record whose checksum is right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) head: Head,
    pub(super) payload: &'a [u8],
    /// The length of the record in bytes, head and padding included.
    pub(super) span: usize,
}

/// Completes a record that begins at `start`. Space for its head is there, followed by the payload up to
/// the end.
#[inline]
pub(super) fn close(out: &mut Vec<u8>, start: usize, salt: u32, head: Head) {
    let length = out.len() - start - HEAD;
    debug_assert!(length <= COMMAND_MAX, "no command is longer than COMMAND_MAX");
    out.resize(out.len().next_multiple_of(ALIGN), 0);
    let word = (head.kind as u32) << 24 | length as u32;
    let record = &mut out[start..];
    record[4..8].copy_from_slice(&word.to_le_bytes());
    record[8..16].copy_from_slice(&head.sequence.0.to_le_bytes());
    record[16..HEAD].copy_from_slice(&head.durable.0.to_le_bytes());
    write_checksum(record, salt);
}

/// Writes the checksum of a record that is otherwise complete.
#[inline]
pub(super) fn write_checksum(record: &mut [u8], salt: u32) {
    let sum = crc32c::crc32c_append(salt, &record[4..]);
    record[..4].copy_from_slice(&sum.to_le_bytes());
}

/// Returns the record that these bytes begin with, or `None` if it is incomplete or its checksum is
/// wrong.
#[inline]
pub(super) fn parse(bytes: &[u8], salt: u32) -> Option<Record<'_>> {
    let (fixed, _) = bytes.split_first_chunk::<HEAD>()?;
    let (kind, length) = shape(fixed)?;
    let span = (HEAD + length).next_multiple_of(ALIGN);
    let record = bytes.get(..span)?;
    if crc32c::crc32c_append(salt, &record[4..]) != word(fixed, 0) {
        return None;
    }
    let head =
        Head { kind, sequence: Sequence(long(fixed, 8)), durable: Sequence(long(fixed, 16)) };
    Some(Record { head, payload: &record[HEAD..HEAD + length], span })
}

/// Returns `true` if these bytes might begin a record that states that `sequence` was durable. This is
/// fast: most bytes that are not a record fail here, before a checksum is computed.
#[inline]
pub(super) fn may_state(bytes: &[u8], sequence: Sequence) -> bool {
    let Some((fixed, _)) = bytes.split_first_chunk::<HEAD>() else {
        return false;
    };
    shape(fixed).is_some() && long(fixed, 16) >= sequence.0 && long(fixed, 8) > long(fixed, 16)
}

fn shape(fixed: &[u8; HEAD]) -> Option<(Kind, usize)> {
    let word = word(fixed, 4);
    let kind = match word >> 24 {
        1 => Kind::Command,
        2 => Kind::Mark,
        3 => Kind::Seal,
        _ => return None,
    };
    let length = (word & 0x00ff_ffff) as usize;
    (length <= COMMAND_MAX).then_some((kind, length))
}

fn word(fixed: &[u8; HEAD], at: usize) -> u32 {
    u32::from_le_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]])
}

fn long(fixed: &[u8; HEAD], at: usize) -> u64 {
    u64::from(word(fixed, at)) | u64::from(word(fixed, at + 4)) << 32
}
