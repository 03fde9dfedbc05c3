//! The checks, in order. A failed check is reported, and the next one still runs.

use std::io::{self, ErrorKind::NotFound};

use pricetime_engine::Sequence;
use pricetime_journal::{FolderReader, JournalError, JournalState, SegmentInfo};
use pricetime_terminal::Progress;

use super::super::reader::{self, OpenFolder, Origin, ReplayVerifier, Stop};
use super::ranges::ReplayRanges;
use super::{Reporter, wrong};

/// The folder to check, and the output for findings.
pub(super) struct Checks<'a> {
    pub(super) reader: &'a FolderReader,
    pub(super) reporter: &'a mut Reporter,
    pub(super) markets: u32,
}

impl Checks<'_> {
    /// Runs all checks.
    pub(super) fn all(mut self) -> Result<(), Stop> {
        let segments = match self.reader.segments() {
            Ok(segments) => segments,
            Err(error) => {
                self.reporter.report("journal", Err(wrong(error)?))?;
                return self.snapshots_alone();
            }
        };
        let snapshots = match self.reader.snapshots().list() {
            Ok(snapshots) => snapshots,
            // A folder without snapshots still has its journal.
            Err(error) => {
                self.reporter.report("snapshot", Err(error.to_string()))?;
                Vec::new()
            }
        };
        let (journal, is_whole) = match self.reader.journal() {
            Ok(journal) => {
                let is_whole = self.segments(&journal.segments, journal.through())?;
                self.end(&journal)?;
                (journal, is_whole)
            }
            Err(error) => {
                let text = wrong(error)?;
                let Some(journal) = reader::without_last(segments) else {
                    self.reporter.report("journal", Err(text))?;
                    return self.snapshots_alone();
                };
                self.segments(&journal.segments, journal.durable)?;
                self.reporter.report("journal", Err(text))?;
                (journal, false)
            }
        };
        let data = OpenFolder { reader: self.reader.clone(), snapshots, journal, damaged: None };
        self.replay(&data, is_whole)
    }

    /// Checks every file of the journal. Returns `true` if all are right.
    fn segments(&mut self, segments: &[SegmentInfo], through: Sequence) -> Result<bool, Stop> {
        let total = segments.iter().map(|segment| segment.bytes).sum();
        let progress = Progress::bytes("checking the journal", Some(total));
        let mut is_whole = true;
        for (at, segment) in segments.iter().enumerate() {
            let successor = segments.get(at + 1).map(|next| next.first);
            let found = match self.reader.check(segment.first, successor, through) {
                Ok(check) => {
                    let name = segment.path.file_name().unwrap_or_default().to_string_lossy();
                    Ok(format!(
                        "{name}: commands {} to {}, {} marks, {} of {} bytes used",
                        segment.first, check.last, check.marks, check.used, segment.bytes
                    ))
                }
                Err(JournalError::Io { source, .. }) if source.kind() == NotFound => {
                    Ok(format!("{}: deleted meanwhile", segment.path.display()))
                }
                Err(error) => Err(wrong(error)?),
            };
            is_whole &= found.is_ok();
            self.reporter.report("segment", found)?;
            progress.add(segment.bytes);
        }
        Ok(is_whole)
    }

    /// Reports how the journal ends.
    fn end(&mut self, journal: &JournalState) -> io::Result<()> {
        let JournalState { durable, last, in_use, sealed, torn, .. } = journal;
        let mut text = format!("commands {} to {durable} are marked as durable", journal.oldest());
        if *sealed {
            text += ", and it was closed in order";
        }
        let more = last.0 - durable.0;
        if more > 0 && *in_use {
            text += &format!(
                "; {more} more are left out: a process has the folder open and has not marked them yet"
            );
        } else if more > 0 {
            text += &format!(
                "; {more} more were written before the process ended without closing the journal: they \
                 are checked too, and the next opening keeps them"
            );
        }
        if let Some(torn) = torn {
            text += &format!(
                "; unfinished bytes begin at byte {} of the last file: being written, or torn by a \
                 power cut; that is not damage, they were never acknowledged",
                torn.offset
            );
        }
        self.reporter.report("journal", Ok(text))
    }

    /// Replays everything that is kept. After damage it continues from the next snapshot.
    fn replay(&mut self, data: &OpenFolder, is_whole: bool) -> Result<(), Stop> {
        let mut origin = Origin::Oldest;
        let mut ranges = ReplayRanges { reporter: self.reporter, markets: self.markets, is_whole };
        while let Some(at) = ranges.next(data, origin)? {
            let Some(next) = data.snapshots.iter().find(|sequence| **sequence > at) else {
                return Ok(());
            };
            origin = Origin::AtSnapshot(*next);
        }
        Ok(())
    }

    /// Checks the snapshots if there is no replay to compare them with.
    fn snapshots_alone(&mut self) -> Result<(), Stop> {
        let snapshots = self.reader.snapshots();
        let all = snapshots.list()?;
        for sequence in &all {
            let found = ReplayVerifier::check_without_replay(&snapshots, *sequence, self.markets);
            self.reporter.report("snapshot", found)?;
        }
        Ok(())
    }
}
