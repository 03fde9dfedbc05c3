//! Lines of a host become markets.

use pricetime_engine::Phase;

use super::*;

const SPEC: &str = r#"{"market":{"line":2,"market":1,"found":{"symbol":"SUN","tick":"0.01","lot":"1","pricing":"maker","quantity_max":"1000","price_min":"0.00","price_max":"100.00","maker_ppm":0,"taker_ppm":0,"orders_max":1,"orders_per_account_max":1,"requests_max":0,"blocked_max":0,"parts_max":1}}}"#;
const BOOK: &str = r#"{"book":{"line":LINE,"market":1,"symbol":"SUN","sequence":4,"phase":"continuous","epoch":1,"bids":[{"price":"9.90","quantity":"3","orders":1}],"asks":[{"price":"9.95","quantity":"4","orders":2}],"more_asks":5}}"#;
const TRADE: &str = r#"{"update":{"market":1,"sequence":5,"time":"1970-01-01T00:00:05Z","trades":[{"number":1,"price":"9.95","quantity":"2","taker_side":"buy"},{"number":2,"price":"9.97","quantity":"1","taker_side":"buy"}]}}"#;
const MISSED: &str = r#"{"refused":{"line":5,"error":"no longer stored"}}"#;

fn apply(feed: &mut Feed, line: &str) {
    let answer = serde_json::from_str(line).expect(line);
    feed.apply(&answer, Instant::now(), Timestamp(6_000_000_000));
}

fn close(feed: &mut Feed, second: u64, number: u64) {
    let line = format!(
        r#"{{"update":{{"market":1,"sequence":{},"time":"1970-01-01T00:00:{second:02}Z","closed":{{"number":{number},"first_sequence":1,"last_sequence":9,"trades":2,"volume":"3","notional":"29.87","open":"9.95","high":"9.97","low":"9.95","close":"9.97","clearing":{{"price":"9.96","volume":"1","surplus":"0"}},"accepted":2,"cancelled":0,"last_trade":2,"bids":{{"resting":0,"resting_quantity":"0"}},"asks":{{"resting":0,"resting_quantity":"0"}}}}}}}}"#,
        second + 5
    );
    apply(feed, &line);
}

/// A feed with a market whose book was asked for in line 3, and that was subscribed to in line 4.
fn feed() -> Feed {
    let mut feed = Feed::default();
    feed.connect(Uuid::nil(), 4, 0);
    apply(&mut feed, SPEC);
    feed.asked.view = Some((3, 1));
    feed.asked.subscriptions.insert(4, 1);
    feed.markets.get_mut(&1).unwrap().is_subscribed = true;
    apply(&mut feed, &BOOK.replace("LINE", "3"));
    apply(&mut feed, &BOOK.replace("LINE", "4"));
    feed
}

#[test]
fn markets_of_the_list_come_and_go() {
    const NONE: &str = r#"{"markets":{"line":2,"markets":[]}}"#;
    const ONE: &str = r#"{"markets":{"line":2,"markets":[{"market":700,"symbol":"WIND","tick":"0.01","lot":"1","phase":"call","epoch":3}]MORE}}"#;
    let mut feed = feed();
    let names = |feed: &Feed| feed.markets.keys().copied().collect::<Vec<_>>();
    apply(&mut feed, &ONE.replace("MORE", ""));
    assert_eq!(names(&feed), [700]);
    // Market 1000 was asked for. It may be behind the end of the list.
    apply(&mut feed, &SPEC.replace("\"market\":1,", "\"market\":1000,"));
    apply(&mut feed, &ONE.replace("MORE", ",\"more\":9"));
    assert_eq!(names(&feed), [700, 1000]);
    apply(&mut feed, NONE);
    assert!(names(&feed).is_empty());
}

#[test]
fn lags_of_redis_and_settlement_are_figures() {
    let mut feed = feed();
    let lags = |feed: &Feed| feed.lags().map(|it| it.value).collect::<Vec<_>>();
    assert!(lags(&feed).is_empty());
    apply(
        &mut feed,
        r#"{"status":{"line":9,"durable":4,"snapshot":0,"image_behind":2,"settlement_behind":1000}}"#,
    );
    assert_eq!(lags(&feed), ["2", "1,000"]);
}

