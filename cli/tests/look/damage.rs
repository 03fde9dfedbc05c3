//! Tests of `pricetime verify`, and of the other commands on a damaged folder.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;

use crate::folder::{copy, files, flip, open, open_markets, options, prepared, submit};
use crate::program::run;

#[test]
fn intact_folder_passes_every_check() {
    let prepared = prepared();
    let folder = prepared.path.to_str().expect("text");
    let result = run(["verify", folder])
        .assert_prints(0, &[&prepared.digest, "closed in order", "checks passed"]);
    assert!(!result.out.contains("WRONG"));
    let lines = run(["verify", folder, "--json"]).assert_success().lines();
    let verdict = &lines.last().expect("a verdict")["verified"];
    assert_eq!((&verdict["right"], &verdict["wrong"]), (&true.into(), &0.into()));
    assert_eq!(verdict["checks"], lines.len() - 1);
}

#[test]
fn verify_finds_a_flipped_byte_anywhere() {
    let prepared = prepared();
    let segments = files(&prepared.path, "journal");
    assert!(segments.len() > 4, "{segments:?}");
    let good = prepared.path.with_file_name("good");
    copy(&prepared.path, &good);
    for (at, place) in [(0, 40), (1, 600), (2, 2_000), (segments.len() - 1, 530)] {
        let _ = fs::remove_dir_all(&prepared.path);
        copy(&good, &prepared.path);
        flip(&segments[at], place);
        let name = segments[at].to_str().expect("text");
        let folder = prepared.path.to_str().expect("text");
        run(["verify", folder]).assert_prints(3, &["WRONG", name, "is damaged at byte"]);
        run(["replay", folder]).assert_prints(3, &[name]);
    }
}

#[test]
fn commands_before_damage_can_be_inspected() {
    let prepared = prepared();
    let folder = prepared.path.to_str().expect("text");
    let last = files(&prepared.path, "journal").pop().expect("a segment");
    flip(&last, 530);
    let name = last.to_str().expect("text");
    run(["inspect", "market", "--folder", folder]).assert_prints(3, &[name]);
    run(["inspect", "market", "--folder", folder, "--at", "300"]).assert_prints(0, &["ONE"]);
    let result = run(["inspect", "journal", "--folder", folder]).assert_prints(3, &[name]);
    assert!(result.out.lines().count() > 300);
    run(["replay", folder, "--until", "300"]).assert_success();
    run(["replay", folder]).assert_prints(3, &[name, "digest"]);
    run(["verify", folder]).assert_prints(3, &[name, "equals the replay's state"]);
}

#[test]
fn verify_continues_from_the_next_snapshot_after_damage() {
    let prepared = prepared();
    let folder = prepared.path.to_str().expect("text");
    flip(&files(&prepared.path, "journal")[1], 600);
    let result = run(["verify", folder]);
    let result = result.assert_prints(
        3,
        &["is damaged at byte", "damage ends it after command", &prepared.digest],
    );
    let compared =
        result.out.lines().filter(|line| line.contains("equals the replay's state")).count();
    assert!(compared > 0, "{result:?}");
}

#[test]
fn every_snapshot_is_checked_even_if_the_journal_is_damaged() {
    let prepared = prepared();
    let snapshots = files(&prepared.path, "snapshots");
    assert!(snapshots.len() >= 3, "{snapshots:?}");
    let folder = prepared.path.to_str().expect("text");
    for snapshot in &snapshots[1..] {
        flip(snapshot, 200);
    }
    let names: Vec<_> = snapshots.iter().map(|path| path.to_str().expect("text")).collect();
    run(["verify", folder]).assert_prints(3, &names[1..]);
    run(["replay", folder, "--verify"]).assert_prints(3, &names[1..]);
    // Without --verify, the snapshots are not needed.
    assert_eq!(run(["replay", folder, "--json"]).assert_success().digest(), prepared.digest);
    // An older snapshot leads to the same state.
    let newest = names[names.len() - 1];
    run(["inspect", "market", "--folder", folder]).assert_prints(0, &["skipped", newest, "ONE"]);

    flip(&files(&prepared.path, "journal")[1], 700);
    let result = run(["verify", folder]).assert_prints(3, &names[1..]);
    assert!(result.out.lines().filter(|line| line.starts_with("WRONG")).count() > 2, "{result:?}");
}

