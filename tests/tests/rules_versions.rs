//! A folder that was closed in order under an earlier version of the rules can be used under this
//! version. Commands of the earlier version are never replayed under another.
#![cfg(feature = "servers")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pricetime_engine::{Action, Command, EngineSnapshot, Limits, Sequence, Timestamp, rules};
use pricetime_journal::codec::{ENVELOPE_LENGTH, Kind, seal_envelope};
use pricetime_journal::{
    Folder, FolderReader, History, JournalError, RealDisk, Recovered, RecoveryError,
    RecoveryOptions, recover,
};
use pricetime_tests::record::day;

const OLD: u32 = 1;
const COMMANDS: usize = 400;

fn open(path: &Path) -> Result<(Folder, Recovered), RecoveryError> {
    let mut folder = Folder::open_on(Arc::new(RealDisk), path, History::fresh())?;
    let how = RecoveryOptions::default();
    let recovered = recover(&mut folder, 16, &how, &mut (), |_| ())?;
    Ok((folder, recovered))
}

fn run(recovered: &mut Recovered, commands: &[Command]) {
    for command in commands {
        recovered.journal.append(command).expect("the next one");
        recovered.engine.apply(command, &mut ());
    }
    recovered.journal.commit().expect("a disk");
}

/// A folder as version 1 left it: the first `held` commands are in a snapshot, the others only in the
/// journal. Returns its state.
fn old_folder(path: &Path, held: usize) -> EngineSnapshot {
    let commands = day(3).commands;
    let (folder, mut recovered) = open(path).expect("a new folder");
    // Version 1 had no sessions, and no limit on the orders of an account.
    let mut commands: Vec<_> = commands
        .into_iter()
        .filter(|command| !matches!(command.action, Action::CancelSession { .. }))
        .take(COMMANDS)
        .map(|command| Command { session: None, ..command })
        .collect();
    for command in &mut commands {
        if let Action::AddMarket(spec) = &mut command.action {
            spec.limits.orders_per_account_max = Limits::COUNT_MAX;
        }
    }
    for (command, sequence) in commands.iter_mut().zip(1..) {
        command.sequence = Sequence(sequence);
    }
    run(&mut recovered, &commands[..held]);
    let state = EngineSnapshot { rules_version: OLD, ..recovered.engine.snapshot() };
    recovered.snapshots.save(&state).expect("a disk");
    run(&mut recovered, &commands[held..]);
    let state = recovered.engine.snapshot();
    recovered.journal.seal().expect("a disk");
    drop(folder);
    for file in files(path).into_iter().filter(|file| is_segment(file)) {
        let mut bytes = fs::read(&file).expect("a segment");
        seal_envelope(Kind::Segment, OLD, &mut bytes[..ENVELOPE_LENGTH + 36]);
        fs::write(&file, bytes).expect("a disk");
    }
    state
}

fn is_segment(file: &Path) -> bool {
    file.extension().is_some_and(|it| it == "journal")
}

/// All files in a folder and its subfolders.
fn files(path: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(path).expect("a folder").map(|entry| entry.expect("an entry").path());
    let (folders, mut found): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    found.extend(folders.iter().flat_map(|folder| files(folder)));
    found.sort();
    found
}

fn next_command(recovered: &Recovered) -> Command {
    let state = recovered.engine.snapshot();
    Command {
        sequence: Sequence(state.last_sequence.0 + 1),
        timestamp: Timestamp(state.last_timestamp.0 + 1),
        market: state.markets[0].head.market,
        account: pricetime_engine::AccountId(1),
        operator: true,
        request: None,
        session: None,
        action: Action::AdvanceTime,
    }
}

#[test]
fn folder_closed_under_version_1_continues_under_this_version() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = old_folder(folder.path(), COMMANDS);
    let (held, mut recovered) = open(folder.path()).expect("a folder closed in order");
    assert_eq!(recovered.engine.snapshot(), state);
    assert_eq!(
        (recovered.base, recovered.replayed, recovered.lost),
        (state.last_sequence, 0, None)
    );
    let next = next_command(&recovered);
    run(&mut recovered, &[next]);
    let (digest, last) = (recovered.engine.digest(), recovered.engine.last_sequence());
    // The process dies here. What it did under this version is replayed on top of the old snapshot.
    drop((held, recovered));
    let (held, recovered) = open(folder.path()).expect("a journal of this version");
    assert_eq!((recovered.engine.digest(), recovered.replayed), (digest, 1));
    let first = Sequence(1);
    let old = recovered.journal.reader().read(first, last).map(drop);
    assert!(
        matches!(&old, Err(JournalError::OtherRules { found: OLD, ours: rules::VERSION, .. })),
        "{old:?}"
    );
    let behind: Vec<_> = recovered.journal.read(last).expect("commands").collect();
    assert_eq!(behind.len(), 1);
    drop((held, recovered));
    let folder_reader = FolderReader::open(Arc::new(RealDisk), folder.path()).expect("a folder");
    let journal_view = folder_reader.journal().expect("a journal");
    let replayable = Sequence(state.last_sequence.0 + 1);
    assert_eq!((journal_view.last, journal_view.replayable), (last, replayable));
    // Each of its files is sound.
    folder_reader.check(first, Some(replayable), last).expect("the file of version 1");
    folder_reader.check(replayable, None, last).expect("the file of this version");
}

#[test]
fn folder_of_version_1_opens_again_if_it_was_not_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = old_folder(folder.path(), COMMANDS);
    for _ in 0..3 {
        let (_folder, recovered) = open(folder.path()).expect("a folder closed in order");
        assert_eq!(recovered.engine.snapshot(), state);
    }
    // One segment of version 1 and one of this version, however often the folder is opened.
    assert_eq!(files(folder.path()).iter().filter(|file| is_segment(file)).count(), 2);
}

#[test]
fn commands_of_version_1_without_a_snapshot_are_not_replayed() {
    let folder = tempfile::tempdir().expect("a folder");
    old_folder(folder.path(), COMMANDS - 1);
    let before: Vec<_> = files(folder.path()).iter().map(|file| fs::read(file).ok()).collect();
    let refused = open(folder.path()).map(drop).expect_err("its last command is of version 1");
    let RecoveryError::Journal(JournalError::OtherRules { found: OLD, .. }) = &refused else {
        panic!("{refused}")
    };
    assert!(refused.to_string().contains("close it in order"), "{refused}");
    let after: Vec<_> = files(folder.path()).iter().map(|file| fs::read(file).ok()).collect();
    assert!(before == after, "the program that wrote it can still open it");
}
