//! What is at the end of a journal: the rule that tells a torn tail from damage.

use pricetime_engine::Sequence;

use super::Damage;
use super::mark::Mark;
use super::record::{self, ALIGN, Kind, Record};
use super::segment::{Header, START};

/// What the last segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scanned {
    /// The mark that it was read from; `None` if it was read from its first record.
    pub(super) mark: Option<Mark>,
    /// Where its last good record ends.
    pub(super) end: usize,
    /// The command that comes next.
    pub(super) next: Sequence,
    /// The last command that a record calls durable.
    pub(super) stated: Sequence,
    /// Where the last command ends that a record calls durable. What is behind it, marks included,
    /// can be read, but need not be on the disk.
    pub(super) doubtful: usize,
    /// Whether the last good record is a seal.
    pub(super) sealed: bool,
    /// Whether there is anything but zeros behind `end`.
    pub(super) torn: bool,
}

/// Damage, where it begins and what should stand there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) offset: usize,
    pub(super) sequence: Sequence,
    pub(super) what: Damage,
}

/// Reads the last segment from its mark on, or from its first record on if there is no mark. If a
/// record is bad, everything behind it is searched for a good one that says that the bad one was
/// durable. The mark says so only of records in front of the place where the reading begins: damage
/// to those shows when they are replayed, as in an earlier segment.
pub(super) fn scan(bytes: &[u8], header: &Header, mark: Option<Mark>) -> Result<Scanned, Found> {
    let begin = mark.map_or((START as usize, header.first), |mark| {
        (mark.at as usize, Sequence(mark.durable.0.saturating_add(1)))
    });
    let mut stated = Sequence(begin.1.0.saturating_sub(1));
    let mut sealed = false;
    let (end, next) = walk_from(begin, bytes, header, |_, record| {
        stated = stated.max(record.head.durable);
        sealed = record.head.kind == Kind::Seal;
        true
    });
    if let Some((offset, durable)) = denied(bytes, header.salt, end, next) {
        let what = Damage::Denied { offset: offset as u64, durable };
        return Err(Found { offset: end, sequence: next, what });
    }
    let mut doubtful = begin.0;
    walk_from(begin, bytes, header, |at, record| {
        let command = record.head.kind == Kind::Command;
        if command && record.head.sequence <= stated {
            doubtful = at + record.span;
        }
        !command || record.head.sequence <= stated
    });
    let torn = bytes.iter().skip(end).any(|byte| *byte != 0);
    Ok(Scanned { mark, end, next, stated, doubtful, sealed, torn })
}

/// Visits good records in order until one is bad or the visitor has seen enough; says where it
/// stopped and which command should stand there.
pub(super) fn walk(
    bytes: &[u8],
    header: &Header,
    visit: impl FnMut(usize, &Record<'_>) -> bool,
) -> (usize, Sequence) {
    walk_from((START as usize, header.first), bytes, header, visit)
}

/// The same, from the byte at which this command should stand.
fn walk_from(
    (mut at, mut next): (usize, Sequence),
    bytes: &[u8],
    header: &Header,
    mut visit: impl FnMut(usize, &Record<'_>) -> bool,
) -> (usize, Sequence) {
    while let Some(record) = bytes.get(at..).and_then(|rest| record::parse(rest, header.salt)) {
        if record.head.sequence != next || !visit(at, &record) {
            break;
        }
        if record.head.kind == Kind::Command {
            next = Sequence(next.0.saturating_add(1));
        }
        at += record.span;
    }
    (at, next)
}

/// The first good record from here on that says that `sequence` was durable. Lengths cannot be
/// trusted here, so every place where a record might begin is looked at.
fn denied(bytes: &[u8], salt: u32, from: usize, sequence: Sequence) -> Option<(usize, Sequence)> {
    for at in (from..bytes.len()).step_by(ALIGN) {
        let rest = bytes.get(at..)?;
        if !record::may_state(rest, sequence) {
            continue;
        }
        if let Some(record) = record::parse(rest, salt) {
            return Some((at, record.head.durable));
        }
    }
    None
}
