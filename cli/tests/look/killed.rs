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

use crate::folder::{copy, draft, files, made, open as open_host, open_markets, options, submit};
use crate::program::run;

const MINUTE: Duration = Duration::from_secs(60);

/// Opens a folder. A child process that another test starts briefly holds its lock.
fn open(path: &Path) -> (Folder, Recovered) {
    let begun = Instant::now();
    let mut folder = loop {
        match Folder::open(path) {
            Err(FolderError::InUse(_)) if begun.elapsed() < MINUTE => {}
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
    let made = made();
    let last = *commands(&made.path).last().expect("a command");
    let (lock, Recovered { mut journal, mut engine, .. }) = open(&made.path);
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
    let look = FolderReader::open(Arc::new(RealDisk), &made.path).expect("a data folder");
    let sight = look.journal().expect("a journal");
    assert!(sight.in_use && sight.left_out() > 0, "{sight:?}");
    let counted = usize::try_from(sight.through().0 - last.sequence.0).expect("small");
    let [before, digest] = [digests[counted], engine.digest()].map(|it| format!("{it:032x}"));
    let folder = made.path.to_str().expect("text");
    let (file, copy) = (format!("{folder}.pack"), format!("{folder}-copy"));

    // The folder is still locked here.
    let more = sight.left_out();
    let left_out = format!("last {more} commands");
    let ran = run(["archive", folder, &file, "--json"]).says(0, &[&left_out]);
    assert_eq!(ran.lines()[0]["packed"]["left_out"], more);
    run(["archive", "--restore", &file, &copy]).well();
    run(["verify", &copy]).says(0, &[&before]);
    run(["verify", folder]).says(0, &[&before, &format!("{more} more are left out")]);
    run(["inspect", "market", "--folder", folder]).says(0, &[&left_out]);

    drop(lock);
    let begun = Instant::now();
    while look.in_use().expect("an answer") {
        assert!(begun.elapsed() < MINUTE, "the folder stays in use");
    }
    let (file, copy) = (format!("{folder}-killed.pack"), format!("{folder}-killed"));
    let ran = run(["archive", folder, &file, "--json"]).well();
    assert_eq!(ran.lines()[0]["packed"]["left_out"], 0);
    run(["archive", "--restore", &file, &copy]).well();
    run(["verify", &copy]).says(0, &[&digest, "closed in order"]);
    run(["verify", folder]).says(0, &[&digest, &format!("{more} more were written")]);
    let shown = run(["inspect", "journal", "--folder", folder]).well();
    assert_eq!(shown.out.lines().count() as u64, last.sequence.0 + MORE);
    assert_eq!(run(["replay", folder, "--json"]).well().digest(), digest);
}

#[test]
fn zeroed_last_block_of_a_killed_process_is_damage() {
    const BLOCK: usize = 4_096;
    let own = tempfile::tempdir().expect("a folder");
    let (path, killed) = (own.path().join("market"), own.path().join("killed"));
    let journal = JournalOptions { segment_bytes: 1 << 16 };
    let made = |path: &Path| Options { journal, gates: EpochSchedule::OnRequest, ..options(path) };
    let host = open_host(|| made(&path));
    open_markets(&host);
    submit(&host, 1..19);
    let look = FolderReader::open(Arc::new(RealDisk), &path).expect("a data folder");
    let begun = Instant::now();
    // The host writes a durability mark as soon as it is idle.
    let last = loop {
        let sight = look.journal().expect("a journal");
        if sight.durable == host.status().durable {
            break sight.durable;
        }
        assert!(begun.elapsed() < MINUTE, "{sight:?}");
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
    run(["verify", folder]).says(3, &[name, "is damaged at byte"]);
    run(["archive", folder, &format!("{folder}.pack")]).says(3, &[name, "is damaged at byte"]);
    let refused = Host::open(made(&killed)).expect_err("acknowledged commands are lost");
    assert!(matches!(refused, OpenError::Recovery(_)), "{refused} after {last} commands");
}
