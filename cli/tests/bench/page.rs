//! The page of a report.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::{browser, printed};

/// Two pages of each kind, because a browser starts slowly: light and dark, narrow and wide.
const LOOKS: [(bool, u32); 2] = [(false, 400), (true, 1_400)];
const OTHER_LOOKS: [(bool, u32); 2] = [(true, 400), (false, 1_400)];

/// Looks at `page.html` in this folder. No text of a chart may cover another one.
fn look_at(folder: &Path, name: &str, titles: &[&str], looks: &[(bool, u32)]) {
    for (dark, width) in looks {
        let path = folder.join("page.html");
        let seen = browser::look_at(&path, &format!("bench-{name}"), *dark, *width);
        assert_eq!(seen.titles(), titles, "{name}");
        assert!(seen.text.contains("This measurement"), "{}", seen.text);
        for (title, overlaps) in &seen.charts {
            assert!(overlaps.is_empty(), "{name}, {title}: {overlaps:?}");
        }
    }
}

/// Writes the page of a small measurement. Returns it, and the values of its charts.
fn page(folder: &Path, arguments: &[&str]) -> (String, Value) {
    let path = folder.join("page.html");
    let path = path.to_str().expect("a path of text");
    printed(&[arguments, &["--html", path]].concat());
    let page = fs::read_to_string(path).expect("a page");
    let start = "<script id=\"data\" type=\"application/json\">";
    let (_, rest) = page.split_once(start).expect("the values of the charts");
    let (values, _) = rest.split_once("</script>").expect("their end");
    let values = serde_json::from_str(values).expect("JSON");
    (page, values)
}

#[test]
fn page_shows_the_runs_and_the_latency_of_each_workload() {
    let folder = TempDir::new().expect("a folder");
    let core = ["core", "--workload", "static,epochs", "--commands", "3000", "--runs", "2"];
    let (page, values) = page(folder.path(), &core);
    for what in ["<h1>The core alone</h1>", "epochs", "cores", "prefers-color-scheme: dark"] {
        assert!(page.contains(what), "{what} in {page}");
    }
    let links = ["src=", "href=", "http://", "https://", "@import", "url("];
    assert!(links.iter().all(|link| !page.contains(link)), "{page}");
    assert!(!page.contains("{{"), "{page}");
    for (at, name) in ["static", "epochs"].into_iter().enumerate() {
        let measured = &values["measured"][at];
        assert_eq!(
            (&measured["name"], measured["runs"].as_array().map(Vec::len)),
            (&name.into(), Some(2))
        );
        let curve = &values["latency"][at]["curves"][0];
        let [nines, ns] = ["nines", "ns"].map(|it| curve[it].as_array().expect("a list").clone());
        // There are 6,000 times, so the last point is between the third nine and the fourth.
        assert!(nines.len() == ns.len() && nines[0] == 0.0, "{curve}");
        assert!(nines.last().and_then(Value::as_f64).is_some_and(|it| (3.0..4.0).contains(&it)));
        assert!(ns.is_sorted_by_key(|ns| ns.as_u64()), "{curve}");
    }
    let titles = ["Runs", "Latency: static", "Latency: epochs"];
    look_at(folder.path(), "core", &titles, &LOOKS);
}

#[test]
fn page_shows_the_latency_of_each_load() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path().to_str().expect("a path of text");
    let host = ["host", "--workload", "normal", "--orders", "300", "--commands", "2000"];
    // A measurement ends when its commands are used up, and not when its time is over.
    let more = ["--load", "10,50", "--seconds", "3600", "--folder", at];
    let (_, values) = page(folder.path(), &[host.as_slice(), &more].concat());
    let curves = values["latency"][0]["curves"].as_array().expect("a list");
    let names: Vec<_> = curves.iter().map(|curve| curve["name"].as_str()).collect();
    assert_eq!(names, [Some("10 % load"), Some("50 % load")]);
    look_at(folder.path(), "host", &["Runs", "Latency: normal"], &OTHER_LOOKS);
}

#[test]
fn page_shows_growth_and_a_comparison() {
    let folder = TempDir::new().expect("a folder");
    let growth = ["growth", "--orders", "100,300", "--markets", "1,3", "--shared", "200"];
    let growth = [growth.as_slice(), &["--commands", "100", "--runs", "1"]].concat();
    let before = folder.path().join("before.json");
    fs::write(&before, printed(&[growth.as_slice(), &["--json"]].concat())).expect("a file");
    let before = before.to_str().expect("a path of text");
    let (page, values) =
        page(folder.path(), &[growth.as_slice(), &["--baseline", before]].concat());
    assert!(page.contains("<h2>Compared with the baseline</h2>"), "{page}");
    let axes = values["growth"].as_array().expect("a list");
    assert_eq!(axes.iter().map(|it| &it["axis"]).collect::<Vec<_>>(), ["orders", "markets"]);
    for axis in axes {
        assert_eq!(axis["kinds"].as_array().map(Vec::len), Some(8), "{axis}");
        for kind in axis["kinds"].as_array().expect("a list") {
            assert_eq!(
                (&kind["ratios"][0], kind["ratios"].as_array().map(Vec::len)),
                (&1.0.into(), Some(2))
            );
        }
    }
    let titles = ["Cost by the number of orders", "Cost by the number of markets"];
    look_at(folder.path(), "growth", &titles, &OTHER_LOOKS);
}

#[test]
fn names_in_a_page_are_text() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("<script>_message.csv");
    fs::write(&path, "34200.1,1,7,100,5853300,-1\n34200.2,1,8,100,5853400,-1\n").expect("a file");
    let path = path.to_str().expect("a path of text");
    let (page, values) = page(folder.path(), &["core", "--recording", path, "--runs", "1"]);
    assert_eq!(values["measured"][0]["name"], "<script>_message.csv");
    assert!(!page.contains("<script>_message"), "{page}");
}
