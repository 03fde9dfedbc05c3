//! Cuts a journal off after a command, for a copy that is complete by itself.

use std::path::Path;

use pricetime_engine::Sequence;

use super::mark::limit;
use super::record::{self, HEAD, Head, Kind};
use super::scan::walk;
use super::segment::{self, Header, START, Segment};
use super::{Damage, JournalError, io_error};
use crate::disk::Disk;
use crate::history::History;

/// A file of a journal that ends with a given command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutSegment {
    /// The name of the file.
    pub name: String,
    /// The bytes that the file begins with. Zeros follow up to its length.
    pub bytes: Vec<u8>,
    /// The length of the file.
    pub length: u64,
}

/// Returns the segment that begins with `first`, up to the command `through`. If it is the last one, a
/// seal follows: what is copied is durable, and the copy must state that by itself. If there is no room
/// for the seal, it is put into a segment of its own.
pub(crate) fn cut(
    disk: &dyn Disk,
    folder: &Path,
    history: History,
    first: Sequence,
    (successor, through): (Option<Sequence>, Sequence),
) -> Result<Vec<CutSegment>, JournalError> {
    let Segment { header, path, file } = Segment::open(disk, folder, history, first)?;
    let mut bytes = vec![0; usize::try_from(header.length).unwrap_or(usize::MAX)];
    file.read_at(0, &mut bytes).map_err(io_error("read", &path))?;
    let (end, next) = walk(&bytes, &header, |_, record| {
        record.head.kind != Kind::Command || record.head.sequence <= through
    });
    let wanted = successor.unwrap_or_else(|| Sequence(through.0.saturating_add(1)));
    if next != wanted {
        let (offset, what) = (end as u64, Damage::Unreadable);
        return Err(JournalError::Damaged { file: path, offset, sequence: next, what });
    }
    bytes.truncate(end);
    let name = segment::name(first);
    if successor.is_some() {
        return Ok(vec![CutSegment { name, bytes, length: header.length }]);
    }
    if (end + HEAD) as u64 <= limit(header.length) {
        seal(&mut bytes, header.salt, next);
        return Ok(vec![CutSegment { name, bytes, length: header.length }]);
    }
    let own = Header { rules: header.rules, ..Header::new(history, next, header.length) };
    let mut sealed = own.to_bytes();
    sealed.resize(usize::try_from(START).unwrap_or_default(), 0);
    seal(&mut sealed, own.salt, next);
    let last = CutSegment { name: segment::name(next), bytes: sealed, length: header.length };
    Ok(vec![CutSegment { name, bytes, length: header.length }, last])
}

fn seal(bytes: &mut Vec<u8>, salt: u32, next: Sequence) {
    let start = bytes.len();
    bytes.resize(start + HEAD, 0);
    let durable = Sequence(next.0.saturating_sub(1));
    record::close(bytes, start, salt, Head { kind: Kind::Seal, sequence: next, durable });
}
