//! The writing end of the journal.

use core::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pricetime_engine::{Command, Sequence, rules};

use super::end::{look, mend};
use super::mark::{BLOCK, Mark, ahead, limit};
use super::record::{self, HEAD, Head, Kind, SPAN_MAX};
use super::segment::{self, Header, START, Segment};
use super::spare::{self, Spare};
use super::{Commands, JournalError, JournalOptions, JournalReader, Position, Tail, io_error};
use crate::codec::encode_command;
use crate::disk::Disk;
use crate::history::History;

/// A batch of this length reaches into another block than the one before it, and so is a mark itself:
/// its records say that the batch before it is durable.
const APART: u64 = BLOCK + SPAN_MAX as u64;

/// The one writer of a journal. [`append`](Self::append) only fills a buffer;
/// [`commit`](Self::commit) writes and syncs, and then the commands are durable.
///
/// After an error of the disk it answers [`JournalError::Poisoned`] for ever: the kernel may have
/// dropped what it could not write, and a later sync that succeeds proves nothing.
///
/// ```
/// use std::sync::Arc;
///
/// use pricetime_engine::{AccountId, Action, Command, MarketId, Sequence, Timestamp};
/// use pricetime_journal::{History, Journal, JournalOptions, RealDisk};
///
/// # let path = std::env::temp_dir().join(format!("pricetime-journal-{}", std::process::id()));
/// # std::fs::create_dir_all(&path)?;
/// let (history, options) = (History::fresh(), JournalOptions::default());
/// Journal::create(&RealDisk, &path, history, Sequence(1), options)?;
/// let mut journal = Journal::open(Arc::new(RealDisk), &path, history, options)?;
/// let (number, time, action) = (Sequence(1), Timestamp(1_000), Action::AdvanceTime);
/// journal.append(&Command::new(number, time, MarketId(1), AccountId(0), action))?;
/// assert_eq!(journal.commit()?, Sequence(1)); // On disk.
/// for command in journal.read(Sequence(1))? {
///     assert_eq!(command?.action, Action::AdvanceTime);
/// }
/// journal.seal()?;
/// # std::fs::remove_dir_all(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Journal {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    segment_bytes: u64,
    opened: Tail,
    /// The first sequences of all segments, ascending.
    firsts: Vec<Sequence>,
    /// The segment that is written now, how far, and how far of that is durable.
    segment: Segment,
    offset: u64,
    settled: u64,
    /// Its mark as it was written last, and behind which byte nothing may be written before a higher
    /// number in the mark is durable.
    mark: Mark,
    reach: u64,
    /// The file of the next segment, if it was made ahead of need, and behind which byte that is tried.
    spare: Option<Spare>,
    spare_from: u64,
    /// Records that are not written yet, and where among them new segments begin.
    pending: Vec<u8>,
    breaks: Vec<Break>,
    /// The segment into which the next record goes, once everything pending is written.
    last: Header,
    tail: u64,
    appended: Sequence,
    written: Sequence,
    durable: Sequence,
    poison: Option<String>,
}

/// From here on the pending bytes belong to a new segment.
#[derive(Clone, Copy, Debug)]
struct Break {
    at: usize,
    header: Header,
}

