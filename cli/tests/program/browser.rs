//! A page in a real browser: Chromium, which `scripts/test` installs.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Shows the page in a frame of exactly this width, because the window of Chromium is never narrower than 500
/// pixels. Then it writes what it finds into its own text.
const FRAME: &str = r##"<!DOCTYPE html><meta charset="utf-8">
<style>html, body { margin: 0 } iframe { border: 0; width: WIDTHpx; height: 800px }</style>
<iframe src="PAGE"></iframe><script type="text/plain" id="found"></script>
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
    String::from_utf8(done.stdout).expect("text")
}

/// What a page shows.
pub(crate) struct Seen {
    /// Its text.
    pub(crate) text: String,
    /// The title of each chart, and the texts in it that overlap.
    pub(crate) charts: Vec<(String, Vec<Value>)>,
}

impl Seen {
    pub(crate) fn titles(&self) -> Vec<&str> {
        self.charts.iter().map(|(title, _)| title.as_str()).collect()
    }
}

/// Opens this page, checks what holds for every page, and keeps a picture of it under this name.
#[expect(clippy::print_stdout, reason = "a person wants to see the pictures")]
pub(crate) fn look_at(page: &Path, name: &str, dark: bool, width: u32) -> Seen {
    let folder = page.parent().expect("its folder");
    let file = page.file_name().and_then(|name| name.to_str()).expect("its name");
    let frame = FRAME.replace("WIDTH", &width.to_string()).replace("PAGE", file);
    fs::write(folder.join("frame.html"), frame).expect("written");
    let size = format!("{},{}", width.max(500), if width < 500 { 5_600 } else { 2_900 });
    let dom = chromium(folder, dark, &size, "--dump-dom");
    let found = dom.split("id=\"found\">").nth(1).and_then(|rest| rest.split("</script>").next());
    let found: Value = serde_json::from_str(found.expect("the text of the frame")).expect(&dom);
    assert_eq!(found["dark"], dark);
    assert_eq!(found["widths"], serde_json::json!([width, width]), "it scrolls sideways");
    assert_eq!(found["requests"], 0);
    let text = found["text"].as_str().expect("text").to_owned();
    for wrong in ["NaN", "undefined", "Infinity", "null", "[object"] {
        assert!(!text.contains(wrong), "{wrong} in {text}");
    }
    let mut charts = Vec::new();
    for chart in found["charts"].as_array().expect("charts") {
        assert!(chart["shapes"].as_u64() > Some(0) && chart["texts"].as_u64() > Some(1), "{chart}");
        let title = chart["title"].as_str().expect("a title").to_owned();
        charts.push((title, chart["overlaps"].as_array().expect("a list").clone()));
    }
    let scheme = if dark { "dark" } else { "light" };
    let picture = format!("{}/{name}-{scheme}-{width}.png", env!("CARGO_TARGET_TMPDIR"));
    chromium(folder, dark, &size, &format!("--screenshot={picture}"));
    assert!(fs::metadata(&picture).is_ok_and(|it| it.len() > 10_000), "{picture}");
    println!("{picture}");
    Seen { text, charts }
}
