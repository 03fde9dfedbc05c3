//! Reading a data folder, while a process writes it or after a power cut, returns durable commands and
//! no others. It reports no damage if there is none, and changes nothing. (`cli/tests/look` tests the
//! commands of the program that use it.)
#![cfg(feature = "servers")]

use std::error::Error;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pricetime::{Draft, EpochSchedule, Host, Options, Refused};
use pricetime_engine::{Command, Engine, Sequence, Timestamp};
use pricetime_journal::{
    Folder, FolderError, FolderReader, History, JournalError, JournalOptions, RealDisk, Recovered,
    RecoveryOptions, recover, unpack,
};
use pricetime_tests::disk::{Fault, FaultyDisk};
use pricetime_tests::environment::number;
use pricetime_tests::generate::random::Random;
use pricetime_tests::load;

const FOLDER: &str = "/srv/market";
const OPTIONS: RecoveryOptions = RecoveryOptions {
    journal: JournalOptions { segment_bytes: 4_096 },
    snapshots_keep: 2,
    accept_loss: false,
};

fn command(seed: u64, sequence: u64) -> Command {
    let Draft { market, account, operator, request, session, action } = load::draft(seed, sequence);
    let (sequence, timestamp) = (Sequence(sequence), Timestamp(sequence));
    Command { sequence, timestamp, market, account, operator, request, session, action }
}

fn try_open(disk: &FaultyDisk) -> Result<(Folder, Recovered), Box<dyn Error>> {
    let disk = Arc::new(disk.clone());
    let mut folder = Folder::open_on(disk, Path::new(FOLDER), History(7))?;
    let recovered = recover(&mut folder, 10, &OPTIONS, &mut (), |_| ())?;
    Ok((folder, recovered))
}

fn open(disk: &FaultyDisk) -> Option<(Folder, Recovered)> {
    try_open(disk).ok()
}

/// Reads every command that counts. Returns the last durable sequence and the last readable one.
fn try_inspect(disk: &FaultyDisk, seed: u64) -> Result<(Sequence, Sequence), Box<dyn Error>> {
    let folder_reader = FolderReader::open(Arc::new(disk.clone()), Path::new(FOLDER))?;
    let journal_view = folder_reader.journal()?;
    let mut read = 0;
    let through = journal_view.through();
    for (found, at) in folder_reader.reader().read(Sequence(1), through)?.zip(1..) {
        assert_eq!(found?, command(seed, at));
        read = at;
    }
    assert_eq!(read, through.0);
    assert_eq!(through, if journal_view.in_use { journal_view.durable } else { journal_view.last });
    let firsts: Vec<_> = journal_view.segments.iter().map(|segment| segment.first).collect();
    for (at, first) in firsts.iter().enumerate() {
        folder_reader.check(*first, firsts.get(at + 1).copied(), through)?;
    }
    Ok((journal_view.durable, journal_view.last))
}

/// Like [`try_inspect`], but returns `None` if the disk failed. Asserts that no file changes.
fn inspect(disk: &FaultyDisk, seed: u64) -> Option<(Sequence, Sequence)> {
    let before = disk.files(Path::new(FOLDER));
    let seen = try_inspect(disk, seed);
    assert_eq!(disk.files(Path::new(FOLDER)), before, "reading changes nothing");
    match seen {
        Ok(seen) => Some(seen),
        Err(error) => {
            let is_disk_error = matches!(error.downcast_ref(), Some(JournalError::Io { .. }))
                || matches!(error.downcast_ref(), Some(FolderError::Io { .. }));
            assert!(is_disk_error && disk.fired().is_some(), "{error}");
            None
        }
    }
}

/// Writes until it is done or the disk fails, and reads the folder in between. Returns the last
/// sequence that a read reported as durable, and the last one that the journal made durable.
fn run_writer(disk: &FaultyDisk, seed: u64, random: &mut Random) -> (Sequence, Sequence) {
    let (mut seen, mut durable) = (Sequence(0), Sequence(0));
    let Some((_folder, recovered)) = open(disk) else { return (seen, durable) };
    let Recovered { mut journal, mut engine, mut snapshots, .. } = recovered;
    for _ in 0..1 + random.below(10) {
        for _ in 0..1 + random.below(20) {
            let next = command(seed, journal.appended().0 + 1);
            if journal.append(&next).is_err() {
                return (seen, durable);
            }
            engine.apply(&next, &mut ());
        }
        let done = if random.below(3) == 0 { journal.write() } else { journal.commit().map(drop) };
        if done.is_err() {
            return (seen, durable);
        }
        let is_marked = random.below(3) == 0 && journal.mark().is_ok();
        // A mark that needs a new segment also makes durable what was only written.
        durable = journal.durable();
        if is_marked && let Some((now, _)) = inspect(disk, seed) {
            assert_eq!(now, durable, "a mark covers what is durable");
        }
        let is_all = journal.durable() == journal.appended();
        let saved = is_all && random.below(4) == 0 && snapshots.save(&engine.snapshot()).is_ok();
        if let Some((now, last)) = inspect(disk, seed) {
            assert!(seen <= now && now <= durable && durable <= last);
            assert!(!saved || now == durable, "what a snapshot holds is durable");
            seen = now;
        }
    }
    (seen, durable)
}

