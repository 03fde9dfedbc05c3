//! The writer of the journal.

use core::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pricetime_engine::{Command, Sequence, rules};

use super::end::{repair, scan_end};
use super::mark::{BLOCK, Mark, ahead, limit};
use super::record::{self, HEAD, Head, Kind, SPAN_MAX};
use super::segment::{self, Header, START, Segment};
use super::spare::{self, Spare};
use super::{Commands, JournalError, JournalOptions, JournalReader, Position, Tail, io_error};
use crate::codec::encode_command;
use crate::disk::Disk;
use crate::history::History;

/// A batch of this length reaches into another block than the batch before it. So it needs no mark: its
/// records state that the batch before it is durable.
const UNMARKED_BATCH_BYTES: u64 = BLOCK + SPAN_MAX as u64;

/// The only writer of a journal. [`append`](Self::append) only fills a buffer. [`commit`](Self::commit)
/// writes and syncs the buffer, and then the commands are durable.
///
/// After a failed write or sync, the journal only returns [`JournalError::Poisoned`]: the kernel may have
/// dropped what it could not write, so a later sync that succeeds proves nothing.
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
    /// The segment that is being written, how far it is written, and how far it is durable.
    segment: Segment,
    offset: u64,
    durable_offset: u64,
    /// The mark as it was last written, and the byte beyond which nothing may be written before a mark
    /// with a higher number is durable.
    mark: Mark,
    write_limit: u64,
    /// The file of the next segment, if it was created ahead of need, and the byte beyond which that is
    /// tried.
    spare: Option<Spare>,
    spare_threshold: u64,
    /// Records that are not written yet, and where new segments begin among them.
    pending: Vec<u8>,
    breaks: Vec<Break>,
    /// The segment and the offset of the next record, once everything pending is written.
    last: Header,
    tail: u64,
    appended: Sequence,
    written: Sequence,
    durable: Sequence,
    poison: Option<String>,
}

/// The place in the pending bytes where a new segment begins.
#[derive(Clone, Copy, Debug)]
struct Break {
    at: usize,
    header: Header,
}

