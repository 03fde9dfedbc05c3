//! Tests of `pricetime archive` and `pricetime snapshot`.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};

use pricetime::Options;
use pricetime::persistence::journal::JournalOptions;

use crate::folder::{files, flip, open, open_markets, options, prepared, submit};
use crate::program::run;

#[test]
fn archived_folder_is_restored_complete() {
    let prepared = prepared();
    let folder = prepared.path.to_str().expect("text");
    let (file, copy) = (format!("{folder}.pack"), format!("{folder}-copy"));
    run(["archive", folder, &file]).assert_prints(0, &["packed history"]);
    run(["archive", folder, &file]).assert_prints(2, &["already exists"]);
    let lines = run(["archive", "--restore", &file, &copy, "--json"]).assert_success().lines();
    assert_eq!(lines[0]["unpacked"]["to"], copy);
    run(["verify", &copy]).assert_prints(0, &["closed in order", &prepared.digest]);
    assert_eq!(run(["replay", &copy, "--json"]).assert_success().digest(), prepared.digest);
    run(["archive", "--restore", &file, &copy]).assert_prints(1, &["holds", "already"]);
    let host = open(|| options(copy.as_ref()));
    assert_eq!(format!("{:032x}", host.digest()), prepared.digest);
    submit(&host, 1_000..1_010);
    host.close().expect("a clean shutdown");
    run(["verify", &copy]).assert_success();
}

#[test]
fn archive_is_private_and_replaces_no_file_or_symbolic_link() {
    let prepared = prepared();
    let folder = prepared.path.to_str().expect("text");
    let (file, unfinished) = (format!("{folder}.pack"), format!("{folder}.pack.tmp"));
    let victim = prepared.path.with_file_name("victim");
    fs::write(&victim, "precious").expect("written");
    for link in [&file, &unfinished] {
        // Tests both a link to a file and a dangling link.
        for target in [victim.clone(), victim.with_file_name("nowhere")] {
            symlink(&target, link).expect("a link");
            run(["archive", folder, &file]).assert_prints(2, &["already exists"]);
            assert!(fs::symlink_metadata(link).expect("a file").is_symlink(), "it is unchanged");
            assert!(!fs::exists(victim.with_file_name("nowhere")).expect("an answer"));
            fs::remove_file(link).expect("removed");
        }
    }
    assert_eq!(fs::read_to_string(&victim).expect("read"), "precious");
    fs::write(&unfinished, "half of it").expect("written");
    run(["archive", folder, &file]).assert_prints(2, &[&unfinished, "remove the file"]);
    fs::remove_file(&unfinished).expect("removed");
    run(["archive", folder, &file]).assert_success();
    assert_eq!(fs::metadata(&file).expect("a file").mode() & 0o777, 0o600);
    assert!(!fs::exists(&unfinished).expect("an answer"));
}

#[test]
fn damaged_archive_unpacks_nothing() {
    let prepared = prepared();
    let folder = prepared.path.to_str().expect("text");
    let (file, copy) = (format!("{folder}.pack"), format!("{folder}-copy"));
    run(["archive", folder, &file]).assert_success();
    let whole = fs::read(&file).expect("the archive");
    for at in [3, 20, 60, whole.len() / 2, whole.len() - 5] {
        fs::write(&file, &whole).expect("written");
        flip(file.as_ref(), at);
        run(["archive", "--restore", &file, &copy]).assert_prints(3, &["nothing was unpacked"]);
        assert!(!fs::exists(&copy).expect("an answer"), "byte {at}");
    }
    for length in [0, 31, whole.len() / 2, whole.len() - 1] {
        fs::write(&file, &whole[..length]).expect("written");
        run(["archive", "--restore", &file, &copy]).assert_prints(3, &["nothing was unpacked"]);
    }
    fs::write(&file, [whole.as_slice(), b"more"].concat()).expect("written");
    run(["archive", "--restore", &file, &copy]).assert_prints(3, &["nothing was unpacked"]);
    run(["archive", "--restore", "/nowhere/a.pack", &copy]).assert_prints(1, &["/nowhere/a.pack"]);
    assert!(!fs::exists(&copy).expect("an answer"));
}

/// The seal of the copy fits, however much space the last segment has left.
#[test]
fn archive_of_a_running_market_restores_to_a_closed_folder() {
    let temp = tempfile::tempdir().expect("a folder");
    let path = temp.path().join("market");
    let folder = path.to_str().expect("text");
    let journal = JournalOptions { segment_bytes: 2_048 };
    let host = open(|| Options { journal, ..options(&path) });
    open_markets(&host);
    for round in 0..24_u64 {
        submit(&host, 1 + round..2 + round);
        let (file, copy) = (format!("{folder}-{round}.pack"), format!("{folder}-{round}"));
        run(["archive", folder, &file]).assert_success();
        run(["archive", "--restore", &file, &copy]).assert_success();
        run(["verify", &copy]).assert_prints(0, &["closed in order"]);
    }
    host.close().expect("a clean shutdown");
}

#[test]
fn final_snapshot_makes_a_replay_unnecessary() {
    let prepared = prepared();
    let folder = prepared.path.to_str().expect("text");
    for file in files(&prepared.path, "snapshots") {
        fs::remove_file(file).expect("removed");
    }
    let lines = run(["snapshot", folder, "--json"]).assert_success().lines();
    let saved = &lines[0]["saved"];
    assert_eq!(saved["digest"], prepared.digest);
    assert_eq!(saved["sequence"], saved["replayed"]);
    let lines = run(["snapshot", folder, "--json"]).assert_success().lines();
    assert_eq!(lines[0]["saved"]["replayed"], 0);
    run(["verify", folder]).assert_prints(0, &["snapshot of command"]);
    let host = open(|| options(&prepared.path));
    assert_eq!(host.start().replayed, 0);
    host.close().expect("a clean shutdown");
}
