//! Draws pictures at several sizes.

use std::time::Duration;

use pricetime_engine::{Phase, Side};

use super::super::picture::{Call, Countdown, EpochRow, Figure, LevelRow, Notice, Tab, TradeRow};
use super::*;

fn level(price: &str, quantity: u32) -> LevelRow {
    LevelRow {
        price: price.to_owned(),
        quantity: format!("{quantity}.00"),
        orders: quantity / 2,
        weight: f64::from(quantity),
    }
}

fn epoch(number: u64) -> EpochRow {
    EpochRow {
        number,
        begin: Some(String::from("10:15:00")),
        prices: Some(["0.1400", "0.1525", "0.1390", "0.1425"].map(str::to_owned)),
        volume: String::from("120.50"),
        trades: 1_234,
        gate: Some(String::from("0.1425")),
    }
}

fn picture() -> Picture {
    let trade = |taker_side, price: &str| TradeRow {
        time: String::from("10:15:07"),
        taker_side,
        price: price.to_owned(),
        quantity: String::from("2.50"),
    };
    let market = Market {
        number: 4,
        symbol: String::from("SUN/EUR"),
        phase: Phase::Continuous,
        epoch: 7,
        last_price: Some(String::from("0.1425")),
        spread: Some(String::from("0.0003")),
        call: None,
        bids: vec![level("0.1425", 8), level("0.1424", 4), level("0.1420", 16)],
        asks: vec![level("0.1428", 2), level("0.1430", 12)],
        levels: [3, 2],
        trades: vec![trade(Side::Buy, "0.1425"), trade(Side::Sell, "0.1424")],
        running: Some(epoch(7)),
        epochs: vec![epoch(6), epoch(5)],
        countdown: Some(Countdown {
            left: Duration::from_secs(74),
            whole: Duration::from_secs(900),
        }),
    };
    let tab = |market, symbol: &str| Tab { market, symbol: symbol.to_owned() };
    Picture {
        title: String::from("top ./data"),
        clock: String::from("2026-06-01 10:15:07"),
        tabs: vec![tab(1, "WIND"), tab(4, "SUN/EUR")],
        market: Some(market),
        empty: "no market yet",
        figures: vec![Figure::new("1,234", "commands/s")],
        notice: None,
    }
}

/// The rows of a screen of this size, without the spaces at their ends.
fn drawn(picture: &Picture, choice: &Choice, width: u16, height: u16) -> Vec<String> {
    let area = Rect { x: 0, y: 0, width, height };
    let mut buffer = Buffer::empty(area);
    page(&mut buffer, area, picture, choice, Colors::new(true));
    let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..height).map(|y| row(y).trim_end().to_owned()).collect()
}

#[test]
fn small_terminal_shows_book_trades_epochs_and_figures() {
    let rows = drawn(&picture(), &Choice::new(Some(4)), 80, 24);
    let all = rows.join("\n");
    for part in [
        " top ./data   SUN/EUR  continuous  last 0.1425 ▲",
        "2026-06-01 10:15:07",
        "  1 WIND   4 SUN/EUR\n",
        "┌ Book of market 4 ",
        " 3 of 3 bids, 2 asks ┐",
        "   0.1430     12.00      6 ████████",
        " ─ spread 0.0003 ──",
        "10:15:07 ▲ buy   0.1425     2.50",
        "10:15:07 ▼ sell  0.1424     2.50",
        "Epoch 7 continuous closes in 1:14 █████████░",
        "      7 10:15:00  0.1400  0.1525  0.1390  0.1425     120.50   1,234  0.1425",
        " 1,234 commands/s",
        " q quit",
    ] {
        assert!(all.contains(part), "{part:?} in\n{all}");
    }
    let at = |text: &str| rows.iter().position(|row| row.contains(text)).expect(text);
    assert!(at("0.1430 ") < at("0.1428 "), "{all}");
    assert_eq!(at("0.1428 ") + 1, at("spread"), "{all}");
    assert_eq!(at("spread") + 1, at("  8.00"), "{all}");
}

#[test]
fn depth_bounds_the_levels_of_each_side() {
    let mut choice = Choice::new(None);
    choice.depth = 1;
    let all = drawn(&picture(), &choice, 80, 24).join("\n");
    assert!(all.contains("0.1428 ") && all.contains("8.00"), "{all}");
    assert!(!all.contains("0.1430") && !all.contains("16.00"), "{all}");
    assert!(all.contains(" 1 of 3 bids, 2 asks "), "{all}");
}

#[test]
fn call_phase_shows_what_the_gate_would_trade() {
    let mut picture = picture();
    if let Some(market) = &mut picture.market {
        market.phase = Phase::Call;
        let [price, volume, surplus] = ["0.1426", "7.50", "-2.50"].map(str::to_owned);
        market.call = Some(Call::Uncross { price, volume, surplus });
    }
    let all = drawn(&picture, &Choice::new(Some(4)), 80, 24).join("\n");
    assert!(all.contains(" ─ gate 0.1426: 7.50, 2.50 ask left ─"), "{all}");
}

#[test]
fn notice_and_help_cover_what_is_below() {
    let mut picture = picture();
    picture.notice = Some(Notice::Fault(String::from("disconnected, retrying")));
    let mut choice = Choice::new(None);
    choice.is_helping = true;
    choice.is_paused = true;
    let all = drawn(&picture, &choice, 80, 24).join("\n");
    for part in ["disconnected, retrying", "┌ Help ", "the next market", " PAUSED "] {
        assert!(all.contains(part), "{part:?} in\n{all}");
    }
    assert!(!all.contains("q quit"), "{all}");
}

#[test]
fn long_title_leaves_room_for_the_market() {
    let mut picture = picture();
    picture.title = format!("top {}/é/day.jsonl", "/a/long/path".repeat(9));
    let row = drawn(&picture, &Choice::new(None), 80, 24).swap_remove(0);
    assert!(row.starts_with(" …"), "{row}");
    assert!(row.contains("/é/day.jsonl   SUN/EUR  continuous"), "{row}");
}

#[test]
fn narrow_terminal_shows_the_trades_below_the_book_if_there_is_room() {
    for (height, is_there) in [(24, false), (40, true)] {
        let all = drawn(&picture(), &Choice::new(Some(4)), 60, height).join("\n");
        assert_eq!(all.contains("▼ sell  0.1424"), is_there, "{all}");
        assert!(all.contains("spread") && all.contains("Epoch 7"), "{all}");
    }
}

#[test]
fn every_size_can_be_drawn() {
    let mut picture = picture();
    let mut helping = Choice::new(Some(4));
    helping.is_helping = true;
    for (width, height) in
        (0..90).step_by(7).flat_map(|width| (0..40).step_by(3).map(move |height| (width, height)))
    {
        drawn(&picture, &Choice::new(None), width, height);
        drawn(&picture, &helping, width, height);
    }
    let tall = drawn(&picture, &Choice::new(None), 200, 60);
    assert!(tall.iter().any(|row| row.contains("spread")));
    picture.market = None;
    let all = drawn(&picture, &Choice::new(None), 40, 10).join("\n");
    assert!(all.contains("no market yet"), "{all}");
}
