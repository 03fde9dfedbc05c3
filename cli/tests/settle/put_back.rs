//! If a ledger is restored to an earlier state or replaced by a new one, epochs that were dropped are
//! dropped again. The restore is reported, and `settle verify` finds a dropped epoch that is recorded as
//! posted.

use std::fs;
use std::path::Path;

use crate::program::{Running, err, folder, out, run};
use crate::settling::{MARKET, asked, epoch, settle, until};
use pricetime_tests::postgres;
use serde_json::json;

/// Copies a file.
fn copy_file(from: &Path, to: &Path) {
    fs::copy(from, to).expect("a copy");
}

/// The program on this ledger, with its arguments.
struct SettledMarket {
    running: Option<Running>,
    flags: Vec<String>,
}

impl SettledMarket {
    fn start(flags: &[&str]) -> Self {
        let flags: Vec<String> = flags.iter().map(|it| (*it).to_owned()).collect();
        let mut market = Self { running: None, flags };
        market.start_in(folder());
        market
    }

    fn start_in(&mut self, folder: tempfile::TempDir) {
        let flags = self.flags.iter().map(String::as_str);
        let words: Vec<&str> = ["--epoch", "never"].into_iter().chain(flags).collect();
        self.running = Some(Running::start_in(folder, &words));
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("it runs")
    }

    /// Ends the program, runs `work` on its folder, and starts it again.
    fn restart_after(&mut self, work: impl FnOnce(&Path)) {
        let (code, log, folder) = self.running.take().expect("it runs").end();
        assert_eq!(code, Some(0), "{log}");
        work(folder.path());
        self.start_in(folder);
    }

    fn send(&self, lines: &str) {
        let mut client = self.running().unix();
        for line in lines.lines() {
            let answer = client.ask(&format!("{line}\n"));
            assert!(answer.get("done").is_some(), "{answer}");
        }
    }

