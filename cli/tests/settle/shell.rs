//! The program settles trades exactly once. Settlement can be inspected, verified, held and started from a
//! shell, and `docs/settlement.md` shows the program's real output.

use std::path::Path;

use crate::program::{Running, close, err, folder, out, page, place, run};
use crate::settling::{MARKET, TAKER, asked, settle, until};
use pricetime::engine::{AccountId, EpochNumber, MarketId};
use pricetime::persistence::settlement::ledger::{
    Applied, Deed, EmbeddedLedger, Ledger as _, Position, Token,
};
use pricetime::persistence::settlement::{Batch, Digest, Transfer};
use pricetime_tests::redis::Server;
use pricetime_tests::server::Port;
use pricetime_tests::{certificates, postgres, wait};
use serde_json::{Value, json};

const PAGE: &str = include_str!("../../../docs/settlement.md");

/// Three epochs: two with a trade, and an empty one.
fn day() -> String {
    let trades = place(1, 1, "buy", "9.90", 5) + &place(2, 2, "sell", "9.90", 3) + &close(1);
    MARKET.to_owned() + &trades + &place(2, 3, "sell", "9.80", 1) + &close(2) + &close(3)
}

fn settle_day(folder: &Path, flags: &[&str]) {
    let words = [&["run", "--once", "--epoch", "never", "--answers", "none"], flags].concat();
    let done = run(folder, &words, &day());
    assert_eq!(done.status.code(), Some(0), "{}", err(&done));
}

fn inspect_day(folder: &Path, flags: &[&str]) {
    let ask = |words: &[&str], code| asked(folder, &[words, flags].concat(), code);
    let status = ask(&["status"], 0);
    assert_eq!(status[0]["status"]["running"], false);
    let market = &status[1]["market"];
    assert_eq!((&market["closed"], &market["settled"]), (&json!(3), &json!(3)), "{market}");
    assert_eq!((&market["posted"], &market["standing"]), (&json!(3), &json!("idle")), "{market}");
    let list = ask(&["list", "--market", "1"], 0);
    let epochs: Vec<_> = list.iter().map(|it| it["batch"]["epoch"].as_u64()).collect();
    assert_eq!(epochs, [Some(3), Some(2), Some(1)]);
    assert!(list.iter().all(|it| it["batch"]["outcome"] == "posted"), "{list:?}");
    let show = ask(&["show", "1", "1"], 0);
    let head = &show[0]["batch"];
    assert_eq!((&head["volume"], &head["notional"]), (&json!("3.0"), &json!("29.700")));
    assert_eq!((&head["fees"], &head["outcome"]), (&json!("0.010"), &json!("posted")));
    assert_eq!(head["digest"], list[2]["batch"]["digest"]);
    // The maker's rebate of 0.00297 is less than a unit, so it is rounded in favor of the platform.
    assert_eq!(show[2]["transfer"]["quote"], "-29.700");
    assert_eq!(show[3]["transfer"]["quote"], "29.690");
    let of_taker = ["statement", "--account", TAKER, "--market", "1", "--epoch", "1"];
    let statement = ask(&of_taker, 0);
    assert_eq!(statement[0]["fill"]["role"], "taker");
    assert_eq!(statement[0]["fill"]["fee"], "0.010");
    let net = &statement[1]["statement"];
    for of in ["base", "quote"] {
        assert_eq!(net[of], show[3]["transfer"][of]);
    }
    let verified = ask(&["verify"], 0);
    assert_eq!(verified.len(), 1);
    assert_eq!(verified[0]["market"]["posted"], 3);
    assert_eq!(verified[0]["market"]["balances"], 3);
}

