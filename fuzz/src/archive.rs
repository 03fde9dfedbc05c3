//! Converts fuzz input to an archive of a data folder: valid pieces in order, some of them then
//! changed, with correct checksums. Also has a disk of limited size to unpack it on.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pricetime_engine::rules;
use pricetime_journal::codec::{ENVELOPE_LENGTH, Kind, seal_envelope};
use pricetime_journal::{Disk, DiskFile, History, Lock};
use pricetime_tests::disk::FaultyDisk;

use crate::Bytes;

/// The history to which the archive belongs.
pub const OURS: History = History(7);

impl Bytes<'_> {
    /// An archive that is usually almost valid.
    pub fn archive(&mut self) -> Vec<u8> {
        let mut files: Vec<(String, Vec<u8>)> = (0..self.byte() % 4).map(|_| self.file()).collect();
        if !self.once_in(16) {
            // In order, each name once.
            files.sort();
            files.dedup_by(|next, kept| next.0 == kept.0);
        }
        let text = format!("pricetime data folder, format 1\nhistory {OURS}\njournal kept\n");
        let text = format!("{text}check {:08x}\n", crc32c::crc32c(text.as_bytes()));
        files.push((String::from("history"), piece("history", text.len() as u64, text.as_bytes())));
        let mut archive = Vec::new();
        let count = files.len() as u64;
        for (_, file) in files {
            self.seal(file, &mut archive);
        }
        let mut end = vec![0; 2];
        end.extend_from_slice(&OURS.0.to_le_bytes());
        end.extend_from_slice(&self.number().to_le_bytes());
        end.extend_from_slice(&count.to_le_bytes());
        self.seal(end, &mut archive);
        if self.once_in(4) {
            self.corrupt(&mut archive);
        }
        archive
    }

    /// A file whose start matches its name. Returns the name and the payload of its piece.
    fn file(&mut self) -> (String, Vec<u8>) {
        let number = self.number();
        let own = if self.once_in(16) { History(8) } else { OURS };
        let length = 2_048_u64.saturating_add(self.number());
        let (name, kind) = match self.byte() {
            0 => (String::from("../history"), Kind::Snapshot),
            1 => (format!("{own}/journal/../{number:020}.journal"), Kind::Segment),
            2 => (String::from("lock"), Kind::Snapshot),
            3..=127 => (format!("{own}/journal/{number:020}.journal"), Kind::Segment),
            _ => (format!("{own}/snapshots/{number:020}.snapshot"), Kind::Snapshot),
        };
        let mut bytes = vec![0; ENVELOPE_LENGTH];
        bytes.extend_from_slice(&own.0.to_le_bytes());
        bytes.extend_from_slice(&number.to_le_bytes());
        let tail: Vec<u8> = (0..self.byte()).map(|_| self.byte()).collect();
        let length = if kind == Kind::Segment {
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(&1_u32.to_le_bytes());
            seal_envelope(kind, rules::VERSION, &mut bytes);
            bytes.extend(tail);
            length
        } else {
            bytes.extend_from_slice(&[0; 16]);
            bytes.extend(tail);
            seal_envelope(kind, rules::VERSION, &mut bytes);
            bytes.len() as u64
        };
        let length = if self.once_in(16) { self.number() } else { length };
        let payload = piece(&name, length, &bytes);
        (name, payload)
    }

    fn seal(&mut self, mut payload: Vec<u8>, archive: &mut Vec<u8>) {
        if self.once_in(8) {
            self.corrupt(&mut payload);
        }
        let mut piece = vec![0; ENVELOPE_LENGTH];
        piece.append(&mut payload);
        seal_envelope(Kind::Archived, rules::VERSION, &mut piece);
        archive.append(&mut piece);
    }
}

/// The payload of a piece.
fn piece(name: &str, length: u64, bytes: &[u8]) -> Vec<u8> {
    let mut piece = u16::try_from(name.len()).expect("short").to_le_bytes().to_vec();
    piece.extend_from_slice(name.as_bytes());
    piece.extend_from_slice(&length.to_le_bytes());
    piece.extend_from_slice(bytes);
    piece
}

/// The files of a valid archive, with their bytes. If a name occurs twice, the later one counts.
#[must_use]
pub fn pieces(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let number = |bytes: &[u8]| {
        let little = bytes.iter().rev();
        little.fold(0_usize, |number, byte| number << 8 | usize::from(*byte))
    };
    let (mut files, mut rest) = (BTreeMap::new(), archive);
    while !rest.is_empty() {
        let (head, after_head) = rest.split_at(ENVELOPE_LENGTH);
        let (payload, next) = after_head.split_at(number(&head[16..24]));
        rest = next;
        let (named, payload) = payload.split_at(2);
        if *named != [0; 2] {
            let (name, payload) = payload.split_at(number(named));
            let (length, bytes) = payload.split_at(8);
            let mut bytes = bytes.to_vec();
            bytes.resize(number(length), 0);
            files.insert(String::from_utf8(name.to_vec()).expect("a text"), bytes);
        }
    }
    files
}

/// A disk of limited size.
#[derive(Debug)]
pub struct SmallDisk {
    disk: FaultyDisk,
    left: Arc<AtomicU64>,
}

impl SmallDisk {
    /// Creates an empty disk of this size.
    #[must_use]
    pub fn new(disk: FaultyDisk, size: u64) -> Self {
        Self { disk, left: Arc::new(AtomicU64::new(size)) }
    }

    fn file(&self, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(SmallFile { file, left: Arc::clone(&self.left) })
    }
}

/// A file on a small disk.
#[derive(Debug)]
struct SmallFile {
    file: Box<dyn DiskFile>,
    left: Arc<AtomicU64>,
}

impl SmallFile {
    /// Reserves the space by which the file grows.
    fn reserve(&self, length: u64) -> io::Result<()> {
        let more = length.saturating_sub(self.file.length()?);
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        let taken = self.left.fetch_update(set, get, |left| left.checked_sub(more));
        taken.map(|_| ()).map_err(|_| io::ErrorKind::StorageFull.into())
    }
}

impl Disk for SmallDisk {
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        self.disk.create_folder(folder)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.disk.list(folder)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file(self.disk.create(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file(self.disk.open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        self.disk.remove_folder(folder)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.disk.sync_folder(folder)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        self.disk.lock(path)
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        self.disk.is_locked(path)
    }
}

impl DiskFile for SmallFile {
    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        self.file.is_at(path)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(offset, into)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.reserve(offset.saturating_add(bytes.len() as u64))?;
        self.file.write_at(offset, bytes)
    }

    fn preallocate(&mut self, length: u64) -> io::Result<()> {
        self.reserve(length)?;
        self.file.preallocate(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }
}