    fn words<'a>(&'a self, words: &[&'a str]) -> Vec<&'a str> {
        words.iter().copied().chain(self.flags.iter().map(String::as_str)).collect()
    }

    fn json_lines(&self, words: &[&str], code: i32) -> Vec<serde_json::Value> {
        asked(self.running().folder.path(), &self.words(words), code)
    }

    fn until(&self, holds: impl Fn(&serde_json::Value) -> bool) {
        until(self.running().folder.path(), &self.words(&[]), holds);
    }

    fn wait_until_settled(&self, epoch: u32) {
        self.until(|it| {
            it["posted"] == epoch && it["settled"] == epoch && it["standing"] == "idle"
        });
    }

    /// Asserts that of five epochs the fourth is dropped and the others are posted.
    fn assert_fourth_dropped(&self) {
        assert_eq!(self.json_lines(&["show", "1", "4"], 0)[0]["batch"]["outcome"], "dropped");
        let verified = &self.json_lines(&["verify"], 0)[0]["market"];
        assert_eq!(
            (&verified["posted"], &verified["dropped"]),
            (&json!(4), &json!(1)),
            "{verified}"
        );
    }

    /// Asserts that the fourth epoch is posted, and that `verify` reports it.
    fn assert_fourth_posted(&self) {
        assert_eq!(self.json_lines(&["show", "1", "4"], 0)[0]["batch"]["outcome"], "posted");
        let found = self.json_lines(&["verify"], 3);
        let faults: Vec<_> = found.iter().filter_map(|it| it["fault"]["what"].as_str()).collect();
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(
            faults[0].starts_with("epoch 4 was dropped by an operator, but is recorded as posted")
        );
    }
}

/// Settles three epochs, drops the fourth, which is refused, and settles the fifth.
fn drop_fourth_epoch(market: &SettledMarket, ask: &dyn Fn(&str) -> String, dump: impl FnOnce()) {
    market.send(&(MARKET.to_owned() + &epoch(1) + &epoch(2) + &epoch(3)));
    market.wait_until_settled(3);
    dump();
    ask("CREATE FUNCTION shut() RETURNS trigger LANGUAGE plpgsql AS \
         $$BEGIN RAISE EXCEPTION 'the books are shut'; END$$; \
         CREATE TRIGGER shut BEFORE INSERT ON transfers FOR EACH ROW EXECUTE FUNCTION shut()");
    market.send(&epoch(4));
    market.until(|it| it["standing"] == "dead_letter" && it["epoch"] == 4);
    market.json_lines(&["drop", "1", "4"], 0);
    market.wait_until_settled(4);
    ask("ALTER TABLE transfers DISABLE TRIGGER shut");
    market.send(&epoch(5));
    market.wait_until_settled(5);
    market.assert_fourth_dropped();
}

#[test]
fn dropped_epoch_stays_dropped_if_the_postgresql_ledger_is_restored_or_lost() {
    let books = postgres::Server::start();
    let ask = |sql: &str| books.ask(&format!("SET search_path TO pricetime; {sql}"));
    let mut market = SettledMarket::start(&["--settle", "postgres", "--settle-url", &books.url()]);
    let mut from_epoch_3 = String::new();
    drop_fourth_epoch(&market, &ask, || from_epoch_3 = books.dump("pricetime"));
    // The dump is restored while the process runs. Settlement is held, so that it makes no query in
    // between.
    market.json_lines(&["hold", "1"], 0);
    market.until(|it| it["standing"] == "held");
    books.restore("pricetime", &from_epoch_3);
    market.json_lines(&["resume", "1"], 0);
    market.wait_until_settled(5);
    market.assert_fourth_dropped();
    let log = market.running().log();
    assert!(log.contains("it had settled epoch 5, and is now after epoch 3"), "{log}");
    assert!(log.contains("dropped=[4]"), "{log}");
    // The whole ledger is deleted, and the process starts again.
    market.restart_after(|_| drop(books.ask("DROP SCHEMA pricetime CASCADE")));
    market.wait_until_settled(5);
    market.assert_fourth_dropped();
    let log = market.running().log();
    assert!(log.contains("it had settled epoch 5, and is now after epoch 0"), "{log}");
    // A folder without the record of the drop posts the epoch to an empty ledger.
    let mut record = Vec::new();
    let file = |folder: &Path| folder.join("data/settlement/dropped-1.json");
    market.restart_after(|folder| {
        record = fs::read(file(folder)).expect("a record");
        fs::remove_file(file(folder)).expect("a record");
        drop(books.ask("DROP SCHEMA pricetime CASCADE"));
    });
    market.wait_until_settled(5);
    assert_eq!(market.json_lines(&["verify"], 0)[0]["market"]["posted"], 5);
    market.restart_after(|folder| fs::write(file(folder), &record).expect("a record"));
    market.wait_until_settled(5);
    market.assert_fourth_posted();
    // If the record cannot be read, nothing is settled.
    market.restart_after(|folder| fs::write(file(folder), "[{").expect("a file"));
    market.until(|it| it["standing"] == "halted");
    let status = market.json_lines(&["status"], 0);
    let why = status[1]["market"]["why"].as_str().expect("a reason");
    assert!(why.contains("dropped-1.json cannot be read"), "{why}");
    market.json_lines(&["verify"], 3);
    let retry = settle(market.running().folder.path(), &market.words(&["retry", "1"]));
    assert_eq!(retry.status.code(), Some(1), "{}", out(&retry));
    assert!(err(&retry).contains("pricetime settle resume 1"), "{}", err(&retry));
    fs::write(file(market.running().folder.path()), &record).expect("a record");
    market.json_lines(&["resume", "1"], 0);
    market.wait_until_settled(5);
    // A ledger of a later version refuses to work.
    market.restart_after(|_| {
        drop(ask("INSERT INTO pricetime_migrations (version) VALUES (99)"));
    });
    market.running.as_mut().expect("it runs").wait_for("settlement waits: ");
    let log = market.running().log();
    assert!(log.contains("refuses: its tables are of version 99"), "{log}");
    assert!(!log.contains("does not answer"), "{log}");
}

#[test]
fn restored_embedded_ledger_is_reported_and_catches_up() {
    let mut market = SettledMarket::start(&["--settle", "embedded"]);
    market.send(&(MARKET.to_owned() + &epoch(1) + &epoch(2)));
    market.wait_until_settled(2);
    let ledger = |folder: &Path| folder.join("data/ledger/ledger.redb");
    let copy = |folder: &Path| folder.join("copy");
    market.restart_after(|folder| copy_file(&ledger(folder), &copy(folder)));
    market.send(&(epoch(3) + &epoch(4)));
    market.wait_until_settled(4);
    market.restart_after(|folder| copy_file(&copy(folder), &ledger(folder)));
    market.wait_until_settled(4);
    let log = market.running().log();
    assert!(log.contains("it had settled epoch 4, and is now after epoch 2"), "{log}");
    assert_eq!(market.json_lines(&["verify"], 0)[0]["market"]["posted"], 4);
    let status = market.json_lines(&["status"], 0);
    assert_eq!(status[1]["market"].get("put_back"), None, "it has caught up");
}

#[test]
fn drop_without_settlement_is_refused() {
    let folder = folder();
    let done = run(folder.path(), &["run", "--once", "--epoch", "never"], MARKET);
    assert_eq!(done.status.code(), Some(0), "{}", err(&done));
    for words in [&["drop", "1", "4"][..], &["drop", "1", "4", "--delivery"]] {
        let refused = settle(folder.path(), words);
        assert_eq!(refused.status.code(), Some(2), "{}", out(&refused));
        assert!(err(&refused).contains("the ledger is not given"), "{}", err(&refused));
    }
    assert!(!folder.path().join("data/settlement/orders").exists());
}