impl Journal {
    /// Creates the first segment of a journal that begins with the command `first`. The segment and its
    /// name are durable when this returns.
    ///
    /// # Errors
    /// Returns an error if a file operation fails.
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
        // A segment that is found may have a name that was never synced.
        disk.sync_folder(folder).map_err(io_error("sync", folder))
    }

    /// Opens a journal to append commands after its last one. A torn tail is cut off. Records that no
    /// later record states to be durable are written again and synced, because bytes that can be read
    /// need not be on the disk.
    ///
    /// The last segment is read only from the place that its mark states. Damage before that place shows
    /// when the segment is replayed.
    ///
    /// # Errors
    /// Returns an error if there is no journal, if it is damaged, or if a file operation fails.
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
        let (scanned, bytes) = scan_end(&segment)?;
        let mark = repair(&mut segment, &scanned, &bytes)?;
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
            durable_offset: at.offset,
            mark,
            write_limit: mark.written,
            spare: None,
            spare_threshold: segment.header.length / 2,
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

    /// Begins a new segment if the last one was written under an earlier version of the rules. No command
    /// may be replayed under other rules, so a snapshot must hold all commands of the last segment.
    /// `held` is the last command in the snapshot.
    ///
    /// # Errors
    /// Returns [`JournalError::OtherRules`] if there is a later command, and another error if a file
    /// operation fails.
    pub(crate) fn renew_for_rules(&mut self, held: Sequence) -> Result<(), JournalError> {
        let found = self.segment.header.rules;
        if found == rules::VERSION {
            return Ok(());
        }
        if held < self.durable {
            return Err(segment::other_rules(self.segment.path.clone(), found));
        }
        let first = Sequence(self.durable.0.saturating_add(1));
        let header = Header::new(self.segment.header.history, first, self.segment_bytes);
        self.begin_segment(header)?;
        (self.last, self.tail) = (header, START);
        Ok(())
    }

    /// The end of the journal as it was found when the journal was opened.
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

    /// The path of the last file, and of the one that would follow it.
    pub(crate) fn end_files(&self) -> [PathBuf; 2] {
        let next = Sequence(self.appended.0.saturating_add(1));
        [self.segment.path.clone(), segment::path(&self.folder, next)]
    }

    /// The place of the next record.
    #[must_use]
    pub const fn position(&self) -> Position {
        Position { segment: self.last.first, offset: self.tail }
    }

    /// How many bytes are waiting to be written.
    #[must_use]
    pub const fn pending_bytes(&self) -> usize {
        self.pending.len()
    }

    /// Appends the next command to the buffer. Performs no I/O.
    ///
    /// # Errors
    /// Returns [`JournalError::NotDense`] if it is not the next command, and [`JournalError::OtherRules`]
    /// if the last segment is of other rules. After a failed write or sync, returns
    /// [`JournalError::Poisoned`].
    #[inline]
    pub fn append(&mut self, command: &Command) -> Result<(), JournalError> {
        self.ensure_healthy()?;
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

    /// Writes the buffer and syncs it. Returns the last durable command.
    ///
    /// # Errors
    /// Returns an error if a file operation fails. After that, every further operation returns
    /// [`JournalError::Poisoned`].
    pub fn commit(&mut self) -> Result<Sequence, JournalError> {
        self.write()?;
        self.sync()
    }

    /// Writes the buffer without a sync. A power cut can still lose it, but a crash of the process
    /// cannot.
    ///
    /// # Errors
    /// Returns an error if a file operation fails, or if the file is no longer at its path. After that,
    /// every further operation returns [`JournalError::Poisoned`].
    pub fn write(&mut self) -> Result<(), JournalError> {
        self.ensure_healthy()?;
        let done = self.check_path().and_then(|()| self.write_pending());
        self.poison_on_error(done)
    }

    /// Syncs what is written. Returns the last durable command.
    ///
    /// # Errors
    /// Returns an error if a file operation fails. After that, every further operation returns
    /// [`JournalError::Poisoned`].
    pub fn sync(&mut self) -> Result<Sequence, JournalError> {
        self.ensure_healthy()?;
        if self.durable < self.written {
            let done = self.segment.file.sync().map_err(io_error("sync", &self.segment.path));
            self.poison_on_error(done)?;
            (self.durable, self.durable_offset, self.write_limit) =
                (self.written, self.offset, self.mark.written);
        }
        Ok(self.durable)
    }

    /// Records how far the journal is durable, so that damage to the last batch is recognized as damage.
    /// Call it when no command is waiting. It needs no sync of its own.
    ///
    /// # Errors
    /// Returns an error if a file operation fails. After that, every further operation returns
    /// [`JournalError::Poisoned`].
    pub fn mark(&mut self) -> Result<(), JournalError> {
        self.ensure_healthy()?;
        if !self.has_room() {
            self.push(Kind::Mark, |_| ());
            return self.write();
        }
        let done = self.write_mark(self.mark.written);
        self.poison_on_error(done)
    }

    /// Creates the file of the next segment once half of this one is used. So the journal can begin the
    /// next segment even if the process can open no more files or the disk is full.
    ///
    /// # Errors
    /// Returns an error if a file operation fails. The journal still works: the file is created when it
    /// is needed.
    pub fn prepare(&mut self) -> Result<(), JournalError> {
        self.ensure_healthy()?;
        if self.spare.is_none() && self.tail > self.spare_threshold {
            // Each attempt reserves space for a whole segment, so a full disk is not tried at every
            // batch.
            self.spare_threshold = self.tail + self.last.length / 16;
            self.spare = Some(Spare::create(&*self.disk, &self.folder, self.segment_bytes)?);
        }
        Ok(())
    }

    /// Closes the journal cleanly: commits, and writes a seal at the end.
    ///
    /// # Errors
    /// Returns an error if a file operation fails.
    pub fn seal(mut self) -> Result<(), JournalError> {
        self.commit()?;
        self.push(Kind::Seal, |_| ());
        self.write()?;
        // The zeros written when the journal was opened are durable, and nothing was written after the
        // seal.
        self.write_mark(self.offset)?;
        self.segment.file.sync().map_err(io_error("sync", &self.segment.path))?;
        if let Some(spare) = self.spare.take() {
            // If this fails, the next open removes the file.
            let _ = self.disk.remove(&spare.path);
        }
        Ok(())
    }

    /// Removes the segments that hold no command at or above `sequence`, the oldest first. Each removal
    /// is durable before the next one, so that a power cut leaves no gap. Returns the oldest command that
    /// is left.
    ///
    /// # Errors
    /// Returns an error if a file operation fails. The journal still works, and the next call removes the
    /// rest.
    pub fn retain_from(&mut self, sequence: Sequence) -> Result<Sequence, JournalError> {
        self.ensure_healthy()?;
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

    /// Returns a reader of this journal. It can be used on another thread while the journal is written.
    #[must_use]
    pub fn reader(&self) -> JournalReader {
        let history = self.segment.header.history;
        JournalReader::new(Arc::clone(&self.disk), &self.folder, history)
    }

    /// Reads the durable commands from this one on.
    ///
    /// # Errors
    /// Returns an error if this command was dropped, or if its file cannot be read.
    pub fn read(&self, from: Sequence) -> Result<Commands, JournalError> {
        self.reader().read(from, self.durable)
    }

    #[inline]
    fn ensure_healthy(&self) -> Result<(), JournalError> {
        match &self.poison {
            None => Ok(()),
            Some(reason) => Err(JournalError::Poisoned(reason.clone())),
        }
    }

    fn poison_on_error<T>(&mut self, done: Result<T, JournalError>) -> Result<T, JournalError> {
        if let Err(error) = &done {
            self.poison = Some(error.to_string());
        }
        done
    }

    /// Adds a record to the pending ones. It goes into a new segment if the old one has no room for it.
    #[inline]
    fn push(&mut self, kind: Kind, payload: impl FnOnce(&mut Vec<u8>)) {
        let start = self.pending.len();
        self.pending.extend_from_slice(&[0; HEAD]);
        payload(&mut self.pending);
        let sequence = Sequence(self.appended.0.saturating_add(1));
        let head = Head { kind, sequence, durable: self.durable };
        record::close(&mut self.pending, start, self.last.salt, head);
        let span = (self.pending.len() - start) as u64;
        if self.tail + span > limit(self.last.length) {
            self.last = Header::new(self.last.history, sequence, self.segment_bytes);
            self.tail = START;
            self.breaks.push(Break { at: start, header: self.last });
            record::write_checksum(&mut self.pending[start..], self.last.salt);
        }
        self.tail += span;
    }

    /// Checks that the segment is still at its path. That costs one `stat` for each group of batches,
    /// which takes 3 µs, compared with the 100 µs of a sync. Without it, writing to a file that was
    /// removed or moved away would succeed, and commands that no restart finds would be acknowledged.
    fn check_path(&self) -> Result<(), JournalError> {
        let Segment { path, file, .. } = &self.segment;
        if self.pending.is_empty() || file.is_at(path).map_err(io_error("look up", path))? {
            return Ok(());
        }
        Err(JournalError::Replaced { file: path.clone() })
    }

    fn write_pending(&mut self) -> Result<(), JournalError> {
        let mut from = 0;
        for Break { at, header } in mem::take(&mut self.breaks) {
            self.write_piece(from, at)?;
            from = at;
            self.begin_segment(header)?;
        }
        self.write_piece(from, self.pending.len())?;
        self.pending.clear();
        self.written = self.appended;
        self.write_mark_if_needed()
    }

    /// Begins the next segment. Everything in the previous one is made durable first.
    fn begin_segment(&mut self, header: Header) -> Result<(), JournalError> {
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
        // A segment without commands had the same name and was replaced.
        if self.firsts.last() != Some(&header.first) {
            self.firsts.push(header.first);
        }
        self.spare_threshold = header.length / 2;
        self.mark = Mark::first(&header);
        (self.offset, self.durable_offset, self.write_limit) = (START, START, self.mark.written);
        Ok(())
    }

    /// Writes the mark along with a batch, so that both are synced together. It does so if the batch
    /// before this one has no mark in another block yet, or if the next batch may go beyond what counts
    /// as written.
    fn write_mark_if_needed(&mut self) -> Result<(), JournalError> {
        let length = self.segment.header.length;
        let far = (self.offset + ahead(length)).min(limit(length));
        let is_near_limit =
            self.offset + ahead(length) / 2 > self.mark.written && far > self.mark.written;
        let lacks_mark = self.mark.durable < self.durable
            && self.offset < self.durable_offset + UNMARKED_BATCH_BYTES;
        match (is_near_limit, lacks_mark) {
            (true, _) => self.write_mark(far),
            (false, true) => self.write_mark(self.mark.written),
            (false, false) => Ok(()),
        }
    }

    /// Returns `true` if the segment has room for its mark. In a segment of an older version, records may
    /// be in that place.
    const fn has_room(&self) -> bool {
        self.offset <= limit(self.segment.header.length)
    }

    /// Writes the mark, if there is room for it.
    fn write_mark(&mut self, written: u64) -> Result<(), JournalError> {
        if !self.has_room() {
            return Ok(());
        }
        self.mark = Mark { durable: self.durable, at: self.durable_offset, written };
        self.mark.write(&mut self.segment)
    }

    fn write_piece(&mut self, from: usize, to: usize) -> Result<(), JournalError> {
        let piece = self.pending.get(from..to).unwrap_or_default();
        if piece.is_empty() {
            return Ok(());
        }
        let end = self.offset + piece.len() as u64;
        if end > self.write_limit {
            // The batch goes beyond what counts as written, so a mark with a higher number is made
            // durable first.
            let length = self.segment.header.length;
            let done = Mark { written: (end + ahead(length)).min(limit(length)), ..self.mark };
            done.write(&mut self.segment)?;
            self.segment.file.sync().map_err(io_error("sync", &self.segment.path))?;
            (self.mark, self.write_limit) = (done, done.written);
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
