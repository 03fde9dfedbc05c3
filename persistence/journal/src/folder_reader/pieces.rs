//! Reads the pieces of an archive one after the other. Each is checked while it is read, and none is held
//! in memory as a whole, because a length that an archive states cannot be trusted until the archive has
//! been read that far.

use std::io::{self, Read, Seek, SeekFrom};

use pricetime_engine::Sequence;

use super::archive::{ArchiveError, BadFile, Packed};
use super::archived_file::ArchivedFile;
use crate::codec::{CodecError, ENVELOPE_LENGTH, Head, Kind, NewerVersion};
use crate::echo::shorten;
use crate::folder::{self, Stage};
use crate::history::History;
use crate::journal::{self, JournalOptions};
use crate::local;

/// How much of a piece is in memory at a time.
const BUFFER: usize = 1 << 16;
/// How many bytes of a file are kept to check that the file is what its name says.
const BEGIN: usize = 4_096;
/// The longest name of a file.
const NAME_MAX: u16 = 128;
/// A snapshot ends with fewer zeros than this. An archive leaves out the zeros at the end of a file.
const ZEROS_MAX: u64 = 4_096;
/// The size of a disk block. A file takes whole blocks.
const BLOCK: u64 = 4_096;

/// Receives the files of an archive while they are read.
pub(super) trait FileSink {
    /// A file of this length begins.
    fn begin(&mut self, archived_file: ArchivedFile, length: u64) -> io::Result<()>;
    /// The next bytes of that file. If fewer bytes than its length are passed, the rest are zeros.
    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// The file is complete.
    fn end(&mut self) -> io::Result<()>;
}

/// Discards the files, so that the archive is only read and checked.
impl FileSink for () {
    fn begin(&mut self, _: ArchivedFile, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn bytes(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The contents of a complete archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WalkedArchive {
    pub(super) packed: Packed,
    /// How many bytes its files take on a disk.
    pub(super) disk_bytes: u64,
}

/// Reads an archive from its beginning to its end.
pub(super) fn walk(
    from: &mut (impl Read + Seek),
    files: &mut impl FileSink,
) -> Result<WalkedArchive, ArchiveError> {
    let length = from.seek(SeekFrom::End(0))?;
    from.seek(SeekFrom::Start(0))?;
    let mut walk = Walk {
        from,
        files,
        buffer: vec![0; BUFFER],
        left: length,
        files_read: FilesRead { own: None, last: None, files: 0, disk_bytes: 0 },
    };
    loop {
        let offset = length - walk.left;
        let Some(packed) = walk.piece(offset)? else { continue };
        let FilesRead { own, last, files, disk_bytes } = walk.files_read;
        let is_whole = (packed.files, Some(packed.history)) == (files, own)
            && last == Some(ArchivedFile::History)
            && walk.left == 0;
        return is_whole
            .then_some(WalkedArchive { packed, disk_bytes })
            .ok_or(ArchiveError::Truncated(offset));
    }
}

struct Walk<'a, R, F> {
    from: &'a mut R,
    files: &'a mut F,
    buffer: Vec<u8>,
    /// How many bytes of the archive have not been read.
    left: u64,
    files_read: FilesRead,
}

/// What the files that have been read amount to.
struct FilesRead {
    /// Their history.
    own: Option<History>,
    /// The last one.
    last: Option<ArchivedFile>,
    files: u64,
    disk_bytes: u64,
}

/// The payload of a piece that is being read.
struct Payload {
    /// The byte at which the piece begins.
    offset: u64,
    /// How many bytes of it have not been read.
    left: u64,
    /// The checksum of those that have.
    sum: u32,
}

impl<R: Read, F: FileSink> Walk<'_, R, F> {
    /// Reads a piece. Returns the contents of the archive if that piece was its end.
    fn piece(&mut self, offset: u64) -> Result<Option<Packed>, ArchiveError> {
        let damaged = |what: CodecError| {
            what.newer().map_or(ArchiveError::Damaged { offset, what }, ArchiveError::NewerVersion)
        };
        let mut head = [0; ENVELOPE_LENGTH];
        if self.left < ENVELOPE_LENGTH as u64 {
            return Err(ArchiveError::Truncated(offset));
        }
        self.from.read_exact(&mut head).map_err(|error| cut(error, offset))?;
        self.left -= ENVELOPE_LENGTH as u64;
        let head = Head::parse(&head).map_err(damaged)?;
        let (stated, present) = (head.length, self.left);
        if stated > present {
            return Err(damaged(CodecError::Length { stated, present }));
        }
        let mut payload = Payload { offset, left: stated, sum: head.checked };
        let read = self.read(&mut payload);
        if matches!(read, Err(ArchiveError::Io(_) | ArchiveError::Truncated(_))) {
            return read;
        }
        // The checksum is checked first. If the bytes changed, an error in what they say is only a
        // consequence.
        while payload.left > 0 {
            self.chunk(&mut payload)?;
        }
        let rules = head.close(Kind::Archived, payload.sum).map_err(damaged)?;
        NewerVersion::rules(rules).map_or(read, |newer| Err(ArchiveError::NewerVersion(newer)))
    }

    fn read(&mut self, payload: &mut Payload) -> Result<Option<Packed>, ArchiveError> {
        let named = u16::from_le_bytes(self.array(payload)?);
        if named == 0 {
            let history = History(u128::from_le_bytes(self.array(payload)?));
            let through = Sequence(u64::from_le_bytes(self.array(payload)?));
            let files = u64::from_le_bytes(self.array(payload)?);
            return Ok(Some(Packed { history, through, files, left_out: 0 }));
        }
        let offset = payload.offset;
        let bad = |name: &[u8], what| {
            let name = shorten(&String::from_utf8_lossy(name));
            ArchiveError::File { offset, name, what }
        };
        if named > NAME_MAX {
            return Err(bad(b"", BadFile::Name));
        }
        let mut name = vec![0; usize::from(named)];
        self.fill(payload, &mut name)?;
        let archived_file = ArchivedFile::parse(&name).ok_or_else(|| bad(&name, BadFile::Name))?;
        let length = u64::from_le_bytes(self.array(payload)?);
        self.files_read
            .add(archived_file, length, payload.left)
            .map_err(|what| bad(&name, what))?;
        self.files.begin(archived_file, length)?;
        let mut begin = Vec::new();
        while payload.left > 0 {
            let read = self.chunk(payload)?;
            let bytes = self.buffer.get(..read).unwrap_or_default();
            self.files.bytes(bytes)?;
            begin.extend(bytes.iter().take(BEGIN - begin.len()));
        }
        begin.resize(usize::try_from(length).map_or(BEGIN, |length| length.min(BEGIN)), 0);
        self.files_read.check(archived_file, length, &begin).map_err(|what| bad(&name, what))?;
        self.files.end()?;
        Ok(None)
    }

    /// Fills the buffer with the next bytes of a piece. Returns how many those are.
    fn chunk(&mut self, payload: &mut Payload) -> Result<usize, ArchiveError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let most = usize::try_from(payload.left).map_or(BUFFER, |left| left.min(BUFFER));
        let filled = self.fill(payload, buffer.get_mut(..most).unwrap_or_default());
        self.buffer = buffer;
        filled.map(|()| most)
    }

