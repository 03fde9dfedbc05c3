//! `docs/security.md` states every limit as the code has it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pricetime_engine::Limits;

/// The folders whose constants can limit a client.
const LIBRARIES: [&str; 6] =
    ["engine/src", "persistence", "host/src", "gateway/src", "recordings/src", "cli/src"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A number as the page, the configuration or the code writes it, in one form. Other text loses its quotes.
fn value(text: &str) -> String {
    let plain = text.replace(['_', ','], "");
    let (number, unit) = plain.split_once(' ').unwrap_or((&plain, ""));
    let number = number.parse::<u64>().ok();
    let parts =
        || plain.split_once("<<").map(|(a, b)| (a.trim().parse::<u64>(), b.trim().parse::<u32>()));
    match (number, unit, parts()) {
        (Some(number), "", _) => number.to_string(),
        (Some(number), "KiB", _) => (number << 10).to_string(),
        (Some(number), "MiB", _) => (number << 20).to_string(),
        (_, _, Some((Ok(number), Ok(by)))) => u64::wrapping_shl(number, by).to_string(),
        _ => text.trim_matches('"').to_owned(),
    }
}

/// Every setting with its default, as `section.key`.
fn settings() -> BTreeMap<String, String> {
    let (mut section, mut settings) = (String::new(), BTreeMap::new());
    for line in read("cli/src/config/default.toml").lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = format!("{name}.");
        } else if let Some((key, default)) =
            line.split_once(" = ").filter(|_| !line.starts_with('#'))
        {
            settings.insert(format!("{section}{key}"), value(default));
        }
    }
    settings
}

/// The limits of a market if `add_market` does not set them. A new limit needs a row on the page.
fn members() -> BTreeMap<String, String> {
    let Limits { orders_max, orders_per_account_max, requests_max, blocked_max, parts_max } =
        Limits::default();
    let all = [
        ("orders_max", orders_max),
        ("orders_per_account_max", orders_per_account_max),
        ("requests_max", requests_max),
        ("blocked_max", blocked_max),
        ("parts_max", parts_max),
    ];
    all.into_iter().map(|(name, limit)| (name.to_owned(), limit.to_string())).collect()
}

/// The values of the constants with this name, given as `NAME` or `file::NAME`.
fn constants(name: &str) -> Vec<String> {
    let (file, name) =
        name.split_once("::").map_or((None, name), |(file, name)| (Some(file), name));
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = LIBRARIES.iter().map(|library| root().join(library)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder that can be read") {
            let path = entry.expect("an entry").path();
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            if path.is_dir() {
                folders.push(path);
            } else if file.is_none() || stem == file {
                let text = fs::read_to_string(&path).unwrap_or_default();
                let values = text.lines().filter_map(|line| {
                    let (_, stated) = line.split_once(&format!("const {name}: "))?;
                    Some(value(stated.split_once(" = ")?.1.trim_end_matches(';')))
                });
                found.extend(values);
            }
        }
    }
    found
}

/// The rows of the tables of limits: container, who fills it, limit, what happens.
fn rows(page: &str) -> Vec<[String; 4]> {
    let (_, tables) = page.split_once("\n## What a client can make grow\n").expect("the section");
    let (tables, _) = tables.split_once("\n## ").expect("another section");
    let rows = tables.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.map(|row| {
        let cells: Vec<String> = row.split(" | ").map(str::to_owned).collect();
        <[String; 4]>::try_from(cells).unwrap_or_else(|cells| panic!("not four cells: {cells:?}"))
    })
    .filter(|[container, ..]| container != "container")
    .collect()
}

/// The limits that a cell names, each with its value.
fn limits(cell: &str) -> Vec<(String, String)> {
    let limit = |text: &str| {
        let (name, stated) = text.strip_prefix('`')?.split_once("` = ")?;
        Some((name.to_owned(), value(stated)))
    };
    let all =
        cell.split("; ").map(|text| limit(text).unwrap_or_else(|| panic!("no limit: {text}")));
    all.collect()
}

#[test]
fn security_page_states_each_limit_with_the_value_in_the_code() {
    let (settings, members) = (settings(), members());
    let page = read("docs/security.md");
    let (mut wrong, mut known) = (Vec::new(), Vec::new());
    for [container, _, cell, _] in rows(&page) {
        if cell == "none" {
            continue;
        }
        for (name, stated) in limits(&cell) {
            let found = match settings.get(&name).or_else(|| members.get(&name)) {
                Some(found) => vec![found.clone()],
                None => constants(&name),
            };
            if found != [stated.clone()] {
                wrong.push(format!("{container}: `{name}` = {stated}, the code has {found:?}"));
            }
            known.push(name);
        }
    }
    assert!(known.len() > 40, "{known:?}");
    assert!(wrong.is_empty(), "docs/security.md:\n{}", wrong.join("\n"));
    // Conversely, each member, and each number among the settings of these sections, needs a row.
    let number = |value: &str| value.parse::<u64>().is_ok();
    let sections = ["limits.", "listen.connection"];
    let own = |name: &str| sections.iter().any(|section| name.starts_with(section));
    let settings = settings.iter().filter(|(name, value)| own(name) && number(value));
    let missing: Vec<_> = settings
        .map(|(name, _)| name)
        .chain(members.keys())
        .filter(|it| !known.contains(it))
        .collect();
    assert!(missing.is_empty(), "docs/security.md has no row for {missing:?}");
}

#[test]
fn limit_notations_of_the_page_are_parsed() {
    assert_eq!(["1 << 16", "64 KiB", "65,536", "65_536"].map(value), ["65536"; 4]);
    assert_eq!(value("\"1m\""), value("1m"));
    assert_eq!(limits("`a.b` = 1; `C` = 2 MiB").len(), 2);
    let known =
        [constants("COUNT_MAX"), constants("market::LENGTH_MAX"), constants("NO_SUCH_LIMIT")];
    assert_eq!(known, [vec!["1073741824".to_owned()], vec!["24".to_owned()], vec![]]);
    assert_eq!(constants("LINE_MAX").len(), 2, "if two have one name, the file must be named");
}
