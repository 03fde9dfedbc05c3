//! Tests of `pricetime inspect`.

use pricetime::MarketView;
use pricetime::engine::{Engine, Event, Group, MarketId, Outcome};
use pricetime_gateway::json::Book;
use pricetime_tests::record::commands;
use serde_json::Value;
use uuid::Uuid;

use crate::folder::{PreparedFolder, prepared};
use crate::program::{RunResult, run};

fn inspect(prepared: &PreparedFolder, words: &[&str]) -> RunResult {
    let folder = prepared.path.to_str().expect("text");
    run([&["inspect"], words, &["--folder", folder]].concat())
}

fn groups(prepared: &PreparedFolder) -> Vec<Group> {
    let (mut engine, mut groups) = (Engine::new(10_000), Vec::new());
    for command in commands(&prepared.path) {
        engine.apply(&command, &mut groups);
    }
    groups
}

#[test]
fn inspect_book_shows_the_book_at_any_command() {
    let prepared = prepared();
    let mut engine = Engine::new(10_000);
    for (command, number) in commands(&prepared.path).iter().zip(1_u64..) {
        engine.apply(command, &mut ());
        if number % 97 != 0 {
            continue;
        }
        let book = engine.market(MarketId(1)).expect("it was added first");
        let view = MarketView::of_book(book, engine.last_sequence(), 3);
        let expected = serde_json::to_value(Book::of(&view, book.spec())).expect("JSON");
        let at = number.to_string();
        let result = inspect(&prepared, &["book", "1", "--depth", "3", "--json", "--at", &at])
            .assert_success();
        assert_eq!(result.lines()[0]["book"], expected);
    }
    inspect(&prepared, &["book", "1"]).assert_prints(0, &["ONE (1) at command", "bid", "ask"]);
    inspect(&prepared, &["book", "3"]).assert_prints(1, &["there is no market 3"]);
    inspect(&prepared, &["book", "1", "--at", "99999"])
        .assert_prints(2, &["the journal ends with"]);
}

#[test]
fn inspect_accepts_an_epoch_as_the_moment() {
    let prepared = prepared();
    for number in 1..5_u64 {
        let at = format!("epoch:{number}@2");
        let result = inspect(&prepared, &["market", "2", "--json", "--at", &at]).assert_success();
        assert_eq!(result.lines()[0]["market"]["epoch"], number + 1);
    }
    inspect(&prepared, &["market", "--at", "epoch:999"]).assert_prints(1, &["has not happened"]);
    let result = inspect(&prepared, &["market", "--json"]).assert_success();
    assert_eq!(result.lines().len(), 2);
}

#[test]
fn inspect_journal_lists_each_command_with_its_outcome() {
    let prepared = prepared();
    let groups = groups(&prepared);
    let all = inspect(&prepared, &["journal", "--json"]).assert_success().lines();
    assert_eq!(all.len(), groups.len());
    for (line, group) in all.iter().zip(&groups) {
        assert_eq!(line["sequence"], group.header.sequence.0);
        let is_accepted = group.outcome == Outcome::Accepted;
        assert_eq!(line["outcome"] == "accepted", is_accepted, "{line}");
    }
    let account = Uuid::from_u128(12).to_string();
    let some = ["journal", "--json", "--account", &account, "--kind", "cancel", "--market", "1"];
    let some = inspect(&prepared, &some).assert_success().lines();
    assert!(!some.is_empty());
    for line in &some {
        assert_eq!(line["command"]["cancel"]["account"], account);
    }
    let result = inspect(&prepared, &["journal", "--from", "200", "--to", "209"]).assert_success();
    assert_eq!(result.out.lines().count(), 10);
    let result = inspect(&prepared, &["journal", "--from", "200", "--limit", "3"]).assert_success();
    assert_eq!(result.out.lines().count(), 3);
    inspect(&prepared, &["journal", "--kind", "dance"]).assert_prints(2, &["dance"]);
}

