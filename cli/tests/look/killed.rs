//! The tools read every command of a killed process. While a process has the folder open, they report which
//! commands they leave out.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pricetime::engine::{Command, Sequence, Timestamp};
use pricetime::persistence::journal::{
    Folder, FolderError, FolderReader, JournalOptions, RealDisk, Recovered, RecoveryOptions,
    recover,
};
use pricetime::{Draft, EpochSchedule, Host, OpenError, Options};
use pricetime_tests::record::commands;

use crate::folder::{
    copy, draft, files, open as open_host, open_markets, options, prepared, submit,
};
use crate::program::run;

const MINUTE: Duration = Duration::from_secs(60);

/// Opens a folder. A child process that another test starts briefly holds its lock.
fn open(path: &Path) -> (Folder, Recovered) {
    let started = Instant::now();
    let mut folder = loop {
        match Folder::open(path) {
            Err(FolderError::InUse(_)) if started.elapsed() < MINUTE => {}
            opened => break opened.expect("it opens"),
        }
    };
    let options = RecoveryOptions { snapshots_keep: 10, ..RecoveryOptions::default() };
    let recovered = recover(&mut folder, 10_000, &options, &mut (), |_| ()).expect("whole");
    (folder, recovered)
}

#[test]
fn archive_of_a_killed_process_keeps_every_command() {
    const MORE: u64 = 40;
    let prepared = prepared();
    let last = *commands(&prepared.path).last().expect("a command");
    let (lock, Recovered { mut journal, mut engine, .. }) = open(&prepared.path);
    let mut digests = vec![engine.digest()];
    for number in 1..=MORE {
        let Draft { market, account, operator, request, action, session } = draft(10_000 + number);
        let (sequence, timestamp) =
            (Sequence(last.sequence.0 + number), Timestamp(last.timestamp.0));
        let next =
            Command { sequence, timestamp, market, account, operator, request, action, session };
        journal.append(&next).expect("it is the next one");
        engine.apply(&next, &mut ());
        digests.push(engine.digest());
    }
    // After the commit, all commands may have been acknowledged. Then the process is killed.
    journal.commit().expect("durable");
    drop(journal);
    let reader = FolderReader::open(Arc::new(RealDisk), &prepared.path).expect("a data folder");
    let journal_view = reader.journal().expect("a journal");
    assert!(journal_view.in_use && journal_view.left_out() > 0, "{journal_view:?}");
    let counted = usize::try_from(journal_view.through().0 - last.sequence.0).expect("small");
    let [before, digest] = [digests[counted], engine.digest()].map(|it| format!("{it:032x}"));
    let folder = prepared.path.to_str().expect("text");
    let (file, copy) = (format!("{folder}.pack"), format!("{folder}-copy"));

    // The folder is still locked here.
    let more = journal_view.left_out();
    let left_out = format!("last {more} commands");
    let result = run(["archive", folder, &file, "--json"]).assert_prints(0, &[&left_out]);
    assert_eq!(result.lines()[0]["packed"]["left_out"], more);
    run(["archive", "--restore", &file, &copy]).assert_success();
    run(["verify", &copy]).assert_prints(0, &[&before]);
    run(["verify", folder]).assert_prints(0, &[&before, &format!("{more} more are left out")]);
    run(["inspect", "market", "--folder", folder]).assert_prints(0, &[&left_out]);

    drop(lock);
    let started = Instant::now();
    while reader.in_use().expect("an answer") {
        assert!(started.elapsed() < MINUTE, "the folder stays in use");
    }
    let (file, copy) = (format!("{folder}-killed.pack"), format!("{folder}-killed"));
    let result = run(["archive", folder, &file, "--json"]).assert_success();
    assert_eq!(result.lines()[0]["packed"]["left_out"], 0);
    run(["archive", "--restore", &file, &copy]).assert_success();
    run(["verify", &copy]).assert_prints(0, &[&digest, "closed in order"]);
    run(["verify", folder]).assert_prints(0, &[&digest, &format!("{more} more were written")]);
    let shown = run(["inspect", "journal", "--folder", folder]).assert_success();
    assert_eq!(shown.out.lines().count() as u64, last.sequence.0 + MORE);
    assert_eq!(run(["replay", folder, "--json"]).assert_success().digest(), digest);
}

#[test]
fn zeroed_last_block_of_a_killed_process_is_damage() {
    const BLOCK: usize = 4_096;
    let temp = tempfile::tempdir().expect("a folder");
    let (path, killed) = (temp.path().join("market"), temp.path().join("killed"));
    let journal = JournalOptions { segment_bytes: 1 << 16 };
    let prepared =
        |path: &Path| Options { journal, gates: EpochSchedule::OnRequest, ..options(path) };
    let host = open_host(|| prepared(&path));
    open_markets(&host);
    submit(&host, 1..19);
    let reader = FolderReader::open(Arc::new(RealDisk), &path).expect("a data folder");
    let started = Instant::now();
    // The host writes a durability mark as soon as it is idle.
    let last = loop {
        let journal_view = reader.journal().expect("a journal");
        if journal_view.durable == host.status().durable {
            break journal_view.durable;
        }
        assert!(started.elapsed() < MINUTE, "{journal_view:?}");
    };
    // A copy has the state that a kill at this moment would leave.
    copy(&path, &killed);
    host.close().expect("a clean shutdown");
    let file = files(&killed, "journal").pop().expect("a segment");
    let mut bytes = fs::read(&file).expect("the segment");
    let records = bytes.len() - BLOCK;
    let end = bytes[..records].iter().rposition(|byte| *byte != 0).expect("records");
    let block = end / BLOCK * BLOCK;
    bytes[block.max(512)..block + BLOCK].fill(0);
    fs::write(&file, bytes).expect("written");

    let name = file.to_str().expect("text");
    let folder = killed.to_str().expect("text");
    run(["verify", folder]).assert_prints(3, &[name, "is damaged at byte"]);
    run(["archive", folder, &format!("{folder}.pack")])
        .assert_prints(3, &[name, "is damaged at byte"]);
    let refused = Host::open(prepared(&killed)).expect_err("acknowledged commands are lost");
    assert!(matches!(refused, OpenError::Recovery(_)), "{refused} after {last} commands");
}
