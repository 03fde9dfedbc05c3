//! Searches for words in the sources of the workspace.

use std::fs;
use std::path::{Path, PathBuf};

/// Crates that others build on, each with the crates of the workspace that it may depend on.
pub(crate) const LIBRARIES: [(&str, &[&str]); 8] = [
    ("engine", &[]),
    ("persistence/journal", &["pricetime-engine"]),
    ("persistence/redis", &["pricetime-engine", "pricetime-journal"]),
    ("persistence/settlement", &["pricetime-engine", "pricetime-journal", "pricetime-redis"]),
    ("host", &["pricetime-engine", "pricetime-journal", "pricetime-redis", "pricetime-settlement"]),
    ("gateway", &["pricetime", "pricetime-engine"]),
    ("recordings", &["pricetime-engine"]),
    ("terminal", &[]),
];

pub(crate) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the workspace").to_owned()
}

pub(crate) fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every Rust file below a folder of the workspace, sorted by path.
pub(crate) fn sources(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).expect("a folder that can be read");
        for path in entries.map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                files.push(path);
            }
        }
    }
    assert!(!files.is_empty(), "{folder} holds no Rust file");
    files.sort();
    files
}

/// The lines of a file without comments and without the unit tests at its end.
pub(crate) fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    text.lines()
        .map(|line| line.split("//").next().unwrap_or(line))
        .enumerate()
        .map(|(at, line)| (at + 1, line))
}

pub(crate) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
}

/// The places in these files that contain a banned word.
pub(crate) fn places(files: &[PathBuf], banned: impl Fn(&str) -> bool) -> Vec<String> {
    let mut places = Vec::new();
    for file in files {
        for (number, line) in code(&read(file)) {
            for word in words(line).filter(|word| banned(word)) {
                places.push(format!("{}:{number}: {word}", file.display()));
            }
        }
    }
    places
}

/// Asserts that ARCHITECTURE.md contains this sentence, and that nothing violates it.
pub(crate) fn assert_rule(sentence: &str, violations: &[String]) {
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let page = flat(&read(root().join("ARCHITECTURE.md")));
    assert!(page.contains(&flat(sentence)), "ARCHITECTURE.md no longer says: {sentence}");
    assert!(
        violations.is_empty(),
        "ARCHITECTURE.md says: \"{sentence}\"\nBut:\n{}",
        violations.join("\n")
    );
}

pub(crate) fn assert_absent_from_engine(sentence: &str, banned: &[&str]) {
    assert_rule(sentence, &places(&sources("engine/src"), |word| banned.contains(&word)));
}
