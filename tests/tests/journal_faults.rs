//! A journal returns every command that it reported as durable, or it refuses and names the damage. After
//! a power cut alone it never refuses, even if the cut interrupts the recovery from an earlier one.
#![cfg(feature = "servers")]

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pricetime_engine::{
    AccountId, Action, Command, Engine, EngineSnapshot, Phase, Sequence, Timestamp, rules,
};
use pricetime_journal::codec::{ENVELOPE_LENGTH, Kind, seal_envelope};
use pricetime_journal::{
    Disk, DiskFile, History, Journal, JournalError, JournalOptions, LocalSnapshots, Lock,
};
use pricetime_tests::disk::{Fault, FaultyDisk};
use pricetime_tests::environment::number;
use pricetime_tests::generate::random::Random;
use pricetime_tests::load;

const FOLDER: &str = "/journal";
const HISTORY: History = History(7);
const OPTIONS: JournalOptions = JournalOptions { segment_bytes: 4_096 };

fn command(seed: u64, sequence: u64) -> Command {
    let draft = load::draft(seed, sequence);
    Command {
        sequence: Sequence(sequence),
        timestamp: Timestamp(sequence),
        market: draft.market,
        account: draft.account,
        operator: draft.operator,
        request: draft.request,
        action: draft.action,
        session: None,
    }
}

fn open(disk: &FaultyDisk) -> Result<Journal, JournalError> {
    Journal::open(Arc::new(disk.clone()), Path::new(FOLDER), HISTORY, OPTIONS)
}

/// Writes batches until it is done or the disk fails. Returns the last sequence that was durable, and
/// the one that was durable before the last batch.
fn write(disk: &FaultyDisk, seed: u64, random: &mut Random) -> Result<(u64, u64), JournalError> {
    let mut journal = open(disk)?;
    let (mut durable, mut before) = (journal.durable().0, journal.durable().0);
    for _ in 0..1 + random.below(12) {
        for _ in 0..1 + random.below(20) {
            let next = Sequence(journal.appended().0 + 1);
            journal.append(&command(seed, next.0))?;
        }
        let Ok(Sequence(now)) = journal.commit() else { return Ok((durable, before)) };
        if seed % 2 == 1 {
            // If the disk fails here, the journal continues without a prepared segment.
            let _ = journal.prepare();
        }
        (durable, before) = (now, durable);
        if random.below(3) == 0 && journal.mark().is_err() {
            return Ok((durable, before));
        }
    }
    Ok((durable, before))
}

/// Reads every command of the journal.
fn read(disk: &FaultyDisk) -> Result<Vec<Command>, JournalError> {
    open(disk)?.read(Sequence(1))?.collect()
}

fn assert_contains(found: &[Command], seed: u64, at_least: u64) {
    assert!(found.len() as u64 >= at_least, "{} of {at_least} are there", found.len());
    for (at, found) in (1..).zip(found) {
        assert_eq!(*found, command(seed, at));
    }
}

fn new_disk(seed: u64) -> FaultyDisk {
    let disk = FaultyDisk::new(seed);
    let folder = Path::new(FOLDER);
    disk.create_folder(folder).expect("a folder");
    disk.sync_folder(Path::new("/")).expect("its name");
    Journal::create(&disk, folder, HISTORY, Sequence(1), OPTIONS).expect("a journal");
    disk
}

#[test]
fn power_cuts_and_failing_calls_lose_nothing_and_are_always_recoverable() {
    let trials = number("PRICETIME_TRIALS", 300);
    let seed = number("PRICETIME_SEED", 1);
    eprintln!("PRICETIME_SEED={seed} PRICETIME_TRIALS={trials}");
    let mut failed = 0_u64;
    // The first trial is a regression test: a mark in front of rewritten bytes has to be written again too.
    let all = seed.wrapping_shl(20)..seed.wrapping_shl(20) + trials;
    for trial in [21_245_325_232_232].into_iter().chain(all) {
        let mut random = Random::new(trial);
        let disk = new_disk(trial);
        let mut durable = 0;
        // Several lives on the same disk, some of which end during the recovery.
        for _ in 0..4 {
            let fault = Fault::ALL[usize::try_from(random.below(4)).expect("small")];
            disk.fail_after(random.below(60), fault);
            match write(&disk, trial, &mut random) {
                Ok((now, _)) => durable = durable.max(now),
                Err(JournalError::Io { .. } | JournalError::Poisoned(_)) => {}
                Err(refused) => panic!("trial {trial}: {refused}"),
            }
            failed += u64::from(disk.fired().is_some());
            if random.below(2) == 0 { disk.power_cycle() } else { disk.restart_process() }
        }
        let found = read(&disk).unwrap_or_else(|refused| panic!("trial {trial}: {refused}"));
        assert_contains(&found, trial, durable);
    }
    assert!(failed > trials, "{failed} faults in {trials} trials");
}