#[test]
fn day_is_settled_in_the_embedded_ledger() {
    let folder = folder();
    settle_day(folder.path(), &["--settle", "embedded"]);
    inspect_day(folder.path(), &[]);
    let none = settle(folder.path(), &["show", "1", "4"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(err(&none).contains("has not closed"), "{}", err(&none));
    let platform = ["statement", "--account", &AccountId(0).0.to_string(), "--market", "1"];
    assert_eq!(settle(folder.path(), &platform).status.code(), Some(2), "no epoch, no account");
}

#[test]
fn day_is_settled_in_redis() {
    let (mut server, folder) = (Server::start(), folder());
    let flags = ["--settle", "redis", "--settle-url", &server.url()];
    settle_day(folder.path(), &flags);
    inspect_day(folder.path(), &flags);
    assert!(!folder.path().join("data/ledger").exists());
    assert_eq!(server.ask(&["HGET", "pricetime:dev:{1}:settlement:state", "last"]), "3");
    server.kill();
    let gone = settle(folder.path(), &[&["verify"], &flags[..]].concat());
    assert_eq!(gone.status.code(), Some(1), "{}", err(&gone));
}

#[test]
fn day_is_settled_in_postgres_over_an_encrypted_connection() {
    let folder = folder();
    certificates::make(folder.path());
    let mut server = postgres::Server::start();
    for name in ["server.crt", "server.key"] {
        let text = std::fs::read_to_string(folder.path().join(name)).expect("a file");
        server.write(name, &text);
    }
    let files = "ssl_cert_file = '../server.crt'\nssl_key_file = '../server.key'\n";
    server.configure(&format!("ssl = on\n{files}"));
    let url = format!("{}?sslmode=verify-full", server.url());
    let configure = |more: &str| {
        let text = format!("[settlement]\nledger = \"postgres\"\nurl = \"{url}\"\n{more}");
        std::fs::write(folder.path().join("c.toml"), text).expect("a file");
        ["--config", "c.toml"]
    };
    let flags = configure("authority = \"ca.crt\"\n");
    settle_day(folder.path(), &flags);
    wait::until("later starts settle the rest", || {
        let again = ["run", "--once", "--epoch", "never", "--answers", "none"];
        let done = run(folder.path(), &[&again[..], &flags].concat(), "");
        assert_eq!(done.status.code(), Some(0), "{}", err(&done));
        let status = asked(folder.path(), &[&["status"], &flags[..]].concat(), 0);
        status[1]["market"]["posted"] == 3
    });
    inspect_day(folder.path(), &flags);
    for (more, expected) in [("", "certificate"), ("authority = \"other.crt\"\n", "certificate")] {
        let unknown = settle(folder.path(), &[&["verify"], &configure(more)[..]].concat());
        assert_eq!(unknown.status.code(), Some(1), "{more}: {}", err(&unknown));
        assert!(err(&unknown).contains(expected), "{more}: {}", err(&unknown));
    }
}

#[test]
fn remote_ledger_requires_encryption_or_insecure() {
    let folder = folder();
    let check = |mode: &str, more: &str| {
        let url = format!("postgres://ann:secret@192.0.2.1/books{mode}");
        let text = format!("[settlement]\nledger = \"postgres\"\nurl = \"{url}\"\n{more}");
        std::fs::write(folder.path().join("c.toml"), text).expect("a file");
        let checked = run(folder.path(), &["config", "--check", "c.toml"], "");
        (checked.status.code(), err(&checked))
    };
    for mode in ["", "?sslmode=disable", "?sslmode=prefer"] {
        let (code, why) = check(mode, "");
        assert_eq!(code, Some(2), "{mode}: {why}");
        assert!(why.contains("add sslmode=verify-full to its address"), "{mode}: {why}");
        assert_eq!(check(mode, "insecure = true\n").0, Some(0), "{mode}");
    }
    assert_eq!(check("?sslmode=require", "").0, Some(0));
    let (code, why) = check("", "insecure = true\nauthority = \"ca.crt\"\n");
    assert_eq!(code, Some(2), "an authority without encryption");
    assert!(why.contains("settlement.authority"), "{why}");
}

#[test]
fn unreachable_ledger_does_not_stop_trading_and_catches_up() {
    let (folder, port) = (folder(), Port::reserve());
    let url = format!("redis://127.0.0.1:{}", port.number);
    let flags = ["--settle", "redis", "--settle-url", &url];
    settle_day(folder.path(), &flags);
    let server = Server::start_on(port, &[]);
    let again = ["run", "--once", "--epoch", "never", "--answers", "none"];
    let done = run(folder.path(), &[&again[..], &flags].concat(), "");
    assert_eq!(done.status.code(), Some(0), "{}", err(&done));
    inspect_day(folder.path(), &flags);
    drop(server);
}

#[test]
fn verify_finds_a_ledger_that_differs_from_the_journal() {
    let folder = folder();
    settle_day(folder.path(), &["--settle", "embedded"]);
    // With another platform account, the same trades make other batches.
    let other = "[settlement]\nplatform = \"00000000-0000-0000-0000-000000000009\"\n";
    std::fs::write(folder.path().join("other.toml"), other).expect("a file");
    let found = asked(folder.path(), &["verify", "--config", "other.toml"], 3);
    let faults: Vec<_> = found.iter().filter_map(|it| it["fault"]["what"].as_str()).collect();
    assert!(
        faults.iter().any(|it| it.contains("epoch 1 was settled as another batch")),
        "{faults:?}"
    );
    assert_eq!(
        settle(folder.path(), &["show", "1", "1", "--config", "other.toml"]).status.code(),
        Some(3)
    );
    // Posts an epoch that never existed.
    let mut ledger = EmbeddedLedger::open(&folder.path().join("data/ledger")).expect("a ledger");
    let claim = ledger.claim(MarketId(1), Token(0)).expect("a claim");
    let Some(Position { history, last }) = claim.position else { panic!("a position") };
    let transfer = |account, quote| Transfer { account: AccountId(account), base: 0, quote };
    let batch = Batch {
        history,
        market: MarketId(1),
        epoch: EpochNumber(last.0 + 1),
        trades: 0,
        volume: 0,
        notional: 0,
        fees: 0,
        platform: AccountId(0),
        trades_digest: Digest([0; 32]),
        transfers: vec![transfer(1, -7), transfer(2, 7)],
    };
    assert_eq!(ledger.apply(&batch, claim.token, Deed::Post), Ok(Applied::Done));
    drop(ledger);
    let wrong = settle(folder.path(), &["verify"]);
    assert_eq!(wrong.status.code(), Some(3), "{}", out(&wrong));
    assert!(out(&wrong).contains("has not closed in the journal"), "{}", out(&wrong));
    assert!(out(&wrong).contains("and should have"), "{}", out(&wrong));
    // Damages the ledger's file.
    std::fs::write(folder.path().join("data/ledger/ledger.redb"), "no ledger").expect("a file");
    let damaged = settle(folder.path(), &["verify"]);
    assert_eq!(damaged.status.code(), Some(3), "{}", err(&damaged));
}

#[test]
fn operator_requests_reach_a_running_process() {
    let mut running = Running::start(&["--epoch", "never", "--settle", "embedded"]);
    let folder = running.folder.path().to_owned();
    let mut client = running.unix();
    client.send(&(MARKET.to_owned() + &close(1)));
    let answers: Vec<Value> = (0..3).map(|_| client.receive()).collect();
    assert!(answers.iter().all(|it| it.get("done").is_some()), "{answers:?}");
    until(&folder, &[], |it| it["settled"] == 1 && it["standing"] == "idle");
    assert_eq!(asked(&folder, &["status"], 0)[0]["status"]["running"], true);
    let held = settle(&folder, &["hold", "1"]);
    assert!(out(&held).contains("carries it out within a second"), "{}", out(&held));
    until(&folder, &[], |it| it["standing"] == "held");
    client.ask(&close(2));
    until(&folder, &[], |it| it["closed"] == 2 && it["standing"] == "held");
    assert_eq!(asked(&folder, &["verify"], 0)[0]["market"]["waiting"], 1);
    assert_eq!(asked(&folder, &["drop", "1", "2"], 0)[0]["ordered"]["running"], true);
    running.wait_for("this epoch is not a dead letter");
    let busy = settle(&folder, &["start", "--market", "1", "--from", "9", "--yes"]);
    assert_eq!(busy.status.code(), Some(1));
    assert!(err(&busy).contains("another process has it open"), "{}", err(&busy));
    asked(&folder, &["resume", "1"], 0);
    until(&folder, &[], |it| it["settled"] == 2 && it["standing"] == "idle");
    assert_eq!(asked(&folder, &["show", "1", "2"], 0)[0]["batch"]["outcome"], "posted");
    asked(&folder, &["hold", "1"], 0);
    until(&folder, &[], |it| it["standing"] == "held");
    drop(client);
    let (code, log, kept) = running.end();
    assert_eq!(code, Some(0), "{log}");
    let waits = settle(kept.path(), &["retry", "1"]);
    assert!(out(&waits).contains("waits for the next start"), "{}", out(&waits));
    // A hold survives the end of the process.
    let running = Running::start_in(kept, &["--epoch", "never", "--settle", "embedded"]);
    until(running.folder.path(), &[], |it| it["standing"] == "held");
}

#[test]
fn ledger_starts_at_the_given_epoch() {
    let folder = folder();
    settle_day(folder.path(), &["--settle", "embedded"]);
    let balances = settle(folder.path(), &["balances", "--market", "1", "--json"]);
    std::fs::write(folder.path().join("had.jsonl"), out(&balances)).expect("a file");
    // Another folder, which was not settled so far, starts with the balances of the first one's ledger.
    settle_day(folder.path(), &["--folder", "second"]);
    let new = ["--folder", "second", "--settle", "embedded"];
    let start = |more: &[&str]| {
        settle(folder.path(), &[&["start", "--market", "1"], &new[..], more].concat())
    };
    for (text, bad) in [
        ("line 1", "no json\n".to_owned()),
        ("not a whole number of lots", {
            format!("{{\"account\":\"{TAKER}\",\"base\":\"0.3\",\"quote\":\"0\"}}\n")
        }),
    ] {
        std::fs::write(folder.path().join("bad.jsonl"), bad).expect("a file");
        let refused = start(&["--from", "3", "--balances", "bad.jsonl"]);
        assert_eq!(refused.status.code(), Some(2), "{}", err(&refused));
        assert!(err(&refused).contains(text), "{}", err(&refused));
    }
    assert_eq!(start(&["--from", "0"]).status.code(), Some(2));
    let started = start(&["--from", "3", "--balances", "had.jsonl"]);
    assert_eq!(started.status.code(), Some(0), "{}", err(&started));
    let again = start(&["--from", "4"]);
    assert_eq!(again.status.code(), Some(2), "{}", err(&again));
    assert!(err(&again).contains("--yes replaces that"), "{}", err(&again));
    let more = place(2, 4, "sell", "9.80", 1) + &close(4);
    let words = ["run", "--once", "--epoch", "never", "--answers", "none"];
    let done = run(folder.path(), &[&words, &new[..]].concat(), &more);
    assert_eq!(done.status.code(), Some(0), "{}", err(&done));
    let verified = asked(folder.path(), &[&["verify"], &new[..]].concat(), 0);
    assert_eq!(verified[0]["market"]["posted"], 2, "epochs 3 and 4");
    assert_eq!(verified[0]["market"]["brought_in"], 3);
    assert_eq!(start(&["--from", "4"]).status.code(), Some(1), "nothing is posted twice");
}

#[test]
fn invalid_settlement_settings_are_refused() {
    let folder = folder();
    for (words, why) in [
        (&["--settle", "gold"][..], "use \"none\""),
        (&["--settle", "embedded", "--policy", "none"], "recomputed from the journal"),
        (&["--settle", "embedded", "--settle-url", "redis://a"], "has no address"),
        (&["--settle", "embedded", "--redis-only", "--redis", "redis://a"], "use a data folder"),
        (&["--settle", "redis"], "the address is not given"),
        (&["--settle", "postgres"], "the address is not given"),
        (&["--settle-url", "redis://a"], "the kind of ledger is not given"),
    ] {
        let refused = run(folder.path(), &[&["run", "--once"], words].concat(), "");
        assert_eq!(refused.status.code(), Some(2), "{words:?}");
        assert!(err(&refused).contains(why), "{words:?}: {}", err(&refused));
    }
    assert!(!folder.path().join("data").exists());
    assert_eq!(settle(folder.path(), &["hold", "1"]).status.code(), Some(1), "there is no folder");
    assert!(!folder.path().join("data").exists(), "and none was made");
    settle_day(folder.path(), &[]);
    assert_eq!(settle(folder.path(), &["verify"]).status.code(), Some(2), "there is no ledger");
}

#[test]
fn settlement_page_shows_the_printed_output() {
    let folder = folder();
    let day = page::blocks(PAGE, "json");
    std::fs::write(folder.path().join("day.jsonl"), day.first().expect("a day")).expect("a file");
    page::run_examples(PAGE, folder.path(), "pricetime ", 8);
}
