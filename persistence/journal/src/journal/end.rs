//! The last segment when it is looked at and when it is opened: what it holds, and how it is mended.

use pricetime_engine::{Sequence, rules};

use super::mark::{self, Mark, ahead, limit};
use super::record::SPAN_MAX;
use super::scan::{Found, Scanned, scan};
use super::segment::{START, Segment};
use super::{Damage, JournalError, io_error};

/// How much is zeroed in one write.
const ZEROS: usize = 1 << 20;

/// Reads a segment as the last one, from its mark up to where it was written; all of it if it has no
/// mark.
pub(super) fn look(segment: &Segment) -> Result<(Scanned, Vec<u8>), JournalError> {
    let Some(mark) = Mark::read(segment)? else { return look_from(segment, None, None) };
    let (scanned, bytes) = look_from(segment, Some(mark), Some(mark))?;
    if scanned.end as u64 <= mark.written {
        return Ok((scanned, bytes));
    }
    // Records behind what was written: the mark cannot be trusted.
    look_from(segment, None, None)
}

/// The same from its first record on, for whoever wants to know of any damage in it.
pub(super) fn look_whole(segment: &Segment) -> Result<Scanned, JournalError> {
    // Read before the records: so what it calls durable is there, whoever writes meanwhile.
    let mark = Mark::read(segment)?;
    let (mut scanned, _) = look_from(segment, None, mark)?;
    if mark.is_some_and(|mark| scanned.end as u64 > mark.written) {
        (scanned, _) = look_from(segment, None, None)?;
    }
    if let Some(mark) = mark {
        if scanned.next <= mark.durable {
            let (offset, durable) = (mark::place(segment.header.length), mark.durable);
            let what = Damage::Denied { offset, durable };
            let (file, offset) = (segment.path.clone(), scanned.end as u64);
            return Err(JournalError::Damaged { file, offset, sequence: scanned.next, what });
        }
        scanned.stated = scanned.stated.max(mark.durable);
    }
    Ok(scanned)
}

/// Reads from one mark on, or from the first record, up to where another says that it was written, or
/// to the end.
fn look_from(
    segment: &Segment,
    begin: Option<Mark>,
    end: Option<Mark>,
) -> Result<(Scanned, Vec<u8>), JournalError> {
    let Segment { header, path, file } = segment;
    let damaged = |found: Found| {
        let Found { offset, sequence, what } = found;
        JournalError::Damaged { file: path.clone(), offset: offset as u64, sequence, what }
    };
    let from = begin.map_or(START, |mark| mark.at);
    let until = end.map_or(header.length, |mark| {
        (mark.written + SPAN_MAX as u64).min(mark::place(header.length))
    });
    let size = |at| usize::try_from(at).unwrap_or(usize::MAX);
    // What is in front of the mark is never touched, so it takes no memory.
    let mut bytes = vec![0; size(until)];
    let into = bytes.get_mut(size(from)..).unwrap_or_default();
    file.read_at(from, into).map_err(io_error("read", path))?;
    let scanned = scan(&bytes, header, begin).map_err(damaged)?;
    Ok((scanned, bytes))
}

/// Makes the disk agree with what was read: what is doubtful is written again, the rest zeroed, as
/// far as it was ever written. Says how it is marked.
pub(super) fn mend(
    segment: &mut Segment,
    scanned: &Scanned,
    bytes: &[u8],
) -> Result<Mark, JournalError> {
    let Segment { header, path, file } = segment;
    let (length, end) = (header.length, scanned.end as u64);
    let doubtful = bytes.get(scanned.doubtful..scanned.end).unwrap_or_default();
    if !doubtful.is_empty() {
        file.write_at(scanned.doubtful as u64, doubtful).map_err(io_error("write", path))?;
    }
    // Even where zeros can be read: after a failed sync the disk may hold older bytes than can be
    // read, and those must not come back behind commands that are yet to come.
    let zeros = vec![0; ZEROS];
    let mut at = end;
    let until = scanned.mark.map_or(length, |mark| mark.written);
    while at < until {
        let many = usize::try_from(until - at).unwrap_or(ZEROS).min(ZEROS);
        file.write_at(at, &zeros[..many]).map_err(io_error("zero", path))?;
        at += many as u64;
    }
    let far = (end + ahead(length)).min(limit(length));
    // Never lower than it was: if the sync below fails, the zeros up to there may not be on the disk.
    let written = scanned.mark.map_or(far, |mark| far.max(mark.written));
    // A record may state more than there is; the mark is relied on, so it does not.
    let durable = scanned.stated.min(Sequence(scanned.next.0.saturating_sub(1)));
    let mark = Mark { durable, at: scanned.doubtful as u64, written };
    if scanned.mark.is_none() {
        // There was no such number before. It may be relied on once the zeros are on the disk.
        file.sync().map_err(io_error("sync", path))?;
    }
    // Nothing more goes into a segment of other rules, which may still be refused: it stays as it is.
    if end <= limit(length) && header.rules == rules::VERSION {
        mark.write(segment)?;
    }
    segment.file.sync().map_err(io_error("sync", &segment.path))?;
    Ok(mark)
}
