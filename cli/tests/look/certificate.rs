//! Tests of `pricetime replay --certificate` and of `pricetime verify` with a certificate.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::folder::prepared;
use crate::program::{RunResult, run};

/// A folder with the commands of a market as `day.jsonl`, and their certificate.
struct Certified {
    folder: tempfile::TempDir,
    day: String,
    certificate: String,
}

impl Certified {
    fn new() -> Self {
        let prepared = prepared();
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
        let (day, certificate) = (path("day.jsonl"), path("day.json"));
        let data = prepared.path.to_str().expect("text");
        run(["replay", data, "--commands", &day]).assert_success();
        run(["replay", &day, "--certificate", &certificate]).assert_success();
        Self { folder, day, certificate }
    }

    fn read(&self) -> Value {
        serde_json::from_slice(&fs::read(&self.certificate).expect("written")).expect("JSON")
    }

    /// Verifies after a change of the certificate.
    fn verify(&self, change: impl FnOnce(&mut Value)) -> RunResult {
        let mut value = self.read();
        change(&mut value);
        let changed = self.folder.path().join("changed.json");
        // The first member tells that it is a certificate.
        let mut text = format!("{{\"pricetime_certificate\":{}", value["pricetime_certificate"]);
        for (name, member) in value.as_object().expect("an object") {
            if name != "pricetime_certificate" {
                text += &format!(",\"{name}\":{member}");
            }
        }
        fs::write(&changed, text + "}").expect("written");
        run([Path::new("verify"), &changed])
    }
}