/// A disk that creates no files while its flag is set.
#[derive(Clone, Debug)]
struct NoNewFiles(FaultyDisk, Arc<AtomicBool>);

impl Disk for NoNewFiles {
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        self.0.create_folder(folder)
    }
    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.0.list(folder)
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        if self.1.load(Ordering::Relaxed) {
            return Err(io::Error::other("too many open files"));
        }
        self.0.create(path)
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.0.open(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }
    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.0.sync_folder(folder)
    }
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        self.0.lock(path)
    }
    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        self.0.is_locked(path)
    }
}

#[test]
fn journal_continues_in_a_prepared_segment_if_no_file_can_be_created() {
    let (seed, folder) = (5, Path::new(FOLDER));
    let disk = NoNewFiles(new_disk(seed), Arc::default());
    let mut journal =
        Journal::open(Arc::new(disk.clone()), folder, HISTORY, OPTIONS).expect("a journal");
    let first = journal.position().segment;
    let mut next = 1..;
    let mut append = |journal: &mut Journal| {
        journal.append(&command(seed, next.next().expect("a number"))).expect("the next one");
    };
    while journal.position().offset <= OPTIONS.segment_bytes / 2 {
        append(&mut journal);
        journal.commit().expect("a sync");
    }
    journal.prepare().expect("a file");
    disk.1.store(true, Ordering::Relaxed);
    while journal.position().segment == first {
        append(&mut journal);
        journal.commit().expect("the segment was prepared");
    }
    let last = journal.durable().0;
    while journal.position().offset <= OPTIONS.segment_bytes / 2 {
        append(&mut journal);
    }
    journal.prepare().expect_err("no file can be made");
    journal.commit().expect("there is room in this segment");
    disk.1.store(false, Ordering::Relaxed);
    journal.prepare().expect("a file");
    journal.seal().expect("its end");
    assert!(disk.0.files(folder).iter().all(|(path, _)| !path.ends_with("next.journal.tmp")));
    let found = read(&disk.0).expect("all of it");
    assert_contains(&found, seed, last);
}

#[test]
fn flipped_bit_is_refused_with_its_file_or_is_harmless() {
    let trials = number("PRICETIME_TRIALS", 300);
    let seed = number("PRICETIME_SEED", 1).wrapping_add(1_000);
    let (mut refused, mut harmless) = (0_u64, 0_u64);
    for trial in seed.wrapping_shl(20)..seed.wrapping_shl(20) + trials {
        let mut random = Random::new(trial);
        let disk = new_disk(trial);
        let (durable, before) = write(&disk, trial, &mut random).expect("nothing fails");
        disk.power_cycle();
        let files = disk.files(Path::new(FOLDER));
        let at = usize::try_from(random.below(files.len() as u64)).expect("small");
        let (path, length) = &files[at];
        let bit = u32::try_from(random.below(8)).expect("small");
        disk.flip(path, random.below(*length), bit);
        match read(&disk) {
            Ok(found) => {
                // Damage may look like a torn write only in the last batch, which nothing records
                // as durable yet.
                assert_contains(&found, trial, before);
                harmless += u64::from(found.len() as u64 >= durable);
            }
            Err(JournalError::Damaged { file, .. }) => {
                assert_eq!(&file, path, "trial {trial}: the error names the file");
                refused += 1;
            }
            Err(JournalError::OtherHistory { .. } | JournalError::OtherRules { .. }) => {
                panic!("trial {trial}: a checksum is checked first")
            }
            Err(other) => panic!("trial {trial}: {other}"),
        }
    }
    eprintln!("of {trials} flipped bits {refused} were refused and {harmless} did not matter");
    assert!(refused > trials / 10 && harmless > 0);
}

