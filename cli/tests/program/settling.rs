//! A market that is settled, and calls of `pricetime settle`.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::Path;
use std::process::Output;

use pricetime_tests::wait;
use serde_json::Value;

use crate::program::{close, err, lines, out, place, run};

/// The notional of three at 9.90 is 29.70. The taker pays 250 millionths of it, rounded up to 0.010; the
/// maker's rebate is less than a unit.
pub(crate) const MARKET: &str = r#"{"add_market":{"market":1,"symbol":"SUN","tick":"0.01","lot":"0.5","quantity_max":"1000","price_min":"0","price_max":"100","maker_ppm":-100,"taker_ppm":250}}
{"set_phase":{"market":1,"phase":"continuous"}}
"#;
pub(crate) const MAKER: &str = "00000000-0000-0000-0000-000000000001";
pub(crate) const TAKER: &str = "00000000-0000-0000-0000-000000000002";

/// An epoch in which three units trade at 9.90.
pub(crate) fn epoch(number: u32) -> String {
    let of = 2 * number;
    place(1, of, "buy", "9.90", 3) + &place(2, of + 1, "sell", "9.90", 3) + &close(number)
}

pub(crate) fn settle(folder: &Path, words: &[&str]) -> Output {
    run(folder, &[&["settle"], words].concat(), "")
}

/// The output of a command that exits with this code.
pub(crate) fn printed(folder: &Path, words: &[&str], code: i32) -> String {
    let output = settle(folder, words);
    assert_eq!(output.status.code(), Some(code), "{words:?}: {}{}", out(&output), err(&output));
    out(&output)
}

/// The JSON lines of a command that exits with this code.
pub(crate) fn asked(folder: &Path, words: &[&str], code: i32) -> Vec<Value> {
    lines(&printed(folder, &[words, &["--json"]].concat(), code))
}

/// Polls the status until this condition holds for market 1.
pub(crate) fn until(folder: &Path, flags: &[&str], holds: impl Fn(&Value) -> bool) {
    wait::until("the market has this status", || {
        let status = asked(folder, &[&["status"], flags].concat(), 0);
        status.get(1).is_some_and(|it| holds(&it["market"]))
    });
}
