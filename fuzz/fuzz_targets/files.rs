//! Reads arbitrary bytes as a file: an archive, a snapshot, or the text of a batch. It is refused
//! with an error that names what is wrong, or what was read can be written and read again
//! unchanged. The memory it takes is proportional to its length.
#![no_main]

use std::collections::BTreeMap;
use std::io::{Cursor, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use pricetime_engine::{AccountId, EpochNumber, MarketId};
use pricetime_fuzz::Bytes;
use pricetime_fuzz::archive::{OURS, SmallDisk, pieces};
use pricetime_fuzz::bounds::{checked_error, with_memory_limit};
use pricetime_journal::codec::{Kind, seal_envelope};
use pricetime_journal::{ArchiveError, Disk as _, LocalSnapshots, unpack};
use pricetime_settlement::{Batch, Digest, Transfer};
use pricetime_tests::disk::FaultyDisk;

/// The size of the disk on which an archive is unpacked.
const DISK: u64 = 1 << 20;
const FOLDER: &str = "/data";

/// The bytes of a file.
fn content(disk: &FaultyDisk, path: &Path) -> Vec<u8> {
    let file = disk.open(path).expect("it is there");
    let mut bytes = vec![0; usize::try_from(file.length().expect("it has one")).expect("short")];
    file.read_at(0, &mut bytes).expect("it can be read");
    bytes
}

fn archive(bytes: &mut Bytes<'_>) {
    let archive = if bytes.once_in(8) { bytes.text().into_bytes() } else { bytes.archive() };
    let disk = FaultyDisk::new(1);
    let small = SmallDisk::new(disk.clone(), DISK);
    let room = archive.len() + usize::try_from(DISK).expect("short");
    let unpacked = with_memory_limit(room, 8, || {
        unpack(&mut Cursor::new(&archive), &small, Path::new(FOLDER), |_, _| {})
    });
    if let Err(refused) = unpacked {
        checked_error(&refused);
        let other = matches!(&refused, ArchiveError::Io(it) if it.kind() != ErrorKind::StorageFull);
        assert!(!other, "{refused}");
        // Nothing is left of an archive that was not unpacked completely.
        assert!(disk.list(Path::new("/")).expect("the root").is_empty(), "{refused}");
        return;
    }
    let unpacked_files: BTreeMap<_, _> = disk
        .files(Path::new("/"))
        .into_iter()
        .map(|(path, _)| (path.clone(), content(&disk, &path)))
        .filter(|(path, _)| *path != Path::new(FOLDER).join("lock"))
        .collect();
    let expected = pieces(&archive).into_iter();
    let expected = expected.map(|(name, file)| (Path::new(FOLDER).join(name), file));
    assert_eq!(unpacked_files, expected.collect::<BTreeMap<_, _>>());
}

/// A snapshot file that was saved and then changed, sometimes with a correct checksum.
fn snapshot(bytes: &mut Bytes<'_>) {
    let disk = FaultyDisk::new(1);
    let folder = Path::new(FOLDER);
    disk.create_folder(folder).expect("a folder");
    let open = || LocalSnapshots::open(Arc::new(disk.clone()), folder, OURS, 2).expect("a disk");
    let good = bytes.snapshot();
    let saved = open().save(&good).expect("the state can be encoded");
    let path = open().path(saved);
    let mut file = content(&disk, &path);
    bytes.corrupt(&mut file);
    if bytes.once_in(2) && file.len() >= 32 {
        seal_envelope(Kind::Snapshot, good.rules_version, &mut file);
    }
    disk.create(&path).and_then(|mut it| it.write_at(0, &file)).expect("there is room");
    let snapshots = open();
    match with_memory_limit(file.len(), 16, || snapshots.load(saved)) {
        Ok(loaded) => {
            // The engine that restores the snapshot compares the digest.
            let mut again = open();
            if loaded.snapshot.digest() == loaded.digest {
                again.save(&loaded.snapshot).expect("it was encoded");
                assert_eq!(again.load(saved).expect("it was saved"), loaded);
            }
        }
        Err(refused) => {
            let text = checked_error(&refused);
            assert!(text.contains(path.to_str().expect("a text")), "{text}");
        }
    }
}

fn batch(bytes: &mut Bytes<'_>) {
    let mut amount = |wide: bool| {
        let (high, low) = (bytes.number(), bytes.word());
        let number = i128::from(high.cast_signed()) << if wide { 64 } else { 0 };
        number.wrapping_add(i128::from(low))
    };
    let transfers = (0..4).map(|account| Transfer {
        account: AccountId(account),
        base: amount(false),
        quote: amount(true),
    });
    let good = Batch {
        transfers: transfers.collect(),
        history: OURS,
        market: MarketId(bytes.byte().into()),
        epoch: EpochNumber(bytes.number()),
        trades: bytes.number(),
        volume: bytes.number().into(),
        notional: bytes.number().into(),
        fees: -i128::from(bytes.number()),
        platform: AccountId(bytes.number().into()),
        trades_digest: Digest([bytes.byte(); 32]),
    };
    let text = good.to_text();
    assert_eq!(Batch::from_text(&text).expect("it was written"), good);
    let corrupted = bytes.corrupt_text(&text);
    for text in [corrupted, bytes.text()] {
        match with_memory_limit(text.len(), 64, || Batch::from_text(&text)) {
            Ok(batch) => {
                assert_eq!(Batch::from_text(&batch.to_text()).expect("it was written"), batch);
                let _sound = batch.check();
            }
            Err(refused) => drop(checked_error(&refused)),
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    match bytes.byte() % 3 {
        0 => archive(&mut bytes),
        1 => snapshot(&mut bytes),
        _ => batch(&mut bytes),
    }
});
