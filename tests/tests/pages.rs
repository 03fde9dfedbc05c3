//! The README and the pages in `docs` agree with each other and name only what exists.
//!
//! What the pages show of the program's output is checked in `cli/tests`.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn read(page: &str) -> String {
    fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

/// The paths of a folder's entries, relative to the workspace.
fn entries(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).expect("a folder that can be read");
    let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("a name in UTF-8");
    entries.map(|entry| format!("{folder}/{}", name(entry.expect("an entry")))).collect()
}

/// The texts between backticks.
fn quoted(page: &str) -> impl Iterator<Item = &str> {
    page.split('`').skip(1).step_by(2)
}

/// The rows of the table below a heading, without its head.
fn rows<'a>(page: &'a str, heading: &str) -> Vec<&'a str> {
    let (_, behind) = page.split_once(&format!("\n## {heading}\n")).expect("the heading");
    let section = behind.split("\n## ").next().unwrap_or(behind);
    section.lines().filter(|line| line.starts_with("| ")).skip(1).collect()
}

/// The targets of a page's links to other pages, without what is behind `#`.
fn links(page: &str) -> impl Iterator<Item = &str> {
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split(['#', ')']).next());
    targets.filter(|target| !target.is_empty() && !target.contains("://"))
}

#[test]
fn guarantees_name_existing_files_and_every_file_of_tests() {
    let page = read("docs/guarantees.md");
    let named: Vec<&str> =
        quoted(&page).filter(|it| it.contains('/') && !it.contains(' ')).collect();
    assert!(named.len() > 80, "{named:?}");
    let missing: Vec<_> = named.iter().filter(|path| !root().join(path).exists()).collect();
    assert!(missing.is_empty(), "docs/guarantees.md names what does not exist: {missing:?}");
    let unnamed: Vec<_> =
        entries("tests/tests").into_iter().filter(|path| !named.contains(&path.as_str())).collect();
    assert!(unnamed.is_empty(), "docs/guarantees.md does not name {unnamed:?}");
}

#[test]
fn figures_of_the_readme_are_rows_of_the_performance_page() {
    let (readme, performance) = (read("README.md"), read("docs/performance.md"));
    let figures = rows(&readme, "Figures");
    assert_eq!(figures.len(), 8, "{figures:?}");
    for row in figures {
        assert!(performance.contains(row), "docs/performance.md does not have the row {row}");
    }
}

#[test]
fn performance_page_names_existing_programs() {
    let page = read("docs/performance.md");
    let programs = entries("benches/src/bin");
    let mut named = 0;
    for rest in page.split("--bin ").skip(1) {
        let name = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        let path = format!("benches/src/bin/{name}");
        let exists = programs.iter().any(|it| it.trim_end_matches(".rs") == path);
        assert!(exists || name == "NAME", "docs/performance.md names the program {name}");
        named += 1;
    }
    assert!(named >= 5, "{named}");
}

#[test]
fn links_of_pages_lead_to_files() {
    let mut pages = entries("docs");
    pages.retain(|page| page.ends_with(".md"));
    let above = ["ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "README.md", "SECURITY.md"];
    pages.extend(above.map(str::to_owned));
    assert!(pages.len() > 10, "{pages:?}");
    for page in pages {
        let folder = root().join(&page).parent().expect("a folder").to_owned();
        for target in links(&read(&page)) {
            assert!(folder.join(target).exists(), "{page} links to {target}");
        }
    }
}

#[test]
fn readme_and_architecture_stay_short() {
    for (page, lines_max) in [("README.md", 149), ("ARCHITECTURE.md", 249)] {
        let lines = read(page).lines().count();
        assert!(lines <= lines_max, "{page} has {lines} lines");
    }
}
