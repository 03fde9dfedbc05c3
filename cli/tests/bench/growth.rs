//! Costs by the number of orders and of markets.

use std::fs;

use tempfile::TempDir;

use super::{names, parsed, printed, refused};

/// The arguments for very small sizes.
const SMALL: [&str; 11] = [
    "growth",
    "--orders",
    "100,300",
    "--markets",
    "1,3",
    "--shared",
    "200",
    "--commands",
    "100",
    "--runs",
    "2",
];

#[test]
fn growth_has_every_cost_at_every_size() {
    let report = parsed(&[SMALL.as_slice(), &["--json"]].concat());
    let kinds = ["place", "cancel", "reduce", "replace", "trade", "close", "snapshot", "restart"];
    let sizes = ["orders-100", "orders-300", "markets-1", "markets-3"];
    let all = sizes.map(|size| kinds.map(|kind| format!("{size}-{kind}")));
    assert_eq!(names(&report), all.concat());
    for one in report["workloads"].as_array().expect("workloads") {
        let growth = &one["growth"];
        assert!(growth["value"].as_f64().is_some_and(|value| value > 0.0), "{one}");
        let ratio = growth["ratio"].as_f64().expect("a ratio");
        let is_first = [100, 200].contains(&growth["orders"].as_u64().expect("a number"))
            && growth["markets"] == 1;
        assert!(ratio > 0.0 && (!is_first || ratio == 1.0), "{one}");
        assert_eq!(one["rate"]["runs"].as_array().map(Vec::len), Some(2), "{one}");
    }
    let folder = TempDir::new().expect("a folder");
    let before = folder.path().join("before.json");
    fs::write(&before, report.to_string()).expect("a file");
    let before = before.to_str().expect("a path of text");
    let text = printed(&[SMALL.as_slice(), &["--baseline", before]].concat());
    for what in ["orders", "markets", "(1.0)", "markets-3-restart", "verdict"] {
        assert!(text.contains(what), "{what} in {text}");
    }
    let (code, message) = refused(&["growth", "--orders", "100", "--baseline", before]);
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("--orders 100,300 --markets 1,3 --shared 200"), "{message}");
}
