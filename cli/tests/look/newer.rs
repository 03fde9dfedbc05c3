//! Files of a newer version are neither read nor reported as damaged.

use std::fs;
use std::path::Path;

use pricetime::engine::rules;
use pricetime::persistence::journal::codec::FORMAT;

use crate::folder::{files, made};
use crate::program::{Ran, run};

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
fn open(command: &[&str]) -> Ran {
    let ran = (0..200).map(|_| run(command)).find(|ran| !ran.err.contains("is in use by another"));
    ran.expect("the folder is free soon")
}

/// Runs every command on the folder. Each must name the file and the version, and none may advise to accept
/// a loss.
fn refuses(folder: &Path, file: &Path, version: &str) {
    let before = fs::read(file).expect("a file");
    let (folder, name) = (folder.to_str().expect("text"), file.to_str().expect("text"));
    let words = [name, "was written by a newer version", version, "use that version"];
    for command in [
        &["run", "--once", "--folder", folder][..],
        &["run", "--once", "--accept-loss", "--folder", folder],
        &["inspect", "market", "--folder", folder],
        &["snapshot", folder],
    ] {
        let ran = open(command).says(1, &words);
        for advice in ["damaged", "accept-loss", "accept the loss", "verify"] {
            assert!(!ran.err.contains(advice), "{advice:?} in {ran:?}");
        }
    }
    // A folder with one unreadable snapshot can be verified, but is not sound.
    let code = if name.ends_with(".snapshot") { 3 } else { 1 };
    let ran = run(["verify", folder]).says(code, &words);
    assert!(!ran.out.contains("damaged") && !ran.err.contains("damaged"), "{ran:?}");
    assert_eq!(fs::read(file).expect("a file"), before, "nothing is changed");
}

#[test]
fn journal_of_a_newer_format_is_not_called_damaged() {
    let made = made();
    let last = files(&made.path, "journal").pop().expect("a segment");
    reseal(&last, FORMAT_AT, &(FORMAT + 1).to_le_bytes());
    refuses(&made.path, &last, &format!("format {}", FORMAT + 1));
}

#[test]
fn journal_of_newer_rules_is_not_called_damaged() {
    let made = made();
    let last = files(&made.path, "journal").pop().expect("a segment");
    reseal(&last, RULES_AT, &(rules::VERSION + 1).to_le_bytes());
    refuses(&made.path, &last, &format!("rules version {}", rules::VERSION + 1));
}

#[test]
fn snapshot_of_a_newer_format_is_not_skipped() {
    let made = made();
    let newest = files(&made.path, "snapshots").pop().expect("a snapshot");
    reseal(&newest, FORMAT_AT, &(FORMAT + 1).to_le_bytes());
    refuses(&made.path, &newest, &format!("format {}", FORMAT + 1));
}

#[test]
fn snapshot_of_newer_rules_is_refused() {
    let made = made();
    let newest = files(&made.path, "snapshots").pop().expect("a snapshot");
    reseal(&newest, RULES_AT, &(rules::VERSION + 1).to_le_bytes());
    refuses(&made.path, &newest, &format!("rules version {}", rules::VERSION + 1));
}

#[test]
fn folder_of_a_newer_format_is_not_called_damaged() {
    let made = made();
    let file = made.path.join("history");
    let text = fs::read_to_string(&file).expect("text");
    let (title, rest) = text.split_once('\n').expect("lines");
    let (start, format) = title.rsplit_once(' ').expect("a format");
    let newer = format.parse::<u16>().expect("a number") + 1;
    let (kept, _) = rest.split_once("check ").expect("a checksum");
    let text = format!("{start} {newer}\n{kept}something new\n");
    let sum = crc32c::crc32c(text.as_bytes());
    fs::write(&file, format!("{text}check {sum:08x}\n")).expect("written");
    refuses(&made.path, &file, &format!("format {newer}"));
    // With a wrong checksum, the version number means nothing.
    fs::write(&file, format!("{text}check {:08x}\n", sum ^ 1)).expect("written");
    run(["verify", made.path.to_str().expect("text")]).says(3, &["cannot be read as a history"]);
}

#[test]
fn archive_of_a_newer_version_is_not_called_damaged() {
    let made = made();
    let archive = made.path.with_file_name("archive");
    let name = archive.to_str().expect("text");
    run(["archive", made.path.to_str().expect("text"), name]).well();
    let newer = (FORMAT + 1).to_le_bytes();
    let rules = (rules::VERSION + 1).to_le_bytes();
    for (at, field, version) in
        [(RULES_AT, &rules[..], "rules version"), (FORMAT_AT, &newer, "format")]
    {
        reseal(&archive, at, field);
        let to = made.path.with_file_name("restored");
        let ran = run(["archive", "--restore", name, to.to_str().expect("text")])
            .says(1, &[name, "was written by a newer version", version, "use that version"]);
        assert!(!ran.err.contains("damaged"), "{ran:?}");
    }
}
