//! The page about a replay in a real browser: Chromium, which `scripts/test` installs.

mod program;

use std::fs;
use std::path::Path;
use std::process::Command;

use program::{folder, out, run};
use serde_json::Value;

/// Shows the page in a frame of exactly this width, because the window of Chromium is never narrower than 500
/// pixels. Then it writes what it finds into its own text.
const FRAME: &str = r##"<!DOCTYPE html><meta charset="utf-8">
<style>html, body { margin: 0 } iframe { border: 0; width: WIDTHpx; height: 800px }</style>
<iframe src="day.html"></iframe><script type="text/plain" id="found"></script>
<script>
const frame = document.querySelector("iframe");
frame.onload = () => {
  const { contentDocument: page, contentWindow: view } = frame;
  frame.style.height = `${page.documentElement.scrollHeight}px`;
  const overlaps = (texts) => {
    const boxes = texts.map((text) => [text.textContent, text.getBoundingClientRect()]);
    return boxes.flatMap(([a, one], at) => boxes.slice(at + 1)
      .filter(([, two]) => one.left < two.right && two.left < one.right && one.top < two.bottom && two.top < one.bottom)
      .map(([b]) => `${a} and ${b}`));
  };
  const charts = [...page.querySelectorAll("#charts section")].map((card) => ({
    title: card.querySelector("h2").textContent,
    shapes: card.querySelectorAll(".plot path.line[d^=M], .plot path.fill[d^=M], .plot rect.fill").length,
    texts: card.querySelectorAll(".plot text").length,
    overlaps: overlaps([...card.querySelectorAll(".plot text")]),
  }));
  document.getElementById("found").textContent = JSON.stringify({
    charts,
    dark: view.matchMedia("(prefers-color-scheme: dark)").matches,
    widths: [view.innerWidth, page.documentElement.scrollWidth],
    requests: view.performance.getEntriesByType("resource").length,
    text: page.body.innerText,
  });
};
</script>
"##;

/// Runs Chromium on the frame in this folder.
fn chromium(folder: &Path, dark: bool, size: &str, action: &str) -> String {
    let profile = tempfile::tempdir().expect("a folder");
    let scheme = if dark { "preferredColorScheme=0" } else { "preferredColorScheme=1" };
    // A browser that hangs fails here, and not only when the whole run is cut off.
    let done = Command::new("timeout")
        .args(["300", "chromium"])
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"])
        .args(["--no-first-run", "--allow-file-access-from-files", "--enable-logging=stderr"])
        // A container may have too little shared memory.
        .arg("--disable-dev-shm-usage")
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--blink-settings={scheme}"))
        .arg(format!("--window-size={size}"))
        .arg(action)
        .arg(format!("file://{}", folder.join("frame.html").display()))
        .output()
        .expect("chromium, which scripts/test installs");
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{errors}");
    // The console of the page: errors of its scripts, and what its policy refused to load.
    assert!(!errors.contains("CONSOLE"), "{errors}");
    out(&done)
}

/// Opens `day.html` in this folder, checks it and keeps a picture of it. Returns the titles of its charts.
#[expect(clippy::print_stdout, reason = "a person wants to see the pictures")]
fn look_at(folder: &Path, name: &str, dark: bool, width: u32) -> Vec<String> {
    fs::write(folder.join("frame.html"), FRAME.replace("WIDTH", &width.to_string()))
        .expect("written");
    let size = format!("{},{}", width.max(500), if width < 500 { 5_600 } else { 2_900 });
    let dom = chromium(folder, dark, &size, "--dump-dom");
    let found = dom.split("id=\"found\">").nth(1).and_then(|rest| rest.split("</script>").next());
    let found: Value = serde_json::from_str(found.expect("the text of the frame")).expect(&dom);
    assert_eq!(found["dark"], dark);
    assert_eq!(found["widths"], serde_json::json!([width, width]), "it scrolls sideways");
    assert_eq!(found["requests"], 0);
    let text = found["text"].as_str().expect("text");
    assert!(text.contains("SHA-256"), "{text}");
    for wrong in ["NaN", "undefined", "Infinity", "null", "[object"] {
        assert!(!text.contains(wrong), "{wrong} in {text}");
    }
    let charts = found["charts"].as_array().expect("charts");
    for chart in charts {
        assert!(chart["shapes"].as_u64() > Some(0) && chart["texts"].as_u64() > Some(3), "{chart}");
        // The numbers of this chart are measured, so they are others in every run.
        if chart["title"] != "Latency of the engine" {
            assert_eq!(chart["overlaps"], serde_json::json!([]), "{chart}");
        }
    }
    let scheme = if dark { "dark" } else { "light" };
    let picture = format!("{}/report-{name}-{scheme}-{width}.png", env!("CARGO_TARGET_TMPDIR"));
    chromium(folder, dark, &size, &format!("--screenshot={picture}"));
    assert!(fs::metadata(&picture).is_ok_and(|it| it.len() > 10_000), "{picture}");
    println!("{picture}");
    charts.iter().map(|it| it["title"].as_str().expect("a title").to_owned()).collect()
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
