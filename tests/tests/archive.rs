//! An archive unpacks to the folder from which it was packed, or unpacking fails and leaves nothing
//! behind, whatever bytes the archive holds.
//!
//! `PRICETIME_TRIALS` sets the number of corrupted archives, `PRICETIME_SEED` the seed.
#![cfg(feature = "servers")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pricetime::engine::{Sequence, rules};
use pricetime::persistence::journal::codec::{ENVELOPE_LENGTH, Kind, seal_envelope};
use pricetime::persistence::journal::{
    ArchiveError, BadFile, FolderReader, History, JournalOptions, Packed, RealDisk, check_archive,
    unpack,
};
use pricetime::{EpochSchedule, Options};
use pricetime_tests::environment::number;
use pricetime_tests::generate::random::Random;
use pricetime_tests::load::{self, done};
use tempfile::TempDir;

/// Collects every file under a folder.
fn files(folder: &Path, into: &mut BTreeMap<PathBuf, Vec<u8>>, at: &Path) {
    for entry in fs::read_dir(folder.join(at)).expect("a folder") {
        let path = at.join(entry.expect("an entry").file_name());
        if folder.join(&path).is_dir() {
            files(folder, into, &path);
        } else {
            let bytes = fs::read(folder.join(&path)).expect("a file");
            into.insert(path, bytes);
        }
    }
}

fn all_files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    files(folder, &mut all, Path::new(""));
    all
}

/// An archive of a folder in which a market has run.
fn packed(temp: &TempDir) -> Vec<u8> {
    let folder = temp.path().join("market");
    let journal = JournalOptions { segment_bytes: 4_096 };
    let options = Options { journal, gates: EpochSchedule::Commands(40), ..Options::new(&folder) };
    let host = load::open(options);
    for number in 0..100 {
        done(&host, load::draft(1, number));
    }
    host.close().expect("a clean shutdown");
    let mut bytes = Vec::new();
    let folder_reader = FolderReader::open(Arc::new(RealDisk), &folder).expect("a folder");
    folder_reader.pack(&mut bytes, |_, _| ()).expect("no damage");
    bytes
}

fn unpacked(archive: &[u8], to: &Path) -> Result<Packed, ArchiveError> {
    unpack(&mut Cursor::new(archive), &RealDisk, to, |_, _| ())
}

/// The offsets at which the pieces of an archive begin.
fn pieces(archive: &[u8]) -> Vec<usize> {
    let (mut all, mut at) = (Vec::new(), 0);
    while let Some(length) = archive.get(at + 16..at + 24) {
        all.push(at);
        let length = u64::from_le_bytes(length.try_into().expect("eight bytes"));
        at += ENVELOPE_LENGTH + usize::try_from(length).expect("a length");
    }
    all
}

/// A replacement for a number: near it, or of any size.
fn altered(random: &mut Random, number: u64) -> u64 {
    match random.below(4) {
        0 => number.wrapping_add(random.within(1, 5_000)),
        1 => number.wrapping_sub(random.within(1, 100)),
        2 => (1 << random.below(64)) - random.below(2),
        _ => u64::MAX - random.below(100),
    }
}

/// Changes a number in the head of a piece: its own length, the length of its name, or the length of
/// its file. In most cases it then corrects the checksum.
fn change_number(random: &mut Random, archive: &mut [u8]) {
    let all = pieces(archive);
    let which = random.below(all.len() as u64) as usize;
    let (begin, end) = (all[which], all.get(which + 1).copied().unwrap_or(archive.len()));
    let piece = &mut archive[begin..end];
    let named = usize::from(u16::from_le_bytes([piece[32], piece[33]]));
    let at = match random.below(4) {
        0 => 16,
        1 => 32,
        // The last piece has no name: these are its number of files and its history.
        2 if named == 0 => 58,
        _ if named == 0 => 34,
        _ => 34 + named,
    };
    let field = &mut piece[at..at + 8];
    let new = altered(random, u64::from_le_bytes(field.try_into().expect("eight bytes")));
    field.copy_from_slice(&new.to_le_bytes());
    if at > 16 && !random.once_in(5) {
        seal_envelope(Kind::Archived, rules::VERSION, piece);
    }
}

