//! One file of the journal: its name and its header.

use std::path::{Path, PathBuf};

use pricetime_engine::{Sequence, rules};

use super::{Damage, JournalError, io_error};
use crate::codec::{CodecError, ENVELOPE_LENGTH, Kind, NewerVersion, open_envelope, seal_envelope};
use crate::disk::{Disk, DiskFile};
use crate::history::History;

/// The byte at which the records begin: the header has a sector to itself.
pub(super) const START: u64 = 512;

const SUFFIX: &str = ".journal";

/// The header of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) history: History,
    pub(super) first: Sequence,
    /// The length with which the file was created.
    pub(super) length: u64,
    /// The value with which the checksums of its records begin.
    pub(super) salt: u32,
    /// The rules version under which its commands were written.
    pub(super) rules: u32,
}

/// An open segment.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) header: Header,
    pub(super) path: PathBuf,
    pub(super) file: Box<dyn DiskFile>,
}

impl Header {
    pub(super) fn new(history: History, first: Sequence, length: u64) -> Self {
        Self { history, first, length, salt: salt(history, first), rules: rules::VERSION }
    }

    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = vec![0; ENVELOPE_LENGTH];
        bytes.extend_from_slice(&self.history.0.to_le_bytes());
        bytes.extend_from_slice(&self.first.0.to_le_bytes());
        bytes.extend_from_slice(&self.length.to_le_bytes());
        bytes.extend_from_slice(&self.salt.to_le_bytes());
        seal_envelope(Kind::Segment, self.rules, &mut bytes);
        bytes
    }

    /// Decodes a header.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        let envelope = open_envelope(Kind::Segment, bytes)?;
        let (history, rest) = envelope.payload.split_first_chunk().ok_or(CodecError::Truncated)?;
        let (first, rest) = rest.split_first_chunk().ok_or(CodecError::Truncated)?;
        let (length, rest) = rest.split_first_chunk().ok_or(CodecError::Truncated)?;
        let (salt, _) = rest.split_first_chunk().ok_or(CodecError::Truncated)?;
        Ok(Self {
            history: History(u128::from_le_bytes(*history)),
            first: Sequence(u64::from_le_bytes(*first)),
            length: u64::from_le_bytes(*length),
            salt: u32::from_le_bytes(*salt),
            rules: envelope.rules_version,
        })
    }
}

/// Returns `true` if a file of this length that begins with these bytes is the segment that begins with
/// `first`.
///
/// # Errors
/// Returns an error if the bytes do not begin with the header of a segment.
pub(crate) fn matches_header(
    bytes: &[u8],
    history: History,
    first: Sequence,
    length: u64,
) -> Result<bool, CodecError> {
    let header = Header::from_bytes(bytes)?;
    Ok((header.history, header.first, header.length) == (history, first, length))
}

/// Computes the salt from the history and the first sequence, so that the writer knows the salt of the
/// next segment before that segment exists. Because of the salt, a record that strayed into another file
/// does not count.
pub(super) fn salt(history: History, first: Sequence) -> u32 {
    let sum = crc32c::crc32c(&history.0.to_le_bytes());
    crc32c::crc32c_append(sum, &first.0.to_le_bytes())
}

/// The error for a segment that was written under other rules.
pub(super) const fn other_rules(file: PathBuf, found: u32) -> JournalError {
    JournalError::OtherRules { file, found, ours: rules::VERSION }
}

/// The name of the segment that begins with this command.
pub(super) fn name(first: Sequence) -> String {
    format!("{:020}{SUFFIX}", first.0)
}

/// The file of the segment that begins with this command.
pub(super) fn path(folder: &Path, first: Sequence) -> PathBuf {
    folder.join(name(first))
}

/// Returns the first sequences of the segments in a folder, in ascending order.
pub(super) fn list(disk: &dyn Disk, folder: &Path) -> Result<Vec<Sequence>, JournalError> {
    let names = match disk.list(folder) {
        Ok(names) => names,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(io_error("list", folder)(error)),
    };
    let number = |name: &String| name.strip_suffix(SUFFIX)?.parse().ok().map(Sequence);
    let mut firsts: Vec<_> = names.iter().filter_map(number).collect();
    firsts.sort_unstable();
    Ok(firsts)
}

impl Segment {
    /// Opens a segment and checks that its header matches its name and the history.
    pub(super) fn open(
        disk: &dyn Disk,
        folder: &Path,
        history: History,
        first: Sequence,
    ) -> Result<Self, JournalError> {
        let path = path(folder, first);
        let file = disk.open(&path).map_err(io_error("open", &path))?;
        // The whole sector is read, because the header of a newer format may be longer than ours.
        let mut bytes = [0; START as usize];
        let read = file.read_at(0, &mut bytes).map_err(io_error("read", &path))?;
        let present = file.length().map_err(io_error("read", &path))?;
        let damaged =
            |what| JournalError::Damaged { file: path.clone(), offset: 0, sequence: first, what };
        let newer = |newer| JournalError::NewerVersion { file: path.clone(), newer };
        let header = Header::from_bytes(bytes.get(..read).unwrap_or_default())
            .map_err(|error| error.newer().map_or_else(|| damaged(Damage::Header(error)), newer))?;
        NewerVersion::rules(header.rules).map_or(Ok(()), |found| Err(newer(found)))?;
        if header.history != history {
            let found = header.history;
            return Err(JournalError::OtherHistory { file: path, found, ours: history });
        }
        if header.first != first {
            return Err(damaged(Damage::Name(header.first)));
        }
        if present < header.length {
            return Err(damaged(Damage::Short { stated: header.length, present }));
        }
        Ok(Self { header, path, file })
    }
}
