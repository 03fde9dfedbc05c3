//! Text that is not an image is refused, whatever it contains.
#![cfg(feature = "servers")]

use pricetime_engine::{AccountId, Action, Command, Engine, MarketId, Sequence, Timestamp};
use pricetime_redis::{BadText, ImageText, ReadError, ReadImage, read_text};
use pricetime_tests::load;

/// The text of an image of a new market.
fn text() -> String {
    let mut engine = Engine::new(1);
    let add = Command {
        sequence: Sequence(1),
        timestamp: Timestamp(1),
        market: MarketId(1),
        account: AccountId(0),
        operator: true,
        request: None,
        action: Action::AddMarket(load::spec()),
        session: None,
    };
    engine.apply(&add, &mut ());
    let state = engine.snapshot();
    let market = state.markets.first().cloned().expect("a market");
    let image = ReadImage {
        history: String::from("00000000-0000-0000-0000-000000000007"),
        rules: state.rules_version,
        sequence: state.last_sequence,
        timestamp: state.last_timestamp,
        last_market: state.last_market,
        digest: market.digest(),
        state: market,
        trades: None,
    };
    let mut text = Vec::new();
    ImageText(&[image]).write(&mut text).expect("memory");
    String::from_utf8(text).expect("JSON")
}

#[test]
fn overflowing_counts_are_refused() {
    let most = format!("\"{}\"", u64::MAX);
    let text = text();
    assert!(read_text(text.as_bytes()).expect("it was written").is_some());
    let text = ["bids", "asks"].iter().fold(text, |text, side| {
        text.replacen(&format!("\"{side}\":\"0\""), &format!("\"{side}\":{most}"), 1)
    });
    assert_eq!(text.matches(&most).count(), 2, "{text}");
    let refused = read_text(text.as_bytes()).expect_err("there are fewer orders");
    assert!(matches!(refused, BadText::Image(ReadError::Count { .. })), "{refused}");
}

#[test]
fn error_quotes_only_a_short_part_of_a_line() {
    let long = "x".repeat(60_000);
    for line in [format!("{{\"{long}\":1}}"), format!("{{\"blocked\":\"{long}\"}}"), long] {
        let mut lines: Vec<_> = text().lines().map(str::to_owned).collect();
        lines.insert(2, line);
        let refused =
            read_text(lines.join("\n").as_bytes()).expect_err("it is not a line of an image");
        let message = refused.to_string();
        assert!(message.chars().count() < 600, "{message}");
    }
}
