//! Reads the last segment of a journal, and repairs it when the journal is opened.

use pricetime_engine::{Sequence, rules};

use super::mark::{self, Mark, ahead, limit};
use super::record::SPAN_MAX;
use super::scan::{FoundDamage, ScanResult, scan};
use super::segment::{START, Segment};
use super::{Damage, JournalError, io_error};

/// How many bytes are zeroed in one write.
const ZEROS: usize = 1 << 20;

/// Reads the last segment from its mark up to where the file was written, or all of it if it has no mark.
pub(super) fn scan_end(segment: &Segment) -> Result<(ScanResult, Vec<u8>), JournalError> {
    let Some(mark) = Mark::read(segment)? else { return scan_between(segment, None, None) };
    let (scanned, bytes) = scan_between(segment, Some(mark), Some(mark))?;
    if scanned.end as u64 <= mark.written {
        return Ok((scanned, bytes));
    }
    // There are records beyond what was written, so the mark cannot be trusted.
    scan_between(segment, None, None)
}

/// Like `scan_end`, but reads from the first record on, to find any damage in the segment.
pub(super) fn scan_whole(segment: &Segment) -> Result<ScanResult, JournalError> {
    // The mark is read before the records. So what it states to be durable is in the file, even if a
    // process is writing.
    let mark = Mark::read(segment)?;
    let (mut scanned, _) = scan_between(segment, None, mark)?;
    if mark.is_some_and(|mark| scanned.end as u64 > mark.written) {
        (scanned, _) = scan_between(segment, None, None)?;
    }
    if let Some(mark) = mark {
        if scanned.next <= mark.durable {
            let (offset, durable) = (mark::place(segment.header.length), mark.durable);
            let what = Damage::DurableUnreadable { offset, durable };
            let (file, offset) = (segment.path.clone(), scanned.end as u64);
            return Err(JournalError::Damaged { file, offset, sequence: scanned.next, what });
        }
        scanned.stated = scanned.stated.max(mark.durable);
    }
    Ok(scanned)
}

/// Reads from the place that the mark `begin` states, or from the first record, up to where the mark
/// `end` states that the file was written, or to the end.
fn scan_between(
    segment: &Segment,
    begin: Option<Mark>,
    end: Option<Mark>,
) -> Result<(ScanResult, Vec<u8>), JournalError> {
    let Segment { header, path, file } = segment;
    let damaged = |found: FoundDamage| {
        let FoundDamage { offset, sequence, what } = found;
        JournalError::Damaged { file: path.clone(), offset: offset as u64, sequence, what }
    };
    let from = begin.map_or(START, |mark| mark.at);
    let until = end.map_or(header.length, |mark| {
        (mark.written + SPAN_MAX as u64).min(mark::place(header.length))
    });
    let size = |at| usize::try_from(at).unwrap_or(usize::MAX);
    // The part of the buffer before the mark's place is never touched, so it takes no memory.
    let mut bytes = vec![0; size(until)];
    let into = bytes.get_mut(size(from)..).unwrap_or_default();
    file.read_at(from, into).map_err(io_error("read", path))?;
    let scanned = scan(&bytes, header, begin).map_err(damaged)?;
    Ok((scanned, bytes))
}

/// Makes the disk agree with what was read: unconfirmed records are written again, and the rest is zeroed
/// as far as it was ever written. Returns the new mark.
pub(super) fn repair(
    segment: &mut Segment,
    scanned: &ScanResult,
    bytes: &[u8],
) -> Result<Mark, JournalError> {
    let Segment { header, path, file } = segment;
    let (length, end) = (header.length, scanned.end as u64);
    let unconfirmed = bytes.get(scanned.unconfirmed..scanned.end).unwrap_or_default();
    if !unconfirmed.is_empty() {
        file.write_at(scanned.unconfirmed as u64, unconfirmed).map_err(io_error("write", path))?;
    }
    // This is needed even if the bytes read as zeros. After a failed sync, the disk may hold older bytes
    // than those that can be read, and they must not reappear after later commands.
    let zeros = vec![0; ZEROS];
    let mut at = end;
    let until = scanned.mark.map_or(length, |mark| mark.written);
    while at < until {
        let count = usize::try_from(until - at).unwrap_or(ZEROS).min(ZEROS);
        file.write_at(at, &zeros[..count]).map_err(io_error("zero", path))?;
        at += count as u64;
    }
    let far = (end + ahead(length)).min(limit(length));
    // Never lower than before: if the sync below fails, the zeros up to there may not be on the disk.
    let written = scanned.mark.map_or(far, |mark| far.max(mark.written));
    // A record may state more than there is. The mark must not, because it is relied on.
    let durable = scanned.stated.min(Sequence(scanned.next.0.saturating_sub(1)));
    let mark = Mark { durable, at: scanned.unconfirmed as u64, written };
    if scanned.mark.is_none() {
        // There was no mark before. It can be relied on only when the zeros are on the disk.
        file.sync().map_err(io_error("sync", path))?;
    }
    // Nothing is appended to a segment of other rules, and opening it may still be refused. So its mark
    // stays as it is.
    if end <= limit(length) && header.rules == rules::VERSION {
        mark.write(segment)?;
    }
    segment.file.sync().map_err(io_error("sync", &segment.path))?;
    Ok(mark)
}