#[test]
fn inspect_order_shows_its_whole_life_with_reasons() {
    let prepared = prepared();
    let groups = groups(&prepared);
    let traded = |event: &Event| {
        if let Event::Traded { maker, .. } = event { Some(maker.order) } else { None }
    };
    let of_one = |group: &&Group| group.header.market == MarketId(1);
    let events = groups.iter().filter(of_one).flat_map(|group| &group.events);
    let order = events.clone().find_map(traded).expect("a maker");
    let order = Uuid::from(order).to_string();
    let result = inspect(&prepared, &["order", "1", &order, "--why"]);
    result.assert_prints(
        0,
        &["accepted", "traded", "as maker with order", "why: in its queue", "priority"],
    );
    let lines =
        inspect(&prepared, &["order", "1", &order, "--why", "--json"]).assert_success().lines();
    assert!(lines[0]["done"]["events"][0]["accepted"].is_object(), "{lines:?}");
    assert!(lines.iter().any(|line| line["why"]["place"].is_object()), "{lines:?}");
    assert!(lines.last().is_some_and(|line| line["order"]["market"] == 1));

    let cancelled = |event: &Event| {
        if let Event::Cancelled { party, .. } = event { Some(party.order) } else { None }
    };
    let cancelled = events.clone().find_map(cancelled).expect("a cancel");
    let cancelled = Uuid::from(cancelled).to_string();
    inspect(&prepared, &["order", "1", &cancelled, "--why"])
        .assert_prints(0, &["was cancelled with", "why: ", "gone"]);
    let refused = |event: &Event| {
        if let Event::Rejected { order, .. } = event { *order } else { None }
    };
    let refused = Uuid::from(events.clone().find_map(refused).expect("a refusal")).to_string();
    inspect(&prepared, &["order", "1", &refused, "--why"]).assert_prints(0, &["refused", "why: "]);
    let never = Uuid::from_u128(1).to_string();
    inspect(&prepared, &["order", "1", &never]).assert_prints(1, &["no command up to"]);
    inspect(&prepared, &["order", "1", "x"]).assert_prints(2, &["ORDER"]);
}

#[test]
fn inspect_account_shows_orders_trades_and_totals() {
    let prepared = prepared();
    let own = Uuid::from_u128(13).to_string();
    let trades = groups(&prepared)
        .iter()
        .filter(|group| group.header.market == MarketId(1))
        .flat_map(|group| group.events.clone())
        .filter(|event| {
            matches!(event, Event::Traded { maker, taker, .. }
                if [maker.account.0, taker.account.0].contains(&13))
        })
        .count();
    let lines = inspect(&prepared, &["account", &own, "--json"]).assert_success().lines();
    let totals: Vec<&Value> = lines.iter().filter_map(|line| line.get("totals")).collect();
    assert_eq!(totals.len(), 2);
    assert_eq!(totals[0]["trades"], trades);
    assert!(lines.iter().any(|line| line["orders"]["orders"].is_array()), "{lines:?}");
    inspect(&prepared, &["account", &own])
        .assert_prints(0, &["live orders", "last trades", "bought"]);
}

#[test]
fn inspect_snapshot_shows_its_content() {
    let prepared = prepared();
    let newest = inspect(&prepared, &["snapshot", "--json"]).assert_success().lines();
    assert_eq!(newest[0]["snapshot"]["digest"], prepared.digest);
    let oldest = newest[0]["snapshot"]["all"][0].to_string();
    inspect(&prepared, &["snapshot", &oldest])
        .assert_prints(0, &["history", "ONE", "TWO", &oldest]);
    inspect(&prepared, &["snapshot", "2"]).assert_prints(1, &["there is no snapshot of command 2"]);
    run(["inspect", "snapshot", "--folder", "/nowhere"])
        .assert_prints(1, &["is not a data folder"]);
}