    fn array<const N: usize>(&mut self, payload: &mut Payload) -> Result<[u8; N], ArchiveError> {
        let mut bytes = [0; N];
        self.fill(payload, &mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, payload: &mut Payload, into: &mut [u8]) -> Result<(), ArchiveError> {
        let (offset, wanted) = (payload.offset, into.len() as u64);
        if wanted > payload.left {
            return Err(ArchiveError::Damaged { offset, what: CodecError::Truncated });
        }
        self.from.read_exact(into).map_err(|error| cut(error, offset))?;
        payload.left -= wanted;
        payload.sum = crc32c::crc32c_append(payload.sum, into);
        self.left -= wanted;
        Ok(())
    }
}

/// Returns [`ArchiveError::Truncated`] if the archive ended before its length: it was cut off while it was
/// read.
fn cut(error: io::Error, offset: u64) -> ArchiveError {
    let is_end = error.kind() == io::ErrorKind::UnexpectedEof;
    if is_end { ArchiveError::Truncated(offset) } else { ArchiveError::Io(error) }
}

impl FilesRead {
    /// Adds the next file, of which the archive holds `present` bytes.
    fn add(
        &mut self,
        archived_file: ArchivedFile,
        length: u64,
        present: u64,
    ) -> Result<(), BadFile> {
        if self.last >= Some(archived_file) {
            return Err(BadFile::Order);
        }
        if archived_file.history().is_some_and(|it| self.own.is_some_and(|own| own != it)) {
            return Err(BadFile::OtherHistory);
        }
        let (least, most) = match archived_file {
            ArchivedFile::Journal(..) => {
                let least = JournalOptions::SEGMENT_BYTES_MIN.max(present);
                (least, JournalOptions::SEGMENT_BYTES_MAX)
            }
            ArchivedFile::Snapshot(..) => (present, present.saturating_add(ZEROS_MAX)),
            ArchivedFile::History => (present, BEGIN as u64),
        };
        if !(least..=most).contains(&length) {
            return Err(BadFile::Length { stated: length, least, most });
        }
        self.own = self.own.or(archived_file.history());
        self.last = Some(archived_file);
        self.files += 1;
        self.disk_bytes =
            self.disk_bytes.saturating_add(length.saturating_add(2 * BLOCK) / BLOCK * BLOCK);
        Ok(())
    }

    /// Checks that a file that begins with these bytes is what its name says. So the length that the
    /// archive states is the one that the file itself states.
    fn check(&self, archived_file: ArchivedFile, length: u64, begin: &[u8]) -> Result<(), BadFile> {
        let fits = match archived_file {
            ArchivedFile::Journal(own, first) => journal::matches_header(begin, own, first, length),
            ArchivedFile::Snapshot(own, sequence) => {
                local::matches_header(begin, own, sequence, length)
            }
            ArchivedFile::History => {
                let own = self.own.map(|own| folder::text(own, Stage::Created));
                Ok(own.is_some_and(|own| own.as_bytes() == begin))
            }
        };
        let fits = fits.map_err(BadFile::Header)?;
        fits.then_some(()).ok_or(BadFile::Other)
    }
}
