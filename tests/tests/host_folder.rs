//! Only one process at a time writes a data folder, and only the folder's owner may read it. A host
//! that loses its folder stops. Failed and damaged snapshots are reported and replaced.
#![cfg(feature = "servers")]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pricetime::engine::{Action, EpochNumber, Sequence};
use pricetime::persistence::journal::{
    Folder, FolderError, FolderReader, JournalError, JournalOptions, RealDisk, SnapshotError,
};
use pricetime::persistence::settlement::ledger::EmbeddedLedger;
use pricetime::{EpochSchedule, Host, OperatorRequest, OperatorRequests, Options, Stopped};
use pricetime_tests::load::{self, operator};
use pricetime_tests::metrics_recorder::MetricsRecorder;
use pricetime_tests::wait::until;
use tempfile::TempDir;

fn options(path: &Path) -> Options {
    let journal = JournalOptions { segment_bytes: 1 << 14 };
    Options { journal, gates: EpochSchedule::OnRequest, ..Options::new(path) }
}

/// A host with a market, in a subfolder of a temporary folder.
fn start_host() -> (TempDir, PathBuf, Host) {
    let temp = tempfile::tempdir().expect("a folder");
    let path = temp.path().join("market");
    let host = Host::open(options(&path)).expect("a host");
    load::open_market(&host);
    (temp, path, host)
}

fn close_epoch(host: &Host, number: u32) {
    let draft = operator(Action::CloseEpoch { number: EpochNumber(number.into()) });
    drop(host.submit(draft).expect("room").wait().expect("durable"));
}

/// The folder of the current history.
fn history(path: &Path) -> PathBuf {
    path.join(
        FolderReader::open(Arc::new(RealDisk), path).expect("a data folder").history().to_string(),
    )
}

/// The folder and everything in it.
fn all_paths(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let below = entries.flat_map(|path| if path.is_dir() { all_paths(&path) } else { vec![path] });
    below.chain([folder.to_owned()]).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, target).expect("a copy");
        }
    }
}

#[test]
fn removing_the_lock_file_does_not_admit_a_second_process() {
    let temp = tempfile::tempdir().expect("a folder");
    let folder = Folder::open(temp.path()).expect("it is free");
    let again = || Folder::open(temp.path());
    assert!(matches!(again(), Err(FolderError::InUse(_))));
    // Older versions lock only this file.
    let older = File::open(temp.path().join("lock")).expect("the file");
    assert!(older.try_lock().is_err(), "an older version is locked out");
    fs::remove_file(temp.path().join("lock")).expect("removed");
    assert!(matches!(again(), Err(FolderError::InUse(_))));
    drop(folder);
    again().expect("it is free");
}

#[test]
fn folder_held_by_an_older_version_is_in_use() {
    let temp = tempfile::tempdir().expect("a folder");
    let older = File::create(temp.path().join("lock")).expect("a file");
    older.try_lock().expect("it is free");
    assert!(matches!(Folder::open(temp.path()), Err(FolderError::InUse(_))));
    drop(older);
    Folder::open(temp.path()).expect("it is free");
}

/// Changes the folder under a running host. Asserts that the host acknowledges no later command and stops.
fn assert_host_stops(change: impl FnOnce(&Path)) {
    let (_temp, path, host) = start_host();
    change(&path);
    let answer = host.submit(load::draft(1, 1)).map(|ticket| ticket.wait());
    assert!(!matches!(answer, Ok(Ok(_))), "a lost command was acknowledged: {answer:?}");
    let Err(Stopped::Journal(why)) = host.close() else { panic!("it stopped") };
    let JournalError::Replaced { file } = &*why else { panic!("{why}") };
    assert!(file.extension().is_some_and(|it| it == "journal"), "{why}");
}

#[test]
fn host_stops_when_its_journal_is_removed() {
    assert_host_stops(|path| fs::remove_dir_all(history(path).join("journal")).expect("removed"));
}

#[test]
fn host_stops_when_its_folder_is_removed() {
    assert_host_stops(|path| fs::remove_dir_all(path).expect("removed"));
}

#[test]
fn host_stops_when_its_folder_is_moved() {
    assert_host_stops(|path| fs::rename(path, path.with_file_name("moved")).expect("moved"));
}

#[test]
fn host_stops_when_its_folder_is_replaced_by_a_copy() {
    assert_host_stops(|path| {
        let moved = path.with_file_name("moved");
        fs::rename(path, &moved).expect("moved");
        copy(&moved, path);
    });
}