#[test]
fn zeroed_tail_loses_at_most_the_last_batch() {
    let trials = number("PRICETIME_TRIALS", 300);
    let seed = number("PRICETIME_SEED", 1).wrapping_add(3_000);
    let (mut refused, mut harmless) = (0_u64, 0_u64);
    for trial in seed.wrapping_shl(20)..seed.wrapping_shl(20) + trials {
        let mut random = Random::new(trial);
        let disk = new_disk(trial);
        let (durable, before) = write(&disk, trial, &mut random).expect("nothing fails");
        // With a mark nothing durable may be lost; without one, at most the last batch.
        let is_marked = random.below(2) == 0;
        if is_marked {
            let mut journal = open(&disk).expect("nothing is wrong");
            journal.mark().expect("nothing fails");
        }
        disk.restart_process();
        let (path, length) = disk.files(Path::new(FOLDER)).pop().expect("a segment");
        // The mark at the end is not zeroed: in a segment of the usual length it is in another block.
        disk.zero(&path, 512 + random.below(length - 512 - 128), length - 128);
        match read(&disk) {
            Ok(found) => {
                assert_contains(&found, trial, if is_marked { durable } else { before });
                harmless += 1;
            }
            Err(JournalError::Damaged { file, .. }) => {
                assert_eq!(file, path, "trial {trial}: the error names the file");
                refused += 1;
            }
            Err(other) => panic!("trial {trial}: {other}"),
        }
    }
    eprintln!("of {trials} zeroed ends {refused} were refused and {harmless} did not matter");
    assert!(refused > trials / 10 && harmless > 0);
}

#[test]
fn opening_a_closed_journal_does_little_io() {
    let disk = FaultyDisk::new(1);
    let folder = Path::new(FOLDER);
    disk.create_folder(folder).expect("a folder");
    let options = JournalOptions { segment_bytes: 4 << 20 };
    let open = || Journal::open(Arc::new(disk.clone()), folder, HISTORY, options);
    Journal::create(&disk, folder, HISTORY, Sequence(1), options).expect("a journal");
    let mut journal = open().expect("it opens");
    for sequence in 1..10_000 {
        journal.append(&command(1, sequence)).expect("it is the next one");
    }
    journal.commit().expect("durable");
    journal.seal().expect("a clean shutdown");
    let before = disk.bytes_moved();
    let journal = open().expect("it opens");
    assert!(journal.opened().sealed && journal.durable() == Sequence(9_999));
    let bytes_moved = disk.bytes_moved() - before;
    assert!(bytes_moved < 4_096, "{bytes_moved} bytes");
    // After a kill, too, opening moves far less than everything.
    drop(journal);
    let before = disk.bytes_moved();
    open().expect("it opens");
    let bytes_moved = disk.bytes_moved() - before;
    assert!(bytes_moved < options.segment_bytes / 4, "{bytes_moved} bytes");
}

/// In older versions records may fill the file to its end, including the place of the mark.
#[test]
fn segment_without_room_for_a_mark_can_be_continued() {
    for commands in 4..20 {
        let disk = new_disk(commands);
        let mut journal = open(&disk).expect("it opens");
        for sequence in 1..=commands {
            journal.append(&command(7, sequence)).expect("it is the next one");
        }
        journal.commit().expect("durable");
        let end = journal.position().offset;
        let (path, length) = disk.files(Path::new(FOLDER)).pop().expect("a segment");
        let mut bytes = vec![0; usize::try_from(length).expect("short")];
        disk.open(&path).and_then(|file| file.read_at(0, &mut bytes)).expect("it can be read");
        for rest in [0, 8, 64, 120, 128, 136] {
            let length = end + rest;
            bytes.truncate(usize::try_from(end).expect("short"));
            bytes.resize(usize::try_from(length).expect("short"), 0);
            bytes[ENVELOPE_LENGTH + 24..][..8].copy_from_slice(&length.to_le_bytes());
            seal_envelope(Kind::Segment, rules::VERSION, &mut bytes[..ENVELOPE_LENGTH + 36]);
            let disk = new_disk(commands);
            let mut file = disk.create(&path).expect("a file");
            file.write_at(0, &bytes).and_then(|()| file.sync()).expect("written");
            for life in 0..3 {
                let mut journal = open(&disk).expect("it opens");
                assert_eq!(journal.durable().0, commands + 2 * life, "{rest} bytes of room");
                for _ in 0..2 {
                    let next = journal.appended().0 + 1;
                    journal.append(&command(7, next)).expect("it is the next one");
                }
                journal.commit().expect("durable");
                journal.mark().expect("marked");
                if life == 1 {
                    journal.seal().expect("a clean shutdown");
                }
            }
            assert_contains(&read(&disk).expect("whole"), 7, commands + 6);
        }
    }
}