#[test]
fn commands_reported_as_durable_survive_a_power_cut() {
    let trials = number("PRICETIME_TRIALS", 200);
    let seed = number("PRICETIME_SEED", 1).wrapping_add(5_000);
    eprintln!("PRICETIME_SEED={seed} PRICETIME_TRIALS={trials}");
    let mut inspections = 0;
    for trial in seed.wrapping_shl(20)..seed.wrapping_shl(20) + trials {
        let mut random = Random::new(trial);
        let disk = FaultyDisk::new(trial);
        for _ in 0..4 {
            let fault = Fault::ALL[usize::try_from(random.below(4)).expect("small")];
            disk.fail_after(random.below(80), fault);
            let (seen, durable) = run_writer(&disk, trial, &mut random);
            if random.below(2) == 0 {
                disk.power_cycle()
            } else {
                disk.restart_process()
            }
            // Reads before the next start repairs anything, and after it.
            let is_kept = FolderReader::open(Arc::new(disk.clone()), Path::new(FOLDER))
                .is_ok_and(|it| !it.is_new());
            if is_kept {
                let (now, last) = inspect(&disk, trial).expect("nothing fails");
                assert!(seen <= last && durable <= last, "trial {trial}");
                inspections += u64::from(now > Sequence(0));
                disk.power_cycle();
                let (_folder, recovered) =
                    try_open(&disk).unwrap_or_else(|error| panic!("trial {trial}: {error}"));
                assert!(now <= recovered.journal.durable(), "trial {trial}");
                recovered.journal.seal().expect("nothing fails");
                let (now, last) = inspect(&disk, trial).expect("nothing fails");
                assert_eq!(now, last, "a sealed journal is durable to its end");
            }
        }
    }
    assert!(inspections > trials, "{inspections} inspections in {trials} trials");
}

fn submit(host: &Host, draft: Draft) {
    loop {
        match host.submit_detached(draft) {
            Ok(()) => return,
            Err(Refused::Busy) => std::thread::yield_now(),
            Err(refused) => panic!("{refused:?}"),
        }
    }
}

#[test]
fn inspecting_and_archiving_beside_a_busy_host_finds_no_damage() {
    let temp = tempfile::tempdir().expect("a folder");
    let path = temp.path().join("market");
    let host = Host::open(Options {
        journal: JournalOptions { segment_bytes: 1 << 14 },
        gates: EpochSchedule::Commands(500),
        ..Options::new(&path)
    })
    .expect("a host");
    load::open_market(&host);
    let is_done = AtomicBool::new(false);
    let packed = std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1.. {
                if is_done.load(Ordering::Relaxed) {
                    return;
                }
                submit(&host, load::draft(1, number));
                if number % 64 == 0 {
                    std::thread::sleep(std::time::Duration::from_micros(200));
                }
            }
        });
        let packed = read_repeatedly(&path);
        is_done.store(true, Ordering::Relaxed);
        packed
    });
    host.close().expect("a clean shutdown");
    let copy = temp.path().join("copy");
    let unpacked = unpack(&mut Cursor::new(packed), &RealDisk, &copy, |_, _| ()).expect("whole");
    let copied = Host::open(Options::new(&copy)).expect("a copy opens");
    // The packed commands are the first commands of the original.
    let folder_reader = FolderReader::open(Arc::new(RealDisk), &path).expect("a data folder");
    let mut engine = Engine::new(10_000);
    for command in folder_reader.reader().read(Sequence(1), unpacked.through).expect("whole") {
        engine.apply(&command.expect("a command"), &mut ());
    }
    assert_eq!(copied.digest(), engine.digest());
    copied.close().expect("a clean shutdown");
}

/// Reads and packs the folder repeatedly. Returns the last archive.
fn read_repeatedly(path: &Path) -> Vec<u8> {
    let mut durable = Sequence(0);
    let mut packed = Vec::new();
    for _ in 0..60 {
        let folder_reader = FolderReader::open(Arc::new(RealDisk), path).expect("a data folder");
        let journal_view = folder_reader.journal().expect("no damage");
        assert!(durable <= journal_view.durable && journal_view.durable <= journal_view.last);
        durable = journal_view.durable;
        let from = Sequence(durable.0.saturating_sub(200).max(1));
        let mut read = folder_reader.reader().read(from, durable).expect("it is there");
        assert!(read.all(|command| command.is_ok()));
        packed.clear();
        folder_reader.pack(&mut packed, |_, _| ()).expect("no damage");
    }
    packed
}
