//! Cycles of imports between the files of a library.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::search::{LIBRARIES, assert_rule, code, read, root, sources};

/// Adds the paths of an import, with groups in braces expanded. Returns the text after it.
fn expand_paths<'a>(text: &'a str, before: &[&'a str], paths: &mut Vec<Vec<&'a str>>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        while !rest.is_empty() && !rest.starts_with('}') {
            // Skips `as` and the name after it.
            rest = expand_paths(rest, before, paths).trim_start_matches(|c| c != ',' && c != '}');
            rest = rest.trim_start_matches(',').trim_start();
        }
        return rest.strip_prefix('}').unwrap_or(rest);
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let path = [before, &[word]].concat();
    if let Some(more) = rest.strip_prefix("::") {
        return expand_paths(more, &path, paths);
    }
    paths.push(path);
    rest
}

/// The paths that begin with `crate` or `super`.
fn paths(text: &str) -> Vec<Vec<&str>> {
    let mut paths = Vec::new();
    let begins = ["crate::", "super::"].into_iter().flat_map(|word| text.match_indices(word));
    for (at, _) in begins {
        let (before, path) = text.split_at(at);
        if !before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
            expand_paths(path, &[], &mut paths);
        }
    }
    paths
}

/// The module that a file is, by its name below `src`.
fn module(file: &str) -> Vec<&str> {
    let name = file.split("/src/").last().unwrap_or(file).trim_end_matches(".rs");
    name.split('/').filter(|part| !["lib", "main", "mod"].contains(part)).collect()
}

/// The sets of files of a crate that import each other, directly or through others. A file is one
/// module, and it imports the modules that its paths name.
fn cycles(files: &[(String, String)]) -> BTreeSet<String> {
    let modules: BTreeMap<_, _> =
        files.iter().zip(0..).map(|(it, at)| (module(&it.0), at)).collect();
    let mut reached: Vec<BTreeSet<usize>> = Vec::new();
    for (at, (name, text)) in files.iter().enumerate() {
        let text: String = code(text).map(|(_, line)| format!("{line}\n")).collect();
        let found = paths(&text).into_iter().filter_map(|path| {
            let ups = path.iter().filter(|word| **word == "super").count();
            let mut whole = if ups == 0 { Vec::new() } else { module(name) };
            whole.truncate(whole.len().saturating_sub(ups));
            let named = path.iter().filter(|word| !["super", "crate"].contains(word));
            whole.extend(named);
            let mut ends = (1..=whole.len()).rev();
            ends.find_map(|end| modules.get(&whole[..end])).copied()
        });
        reached.push(found.filter(|other| *other != at).collect());
    }
    for via in 0..files.len() {
        let through = reached[via].clone();
        reached.iter_mut().filter(|it| it.contains(&via)).for_each(|it| it.extend(&through));
    }
    let reached = &reached;
    let meet = |one: usize| {
        (0..files.len()).filter(move |it| reached[one].contains(it) && reached[*it].contains(&one))
    };
    (0..files.len())
        .map(|one| meet(one).map(|it| files[it].0.as_str()).collect::<Vec<_>>().join(" "))
        .filter(|cycle| !cycle.is_empty())
        .collect()
}

#[test]
fn files_of_a_library_import_each_other_in_one_direction() {
    let mut violations = Vec::new();
    for folder in LIBRARIES.iter().map(|(folder, _)| *folder).chain(["benches", "cli"]) {
        let files = sources(&format!("{folder}/src"));
        let name = |file: &Path| file.strip_prefix(root()).map(|it| it.display().to_string());
        let files: Vec<_> =
            files.iter().map(|file| (name(file).expect("in the workspace"), read(file))).collect();
        violations.extend(cycles(&files));
    }
    assert_rule(
        "No two files of a library import each other, directly or through other files.",
        &violations,
    );
}

#[test]
fn cycle_of_imports_is_found_through_groups_and_paths() {
    let files = [
        ("a/src/lib.rs", "mod one;\npub use one::One;\nuse crate::four::Four;"),
        ("a/src/four.rs", "use crate::one::One; // crate::five"),
        ("a/src/five.rs", "use crate::four as other;"),
        ("a/src/one.rs", "use crate::{One, three::{self as up, X, *}, two::Two};"),
        ("a/src/three.rs", "use crate::One;\n#[cfg(test)]\nmod tests {\nuse crate::one::One; }"),
        ("a/src/three/deep.rs", "pub(crate) use super::super::{\n    one::One,\n};"),
        ("a/src/two.rs", "fn f() {\n    super::three::deep::g::<u8>()\n}"),
    ];
    let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let found: Vec<_> = cycles(&files).into_iter().collect();
    assert_eq!(found, ["a/src/one.rs a/src/three/deep.rs a/src/two.rs"]);
}