#[test]
fn only_the_owner_may_read_a_folder_and_its_files() {
    let (_temp, path, host) = start_host();
    close_epoch(&host, 1);
    OperatorRequests::of(&path).add(load::MARKET, OperatorRequest::Hold).expect("left");
    drop(EmbeddedLedger::open(&path.join("settlement/ledger")).expect("a ledger"));
    host.close().expect("a clean shutdown");
    let found = all_paths(&path);
    for suffix in [".journal", ".snapshot", "history", "lock", "1.hold", "ledger.redb"] {
        let is = |path: &PathBuf| path.to_string_lossy().ends_with(suffix);
        assert!(found.iter().any(is), "{suffix} in {found:?}");
    }
    for path in &found {
        let wanted = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(path), wanted, "{}", path.display());
    }
}

#[test]
fn opening_makes_a_readable_folder_private_unless_it_is_foreign() {
    let temp = tempfile::tempdir().expect("a folder");
    let open = |path| fs::set_permissions(path, Permissions::from_mode(0o755)).expect("open");
    open(temp.path());
    fs::write(temp.path().join("letter"), "a foreign file").expect("a file");
    assert!(matches!(Folder::open(temp.path()), Err(FolderError::NotOurs { .. })));
    assert_eq!(mode(temp.path()), 0o755);
    fs::remove_file(temp.path().join("letter")).expect("removed");
    for _ in ["a new one", "one of an earlier version"] {
        drop(Folder::open(temp.path()).expect("it is free"));
        assert_eq!(mode(temp.path()), 0o700);
        open(temp.path());
    }
}

#[test]
fn failed_snapshot_is_counted() {
    let recorder = MetricsRecorder::install();
    let count = || recorder.count("pricetime_snapshot_errors_total");
    let (_temp, path, host) = start_host();
    let (snapshots, aside) = (history(&path).join("snapshots"), path.join("aside"));
    fs::rename(&snapshots, &aside).expect("moved");
    close_epoch(&host, 1);
    until("it fails", || host.status().snapshot_failure.is_some());
    let why = host.status().snapshot_failure.expect("it failed");
    assert!(matches!(*why, SnapshotError::Io { operation: "create", .. }), "{why}");
    assert_eq!(count(), 1);
    fs::rename(&aside, &snapshots).expect("moved back");
    close_epoch(&host, 2);
    until("the next one is written", || host.status().snapshot == host.status().durable);
    until("the failure is over", || host.status().snapshot_failure.is_none());
    assert_eq!(count(), 1);
    host.close().expect("a clean shutdown");
}

/// Damages the newest snapshot by one bit. Returns its sequence.
fn damage(path: &Path) -> Sequence {
    let snapshots =
        FolderReader::open(Arc::new(RealDisk), path).expect("a data folder").snapshots();
    let newest = *snapshots.list().expect("snapshots").last().expect("one");
    let mut bytes = fs::read(snapshots.path(newest)).expect("a snapshot");
    *bytes.last_mut().expect("a byte") ^= 1;
    fs::write(snapshots.path(newest), bytes).expect("damaged");
    newest
}

/// Opens a folder with a damaged snapshot. Asserts that a good one replaces it without any new command.
fn assert_snapshot_replaced(path: &Path, damaged: Sequence) {
    let snapshots =
        || FolderReader::open(Arc::new(RealDisk), path).expect("a data folder").snapshots();
    let list = || snapshots().list().expect("snapshots");
    let before = list();
    let host = Host::open(options(path)).expect("a host");
    assert_eq!(host.start().damaged.len(), 1);
    let last = host.status().durable;
    until("a good one takes its place", || snapshots().load(last).is_ok());
    let replaced = before.iter().map(|it| if *it == damaged { last } else { *it });
    let replaced: Vec<_> = replaced.collect();
    until("the older one stays", || list() == replaced);
    host.close().expect("a clean shutdown");
    let host = Host::open(options(path)).expect("a host");
    assert!(host.start().damaged.is_empty(), "{:?}", host.start());
    host.close().expect("a clean shutdown");
    assert_eq!(list(), replaced);
}

#[test]
fn damaged_newest_snapshot_is_replaced_at_the_next_start() {
    let (_temp, path, host) = start_host();
    for number in 1..=2 {
        close_epoch(&host, number);
        until("a snapshot", || host.status().snapshot == host.status().durable);
    }
    drop(host.submit(load::draft(1, 1)).expect("room").wait().expect("durable"));
    let killed = path.with_file_name("killed");
    copy(&path, &killed);
    host.close().expect("a clean shutdown");
    // With commands after the damaged snapshot, and without.
    for path in [killed, path] {
        let damaged = damage(&path);
        assert_snapshot_replaced(&path, damaged);
    }
}
