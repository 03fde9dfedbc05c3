//! The checks, in order. A failed check is reported, and the next one still runs.

use std::io::{self, ErrorKind::NotFound};

use pricetime_engine::Sequence;
use pricetime_journal::{FolderReader, JournalError, JournalSight, SegmentSight};
use pricetime_terminal::Progress;

use super::super::look::{self, Judge, Origin, Seen, Stop};
use super::stretches::Stretches;
use super::{Voice, wrong};

/// The folder to check, and the output for findings.
pub(super) struct Checks<'a> {
    pub(super) look: &'a FolderReader,
    pub(super) voice: &'a mut Voice,
    pub(super) markets: u32,
}

impl Checks<'_> {
    /// Runs all checks.
    pub(super) fn all(mut self) -> Result<(), Stop> {
        let segments = match self.look.segments() {
            Ok(segments) => segments,
            Err(error) => {
                self.voice.say("journal", Err(wrong(error)?))?;
                return self.snapshots_alone();
            }
        };
        let snapshots = match self.look.snapshots().list() {
            Ok(snapshots) => snapshots,
            // A folder without snapshots still has its journal.
            Err(error) => {
                self.voice.say("snapshot", Err(error.to_string()))?;
                Vec::new()
            }
        };
        let (journal, is_whole) = match self.look.journal() {
            Ok(journal) => {
                let is_whole = self.segments(&journal.segments, journal.through())?;
                self.end(&journal)?;
                (journal, is_whole)
            }
            Err(error) => {
                let text = wrong(error)?;
                let Some(journal) = look::without_last(segments) else {
                    self.voice.say("journal", Err(text))?;
                    return self.snapshots_alone();
                };
                self.segments(&journal.segments, journal.durable)?;
                self.voice.say("journal", Err(text))?;
                (journal, false)
            }
        };
        let seen = Seen { look: self.look.clone(), snapshots, journal, damaged: None };
        self.replay(&seen, is_whole)
    }

    /// Checks every file of the journal. Returns `true` if all are right.
    fn segments(&mut self, segments: &[SegmentSight], through: Sequence) -> Result<bool, Stop> {
        let total = segments.iter().map(|segment| segment.bytes).sum();
        let progress = Progress::bytes("checking the journal", Some(total));
        let mut is_whole = true;
        for (at, segment) in segments.iter().enumerate() {
            let successor = segments.get(at + 1).map(|next| next.first);
            let found = match self.look.check(segment.first, successor, through) {
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
            self.voice.say("segment", found)?;
            progress.add(segment.bytes);
        }
        Ok(is_whole)
    }

    /// Reports how the journal ends.
    fn end(&mut self, journal: &JournalSight) -> io::Result<()> {
        let JournalSight { durable, last, in_use, sealed, torn, .. } = journal;
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
        self.voice.say("journal", Ok(text))
    }

    /// Replays everything that is kept. After damage it continues from the next snapshot.
    fn replay(&mut self, seen: &Seen, is_whole: bool) -> Result<(), Stop> {
        let mut origin = Origin::Oldest;
        let mut stretches = Stretches { voice: self.voice, markets: self.markets, is_whole };
        while let Some(at) = stretches.next(seen, origin)? {
            let Some(next) = seen.snapshots.iter().find(|sequence| **sequence > at) else {
                return Ok(());
            };
            origin = Origin::With(*next);
        }
        Ok(())
    }

    /// Checks the snapshots if there is no replay to compare them with.
    fn snapshots_alone(&mut self) -> Result<(), Stop> {
        let snapshots = self.look.snapshots();
        let all = snapshots.list()?;
        for sequence in &all {
            let found = Judge::alone(&snapshots, *sequence, self.markets);
            self.voice.say("snapshot", found)?;
        }
        Ok(())
    }
}