/// A state with this many orders, as of the last one.
fn state(seed: u64, orders: u64) -> EngineSnapshot {
    let mut engine = Engine::new(1);
    let market = load::MARKET;
    let account = AccountId(1);
    let opening = [Action::AddMarket(load::spec()), Action::SetPhase(Phase::Continuous)];
    for (sequence, action) in (1..).zip(opening) {
        let (sequence, timestamp) = (Sequence(sequence), Timestamp(0));
        let (operator, request) = (true, None);
        let command = Command {
            sequence,
            timestamp,
            market,
            account,
            operator,
            request,
            action,
            session: None,
        };
        engine.apply(&command, &mut ());
    }
    for sequence in 3..3 + orders {
        engine.apply(&command(seed, sequence), &mut ());
    }
    engine.snapshot()
}

#[test]
fn snapshot_is_complete_or_reported_as_damaged() {
    let trials = number("PRICETIME_TRIALS", 300);
    let seed = number("PRICETIME_SEED", 1).wrapping_add(2_000);
    let (mut failed, mut fell_back) = (0_u64, 0_u64);
    for trial in seed.wrapping_shl(20)..seed.wrapping_shl(20) + trials {
        let mut random = Random::new(trial);
        let disk = FaultyDisk::new(trial);
        let folder = Path::new(FOLDER);
        disk.create_folder(folder).expect("a folder");
        disk.sync_folder(Path::new("/")).expect("its name");
        let open = || LocalSnapshots::open(Arc::new(disk.clone()), folder, HISTORY, 2);
        let mut saved: Option<EngineSnapshot> = None;
        for life in 0..3_u64 {
            let fault = Fault::ALL[usize::try_from(random.below(4)).expect("small")];
            disk.fail_after(random.below(40), fault);
            if let Ok(mut snapshots) = open() {
                for orders in 1..5 {
                    let state = state(trial, life * 8 + orders);
                    if snapshots.save(&state).is_ok() {
                        saved = Some(state);
                    }
                }
            }
            failed += u64::from(disk.fired().is_some());
            disk.power_cycle();
        }
        let snapshots = open().expect("a power cut is not refused");
        let newest = snapshots.newest().expect("nothing is damaged");
        assert!(newest.damaged.is_empty(), "trial {trial}: a named snapshot is complete");
        let found = newest.found.map(|loaded| loaded.snapshot);
        let sequence = |state: &Option<EngineSnapshot>| state.as_ref().map(|s| s.last_sequence);
        assert!(sequence(&found) >= sequence(&saved), "trial {trial}: the saved snapshot is there");
        if let Some(found) = found {
            assert_eq!(found, state(trial, found.last_sequence.0 - 2), "trial {trial}");
            // A damaged snapshot is reported, and the one before it is used.
            let newest = disk.files(folder).into_iter().max().expect("it is there");
            disk.flip(&newest.0, random.below(newest.1), 3);
            let after = snapshots.newest().expect("the older one can be read");
            assert_eq!(after.damaged.len(), 1, "trial {trial}");
            fell_back += u64::from(after.found.is_some());
        }
    }
    assert!(failed > trials / 4 && fell_back > 0, "{failed} faults, {fell_back} fell back");
}
