//! The page about a replay in a real browser.

#[path = "program/browser.rs"]
mod browser;
mod program;

use std::fs;
use std::path::Path;

use program::{folder, run};

/// Opens `day.html` in this folder and checks it. Returns the titles of its charts.
fn look_at(folder: &Path, name: &str, dark: bool, width: u32) -> Vec<String> {
    let seen = browser::look_at(&folder.join("day.html"), &format!("report-{name}"), dark, width);
    assert!(seen.text.contains("SHA-256"), "{}", seen.text);
    for (title, overlaps) in &seen.charts {
        // The numbers of this chart are measured, so they are others in every run.
        assert!(title == "Latency of the engine" || overlaps.is_empty(), "{title}: {overlaps:?}");
    }
    seen.titles().into_iter().map(str::to_owned).collect()
}

/// A day of LOBSTER: asks and bids around a price that wanders, and an order that takes a bit of each.
fn lobster_day() -> String {
    let mut text = String::new();
    for number in 1..=600_u64 {
        let (seconds, id) = (34_200 + number * 39, number * 10);
        let price = 5_850_000 + 1_000 * (number * number % 97);
        let (bid, ask) = (price - 100, price + 100 + 100 * (number % 3));
        text += &format!("{seconds}.1,1,{id},{},{bid},1\n", 50 + number % 70);
        text += &format!("{seconds}.2,1,{},{},{ask},-1\n", id + 1, 40 + number % 90);
        text += &format!("{seconds}.3,4,{},{},{ask},-1\n", id + 1, 1 + number % 30);
        text += &format!("{seconds}.4,3,{id},{},{bid},1\n", 50 + number % 70);
        text += &format!("{seconds}.5,3,{},{},{ask},-1\n", id + 1, 39 + number % 90 - number % 30);
    }
    text
}

#[test]
fn page_of_an_exchange_has_its_charts_in_every_width_and_color_scheme() {
    let folder = folder();
    fs::write(folder.path().join("message.csv"), lobster_day()).expect("written");
    let done = run(folder.path(), &["replay", "message.csv", "--report", "day.html"], "");
    assert!(done.status.success(), "{done:?}");
    for (dark, width) in [(false, 400), (true, 400), (false, 1_400), (true, 1_400)] {
        let charts = look_at(folder.path(), "exchange", dark, width);
        let expected =
            ["Price and trades", "Depth", "Spread", "Orders per trade", "Latency of the engine"];
        assert_eq!(charts, expected);
    }
}

#[test]
fn page_of_auctions_shows_epochs_with_their_curves() {
    let folder = folder();
    let demo = ["demo", "--commands", "12000", "--write", "day.jsonl", "--epoch-seconds", "10"];
    assert!(run(folder.path(), &demo, "").status.success());
    let done = run(folder.path(), &["replay", "day.jsonl", "--report", "day.html"], "");
    assert!(done.status.success(), "{done:?}");
    for (dark, width) in [(false, 1_400), (true, 400)] {
        let charts = look_at(folder.path(), "auctions", dark, width);
        assert!(charts.iter().any(|title| title == "Epochs"), "{charts:?}");
        assert!(charts.iter().any(|title| title == "Supply and demand"), "{charts:?}");
    }
}
