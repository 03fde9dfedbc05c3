//! Reads a journal while another process may be writing it, and without changing a byte.

use std::path::{Path, PathBuf};

use pricetime_engine::{Sequence, rules};

use super::end::scan_whole;
use super::record::Kind;
use super::scan::{ScanResult, walk};
use super::segment::{self, START, Segment};
use super::{Damage, JournalError, Position, io_error};
use crate::codec::decode_command;
use crate::disk::Disk;
use crate::history::History;

/// How often the last segment is read again before it counts as damaged. A process that writes it may
/// have changed bytes before the place that was being read.
const READS_MAX: usize = 3;

/// The state in which a journal was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalState {
    /// The files, oldest first.
    pub segments: Vec<SegmentInfo>,
    /// The last command that is known to be durable, or the one before the first if there is none.
    pub durable: Sequence,
    /// The last command that can be read. Opening the folder makes it durable.
    pub last: Sequence,
    /// The first command that can be replayed. Those before it were written under other rules.
    pub replayable: Sequence,
    /// Whether a process has the folder open.
    pub in_use: bool,
    /// Whether the journal was closed cleanly.
    pub sealed: bool,
    /// The place of the first bytes that are not a record: they are being written, or were torn by a
    /// power cut. Opening the folder removes them.
    pub torn: Option<Position>,
}

/// One file of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// The first command in it.
    pub first: Sequence,
    /// The file.
    pub path: PathBuf,
    /// The length of the file.
    pub bytes: u64,
}

/// The result of reading every record of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentCheck {
    /// The last command, or the one before the first if there is none.
    pub last: Sequence,
    /// How many marks and seals are among the records.
    pub marks: u64,
    /// Whether the file ends with a seal.
    pub sealed: bool,
    /// How many bytes of the file are used.
    pub used: u64,
}

impl JournalState {
    /// The oldest command that is kept.
    #[must_use]
    pub fn oldest(&self) -> Sequence {
        self.segments.first().map_or(Sequence(1), |segment| segment.first)
    }

    /// The last command that counts. If a process has the folder open, that is the last durable one,
    /// because the process may not have acknowledged later ones yet. If no process has it open, every
    /// command that can be read counts, as it does when the folder is opened: a process that was killed
    /// may have answered all of them.
    #[must_use]
    pub fn through(&self) -> Sequence {
        if self.in_use { self.durable } else { self.last }
    }

    /// How many commands can be read but do not count.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.last.0 - self.through().0
    }
}

/// Lists the files of a journal. A file that is removed while they are listed is left out.
pub(crate) fn segments(disk: &dyn Disk, folder: &Path) -> Result<Vec<SegmentInfo>, JournalError> {
    let mut found = Vec::new();
    for first in segment::list(disk, folder)? {
        let path = segment::path(folder, first);
        let length = disk.open(&path).and_then(|file| file.length());
        match length {
            Ok(bytes) => found.push(SegmentInfo { first, path, bytes }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(io_error("read", &path)(error)),
        }
    }
    if found.is_empty() {
        return Err(JournalError::Missing(folder.to_owned()));
    }
    Ok(found)
}

/// Reads the state of a journal that a process may have open. `held` is the last command of a snapshot,
/// and so is known to be durable.
pub(crate) fn state(
    disk: &dyn Disk,
    folder: &Path,
    history: History,
    held: Sequence,
) -> Result<JournalState, JournalError> {
    let segments = segments(disk, folder)?;
    let missing = || JournalError::Missing(folder.to_owned());
    let first = segments.last().ok_or_else(missing)?.first;
    let segment = Segment::open(disk, folder, history, first)?;
    let ScanResult { end, next, stated, sealed, torn, .. } = read_until_stable(&segment)?;
    let last = Sequence(next.0.saturating_sub(1));
    let replayable = replayable(disk, folder, history, &segments).unwrap_or(next);
    Ok(JournalState {
        replayable,
        segments,
        durable: stated.max(held).min(last),
        last,
        in_use: true,
        sealed,
        torn: torn.then_some(Position { segment: first, offset: end as u64 }),
    })
}

/// Returns the first command from which on all segments are of the current rules. A segment whose header
/// cannot be read counts as one of them, because the error shows when that segment is replayed.
fn replayable(
    disk: &dyn Disk,
    folder: &Path,
    history: History,
    segments: &[SegmentInfo],
) -> Option<Sequence> {
    let is_current = |segment: &&SegmentInfo| {
        Segment::open(disk, folder, history, segment.first)
            .map_or(true, |segment| segment.header.rules == rules::VERSION)
    };
    segments.iter().rev().take_while(is_current).last().map(|segment| segment.first)
}

/// Reads the last segment until it is intact, or damaged twice in the same place.
fn read_until_stable(segment: &Segment) -> Result<ScanResult, JournalError> {
    let mut before = None;
    for _ in 0..READS_MAX {
        match scan_whole(segment) {
            Err(JournalError::Damaged { file, offset, sequence, what }) => {
                if before == Some(offset) {
                    return Err(JournalError::Damaged { file, offset, sequence, what });
                }
                before = Some(offset);
            }
            other => return other,
        }
    }
    scan_whole(segment)
}

/// Reads every record of a segment and checks it: the checksum, the sequence, the sequence that it states
/// to be durable, and that a command can be decoded. `successor` is the first command of the next
/// segment. The last segment is read up to `through`.
pub(crate) fn check(
    disk: &dyn Disk,
    folder: &Path,
    history: History,
    first: Sequence,
    (successor, through): (Option<Sequence>, Sequence),
) -> Result<SegmentCheck, JournalError> {
    let segment = Segment::open(disk, folder, history, first)?;
    let mut bytes = vec![0; usize::try_from(segment.header.length).unwrap_or(usize::MAX)];
    segment.file.read_at(0, &mut bytes).map_err(io_error("read", &segment.path))?;
    let (mut marks, mut sealed, mut damage) = (0, false, None);
    let (end, next) = walk(&bytes, &segment.header, |at, record| {
        let head = record.head;
        if successor.is_none() && head.kind == Kind::Command && head.sequence > through {
            return false;
        }
        if head.durable >= head.sequence {
            damage = Some((at, head.sequence, Damage::FalseDurable(head.durable)));
        } else if head.kind == Kind::Command
            && let Err(error) = decode_command(head.sequence, record.payload)
        {
            damage = Some((at, head.sequence, Damage::Command(error)));
        }
        marks += u64::from(head.kind != Kind::Command);
        sealed = head.kind == Kind::Seal;
        damage.is_none()
    });
    let problem = damage.or_else(|| {
        let rest = bytes.get(end..)?.iter().position(|byte| *byte != 0);
        match successor {
            Some(begins) if begins != next && rest.is_none() => {
                Some((end, next, Damage::Gap(begins)))
            }
            Some(begins) if begins != next => Some((end, next, Damage::Unreadable)),
            Some(_) => rest.map(|at| (end, next, Damage::TrailingData((end + at) as u64))),
            None => (next <= through).then_some((end, next, Damage::Unreadable)),
        }
    });
    match problem {
        Some((offset, sequence, what)) => {
            let file = segment.path;
            Err(JournalError::Damaged { file, offset: offset as u64, sequence, what })
        }
        None => {
            let last = Sequence(next.0.saturating_sub(1));
            Ok(SegmentCheck { last, marks, sealed, used: (end as u64).max(START) })
        }
    }
}
