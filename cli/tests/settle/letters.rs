//! A posting or delivery that is refused waits as a dead letter, even across restarts, until an operator
//! retries or drops it. Delivered batches can be deleted.

use std::fs;
use std::path::Path;

use crate::program::{Client, Running, err};
use crate::settling::{MARKET, TAKER, asked, epoch, printed, settle, until};
use pricetime_tests::redis::Server;
use pricetime_tests::{patience, postgres};
use serde_json::{Value, json};

/// A program that settles market 1, and a client that trades there.
struct Desk {
    running: Running,
    client: Client<std::os::unix::net::UnixStream>,
    with: Vec<String>,
}

impl Desk {
    fn start(with: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().expect("a folder"), with)
    }

    fn start_in(folder: tempfile::TempDir, with: &[&str]) -> Self {
        let running = Running::start_in(folder, &[&["--epoch", "never"], with].concat());
        let client = running.unix();
        Self { running, client, with: with.iter().map(|it| (*it).to_owned()).collect() }
    }

    fn folder(&self) -> &Path {
        self.running.folder.path()
    }

    /// Kills the program and starts it again.
    fn again(self) -> Self {
        self.running.signal("KILL");
        let (_, _, folder) = self.running.end();
        Self::start_in(folder, &self.with.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn say(&mut self, lines: &str) {
        for line in lines.lines() {
            let answer = self.client.ask(&format!("{line}\n"));
            assert!(answer.get("done").is_some(), "{answer}");
        }
    }

    fn words<'a>(&'a self, words: &[&'a str]) -> Vec<&'a str> {
        words.iter().copied().chain(self.with.iter().map(String::as_str)).collect()
    }

    fn says(&self, words: &[&str]) -> String {
        printed(self.folder(), &self.words(words), 0)
    }

    fn asks(&self, words: &[&str]) -> Vec<Value> {
        asked(self.folder(), &self.words(words), 0)
    }

    fn until(&self, holds: impl Fn(&Value) -> bool) {
        until(self.folder(), &self.words(&[]), holds);
    }

    fn until_dead(&self, epoch: u32) {
        self.until(|it| it["standing"] == "dead_letter" && it["epoch"] == epoch);
    }

    fn until_settled(&self, epoch: u32) {
        self.until(|it| it["settled"] == epoch && it["standing"] == "idle");
    }

    fn until_delivered(&self, epoch: u32) {
        self.until(|it| {
            it["delivery"]["delivered"] == epoch && it["delivery"]["standing"] == "well"
        });
    }
}

#[test]
fn dead_letter_in_postgresql_is_retried_or_dropped() {
    let books = postgres::Server::start();
    let ask = |sql: &str| books.ask(&format!("SET search_path TO pricetime; {sql}"));
    let mut desk = Desk::start(&["--settle", "postgres", "--settle-url", &books.url()]);
    desk.say(&(MARKET.to_owned() + &epoch(1)));
    desk.until_settled(1);
    ask("CREATE FUNCTION shut() RETURNS trigger LANGUAGE plpgsql AS \
         $$BEGIN RAISE EXCEPTION 'the books are shut'; END$$; \
         CREATE TRIGGER shut BEFORE INSERT ON transfers FOR EACH ROW EXECUTE FUNCTION shut()");
    desk.say(&(epoch(2) + &epoch(3)));
    desk.until_dead(2);
    desk.running.wait_for("settlement is refused: ");
    let status = desk.says(&["status"]);
    assert!(status.contains("dead_letter 2") && status.contains("the books are shut"), "{status}");
    let status = &desk.running.unix().ask("{\"status\":{}}\n")["status"];
    assert_eq!(status["settlement_behind"], 2);
    let why = status["settlement_failure"].as_str().expect("a reason");
    assert!(why.starts_with("market 1: ") && why.contains("the books are shut"), "{why}");
    assert_eq!(desk.asks(&["verify"])[0]["market"]["waiting"], 2);
    assert_eq!(desk.asks(&["show", "1", "2"])[0]["batch"]["outcome"], "pending");
    // An epoch that is not a dead letter cannot be dropped.
    desk.says(&["drop", "1", "3"]);
    desk.running.wait_for("this epoch is not a dead letter");
    // The dead letter survives the end of the process.
    let mut desk = desk.again();
    desk.until_dead(2);
    ask("ALTER TABLE transfers DISABLE TRIGGER shut");
    desk.until_dead(2);
    let retry = desk.says(&["retry", "1"]);
    assert!(retry.starts_with("market 1: retry; the process that has the folder open"), "{retry}");
    desk.until_settled(3);
    assert_eq!(desk.asks(&["show", "1", "2"])[0]["batch"]["outcome"], "posted");
    ask("ALTER TABLE transfers ENABLE TRIGGER shut");
    desk.say(&(epoch(4) + &epoch(5)));
    desk.until_dead(4);
    let drop = desk.says(&["drop", "1", "4"]);
    assert!(drop.starts_with("market 1: drop epoch 4; "), "{drop}");
    assert!(drop.contains("nothing of it is ever posted"), "{drop}");
    assert!(drop.contains("pricetime settle show 1 4"), "{drop}");
    // The next epoch is refused too.
    desk.until_dead(5);
    ask("ALTER TABLE transfers DISABLE TRIGGER shut");
    desk.says(&["retry", "1"]);
    desk.until_settled(5);
    let show = desk.asks(&["show", "1", "4"]);
    assert_eq!(show[0]["batch"]["outcome"], "dropped");
    assert_eq!(show[3]["transfer"]["quote"], "29.690", "the amount to correct by hand");
    let verified = &desk.asks(&["verify"])[0]["market"];
    assert_eq!((&verified["posted"], &verified["dropped"]), (&json!(4), &json!(1)), "{verified}");
    let balances = desk.asks(&["balances", "--market", "1"]);
    assert_eq!(
        (&balances[2]["account"], &balances[2]["quote"]),
        (&json!(TAKER), &json!("118.760"))
    );
    assert_eq!(ask("SELECT sum(base), sum(quote) FROM balances"), "0|0");
    let (code, log, folder) = desk.running.end();
    assert_eq!(code, Some(0), "{log}");
    let nowhere = settle(folder.path(), &["drop", "1", "4", "--folder", "nowhere"]);
    assert_eq!(nowhere.status.code(), Some(1), "{}", err(&nowhere));
}

#[test]
fn drop_persists_until_the_ledger_accepts_it() {
    let server = Server::start();
    let mut desk = Desk::start(&["--settle", "redis", "--settle-url", &server.url()]);
    let outcomes = || server.ask(&["HLEN", "pricetime:dev:{1}:settlement:outcomes"]);
    desk.say(&(MARKET.to_owned() + &epoch(1)));
    desk.until_settled(1);
    assert_eq!(server.ask(&["ACL", "SETUSER", "default", "-xadd"]), "OK");
    desk.say(&epoch(2));
    desk.until_dead(2);
    // If the ledger refuses the drop as well, the epoch waits for an operator again.
    desk.says(&["drop", "1", "2"]);
    desk.until(|it| it["standing"] == "dead_letter" && it.get("orders").is_none());
    assert_eq!(outcomes(), "1");
    // The request arrives while the ledger is stopped, and the process dies before it could execute it.
    server.signal("STOP");
    let left = settle(desk.folder(), &["drop", "1", "2"]);
    assert_eq!(left.status.code(), Some(0), "{}", err(&left));
    patience::until("the order is carried out", || {
        desk.running.log().matches("an operator drops this epoch").count() == 2
    });
    desk.running.signal("KILL");
    let (_, _, folder) = desk.running.end();
    server.signal("CONT");
    assert_eq!(server.ask(&["ACL", "SETUSER", "default", "+xadd"]), "OK");
    let with: Vec<&str> = desk.with.iter().map(String::as_str).collect();
    let desk = Desk::start_in(folder, &with);
    desk.until_settled(2);
    assert_eq!(desk.asks(&["show", "1", "2"])[0]["batch"]["outcome"], "dropped");
    desk.until(|it| it.get("orders").is_none());
}

/// Accepts deliveries unless the file `shut` exists.
const OUTSIDE: &str = "cat > /dev/null\n\
    echo \"$PRICETIME_SETTLEMENT_ID\" >> tried\n\
    test -e shut && { echo 'no room' >&2; exit 3; }\n\
    echo \"$PRICETIME_SETTLEMENT_ID\" >> heard\n\
    echo \"thanks for $PRICETIME_SETTLEMENT_ID\"\n";

/// A folder with a delivery program and additional configuration.
fn outside(more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("outside.sh"), OUTSIDE).expect("a script");
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
fn id(desk: &Desk, epoch: u32) -> String {
    let show = desk.asks(&["show", "1", &epoch.to_string()]);
    show[0]["batch"]["batch"].as_str().expect("a name").to_owned()
}

#[test]
fn refused_delivery_is_retried_or_skipped() {
    let with = ["--settle", "embedded", "--config", "outside.toml"];
    let mut desk = Desk::start_in(outside(""), &with);
    let shut = desk.folder().join("shut");
    fs::write(&shut, "").expect("a file");
    desk.say(&(MARKET.to_owned() + &epoch(1) + &epoch(2)));
    desk.until(|it| it["delivery"]["standing"] == "refused");
    desk.until_settled(2);
    let status = desk.asks(&["status"]);
    let delivery = &status[1]["market"]["delivery"];
    assert_eq!((&delivery["epoch"], &delivery["delivered"]), (&json!(1), &json!(null)));
    assert!(delivery["why"].as_str().is_some_and(|it| it.contains("no room")), "{delivery}");
    let text = desk.says(&["status"]);
    assert!(text.contains("delivery of market 1: nothing yet; epoch 1 is refused: "), "{text}");
    desk.running.wait_for("delivery is refused: ");
    let first = id(&desk, 1);
    assert_eq!(lines_of(desk.folder(), "tried"), vec![first.clone(); 5], "under one name");
    // A refused delivery survives the end of the process, and is not retried by itself.
    let mut desk = desk.again();
    desk.until(|it| it["delivery"]["standing"] == "refused");
    assert_eq!(lines_of(desk.folder(), "tried").len(), 5);
    fs::remove_file(&shut).expect("it is there");
    let retry = desk.says(&["retry", "1", "--delivery"]);
    assert!(retry.starts_with("market 1: retry of the delivery; "), "{retry}");
    desk.until_delivered(2);
    assert_eq!(lines_of(desk.folder(), "heard"), [first.clone(), id(&desk, 2)]);
    fs::write(&shut, "").expect("a file");
    desk.say(&(epoch(3) + &epoch(4)));
    desk.until(|it| it["delivery"]["epoch"] == 3);
    let drop = desk.says(&["drop", "1", "3", "--delivery"]);
    assert!(drop.starts_with("market 1: drop from the delivery epoch 3; "), "{drop}");
    assert!(drop.contains("it stays posted and is never delivered"), "{drop}");
    desk.until(|it| it["delivery"]["epoch"] == 4);
    fs::remove_file(&shut).expect("it is there");
    desk.says(&["retry", "1", "--delivery"]);
    desk.until_delivered(4);
    let heard = [first, id(&desk, 2), id(&desk, 4)];
    assert_eq!(lines_of(desk.folder(), "heard"), heard);
    let receipts = lines_of(desk.folder(), "data/settlement/receipts-1.jsonl");
    let receipts: Vec<Value> =
        receipts.iter().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert_eq!(receipts.len(), 4);
    assert_eq!(receipts[0]["receipt"], format!("thanks for {}", heard[0]));
    assert!(receipts[2]["skipped"].as_str().is_some_and(|it| it.contains("no room")));
    // Deliveries do not affect postings.
    assert_eq!(desk.asks(&["verify"])[0]["market"]["posted"], 4);
    let text = desk.says(&["status"]);
    assert!(text.contains("delivery of market 1: up to epoch 4\n"), "{text}");
}

#[test]
fn delivered_notices_are_deleted_if_configured() {
    let server = Server::start();
    let url = server.url();
    let with = ["--settle", "redis", "--settle-url", &url, "--config", "outside.toml"];
    let outbox = || server.ask(&["XLEN", "pricetime:dev:{1}:stream:settlements"]);
    let mut desk = Desk::start_in(outside("deliver_forget = true\n"), &with);
    desk.say(&(MARKET.to_owned() + &epoch(1) + &epoch(2) + &epoch(3)));
    desk.until_delivered(3);
    desk.until(|_| outbox() == "0");
    let mut desk = desk.again();
    desk.say(&epoch(4));
    desk.until_delivered(4);
    desk.until(|_| outbox() == "0");
    // Posted outcomes stay.
    assert_eq!(server.ask(&["HLEN", "pricetime:dev:{1}:settlement:outcomes"]), "4");
    assert_eq!(desk.asks(&["verify"])[0]["market"]["posted"], 4);
    configure(desk.folder(), "");
    let mut desk = desk.again();
    desk.say(&epoch(5));
    desk.until_delivered(5);
    let heard: Vec<String> = (1..=5).map(|epoch| id(&desk, epoch)).collect();
    assert_eq!(lines_of(desk.folder(), "heard"), heard);
    assert_eq!(outbox(), "1");
}
