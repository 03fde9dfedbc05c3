//! The reader of the journal.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pricetime_engine::{Command, Sequence, rules};

use super::record::{self, Kind, Record, SPAN_MAX};
use super::segment::{self, START, Segment};
use super::{Damage, JournalError, io_error};
use crate::codec::decode_command;
use crate::disk::Disk;
use crate::history::History;

/// How much is read from the disk at a time.
const WINDOW: usize = 1 << 20;

/// Reads a journal, also while it is being written.
#[derive(Clone, Debug)]
pub struct JournalReader {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    history: History,
}

/// An iterator over commands. It ends after an error.
#[derive(Debug)]
pub struct Commands {
    reader: JournalReader,
    /// The first command that the caller wants, and the next one in the segment.
    from: Sequence,
    expected: Sequence,
    through: Sequence,
    /// The first command of the next segment, if there is one yet.
    successor: Option<Sequence>,
    segment: Segment,
    /// The bytes that were read of the segment, the offset of the first one, and how many are used up.
    window: Vec<u8>,
    offset: u64,
    at: usize,
    done: bool,
}

impl JournalReader {
    /// Creates a reader of the journal in this folder.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>, folder: &Path, history: History) -> Self {
        Self { disk, folder: folder.to_owned(), history }
    }

    /// Reads the commands from `from` to `through`, which must be durable. Commands that are not durable
    /// cannot be distinguished from what is being written at the same time.
    ///
    /// # Errors
    /// Returns an error if `from` was dropped, or if its file cannot be read.
    pub fn read(&self, from: Sequence, through: Sequence) -> Result<Commands, JournalError> {
        let firsts = segment::list(&*self.disk, &self.folder)?;
        let oldest = *firsts.first().ok_or_else(|| JournalError::Missing(self.folder.clone()))?;
        let after = firsts.partition_point(|first| *first <= from);
        let Some(first) = after.checked_sub(1).and_then(|at| firsts.get(at)) else {
            let folder = self.folder.clone();
            return Err(JournalError::Gone { folder, asked: from, oldest });
        };
        let mut commands = Commands {
            from,
            expected: *first,
            through,
            successor: firsts.get(after).copied(),
            segment: if from <= through {
                self.segment(*first)?
            } else {
                Segment::open(&*self.disk, &self.folder, self.history, *first)?
            },
            reader: self.clone(),
            window: Vec::new(),
            offset: START,
            at: 0,
            done: false,
        };
        if from <= through {
            commands.skip_to_first()?;
        }
        Ok(commands)
    }

    /// Opens a segment to replay it. Its commands must have been written under the current rules.
    fn segment(&self, first: Sequence) -> Result<Segment, JournalError> {
        let segment = Segment::open(&*self.disk, &self.folder, self.history, first)?;
        match segment.header.rules {
            rules::VERSION => Ok(segment),
            found => Err(segment::other_rules(segment.path, found)),
        }
    }
}

impl Commands {
    /// Continues up to this command, which has become durable since. The iterator keeps its place in the
    /// file.
    pub fn extend(&mut self, through: Sequence) {
        self.through = self.through.max(through);
        // Bytes after the last command may have been read before they were written.
        self.window.truncate(self.at);
    }

    /// Skips to the first command that the caller wants.
    #[cold]
    fn skip_to_first(&mut self) -> Result<(), JournalError> {
        while self.expected < self.from {
            self.step(|_| Ok(()))?;
        }
        Ok(())
    }

    /// Advances by one command, and returns the result of `make` for its record.
    #[inline]
    fn step<T>(
        &mut self,
        make: impl FnOnce(&Record<'_>) -> Result<T, Damage>,
    ) -> Result<T, JournalError> {
        loop {
            if self.successor == Some(self.expected) {
                self.switch_segment(self.expected)?;
            }
            if self.window.len() - self.at < SPAN_MAX {
                self.refill()?;
            }
            let rest = self.window.get(self.at..).unwrap_or_default();
            let record = record::parse(rest, self.segment.header.salt);
            let Some(record) = record.filter(|record| record.head.sequence == self.expected) else {
                self.end_of_segment()?;
                continue;
            };
            let span = record.span;
            if record.head.kind != Kind::Command {
                self.at += span;
                continue;
            }
            let made = make(&record).map_err(|what| self.damaged(what))?;
            self.at += span;
            self.expected = Sequence(self.expected.0.saturating_add(1));
            return Ok(made);
        }
    }

    /// Handles a place where no record can be read. That is correct if a segment begins with the next
    /// command. Such a segment may have been created since the folder was listed.
    #[cold]
    fn end_of_segment(&mut self) -> Result<(), JournalError> {
        let firsts = segment::list(&*self.reader.disk, &self.reader.folder)?;
        if self.segment.header.first < self.expected && firsts.contains(&self.expected) {
            self.successor = Some(self.expected);
            return Ok(());
        }
        Err(self.damaged(Damage::Unreadable))
    }

    /// Switches to the segment that begins with this command.
    #[cold]
    fn switch_segment(&mut self, first: Sequence) -> Result<(), JournalError> {
        self.segment = self.reader.segment(first)?;
        let firsts = segment::list(&*self.reader.disk, &self.reader.folder)?;
        self.successor = firsts.into_iter().find(|other| *other > first);
        self.window.clear();
        self.offset = START;
        self.at = 0;
        Ok(())
    }

    #[cold]
    fn refill(&mut self) -> Result<(), JournalError> {
        self.offset += self.at as u64;
        self.at = 0;
        let left = self.segment.header.length.saturating_sub(self.offset);
        self.window.resize(usize::try_from(left).unwrap_or(WINDOW).min(WINDOW), 0);
        let read = self.segment.file.read_at(self.offset, &mut self.window);
        let read = read.map_err(io_error("read", &self.segment.path))?;
        self.window.truncate(read);
        Ok(())
    }

    fn damaged(&self, what: Damage) -> JournalError {
        let offset = self.offset + self.at as u64;
        let file = self.segment.path.clone();
        JournalError::Damaged { file, offset, sequence: self.expected, what }
    }
}

impl Iterator for Commands {
    type Item = Result<Command, JournalError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.done || self.expected.max(self.from) > self.through {
            return None;
        }
        if self.expected < self.from
            && let Err(error) = self.skip_to_first()
        {
            self.done = true;
            return Some(Err(error));
        }
        let sequence = self.expected;
        let command =
            self.step(|record| decode_command(sequence, record.payload).map_err(Damage::Command));
        self.done = command.is_err();
        Some(command)
    }
}