#[test]
fn certificate_states_what_was_replayed_and_verifies() {
    let certified = Certified::new();
    let day = fs::read(&certified.day).expect("written");
    let value = certified.read();
    let replayed = run(["replay", &certified.day, "--json"]).assert_success();
    assert_eq!(value["digest"], replayed.digest());
    assert_eq!(value["inputs"][0]["bytes"], day.len());
    assert_eq!(value["inputs"][0]["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(value["options"]["recording"]["format"], "json");
    let replayed = &replayed.lines()[0]["replayed"];
    assert_eq!(value["epochs_closed"], replayed["epochs"]);
    assert_eq!(value["epochs"].as_array().map(|it| it.len() as u64), replayed["epochs"].as_u64());
    let verify = ["verify", &certified.certificate];
    run(verify).assert_prints(0, &["SHA-256", "all 5 checks passed"]);
    let done = run(["verify", &certified.certificate, "--json"]).assert_success();
    let last = done.lines().pop().expect("a verdict");
    assert_eq!(last["verified"], serde_json::json!({"right": true, "checks": 5, "wrong": 0}));
    // Its input is elsewhere now.
    let moved = format!("{}.moved", certified.day);
    fs::rename(&certified.day, &moved).expect("renamed");
    run(verify).assert_prints(1, &["day.jsonl does not exist", "name the input"]);
    run(["verify", &certified.certificate, &moved]).assert_success();
    run(["verify", &certified.certificate, &moved, &moved])
        .assert_prints(2, &["2 inputs are given, and the certificate has 1"]);
}

#[test]
fn first_difference_of_a_certificate_is_named() {
    let certified = Certified::new();
    certified.verify(|_| {}).assert_success();
    let wrong = |value: &mut Value| *value = "00".repeat(16).into();
    let done = certified.verify(|it| {
        wrong(&mut it["epochs"][3]["digest"]);
        wrong(&mut it["epochs"][5]["digest"]);
    });
    let value = certified.read();
    let (epoch, market) = (&value["epochs"][3]["epoch"], &value["epochs"][3]["market"]);
    let text = format!("the first that differs is epoch {epoch} of market {market}");
    done.assert_prints(3, &[&text, "1 of 5 checks failed"]);
    certified.verify(|it| wrong(&mut it["digest"])).assert_prints(3, &["digest", "WRONG"]);
    certified.verify(|it| it["commands"] = 7.into()).assert_prints(3, &["not 7 executed"]);
    // Another input of the same length, and of another one.
    let day = fs::read_to_string(&certified.day).expect("text");
    let (before, rest) = day.split_at(day.find("\"quantity\":\"").expect("an order") + 12);
    let digit = if rest.starts_with('1') { '2' } else { '1' };
    let other = format!("{before}{digit}{}", &rest[1..]);
    fs::write(&certified.day, &other).expect("written");
    run(["verify", &certified.certificate]).assert_prints(3, &["WRONG  input", "SHA-256"]);
    fs::write(&certified.day, day + "\n").expect("written");
    run(["verify", &certified.certificate]).assert_prints(3, &["bytes, not"]);
}

#[test]
fn certificates_that_cannot_be_verified_are_refused() {
    let certified = Certified::new();
    let done = certified.verify(|it| it["rules"] = 999.into());
    done.assert_prints(1, &["rules version 999", "the program that wrote it"]);
    let done = certified.verify(|it| it["pricetime_certificate"] = 2.into());
    done.assert_prints(1, &["a certificate of version 2"]);
    certified.verify(|it| it["surprise"] = 1.into()).assert_prints(3, &["damaged certificate"]);
    run(["verify", &certified.day]).assert_prints(2, &["neither a data folder nor a certificate"]);
    let folder = certified.folder.path().to_str().expect("text");
    run(["verify", folder, "day.jsonl"]).assert_prints(2, &["is no certificate"]);
    let over_input = ["replay", &certified.day, "--certificate", &certified.day];
    run(over_input).assert_prints(2, &["is an input"]);
    run(["replay", &certified.day, "--report", "-"]).assert_prints(2, &["name a file"]);
    run(["replay", &certified.day, "--report", folder]).assert_prints(2, &["not a regular file"]);
    // Only a complete replay has a certificate, and an unfinished one leaves no file.
    let never = format!("{}.never", certified.certificate);
    let until = ["replay", &certified.day, "--until", "epoch:9999", "--certificate", &never];
    run(until).assert_prints(1, &["no certificate is written", "was not reached"]);
    let names = fs::read_dir(folder).expect("a folder").map(|it| it.expect("an entry").file_name());
    let names: Vec<_> = names.filter_map(|name| name.into_string().ok()).collect();
    assert!(
        names.iter().all(|name| !name.contains(".tmp") && !name.contains("never")),
        "{names:?}"
    );
}

#[test]
fn certificate_of_a_folder_has_the_hash_of_its_commands() {
    let prepared = prepared();
    let data = prepared.path.to_str().expect("text");
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let (of_folder, of_lines, day) = (path("folder.json"), path("lines.json"), path("day.jsonl"));
    run(["replay", data, "--certificate", &of_folder, "--commands", &day]).assert_success();
    run(["replay", &day, "--certificate", &of_lines]).assert_success();
    let read = |path: &str| {
        let text = fs::read(path).expect("written");
        serde_json::from_slice::<Value>(&text).expect("JSON")
    };
    let (first, second) = (read(&of_folder), read(&of_lines));
    assert_eq!(first["inputs"][0]["sha256"], second["inputs"][0]["sha256"]);
    assert_eq!((&first["epochs"], &first["digest"]), (&second["epochs"], &second["digest"]));
    run(["verify", &of_folder]).assert_success();
    let part = path("part.json");
    run(["replay", data, "--until", "epoch:2@2", "--certificate", &part]).assert_success();
    run(["verify", &part]).assert_success();
}

#[test]
fn certificate_of_an_exchange_repeats_its_options() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let (message, book, certificate) = (path("message.csv"), path("book.csv"), path("day.json"));
    fs::write(&message, "34200.1,1,7,100,5853300,-1\n34200.3,4,7,100,5853300,-1\n")
        .expect("written");
    fs::write(&book, "5853300,100,-9999999999,0\n9999999999,0,-9999999999,0\n").expect("written");
    let midnight = "2012-06-21T04:00:00Z";
    let arguments = ["replay", &message, "--with", &book, "--midnight", midnight];
    let mode = ["--mode", "reconstruct", "--certificate", &certificate];
    run(arguments.iter().chain(&mode)).assert_success();
    let text = fs::read_to_string(&certificate).expect("written");
    let value: Value = serde_json::from_str(&text).expect("JSON");
    let options = &value["options"]["recording"];
    assert_eq!((&options["format"], &options["mode"]), (&"lobster".into(), &"reconstruct".into()));
    assert!(value["inputs"][1]["name"].as_str().is_some_and(|it| it.ends_with("book.csv")));
    run(["verify", &certificate]).assert_success();
    let other = path("other.csv");
    fs::rename(&book, &other).expect("renamed");
    run(["verify", &certificate, &message, &other]).assert_success();
}
