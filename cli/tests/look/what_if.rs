//! Tests of `pricetime what-if`.

use serde_json::{Value, json};

use crate::folder::{prepared, prepared_short};
use crate::program::{run, run_with};

/// A market, a seller who wants 1.00 and a buyer who pays up to 1.20; then the seller meets its own order.
const DAY: &str = r#"{"add_market":{"market":1,"symbol":"SUN/EUR","tick":"0.01","lot":"0.1","quantity_max":"1000","price_min":"0","price_max":"5","time":"2026-11-30T10:00:00Z"}}
{"set_phase":{"market":1,"phase":"continuous","time":"2026-11-30T10:00:00Z"}}
{"place":{"market":1,"account":"00000000-0000-0000-0000-00000000000a","order":"00000000-0000-0000-0000-000000000001","side":"sell","type":"limit","price":"1.00","quantity":"10.0","time":"2026-11-30T10:01:00Z"}}
{"place":{"market":1,"account":"00000000-0000-0000-0000-00000000000b","order":"00000000-0000-0000-0000-000000000002","side":"buy","type":"limit","price":"1.20","quantity":"4.0","time_in_force":"immediate_or_cancel","time":"2026-11-30T10:02:00Z"}}
{"place":{"market":1,"account":"00000000-0000-0000-0000-00000000000a","order":"00000000-0000-0000-0000-000000000003","side":"buy","type":"limit","price":"1.00","quantity":"1.0","self_trade":"none","time":"2026-11-30T10:20:00Z"}}
"#;

/// The lines of a comparison of this day, by their kinds.
fn compared(rules: &[&str]) -> (Value, Value, Vec<Value>) {
    let arguments = ["what-if", "-", "--json"].iter().chain(rules);
    let lines = run_with(arguments, DAY).assert_success().lines();
    let bills = lines.iter().filter_map(|it| it.get("bill").cloned()).collect();
    (lines[0]["what_if"].clone(), lines[1]["market"].clone(), bills)
}

#[test]
fn midpoint_divides_the_surplus() {
    let (both, market, bills) = compared(&["--pricing", "midpoint"]);
    assert_eq!(both["rules"], json!({"pricing": "midpoint"}));
    // The flow as it was recorded is the replay.
    let replayed = run_with(["replay", "-", "--json"], DAY).assert_success().digest();
    assert_eq!(both["recorded"]["digest"], replayed);
    assert_ne!(both["other"]["digest"], replayed);
    let recorded = json!({
        "refused": 0, "trades": 2, "volume": "5.0", "paid": "5.000", "average": "1.0000",
        "low": "1.00", "high": "1.00", "last": "1.00", "buyers": "0.800", "sellers": "0.000",
        "fees": "0.000",
    });
    assert_eq!(market["recorded"], recorded);
    let other = &market["other"];
    assert_eq!((&other["buyers"], &other["sellers"]), (&json!("0.400"), &json!("0.400")));
    assert_eq!((&other["high"], &other["average"]), (&json!("1.10"), &json!("1.0800")));
    let seller = json!({"bought": "1.0", "sold": "5.0", "total": "-4.000"});
    assert_eq!(bills[0]["recorded"], seller);
    assert_eq!(bills[0]["other"]["total"], "-4.400");
    assert_eq!(bills[1]["other"]["total"], "4.400");
    run_with(["what-if", "-", "--pricing", "midpoint"], DAY)
        .assert_prints(0, &["surplus of sellers", "+10.00 %", "00000000000b", "as recorded"]);
}

#[test]
fn fees_are_charged_and_self_trades_prevented() {
    let (_, market, bills) = compared(&["--fees", "-100,1000", "--self-trade", "cancel_taker"]);
    assert_eq!(market["other"]["trades"], 1);
    // 0.1 % of 4.000, less a rebate of 0.01 %, both rounded for the platform.
    assert_eq!(market["other"]["fees"], "0.004");
    assert_eq!(
        (&bills[0]["other"]["total"], &bills[1]["other"]["total"]),
        (&json!("-4.000"), &json!("4.004"))
    );
}

#[test]
fn calls_trade_when_epochs_close() {
    let (both, market, _) = compared(&["--phase", "call", "--epochs-every", "15m"]);
    // The order that had to trade at once waits for the first auction. At 10:15 it trades with the seller.
    assert_eq!((&market["other"]["trades"], &market["other"]["refused"]), (&json!(2), &json!(0)));
    assert_eq!(both["other"]["commands"], 7);
    run_with(["what-if", "-", "--phase", "call"], DAY)
        .assert_prints(0, &["nothing trades in a call: give --epochs-every"]);
}

#[test]
fn other_rules_have_to_be_named_and_possible() {
    let wrong: [(&[&str], &str); 6] = [
        (&[], "name a rule"),
        (&["--pricing", "average"], "unknown variant `average`, expected `maker` or `midpoint`"),
        (&["--phase", "closed"], "neither call nor continuous"),
        (&["--fees", "7"], "two fees are needed"),
        (&["--fees", "7,2000000"], "is not a whole number from -1000000"),
        (&["--epochs-every", "1ms"], "from 1s to 1day"),
    ];
    for (rules, words) in wrong {
        run(["what-if", "day.jsonl"].iter().chain(rules)).assert_prints(2, &[words]);
    }
    run_with(["what-if", "-", "--fees", "1,1"], "nonsense")
        .assert_prints(3, &["the format is none of"]);
    // An order rests at 1970, and the next command comes today.
    let timeless = DAY
        .replacen(r#","time":"2026-11-30T10:01:00Z""#, "", 1)
        .replace("2026-11-30T10:00:00Z", "1970-01-01T00:00:00Z");
    run_with(["what-if", "-", "--epochs-every", "1s"], &timeless)
        .assert_prints(1, &["more than 1,048,576 epochs close"]);
    let faulty = DAY.to_owned() + "{\"place\":{}}\n";
    run_with(["what-if", "-", "--fees", "1,1"], &faulty).assert_prints(4, &["-:6", "1 line"]);
    let short = prepared_short();
    let folder = short.path.to_str().expect("text");
    run(["what-if", folder, "--fees", "1,1"]).assert_prints(1, &["begins with command 1"]);
}

#[test]
fn journals_are_replayed_under_the_rules_that_they_had() {
    let prepared = prepared();
    let folder = prepared.path.to_str().expect("text");
    // No order has another rule for its own account, so nothing changes.
    let lines =
        run(["what-if", folder, "--phase", "continuous", "--json"]).assert_success().lines();
    assert_eq!(lines[0]["what_if"]["recorded"]["digest"], prepared.digest);
}