fn change(random: &mut Random, archive: &mut Vec<u8>) {
    let place = |random: &mut Random, archive: &[u8]| random.below(archive.len() as u64) as usize;
    match random.below(8) {
        0 => archive.truncate(place(random, archive)),
        1 => archive.extend((0..random.within(1, 100)).map(|byte| byte as u8)),
        2 => {
            // Removes a piece, repeats one, or swaps two.
            let all = pieces(archive);
            let mut parts: Vec<Vec<u8>> = all.iter().map(|at| archive[*at..].to_vec()).collect();
            for (part, pair) in parts.iter_mut().zip(all.windows(2)) {
                part.truncate(pair[1] - pair[0]);
            }
            let (one, two) = (place(random, archive), place(random, archive));
            let (one, two) = (one % parts.len(), two % parts.len());
            match random.below(3) {
                0 => drop(parts.remove(one)),
                1 => parts.insert(two, parts[one].clone()),
                _ => parts.swap(one, two),
            }
            *archive = parts.concat();
        }
        3..=5 => change_number(random, archive),
        _ => {
            for _ in 0..random.within(1, 3) {
                let at = place(random, archive);
                archive[at] ^= 1 << random.below(8);
            }
        }
    }
}

#[test]
fn modified_archive_unpacks_to_the_same_folder_or_to_nothing() {
    let first = number("PRICETIME_SEED", 1) << 20;
    eprintln!("PRICETIME_SEED={}", first >> 20);
    let temp = tempfile::tempdir().expect("a folder");
    let (whole, to) = (packed(&temp), temp.path().join("above").join("copy"));
    let packed = unpacked(&whole, &to).expect("it is whole");
    assert_eq!(check_archive(&mut Cursor::new(&whole)).expect("it is whole"), packed);
    let expected = all_files(&to);
    assert!(expected.len() as u64 > packed.files, "one more file: the lock file");
    let mut same = 0;
    for seed in first..first + number("PRICETIME_TRIALS", 2_000) {
        // In most trials the folder does not exist.
        drop(fs::remove_dir_all(temp.path().join("above")));
        let (mut random, mut archive) = (Random::new(seed), whole.clone());
        change(&mut random, &mut archive);
        let checked = check_archive(&mut Cursor::new(&archive));
        match unpacked(&archive, &to) {
            Ok(_) => {
                assert!(checked.is_ok(), "seed {seed}");
                assert_eq!(all_files(&to), expected, "seed {seed}");
                same += 1;
            }
            Err(error) => {
                assert!(checked.is_err(), "seed {seed}: {error}");
                let what = matches!(
                    error,
                    ArchiveError::Damaged { .. }
                        | ArchiveError::File { .. }
                        | ArchiveError::Truncated(_)
                );
                assert!(what, "seed {seed}: {error}");
                let left = fs::exists(temp.path().join("above")).expect("an answer");
                assert!(!left, "seed {seed}: {error}");
            }
        }
    }
    eprintln!("{same} archives were changed without effect");
}

/// A piece of an archive.
fn piece(name: &str, length: u64, bytes: &[u8]) -> Vec<u8> {
    let mut piece = vec![0; ENVELOPE_LENGTH];
    piece.extend_from_slice(&(name.len() as u16).to_le_bytes());
    piece.extend_from_slice(name.as_bytes());
    piece.extend_from_slice(&length.to_le_bytes());
    piece.extend_from_slice(bytes);
    seal_envelope(Kind::Archived, rules::VERSION, &mut piece);
    piece
}

const HISTORY: History = History(0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f);

