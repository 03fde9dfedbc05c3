//! Converts fuzz input to a journal: one that was written correctly and then changed in some
//! places, with correct checksums.

use std::path::{Path, PathBuf};

use pricetime_engine::{Command, Sequence};
use pricetime_journal::codec::{ENVELOPE_LENGTH, Kind, seal_envelope};
use pricetime_journal::{Disk, History, Journal, JournalError, JournalOptions};
use pricetime_tests::disk::FaultyDisk;

use crate::Bytes;

/// The folder of the journal.
pub const FOLDER: &str = "/journal";

/// The history to which the journal belongs.
pub const OURS: History = History(7);

/// Short segments, so that there are several.
pub const OPTIONS: JournalOptions =
    JournalOptions { segment_bytes: JournalOptions::SEGMENT_BYTES_MIN };

const COMMANDS_MAX: usize = 60;

/// The length of a segment's header, and the positions of its salt and of its records.
const HEADER: usize = ENVELOPE_LENGTH + 36;
const SALT: usize = HEADER - 4;
const RECORDS: usize = 512;

impl Bytes<'_> {
    /// A journal that is usually almost valid.
    ///
    /// # Errors
    /// Never, because the disk has no faults.
    pub fn journal(&mut self, disk: &FaultyDisk) -> Result<(), JournalError> {
        let folder = Path::new(FOLDER);
        disk.create_folder(folder).expect("a folder");
        disk.sync_folder(Path::new("/")).expect("its name");
        let (choice, changes) = (self.word(), self.byte() % 6);
        let half = self.0.len() / 2;
        let (change_input, rest) = self.0.split_at(half);
        self.0 = rest;
        Journal::create(disk, folder, OURS, Sequence(1 + choice % 3), OPTIONS)?;
        let mut journal = Journal::open(std::sync::Arc::new(disk.clone()), folder, OURS, OPTIONS)?;
        for (at, command) in self.commands().iter().take(COMMANDS_MAX).enumerate() {
            journal.append(&Command { sequence: next(&journal), ..*command })?;
            match choice >> (at % 32 * 2) & 3 {
                0 => drop(journal.commit()?),
                1 => journal.mark()?,
                _ => {}
            }
        }
        journal.commit()?;
        if choice & 1 << 63 != 0 {
            journal.seal()?;
        }
        self.0 = change_input;
        for _ in 0..changes {
            self.change_file(disk);
        }
        disk.sync_folder(folder).expect("the changes are synced");
        Ok(())
    }

    fn change_file(&mut self, disk: &FaultyDisk) {
        let files = disk.files(Path::new(FOLDER));
        let Some((path, _)) = files.get(self.index_below(files.len())) else { return };
        let mut bytes = read(disk, path);
        let choice = self.byte() % 8;
        match choice {
            0 => disk.remove(path).expect("it is there"),
            // A copy under another name.
            1 => {
                let first = self.number();
                write(disk, &Path::new(FOLDER).join(format!("{first:020}.journal")), &bytes);
            }
            // The header.
            2 | 3 => {
                let (at, word) = (self.index_below(HEADER), self.number().to_le_bytes());
                put(&mut bytes, at, &word);
                if let Some(header) = bytes.get_mut(..HEADER).filter(|_| choice == 3) {
                    seal_envelope(Kind::Segment, 1, header);
                }
                write(disk, path, &bytes);
            }
            // A record, with a new checksum, so that its content is read.
            4 | 5 => {
                let begun = record(&bytes, self.index_below(64));
                let (at, word) = (self.index_below(40), self.number().to_le_bytes());
                put(&mut bytes, begun + at, &word[..1 + self.index_below(8)]);
                check(&mut bytes, begun);
                write(disk, path, &bytes);
            }
            // Any bytes, up to the whole file.
            6 => {
                let (at, count) = (self.index_below(bytes.len()), self.index_below(1_024));
                let new: Vec<u8> = (0..count).map(|_| self.byte()).collect();
                put(&mut bytes, at, &new);
                write(disk, path, &bytes);
            }
            _ => {
                self.corrupt(&mut bytes);
                write(disk, path, &bytes);
            }
        }
    }
}

/// The sequence of the next command.
#[must_use]
pub fn next(journal: &Journal) -> Sequence {
    Sequence(journal.appended().0.saturating_add(1))
}

fn read(disk: &FaultyDisk, path: &PathBuf) -> Vec<u8> {
    let file = disk.open(path).expect("it is there");
    let mut bytes = vec![0; usize::try_from(file.length().expect("it has one")).expect("short")];
    file.read_at(0, &mut bytes).expect("it can be read");
    bytes
}

fn write(disk: &FaultyDisk, path: &Path, bytes: &[u8]) {
    let mut file = disk.create(path).expect("a file");
    file.write_at(0, bytes).expect("there is room");
    file.sync().expect("nothing fails");
}

fn put(bytes: &mut [u8], at: usize, new: &[u8]) {
    bytes.iter_mut().skip(at).zip(new).for_each(|(byte, new)| *byte = *new);
}

/// The length of the record at this position.
fn span(bytes: &[u8], begun: usize) -> Option<usize> {
    let length = bytes.get(begun + 4..begun + 7)?;
    let length = usize::from(length[0]) | usize::from(length[1]) << 8;
    Some((24 + length).next_multiple_of(8))
}

/// The position of the record with this number, or of the last record.
fn record(bytes: &[u8], number: usize) -> usize {
    let mut at = RECORDS;
    for _ in 0..number {
        match span(bytes, at).map(|span| at + span) {
            Some(next) if bytes.get(next..next + 4).is_some_and(|sum| sum != [0; 4]) => at = next,
            _ => break,
        }
    }
    at
}

/// Writes the correct checksum of a record.
fn check(bytes: &mut [u8], begun: usize) {
    let salt = bytes.get(SALT..HEADER).and_then(|salt| salt.try_into().ok());
    let (Some(salt), Some(span)) = (salt.map(u32::from_le_bytes), span(bytes, begun)) else {
        return;
    };
    if let Some(record) = bytes.get_mut(begun..begun + span) {
        let sum = crc32c::crc32c_append(salt, &record[4..]);
        record[..4].copy_from_slice(&sum.to_le_bytes());
    }
}
