//! Files of a newer version are neither read nor reported as damaged.

use std::fs;
use std::path::Path;

use pricetime::engine::rules;
use pricetime::persistence::journal::codec::FORMAT;

use crate::folder::{files, prepared};
use crate::program::{RunResult, run};

/// The offsets of the format and of the rules version in an envelope.
const FORMAT_AT: usize = 8;
const RULES_AT: usize = 12;

/// Changes a field of an envelope and updates its checksum.
fn reseal(file: &Path, at: usize, field: &[u8]) {
    let mut bytes = fs::read(file).expect("a file");
    bytes[at..at + field.len()].copy_from_slice(field);
    let length = u64::from_le_bytes(bytes[16..24].try_into().expect("eight bytes"));
    let payload = &bytes[32..32 + usize::try_from(length).expect("short")];
    let sum = crc32c::crc32c_append(crc32c::crc32c(&bytes[..28]), payload);
    bytes[28..32].copy_from_slice(&sum.to_le_bytes());
    fs::write(file, bytes).expect("it can be written");
}

/// Runs a command on a folder that this process has closed. While another test starts a program, the child
/// briefly inherits every open file of this process, including a lock that was just released.
fn run_when_free(command: &[&str]) -> RunResult {
    let result =
        (0..200).map(|_| run(command)).find(|result| !result.err.contains("is in use by another"));
    result.expect("the folder is free soon")
}

/// Runs every command on the folder. Each must name the file and the version, and none may advise to accept
/// a loss.
fn assert_refused(folder: &Path, file: &Path, version: &str) {
    let before = fs::read(file).expect("a file");
    let (folder, name) = (folder.to_str().expect("text"), file.to_str().expect("text"));
    let words = [name, "was written by a newer version", version, "use that version"];
    for command in [
        &["run", "--once", "--folder", folder][..],
        &["run", "--once", "--accept-loss", "--folder", folder],
        &["inspect", "market", "--folder", folder],
        &["snapshot", folder],
    ] {
        let result = run_when_free(command).assert_prints(1, &words);
        for advice in ["damaged", "accept-loss", "accept the loss", "verify"] {
            assert!(!result.err.contains(advice), "{advice:?} in {result:?}");
        }
    }
    // A folder with one unreadable snapshot can be verified, but is not sound.
    let code = if name.ends_with(".snapshot") { 3 } else { 1 };
    let result = run(["verify", folder]).assert_prints(code, &words);
    assert!(!result.out.contains("damaged") && !result.err.contains("damaged"), "{result:?}");
    assert_eq!(fs::read(file).expect("a file"), before, "nothing is changed");
}

#[test]
fn journal_of_a_newer_format_is_not_called_damaged() {
    let prepared = prepared();
    let last = files(&prepared.path, "journal").pop().expect("a segment");
    reseal(&last, FORMAT_AT, &(FORMAT + 1).to_le_bytes());
    assert_refused(&prepared.path, &last, &format!("format {}", FORMAT + 1));
}

#[test]
fn journal_of_newer_rules_is_not_called_damaged() {
    let prepared = prepared();
    let last = files(&prepared.path, "journal").pop().expect("a segment");
    reseal(&last, RULES_AT, &(rules::VERSION + 1).to_le_bytes());
    assert_refused(&prepared.path, &last, &format!("rules version {}", rules::VERSION + 1));
}

#[test]
fn snapshot_of_a_newer_format_is_not_skipped() {
    let prepared = prepared();
    let newest = files(&prepared.path, "snapshots").pop().expect("a snapshot");
    reseal(&newest, FORMAT_AT, &(FORMAT + 1).to_le_bytes());
    assert_refused(&prepared.path, &newest, &format!("format {}", FORMAT + 1));
}

#[test]
fn snapshot_of_newer_rules_is_refused() {
    let prepared = prepared();
    let newest = files(&prepared.path, "snapshots").pop().expect("a snapshot");
    reseal(&newest, RULES_AT, &(rules::VERSION + 1).to_le_bytes());
    assert_refused(&prepared.path, &newest, &format!("rules version {}", rules::VERSION + 1));
}

#[test]
fn folder_of_a_newer_format_is_not_called_damaged() {
    let prepared = prepared();
    let file = prepared.path.join("history");
    let text = fs::read_to_string(&file).expect("text");
    let (title, rest) = text.split_once('\n').expect("lines");
    let (start, format) = title.rsplit_once(' ').expect("a format");
    let newer = format.parse::<u16>().expect("a number") + 1;
    let (unchanged, _) = rest.split_once("check ").expect("a checksum");
    let text = format!("{start} {newer}\n{unchanged}something new\n");
    let sum = crc32c::crc32c(text.as_bytes());
    fs::write(&file, format!("{text}check {sum:08x}\n")).expect("written");
    assert_refused(&prepared.path, &file, &format!("format {newer}"));
    // With a wrong checksum, the version number means nothing.
    fs::write(&file, format!("{text}check {:08x}\n", sum ^ 1)).expect("written");
    run(["verify", prepared.path.to_str().expect("text")])
        .assert_prints(3, &["cannot be read as a history"]);
}

#[test]
fn archive_of_a_newer_version_is_not_called_damaged() {
    let prepared = prepared();
    let archive = prepared.path.with_file_name("archive");
    let name = archive.to_str().expect("text");
    run(["archive", prepared.path.to_str().expect("text"), name]).assert_success();
    let newer = (FORMAT + 1).to_le_bytes();
    let rules = (rules::VERSION + 1).to_le_bytes();
    for (at, field, version) in
        [(RULES_AT, &rules[..], "rules version"), (FORMAT_AT, &newer, "format")]
    {
        reseal(&archive, at, field);
        let to = prepared.path.with_file_name("restored");
        let result = run(["archive", "--restore", name, to.to_str().expect("text")]).assert_prints(
            1,
            &[name, "was written by a newer version", version, "use that version"],
        );
        assert!(!result.err.contains("damaged"), "{result:?}");
    }
}