/// A piece for a journal file that holds only its header.
fn segment(first: u64, stated: u64, length: u64) -> Vec<u8> {
    let mut header = vec![0; ENVELOPE_LENGTH];
    header.extend_from_slice(&HISTORY.0.to_le_bytes());
    header.extend_from_slice(&first.to_le_bytes());
    header.extend_from_slice(&length.to_le_bytes());
    header.extend_from_slice(&1_u32.to_le_bytes());
    seal_envelope(Kind::Segment, rules::VERSION, &mut header);
    piece(&format!("{HISTORY}/journal/{first:020}.journal"), stated, &header)
}

/// An archive of these pieces, the file `history` and the end piece.
fn whole(pieces: &[Vec<u8>]) -> Vec<u8> {
    let text = format!(
        "pricetime data folder, format 1\nhistory {HISTORY}\njournal kept\ncheck d1f0c06f\n"
    );
    let mut end = vec![0; ENVELOPE_LENGTH + 2];
    end.extend_from_slice(&HISTORY.0.to_le_bytes());
    end.extend_from_slice(&9_u64.to_le_bytes());
    end.extend_from_slice(&(pieces.len() as u64 + 1).to_le_bytes());
    seal_envelope(Kind::Archived, rules::VERSION, &mut end);
    [pieces.concat(), piece("history", text.len() as u64, text.as_bytes()), end].concat()
}

#[test]
fn small_archive_cannot_fill_a_disk() {
    let temp = tempfile::tempdir().expect("a folder");
    let to = temp.path().join("copy");
    let most = JournalOptions::SEGMENT_BYTES_MAX;
    let refused = |archive: &[u8]| {
        let error = unpacked(archive, &to).expect_err("it is refused");
        assert!(!fs::exists(&to).expect("an answer"), "{error}");
        error
    };
    for stated in [most + 1, 1 << 62, u64::MAX] {
        let error = refused(&whole(&[segment(1, stated, stated)]));
        let ArchiveError::File { offset: 0, what: BadFile::Length { stated: found, .. }, .. } =
            error
        else {
            panic!("{error}")
        };
        assert_eq!(found, stated);
    }
    // The length in the file's header differs from the length in the archive.
    let error = refused(&whole(&[segment(1, most, 4_096)]));
    assert!(matches!(error, ArchiveError::File { what: BadFile::Other, .. }), "{error}");
    // Each file has the largest length allowed; together they are longer than any disk.
    let many: Vec<_> = (1..=50_000).map(|first| segment(first, most, most)).collect();
    let error = refused(&whole(&many));
    assert!(matches!(error, ArchiveError::NoSpace { .. }), "{error}");
    let packed = unpacked(&whole(&[segment(1, 4_096, 4_096)]), &to).expect("it is whole");
    assert_eq!((packed.history, packed.through), (HISTORY, Sequence(9)));
}

#[test]
fn unpacking_that_fails_halfway_leaves_nothing() {
    let temp = tempfile::tempdir().expect("a folder");
    let archive = packed(&temp);
    for existed in [false, true] {
        let to = temp.path().join(format!("copy-{existed}"));
        if existed {
            fs::create_dir(&to).expect("a folder");
            fs::write(to.join("lock"), "").expect("a file");
        }
        let mut files = 0;
        let done = unpack(&mut Cursor::new(&archive), &RealDisk, &to, |done, _| {
            files = done;
            if done == 3 {
                // Simulates a disk that takes no more files.
                let history = check_archive(&mut Cursor::new(&archive)).expect("whole").history;
                fs::remove_dir_all(to.join(history.to_string())).expect("it was there");
            }
        });
        assert!(matches!(done, Err(ArchiveError::Io(_))), "{done:?}");
        assert_eq!(files, 3, "it had started");
        assert_eq!(fs::exists(&to).expect("an answer"), existed);
        if existed {
            let left: Vec<_> = all_files(&to).into_keys().collect();
            assert_eq!(left, [Path::new("lock")], "only the lock file is left");
        }
        unpacked(&archive, &to).expect("there is nothing in the way");
    }
}