#[test]
fn missing_segment_is_reported() {
    let prepared = prepared();
    let folder = prepared.path.to_str().expect("text");
    let segments = files(&prepared.path, "journal");
    fs::remove_file(&segments[2]).expect("removed");
    run(["verify", folder]).assert_prints(3, &["the next one begins with command"]);
    run(["replay", folder]).assert_prints(3, &["is damaged"]);
    run(["archive", folder, &format!("{folder}.pack")]).assert_prints(3, &["is damaged"]);
    assert!(!fs::exists(format!("{folder}.pack")).expect("an answer"));
}

#[test]
fn missing_last_segment_is_damage_not_a_torn_tail() {
    let prepared = prepared();
    let folder = prepared.path.to_str().expect("text");
    let last = files(&prepared.path, "journal").pop().expect("a segment");
    fs::remove_file(&last).expect("removed");
    run(["verify", folder]).assert_prints(3, &["the journal between is lost"]);
    let archive = prepared.path.with_extension("archive");
    run(["archive", folder, archive.to_str().expect("text")]).assert_prints(3, &["is lost"]);
    assert!(!archive.exists(), "nothing was packed");
    run(["snapshot", folder]).assert_prints(3, &["restore", last.to_str().expect("text")]);
}

#[test]
fn truncated_segment_is_damage() {
    let prepared = prepared();
    let folder = prepared.path.to_str().expect("text");
    let last = files(&prepared.path, "journal").pop().expect("a segment");
    OpenOptions::new().write(true).open(&last).expect("it opens").set_len(1_000).expect("cut");
    run(["verify", folder]).assert_prints(3, &["has 1000 bytes of 4096"]);
}

#[test]
fn torn_tail_is_not_damage() {
    let temp = tempfile::tempdir().expect("a folder");
    let (path, killed) = (temp.path().join("market"), temp.path().join("killed"));
    let host = open(|| options(&path));
    open_markets(&host);
    submit(&host, 1..100);
    copy(&path, &killed);
    host.close().expect("a clean shutdown");
    let last = files(&killed, "journal").pop().expect("a segment");
    let bytes = fs::read(&last).expect("the segment");
    let end = bytes[..3_900].iter().rposition(|byte| *byte != 0).expect("records") as u64;
    let file = OpenOptions::new().write(true).open(&last).expect("it opens");
    file.write_all_at(b"half a rec", end + 20).expect("written");
    let folder = killed.to_str().expect("text");
    run(["verify", folder]).assert_prints(0, &["that is not damage", "checks passed"]);
    run(["replay", folder]).assert_success();
    run(["snapshot", folder]).assert_success();
    let result = run(["verify", folder]).assert_prints(0, &["closed in order"]);
    assert!(!result.out.contains("not damage"));
}

#[test]
fn folder_that_holds_no_market_is_reported_as_such() {
    let temp = tempfile::tempdir().expect("a folder");
    let folder = temp.path().to_str().expect("text");
    for words in [vec!["verify", folder], vec!["replay", folder], vec!["snapshot", folder]] {
        run(words).assert_prints(1, &["is not a data folder"]);
    }
    assert_eq!(fs::read_dir(folder).expect("a folder").count(), 0, "nothing was created in it");
    let prepared = prepared();
    flip(&prepared.path.join("history"), 45);
    run(["verify", prepared.path.to_str().expect("text")]).assert_prints(3, &["history"]);
    run(["replay", prepared.path.to_str().expect("text")]).assert_prints(3, &["history"]);
}
