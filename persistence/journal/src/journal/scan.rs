//! Scans the end of a journal. Here is the rule that distinguishes a torn tail from damage.

use pricetime_engine::Sequence;

use super::Damage;
use super::mark::Mark;
use super::record::{self, ALIGN, Kind, Record};
use super::segment::{Header, START};

/// The contents of the last segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ScanResult {
    /// The mark from which it was read, or `None` if it was read from its first record.
    pub(super) mark: Option<Mark>,
    /// The byte at which the last good record ends.
    pub(super) end: usize,
    /// The next command.
    pub(super) next: Sequence,
    /// The last command that is stated to be durable.
    pub(super) stated: Sequence,
    /// The byte at which the last command that is stated to be durable ends. Everything after it, marks
    /// included, can be read but need not be on the disk.
    pub(super) unconfirmed: usize,
    /// Whether the last good record is a seal.
    pub(super) sealed: bool,
    /// Whether bytes other than zero follow `end`.
    pub(super) torn: bool,
}

/// Damage: the byte at which it begins, and the command that should be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FoundDamage {
    pub(super) offset: usize,
    pub(super) sequence: Sequence,
    pub(super) what: Damage,
}

/// Reads the last segment from its mark on, or from its first record if there is no mark. If a record is
/// bad, everything after it is searched for a good record that states that the bad one was durable. The
/// mark states that only of records before the place where reading begins. Damage to those shows when
/// they are replayed, as in an earlier segment.
pub(super) fn scan(
    bytes: &[u8],
    header: &Header,
    mark: Option<Mark>,
) -> Result<ScanResult, FoundDamage> {
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
    if let Some((offset, durable)) = find_durability_record(bytes, header.salt, end, next) {
        let what = Damage::DurableUnreadable { offset: offset as u64, durable };
        return Err(FoundDamage { offset: end, sequence: next, what });
    }
    let mut unconfirmed = begin.0;
    walk_from(begin, bytes, header, |at, record| {
        let command = record.head.kind == Kind::Command;
        if command && record.head.sequence <= stated {
            unconfirmed = at + record.span;
        }
        !command || record.head.sequence <= stated
    });
    let torn = bytes.iter().skip(end).any(|byte| *byte != 0);
    Ok(ScanResult { mark, end, next, stated, unconfirmed, sealed, torn })
}

/// Visits good records in order until one is bad or the visitor returns `false`. Returns the offset at
/// which it stopped and the command that should be there.
pub(super) fn walk(
    bytes: &[u8],
    header: &Header,
    visit: impl FnMut(usize, &Record<'_>) -> bool,
) -> (usize, Sequence) {
    walk_from((START as usize, header.first), bytes, header, visit)
}

/// Like `walk`, but begins at the byte `at` with the command `next`.
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

/// Returns the first good record from `from` on that states that `sequence` was durable. Lengths cannot
/// be trusted here, so every place where a record might begin is checked.
fn find_durability_record(
    bytes: &[u8],
    salt: u32,
    from: usize,
    sequence: Sequence,
) -> Option<(usize, Sequence)> {
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
