//! A posting or delivery that is refused waits as a dead letter, even across restarts, until an operator
//! retries or drops it. Delivered batches can be deleted.

use std::fs;
use std::path::Path;

use crate::program::{Client, Running, err};
use crate::settling::{MARKET, TAKER, asked, epoch, printed, settle, until};
use pricetime_tests::redis::Server;
use pricetime_tests::{postgres, wait};
use serde_json::{Value, json};

/// A program that settles market 1, and a client that trades there.
struct SettledMarket {
    running: Running,
    client: Client<std::os::unix::net::UnixStream>,
    flags: Vec<String>,
}

impl SettledMarket {
    fn start(flags: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().expect("a folder"), flags)
    }

    fn start_in(folder: tempfile::TempDir, flags: &[&str]) -> Self {
        let running = Running::start_in(folder, &[&["--epoch", "never"], flags].concat());
        let client = running.unix();
        Self { running, client, flags: flags.iter().map(|it| (*it).to_owned()).collect() }
    }

    fn folder(&self) -> &Path {
        self.running.folder.path()
    }

    /// Kills the program and starts it again.
    fn restart(self) -> Self {
        self.running.signal("KILL");
        let (_, _, folder) = self.running.end();
        Self::start_in(folder, &self.flags.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn send(&mut self, lines: &str) {
        for line in lines.lines() {
            let answer = self.client.ask(&format!("{line}\n"));
            assert!(answer.get("done").is_some(), "{answer}");
        }
    }

    fn words<'a>(&'a self, words: &[&'a str]) -> Vec<&'a str> {
        words.iter().copied().chain(self.flags.iter().map(String::as_str)).collect()
    }

    fn printed_text(&self, words: &[&str]) -> String {
        printed(self.folder(), &self.words(words), 0)
    }

    fn json_lines(&self, words: &[&str]) -> Vec<Value> {
        asked(self.folder(), &self.words(words), 0)
    }

    fn until(&self, holds: impl Fn(&Value) -> bool) {
        until(self.folder(), &self.words(&[]), holds);
    }

    fn wait_until_dead_letter(&self, epoch: u32) {
        self.until(|it| it["standing"] == "dead_letter" && it["epoch"] == epoch);
    }

    fn wait_until_settled(&self, epoch: u32) {
        self.until(|it| it["settled"] == epoch && it["standing"] == "idle");
    }

    fn wait_until_delivered(&self, epoch: u32) {
        self.until(|it| {
            it["delivery"]["delivered"] == epoch && it["delivery"]["standing"] == "well"
        });
    }
}

#[test]
fn dead_letter_in_postgresql_is_retried_or_dropped() {
    let books = postgres::Server::start();
    let ask = |sql: &str| books.ask(&format!("SET search_path TO pricetime; {sql}"));
    let mut market = SettledMarket::start(&["--settle", "postgres", "--settle-url", &books.url()]);
    market.send(&(MARKET.to_owned() + &epoch(1)));
    market.wait_until_settled(1);
    ask("CREATE FUNCTION shut() RETURNS trigger LANGUAGE plpgsql AS \
         $$BEGIN RAISE EXCEPTION 'the books are shut'; END$$; \
         CREATE TRIGGER shut BEFORE INSERT ON transfers FOR EACH ROW EXECUTE FUNCTION shut()");
    market.send(&(epoch(2) + &epoch(3)));
    market.wait_until_dead_letter(2);
    market.running.wait_for("settlement is refused: ");
    let status = market.printed_text(&["status"]);
    assert!(status.contains("dead_letter 2") && status.contains("the books are shut"), "{status}");
    let status = &market.running.unix().ask("{\"status\":{}}\n")["status"];
    assert_eq!(status["settlement_behind"], 2);
    let why = status["settlement_failure"].as_str().expect("a reason");
    assert!(why.starts_with("market 1: ") && why.contains("the books are shut"), "{why}");
    assert_eq!(market.json_lines(&["verify"])[0]["market"]["waiting"], 2);
    assert_eq!(market.json_lines(&["show", "1", "2"])[0]["batch"]["outcome"], "pending");
    // An epoch that is not a dead letter cannot be dropped.
    market.printed_text(&["drop", "1", "3"]);
    market.running.wait_for("this epoch is not a dead letter");
    // The dead letter survives the end of the process.
    let mut market = market.restart();
    market.wait_until_dead_letter(2);
    ask("ALTER TABLE transfers DISABLE TRIGGER shut");
    market.wait_until_dead_letter(2);
    let retry = market.printed_text(&["retry", "1"]);
    assert!(retry.starts_with("market 1: retry; the process that has the folder open"), "{retry}");
    market.wait_until_settled(3);
    assert_eq!(market.json_lines(&["show", "1", "2"])[0]["batch"]["outcome"], "posted");
    ask("ALTER TABLE transfers ENABLE TRIGGER shut");
    market.send(&(epoch(4) + &epoch(5)));
    market.wait_until_dead_letter(4);
    let drop = market.printed_text(&["drop", "1", "4"]);
    assert!(drop.starts_with("market 1: drop epoch 4; "), "{drop}");
    assert!(drop.contains("nothing of it is ever posted"), "{drop}");
    assert!(drop.contains("pricetime settle show 1 4"), "{drop}");
    // The next epoch is refused too.
    market.wait_until_dead_letter(5);
    ask("ALTER TABLE transfers DISABLE TRIGGER shut");
    market.printed_text(&["retry", "1"]);
    market.wait_until_settled(5);
    let show = market.json_lines(&["show", "1", "4"]);
    assert_eq!(show[0]["batch"]["outcome"], "dropped");
    assert_eq!(show[3]["transfer"]["quote"], "29.690", "the amount to correct by hand");
    let verified = &market.json_lines(&["verify"])[0]["market"];
    assert_eq!((&verified["posted"], &verified["dropped"]), (&json!(4), &json!(1)), "{verified}");
    let balances = market.json_lines(&["balances", "--market", "1"]);
    assert_eq!(
        (&balances[2]["account"], &balances[2]["quote"]),
        (&json!(TAKER), &json!("118.760"))
    );
    assert_eq!(ask("SELECT sum(base), sum(quote) FROM balances"), "0|0");
    let (code, log, folder) = market.running.end();
    assert_eq!(code, Some(0), "{log}");
    let nowhere = settle(folder.path(), &["drop", "1", "4", "--folder", "nowhere"]);
    assert_eq!(nowhere.status.code(), Some(1), "{}", err(&nowhere));
}

#[test]
fn drop_persists_until_the_ledger_accepts_it() {
    let server = Server::start();
    let mut market = SettledMarket::start(&["--settle", "redis", "--settle-url", &server.url()]);
    let outcomes = || server.ask(&["HLEN", "pricetime:dev:{1}:settlement:outcomes"]);
    market.send(&(MARKET.to_owned() + &epoch(1)));
    market.wait_until_settled(1);
    assert_eq!(server.ask(&["ACL", "SETUSER", "default", "-xadd"]), "OK");
    market.send(&epoch(2));
    market.wait_until_dead_letter(2);
    // If the ledger refuses the drop as well, the epoch waits for an operator again.
    market.printed_text(&["drop", "1", "2"]);
    market.until(|it| it["standing"] == "dead_letter" && it.get("orders").is_none());
    assert_eq!(outcomes(), "1");
    // The request arrives while the ledger is stopped, and the process dies before it could execute it.
    server.signal("STOP");
    let left = settle(market.folder(), &["drop", "1", "2"]);
    assert_eq!(left.status.code(), Some(0), "{}", err(&left));
    wait::until("the request is executed", || {
        market.running.log().matches("an operator drops this epoch").count() == 2
    });
    market.running.signal("KILL");
    let (_, _, folder) = market.running.end();
    server.signal("CONT");
    assert_eq!(server.ask(&["ACL", "SETUSER", "default", "+xadd"]), "OK");
    let flags: Vec<&str> = market.flags.iter().map(String::as_str).collect();
    let market = SettledMarket::start_in(folder, &flags);
    market.wait_until_settled(2);
    assert_eq!(market.json_lines(&["show", "1", "2"])[0]["batch"]["outcome"], "dropped");
    market.until(|it| it.get("orders").is_none());
}

/// Accepts deliveries unless the file `shut` exists.
const DELIVERY_SCRIPT: &str = "cat > /dev/null\n\
    echo \"$PRICETIME_SETTLEMENT_ID\" >> tried\n\
    test -e shut && { echo 'no room' >&2; exit 3; }\n\
    echo \"$PRICETIME_SETTLEMENT_ID\" >> heard\n\
    echo \"thanks for $PRICETIME_SETTLEMENT_ID\"\n";

/// A folder with a delivery program and additional configuration.
fn delivery_folder(more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("outside.sh"), DELIVERY_SCRIPT).expect("a script");
    configure(folder.path(), more);
    folder
}

fn configure(folder: &Path, more: &str) {
    let text = format!("[settlement]\ndeliver_command = [\"sh\", \"outside.sh\"]\n{more}");
    fs::write(folder.join("outside.toml"), text).expect("a file");
}

fn lines_of(folder: &Path, name: &str) -> Vec<String> {
    let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// The id of an epoch's batch.
fn id(market: &SettledMarket, epoch: u32) -> String {
    let show = market.json_lines(&["show", "1", &epoch.to_string()]);
    show[0]["batch"]["batch"].as_str().expect("a name").to_owned()
}

#[test]
fn refused_delivery_is_retried_or_skipped() {
    let flags = ["--settle", "embedded", "--config", "outside.toml"];
    let mut market = SettledMarket::start_in(delivery_folder(""), &flags);
    let shut = market.folder().join("shut");
    fs::write(&shut, "").expect("a file");
    market.send(&(MARKET.to_owned() + &epoch(1) + &epoch(2)));
    market.until(|it| it["delivery"]["standing"] == "refused");
    market.wait_until_settled(2);
    let status = market.json_lines(&["status"]);
    let delivery = &status[1]["market"]["delivery"];
    assert_eq!((&delivery["epoch"], &delivery["delivered"]), (&json!(1), &json!(null)));
    assert!(delivery["why"].as_str().is_some_and(|it| it.contains("no room")), "{delivery}");
    let text = market.printed_text(&["status"]);
    assert!(text.contains("delivery of market 1: nothing yet; epoch 1 is refused: "), "{text}");
    market.running.wait_for("delivery is refused: ");
    let first = id(&market, 1);
    assert_eq!(lines_of(market.folder(), "tried"), vec![first.clone(); 5], "under one name");
    // A refused delivery survives the end of the process, and is not retried by itself.
    let mut market = market.restart();
    market.until(|it| it["delivery"]["standing"] == "refused");
    assert_eq!(lines_of(market.folder(), "tried").len(), 5);
    fs::remove_file(&shut).expect("it is there");
    let retry = market.printed_text(&["retry", "1", "--delivery"]);
    assert!(retry.starts_with("market 1: retry of the delivery; "), "{retry}");
    market.wait_until_delivered(2);
    assert_eq!(lines_of(market.folder(), "heard"), [first.clone(), id(&market, 2)]);
    fs::write(&shut, "").expect("a file");
    market.send(&(epoch(3) + &epoch(4)));
    market.until(|it| it["delivery"]["epoch"] == 3);
    let drop = market.printed_text(&["drop", "1", "3", "--delivery"]);
    assert!(drop.starts_with("market 1: drop from the delivery epoch 3; "), "{drop}");
    assert!(drop.contains("it stays posted and is never delivered"), "{drop}");
    market.until(|it| it["delivery"]["epoch"] == 4);
    fs::remove_file(&shut).expect("it is there");
    market.printed_text(&["retry", "1", "--delivery"]);
    market.wait_until_delivered(4);
    let delivered = [first, id(&market, 2), id(&market, 4)];
    assert_eq!(lines_of(market.folder(), "heard"), delivered);
    let receipts = lines_of(market.folder(), "data/settlement/receipts-1.jsonl");
    let receipts: Vec<Value> =
        receipts.iter().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert_eq!(receipts.len(), 4);
    assert_eq!(receipts[0]["receipt"], format!("thanks for {}", delivered[0]));
    assert!(receipts[2]["skipped"].as_str().is_some_and(|it| it.contains("no room")));
    // Deliveries do not affect postings.
    assert_eq!(market.json_lines(&["verify"])[0]["market"]["posted"], 4);
    let text = market.printed_text(&["status"]);
    assert!(text.contains("delivery of market 1: up to epoch 4\n"), "{text}");
}

#[test]
fn delivered_notices_are_deleted_if_configured() {
    let server = Server::start();
    let url = server.url();
    let flags = ["--settle", "redis", "--settle-url", &url, "--config", "outside.toml"];
    let outbox = || server.ask(&["XLEN", "pricetime:dev:{1}:stream:settlements"]);
    let mut market = SettledMarket::start_in(delivery_folder("deliver_forget = true\n"), &flags);
    market.send(&(MARKET.to_owned() + &epoch(1) + &epoch(2) + &epoch(3)));
    market.wait_until_delivered(3);
    market.until(|_| outbox() == "0");
    let mut market = market.restart();
    market.send(&epoch(4));
    market.wait_until_delivered(4);
    market.until(|_| outbox() == "0");
    // Posted outcomes stay.
    assert_eq!(server.ask(&["HLEN", "pricetime:dev:{1}:settlement:outcomes"]), "4");
    assert_eq!(market.json_lines(&["verify"])[0]["market"]["posted"], 4);
    configure(market.folder(), "");
    let mut market = market.restart();
    market.send(&epoch(5));
    market.wait_until_delivered(5);
    let delivered: Vec<String> = (1..=5).map(|epoch| id(&market, epoch)).collect();
    assert_eq!(lines_of(market.folder(), "heard"), delivered);
    assert_eq!(outbox(), "1");
}
