//! Tests of `pricetime verify`, and of the other commands on a damaged folder.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;

use crate::folder::{copy, files, flip, made, open, open_markets, options, submit};
use crate::program::run;

#[test]
fn intact_folder_passes_every_check() {
    let made = made();
    let folder = made.path.to_str().expect("text");
    let ran = run(["verify", folder]).says(0, &[&made.digest, "closed in order", "checks passed"]);
    assert!(!ran.out.contains("WRONG"));
    let lines = run(["verify", folder, "--json"]).well().lines();
    let verdict = &lines.last().expect("a verdict")["verified"];
    assert_eq!((&verdict["right"], &verdict["wrong"]), (&true.into(), &0.into()));
    assert_eq!(verdict["checks"], lines.len() - 1);
}

#[test]
fn verify_finds_a_flipped_byte_anywhere() {
    let made = made();
    let segments = files(&made.path, "journal");
    assert!(segments.len() > 4, "{segments:?}");
    let good = made.path.with_file_name("good");
    copy(&made.path, &good);
    for (at, place) in [(0, 40), (1, 600), (2, 2_000), (segments.len() - 1, 530)] {
        let _ = fs::remove_dir_all(&made.path);
        copy(&good, &made.path);
        flip(&segments[at], place);
        let name = segments[at].to_str().expect("text");
        let folder = made.path.to_str().expect("text");
        run(["verify", folder]).says(3, &["WRONG", name, "is damaged at byte"]);
        run(["replay", folder]).says(3, &[name]);
    }
}

#[test]
fn commands_before_damage_can_be_inspected() {
    let made = made();
    let folder = made.path.to_str().expect("text");
    let last = files(&made.path, "journal").pop().expect("a segment");
    flip(&last, 530);
    let name = last.to_str().expect("text");
    run(["inspect", "market", "--folder", folder]).says(3, &[name]);
    run(["inspect", "market", "--folder", folder, "--at", "300"]).says(0, &["ONE"]);
    let ran = run(["inspect", "journal", "--folder", folder]).says(3, &[name]);
    assert!(ran.out.lines().count() > 300);
    run(["replay", folder, "--until", "300"]).well();
    run(["replay", folder]).says(3, &[name, "digest"]);
    run(["verify", folder]).says(3, &[name, "equals the replay's state"]);
}

#[test]
fn verify_continues_from_the_next_snapshot_after_damage() {
    let made = made();
    let folder = made.path.to_str().expect("text");
    flip(&files(&made.path, "journal")[1], 600);
    let ran = run(["verify", folder]);
    let ran = ran.says(3, &["is damaged at byte", "damage ends it after command", &made.digest]);
    let compared =
        ran.out.lines().filter(|line| line.contains("equals the replay's state")).count();
    assert!(compared > 0, "{ran:?}");
}

#[test]
fn every_snapshot_is_checked_even_if_the_journal_is_damaged() {
    let made = made();
    let snapshots = files(&made.path, "snapshots");
    assert!(snapshots.len() >= 3, "{snapshots:?}");
    let folder = made.path.to_str().expect("text");
    for snapshot in &snapshots[1..] {
        flip(snapshot, 200);
    }
    let names: Vec<_> = snapshots.iter().map(|path| path.to_str().expect("text")).collect();
    run(["verify", folder]).says(3, &names[1..]);
    run(["replay", folder, "--verify"]).says(3, &names[1..]);
    // Without --verify, the snapshots are not needed.
    assert_eq!(run(["replay", folder, "--json"]).well().digest(), made.digest);
    // An older snapshot leads to the same state.
    let newest = names[names.len() - 1];
    run(["inspect", "market", "--folder", folder]).says(0, &["skipped", newest, "ONE"]);

    flip(&files(&made.path, "journal")[1], 700);
    let ran = run(["verify", folder]).says(3, &names[1..]);
    assert!(ran.out.lines().filter(|line| line.starts_with("WRONG")).count() > 2, "{ran:?}");
}

#[test]
fn missing_segment_is_reported() {
    let made = made();
    let folder = made.path.to_str().expect("text");
    let segments = files(&made.path, "journal");
    fs::remove_file(&segments[2]).expect("removed");
    run(["verify", folder]).says(3, &["the next one begins with command"]);
    run(["replay", folder]).says(3, &["is damaged"]);
    run(["archive", folder, &format!("{folder}.pack")]).says(3, &["is damaged"]);
    assert!(!fs::exists(format!("{folder}.pack")).expect("an answer"));
}

#[test]
fn missing_last_segment_is_damage_not_a_torn_tail() {
    let made = made();
    let folder = made.path.to_str().expect("text");
    let last = files(&made.path, "journal").pop().expect("a segment");
    fs::remove_file(&last).expect("removed");
    run(["verify", folder]).says(3, &["the journal between is lost"]);
    let archive = made.path.with_extension("archive");
    run(["archive", folder, archive.to_str().expect("text")]).says(3, &["is lost"]);
    assert!(!archive.exists(), "nothing was packed");
    run(["snapshot", folder]).says(3, &["restore", last.to_str().expect("text")]);
}

#[test]
fn truncated_segment_is_damage() {
    let made = made();
    let folder = made.path.to_str().expect("text");
    let last = files(&made.path, "journal").pop().expect("a segment");
    OpenOptions::new().write(true).open(&last).expect("it opens").set_len(1_000).expect("cut");
    run(["verify", folder]).says(3, &["has 1000 bytes of 4096"]);
}

#[test]
fn torn_tail_is_not_damage() {
    let own = tempfile::tempdir().expect("a folder");
    let (path, killed) = (own.path().join("market"), own.path().join("killed"));
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
    run(["verify", folder]).says(0, &["that is not damage", "checks passed"]);
    run(["replay", folder]).well();
    run(["snapshot", folder]).well();
    let ran = run(["verify", folder]).says(0, &["closed in order"]);
    assert!(!ran.out.contains("not damage"));
}

#[test]
fn folder_that_holds_no_market_is_reported_as_such() {
    let own = tempfile::tempdir().expect("a folder");
    let folder = own.path().to_str().expect("text");
    for words in [vec!["verify", folder], vec!["replay", folder], vec!["snapshot", folder]] {
        run(words).says(1, &["is not a data folder"]);
    }
    assert_eq!(fs::read_dir(folder).expect("a folder").count(), 0, "nothing was created in it");
    let made = made();
    flip(&made.path.join("history"), 45);
    run(["verify", made.path.to_str().expect("text")]).says(3, &["history"]);
    run(["replay", made.path.to_str().expect("text")]).says(3, &["history"]);
}