fn shown(feed: &Feed, second: u64) -> screen::Market {
    feed.market(1, Timestamp(second * 1_000_000_000)).expect("a market")
}

#[test]
fn book_and_trades_of_a_host_are_shown() {
    let mut feed = feed();
    apply(&mut feed, TRADE);
    let market = shown(&feed, 6);
    assert_eq!((market.phase, market.epoch, market.levels), (Phase::Continuous, 1, [1, 6]));
    assert_eq!(market.spread.as_deref(), Some("0.05"));
    assert_eq!(market.bids[0].weight.to_bits(), 3_f64.to_bits());
    let trades: Vec<_> = market.trades.iter().map(|it| (&*it.time, &*it.price)).collect();
    assert_eq!(trades, [("00:00:05", "9.97"), ("00:00:05", "9.95")]);
    let running = market.running.expect("it was received from the beginning");
    assert_eq!(running.prices.expect("trades"), ["9.95", "9.97", "9.95", "9.97"]);
    assert_eq!((running.volume.as_str(), running.trades), ("3", 2));
    assert_eq!(feed.delay, Some(Duration::from_secs(1)));
}

#[test]
fn countdown_follows_two_closes() {
    let mut feed = feed();
    close(&mut feed, 10, 1);
    assert!(shown(&feed, 11).countdown.is_none());
    close(&mut feed, 20, 2);
    let market = shown(&feed, 23);
    let countdown = market.countdown.expect("the last epoch took ten seconds");
    assert_eq!(countdown.left, Duration::from_secs(7));
    assert_eq!(countdown.whole, Duration::from_secs(10));
    assert_eq!(market.epochs[0].gate.as_deref(), Some("9.96"));
    assert!(shown(&feed, 31).countdown.is_none(), "it is overdue");
}

#[test]
fn connection_to_the_same_history_resumes_and_to_another_begins_anew() {
    let mut feed = feed();
    apply(&mut feed, TRADE);
    feed.disconnected = Some(String::from("reset"));
    let retrying = Notice::Fault(String::from("disconnected, retrying: reset"));
    assert_eq!(feed.notice(), Some(retrying));
    feed.connect(Uuid::nil(), 4, 0);
    assert_eq!((feed.notice(), feed.asked.lines), (None, 1));
    let market = &feed.markets[&1];
    assert_eq!((market.is_subscribed, market.sequence), (false, Some(5)));
    // The host no longer has what was missed.
    feed.asked.subscriptions.insert(5, 1);
    feed.markets.get_mut(&1).unwrap().is_subscribed = true;
    apply(&mut feed, MISSED);
    let market = &feed.markets[&1];
    assert_eq!((market.is_subscribed, market.sequence), (false, None));
    let market = feed.markets.get_mut(&1).unwrap();
    (market.sequence, market.is_subscribed) = (Some(100), true);
    let asked = [200, 200, 200, 200].map(|durable| {
        market.refused(Some(durable));
        market.sequence
    });
    assert_eq!(asked, [Some(150), Some(175), Some(187), None]);
    assert!(shown(&feed, 6).running.is_none(), "trades may be missing");
    assert_eq!(shown(&feed, 6).trades.len(), 2);
    feed.connect(Uuid::max(), 0, 0);
    assert!(feed.markets.is_empty());
}

#[test]
fn slow_reader_goes_on_from_now() {
    let mut feed = feed();
    apply(&mut feed, TRADE);
    apply(&mut feed, r#"{"ended":{"market":1,"why":"too slow"}}"#);
    let market = &feed.markets[&1];
    assert_eq!((market.is_subscribed, market.sequence), (false, None));
    assert!(shown(&feed, 6).running.is_none());
}

#[test]
fn refused_view_forgets_a_market_that_was_removed() {
    let mut feed = feed();
    feed.asked.view = Some((7, 1));
    apply(&mut feed, r#"{"refused":{"line":7,"error":"there is no market 1"}}"#);
    assert!(feed.tabs().is_empty());
    assert_eq!(feed.notice(), None);
    apply(&mut feed, r#"{"refused":{"line":0,"error":"connection closed: idle"}}"#);
    assert_eq!(feed.notice(), Some(Notice::Note(String::from("connection closed: idle"))));
}