impl Journal {
    /// Makes the first segment of a journal that begins with the command `first`, durable with its
    /// name when this returns.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn create(
        disk: &dyn Disk,
        folder: &Path,
        history: History,
        first: Sequence,
        options: JournalOptions,
    ) -> Result<(), JournalError> {
        spare::remove_unfinished(disk, folder)?;
        if segment::list(disk, folder)?.is_empty() {
            let header = Header::new(history, first, length(options));
            Spare::create(disk, folder, header.length)?.finish(disk, folder, header)?;
            return Ok(());
        }
        // One that can be seen may have a name that was never synced.
        disk.sync_folder(folder).map_err(io_error("sync", folder))
    }

    /// Opens a journal behind its last command. A torn tail is cut off; what no record calls durable
    /// is written again and synced, because bytes that can be read need not be on the disk.
    ///
    /// The last segment is read from its mark on. Damage in front of that shows when it is replayed.
    ///
    /// # Errors
    /// Where the disk refuses, where there is no journal, and where it is damaged.
    pub fn open(
        disk: Arc<dyn Disk>,
        folder: &Path,
        history: History,
        options: JournalOptions,
    ) -> Result<Self, JournalError> {
        let firsts = segment::list(&*disk, folder)?;
        let first = *firsts.last().ok_or_else(|| JournalError::Missing(folder.to_owned()))?;
        spare::remove_unfinished(&*disk, folder)?;
        let mut segment = Segment::open(&*disk, folder, history, first)?;
        let (scanned, bytes) = look(&segment)?;
        let mark = mend(&mut segment, &scanned, &bytes)?;
        disk.sync_folder(folder).map_err(io_error("sync", folder))?;
        let at = Position { segment: first, offset: scanned.end as u64 };
        let last = Sequence(scanned.next.0.saturating_sub(1));
        let opened = Tail { last, sealed: scanned.sealed, cut: scanned.torn.then_some(at) };
        Ok(Self {
            disk,
            folder: folder.to_owned(),
            segment_bytes: length(options),
            opened,
            firsts,
            offset: at.offset,
            settled: at.offset,
            mark,
            reach: mark.written,
            spare: None,
            spare_from: segment.header.length / 2,
            pending: Vec::new(),
            breaks: Vec::new(),
            last: segment.header,
            tail: at.offset,
            segment,
            appended: last,
            written: last,
            durable: last,
            poison: None,
        })
    }

    /// Begins a new segment if the last one was written under an earlier version of the rules. Every
    /// command there must be among those up to `held`, which a snapshot holds: none is replayed under
    /// other rules.
    ///
    /// # Errors
    /// Returns [`JournalError::OtherRules`] if there is a later command, and an I/O error if the disk
    /// refuses.
    pub(crate) fn renew(&mut self, held: Sequence) -> Result<(), JournalError> {
        let found = self.segment.header.rules;
        if found == rules::VERSION {
            return Ok(());
        }
        if held < self.durable {
            return Err(segment::other_rules(self.segment.path.clone(), found));
        }
        let first = Sequence(self.durable.0.saturating_add(1));
        let header = Header::new(self.segment.header.history, first, self.segment_bytes);
        self.turn(header)?;
        (self.last, self.tail) = (header, START);
        Ok(())
    }

    /// What was found when it was opened.
    #[must_use]
    pub const fn opened(&self) -> Tail {
        self.opened
    }

    /// The last command that was appended.
    #[must_use]
    pub const fn appended(&self) -> Sequence {
        self.appended
    }

    /// The last command that is durable.
    #[must_use]
    pub const fn durable(&self) -> Sequence {
        self.durable
    }

    /// The first command of the oldest segment.
    #[must_use]
    pub fn oldest(&self) -> Sequence {
        self.firsts.first().copied().unwrap_or(self.segment.header.first)
    }

    /// The last file, and the one that would follow it.
    pub(crate) fn end_files(&self) -> [PathBuf; 2] {
        let next = Sequence(self.appended.0.saturating_add(1));
        [self.segment.path.clone(), segment::path(&self.folder, next)]
    }

    /// Where the next record will stand.
    #[must_use]
    pub const fn position(&self) -> Position {
        Position { segment: self.last.first, offset: self.tail }
    }

    /// How many bytes wait to be written.
    #[must_use]
    pub const fn pending_bytes(&self) -> usize {
        self.pending.len()
    }

    /// Takes the next command into the buffer. No input or output.
    ///
    /// # Errors
    /// Where it is not the next one, and after an error of the disk.
    #[inline]
    pub fn append(&mut self, command: &Command) -> Result<(), JournalError> {
        self.healthy()?;
        if self.last.rules != rules::VERSION {
            return Err(segment::other_rules(self.segment.path.clone(), self.last.rules));
        }
        let expected = Sequence(self.appended.0.saturating_add(1));
        if command.sequence != expected {
            return Err(JournalError::NotDense { expected, found: command.sequence });
        }
        self.push(Kind::Command, |out| encode_command(command, out));
        self.appended = expected;
        Ok(())
    }

    /// Writes the buffer and syncs; says which command is durable now.
    ///
    /// # Errors
    /// Where the disk refuses; from then on always.
    pub fn commit(&mut self) -> Result<Sequence, JournalError> {
        self.write()?;
        self.sync()
    }

    /// Writes the buffer without a sync: a power cut may still take it, a crash of the process not.
    ///
    /// # Errors
    /// Where the disk refuses, and if the file is not at its path any more; from then on always.
    pub fn write(&mut self) -> Result<(), JournalError> {
        self.healthy()?;
        let done = self.stay().and_then(|()| self.write_pending());
        self.poisoned_by(done)
    }

    /// Makes durable what is written; says which command is durable now.
    ///
    /// # Errors
    /// Where the disk refuses; from then on always.
    pub fn sync(&mut self) -> Result<Sequence, JournalError> {
        self.healthy()?;
        if self.durable < self.written {
            let done = self.segment.file.sync().map_err(io_error("sync", &self.segment.path));
            self.poisoned_by(done)?;
            (self.durable, self.settled, self.reach) =
                (self.written, self.offset, self.mark.written);
        }
        Ok(self.durable)
    }

    /// Writes down how far the journal is durable, so that damage to the last batch is known to be
    /// damage. For when nothing waits; needs no sync of its own.
    ///
    /// # Errors
    /// Fails if the disk refuses; from then on always.
    pub fn mark(&mut self) -> Result<(), JournalError> {
        self.healthy()?;
        if !self.has_room() {
            self.push(Kind::Mark, |_| ());
            return self.write();
        }
        let done = self.write_mark(self.mark.written);
        self.poisoned_by(done)
    }

    /// Makes the file of the next segment once half of this one is used. So a segment can follow even while
    /// the process may open no more files or the disk is full.
    ///
    /// # Errors
    /// Returns the error of the disk. The journal goes on: the file is made when it is needed.
    pub fn prepare(&mut self) -> Result<(), JournalError> {
        self.healthy()?;
        if self.spare.is_none() && self.tail > self.spare_from {
            // Each try asks for all the room of a segment, so a full disk is not asked at every batch.
            self.spare_from = self.tail + self.last.length / 16;
            self.spare = Some(Spare::create(&*self.disk, &self.folder, self.segment_bytes)?);
        }
        Ok(())
    }

    /// Closes it in order: commits, and says so at its end.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn seal(mut self) -> Result<(), JournalError> {
        self.commit()?;
        self.push(Kind::Seal, |_| ());
        self.write()?;
        // What was zeroed when it was opened is durable, and nothing was written behind the seal.
        self.write_mark(self.offset)?;
        self.segment.file.sync().map_err(io_error("sync", &self.segment.path))?;
        if let Some(spare) = self.spare.take() {
            // If it stays behind, the next start removes it.
            let _ = self.disk.remove(&spare.path);
        }
        Ok(())
    }

    /// Drops whole segments that hold nothing at or above `sequence`, the oldest first, each for
    /// good before the next, so that a power cut leaves no hole. Says what the oldest command is.
    ///
    /// # Errors
    /// Where the disk refuses. That breaks nothing: what was not dropped is dropped the next time.
    pub fn retain_from(&mut self, sequence: Sequence) -> Result<Sequence, JournalError> {
        self.healthy()?;
        while let [oldest, next, ..] = self.firsts[..]
            && next <= sequence
        {
            let path = segment::path(&self.folder, oldest);
            self.disk.remove(&path).map_err(io_error("remove", &path))?;
            self.firsts.remove(0);
            self.disk.sync_folder(&self.folder).map_err(io_error("sync", &self.folder))?;
        }
        Ok(self.oldest())
    }

    /// What reads this journal, here or on another thread, while it is being written.
    #[must_use]
    pub fn reader(&self) -> JournalReader {
        let history = self.segment.header.history;
        JournalReader::new(Arc::clone(&self.disk), &self.folder, history)
    }

    /// The durable commands from this one on.
    ///
    /// # Errors
    /// Where it was dropped, and where its file cannot be read.
    pub fn read(&self, from: Sequence) -> Result<Commands, JournalError> {
        self.reader().read(from, self.durable)
    }

    #[inline]
    fn healthy(&self) -> Result<(), JournalError> {
        match &self.poison {
            None => Ok(()),
            Some(reason) => Err(JournalError::Poisoned(reason.clone())),
        }
    }

    fn poisoned_by<T>(&mut self, done: Result<T, JournalError>) -> Result<T, JournalError> {
        if let Err(error) = &done {
            self.poison = Some(error.to_string());
        }
        done
    }

    /// Puts a record behind the others, into a new segment where the old one has no room for it.
    #[inline]
    fn push(&mut self, kind: Kind, payload: impl FnOnce(&mut Vec<u8>)) {
        let begun = self.pending.len();
        self.pending.extend_from_slice(&[0; HEAD]);
        payload(&mut self.pending);
        let sequence = Sequence(self.appended.0.saturating_add(1));
        let head = Head { kind, sequence, durable: self.durable };
        record::close(&mut self.pending, begun, self.last.salt, head);
        let span = (self.pending.len() - begun) as u64;
        if self.tail + span > limit(self.last.length) {
            self.last = Header::new(self.last.history, sequence, self.segment_bytes);
            self.tail = START;
            self.breaks.push(Break { at: begun, header: self.last });
            record::check(&mut self.pending[begun..], self.last.salt);
        }
        self.tail += span;
    }

    /// Checks that the segment is still at its path, at the cost of one `stat` for each group of
    /// batches: 3 µs beside the 100 µs of a sync. Writing to a file that was removed or moved away would
    /// succeed, and acknowledge what no restart finds.
    fn stay(&self) -> Result<(), JournalError> {
        let Segment { path, file, .. } = &self.segment;
        if self.pending.is_empty() || file.is_at(path).map_err(io_error("look at", path))? {
            return Ok(());
        }
        Err(JournalError::Replaced { file: path.clone() })
    }

    fn write_pending(&mut self) -> Result<(), JournalError> {
        let mut from = 0;
        for Break { at, header } in mem::take(&mut self.breaks) {
            self.write_piece(from, at)?;
            from = at;
            self.turn(header)?;
        }
        self.write_piece(from, self.pending.len())?;
        self.pending.clear();
        self.written = self.appended;
        self.mark_beside()
    }

    /// Begins the next segment. What the one before it holds is durable before it has a successor.
    fn turn(&mut self, header: Header) -> Result<(), JournalError> {
        if self.has_room() {
            Mark::clear(&mut self.segment)?;
        }
        self.segment.file.sync().map_err(io_error("sync", &self.segment.path))?;
        self.durable = Sequence(header.first.0.saturating_sub(1));
        self.written = self.durable;
        let (disk, folder) = (&*self.disk, &self.folder);
        let spare = match self.spare.take() {
            Some(spare) => spare,
            None => Spare::create(disk, folder, header.length)?,
        };
        self.segment = spare.finish(disk, folder, header)?;
        // A segment that held no command had the same name, and was replaced.
        if self.firsts.last() != Some(&header.first) {
            self.firsts.push(header.first);
        }
        self.spare_from = header.length / 2;
        self.mark = Mark::first(&header);
        (self.offset, self.settled, self.reach) = (START, START, self.mark.written);
        Ok(())
    }

    /// Writes the mark along with a batch, which is synced together with it: if the batch before this
    /// one has no mark in another block yet, and if the next one may go behind what counts as written.
    fn mark_beside(&mut self) -> Result<(), JournalError> {
        let length = self.segment.header.length;
        let far = (self.offset + ahead(length)).min(limit(length));
        let is_near =
            self.offset + ahead(length) / 2 > self.mark.written && far > self.mark.written;
        let is_alone = self.mark.durable < self.durable && self.offset < self.settled + APART;
        match (is_near, is_alone) {
            (true, _) => self.write_mark(far),
            (false, true) => self.write_mark(self.mark.written),
            (false, false) => Ok(()),
        }
    }

    /// Whether the segment has room for its mark: in one of an older version records may stand there.
    const fn has_room(&self) -> bool {
        self.offset <= limit(self.segment.header.length)
    }

    /// Writes the mark, if there is room for it.
    fn write_mark(&mut self, written: u64) -> Result<(), JournalError> {
        if !self.has_room() {
            return Ok(());
        }
        self.mark = Mark { durable: self.durable, at: self.settled, written };
        self.mark.write(&mut self.segment)
    }

    fn write_piece(&mut self, from: usize, to: usize) -> Result<(), JournalError> {
        let piece = self.pending.get(from..to).unwrap_or_default();
        if piece.is_empty() {
            return Ok(());
        }
        let end = self.offset + piece.len() as u64;
        if end > self.reach {
            // A batch that is longer than what counts as written.
            let length = self.segment.header.length;
            let done = Mark { written: (end + ahead(length)).min(limit(length)), ..self.mark };
            done.write(&mut self.segment)?;
            self.segment.file.sync().map_err(io_error("sync", &self.segment.path))?;
            (self.mark, self.reach) = (done, done.written);
        }
        let Segment { path, file, .. } = &mut self.segment;
        file.write_at(self.offset, &self.pending[from..to]).map_err(io_error("write", path))?;
        self.offset = end;
        Ok(())
    }
}

fn length(options: JournalOptions) -> u64 {
    let (least, most) = (JournalOptions::SEGMENT_BYTES_MIN, JournalOptions::SEGMENT_BYTES_MAX);
    options.segment_bytes.clamp(least, most)
}
