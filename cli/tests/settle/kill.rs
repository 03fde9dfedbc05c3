//! A program that settles into a server is killed repeatedly. In the end every epoch was posted once and in
//! order, money is conserved, and every command that inspects settlement confirms it.

use std::path::Path;
use std::time::Duration;

use crate::program::Running;
use crate::settling::{MAKER, MARKET, TAKER, asked, epoch, printed, until};
use pricetime_tests::postgres;
use pricetime_tests::redis::Server;
use serde_json::json;

/// The number of kills, and the number of epochs that have closed in the end.
const KILLS: u32 = 12;
const EPOCHS: u32 = 2 * KILLS;

/// Trades, and kills the program while it settles the trades.
fn run_with_kills(flags: &[&str]) -> Running {
    let words = [&["--epoch", "never"], flags].concat();
    let folder = tempfile::tempdir().expect("a folder");
    // A killed process keeps the lock for this time.
    let text = "settlement.lock_ttl = \"500ms\"\n";
    std::fs::write(folder.path().join("settle.toml"), text).expect("a file");
    let mut running = Running::start_in(folder, &words);
    let mut client = running.unix();
    MARKET.lines().for_each(|line| drop(client.ask(&format!("{line}\n"))));
    for kill in 0..KILLS {
        for number in [2 * kill + 1, 2 * kill + 2] {
            for line in epoch(number).lines() {
                let answer = client.ask(&format!("{line}\n"));
                assert!(answer.get("done").is_some(), "{answer}");
            }
        }
        if kill % 2 == 0 {
            // The delays range from before anything is posted until after everything is.
            std::thread::sleep(Duration::from_millis(u64::from(kill) * 10));
        } else {
            let first = 2 * kill + 1;
            until(running.folder.path(), flags, |it| it["posted"].as_u64() >= Some(first.into()));
        }
        running.signal("KILL");
        let (code, _, folder) = running.end();
        assert_eq!(code, None, "it was killed");
        running = Running::start_in(folder, &words);
        client = running.unix();
    }
    running
}

/// Runs every inspection command, with text and with JSON output.
fn inspect_all(folder: &Path, flags: &[&str], ledger: &str) {
    let print_text = |words: &[&str]| printed(folder, &[words, flags].concat(), 0);
    let print_json = |words: &[&str]| asked(folder, &[words, flags].concat(), 0);
    let status = print_json(&["status"]);
    assert_eq!(status[0]["status"]["ledger"], ledger);
    let market = &status[1]["market"];
    for counted in ["closed", "settled", "posted"] {
        assert_eq!(market[counted], json!(EPOCHS), "{market}");
    }
    let text = print_text(&["status"]);
    assert!(text.contains(ledger) && text.contains("  idle"), "{text}");
    let many = (2 * EPOCHS).to_string();
    let list = print_json(&["list", "--market", "1", "--limit", &many]);
    let epochs: Vec<_> = list.iter().map(|it| it["batch"]["epoch"].as_u64()).collect();
    assert!(epochs.into_iter().eq((1..=u64::from(EPOCHS)).rev().map(Some)), "{list:?}");
    assert!(list.iter().all(|it| it["batch"]["outcome"] == "posted"), "{list:?}");
    let tokens: Vec<_> = list.iter().map(|it| it["batch"]["token"].as_u64()).collect();
    assert!(tokens.is_sorted_by(|later, earlier| later >= earlier), "{tokens:?}");
    assert!(tokens.first() > tokens.last(), "a killed process was fenced: {tokens:?}");
    assert_eq!(print_text(&["list", "--market", "1"]).matches(" posted ").count(), 20);
    let show = print_json(&["show", "1", "7"]);
    let quotes: Vec<_> = show[1..].iter().map(|it| it["transfer"]["quote"].as_str()).collect();
    assert_eq!(quotes, [Some("0.010"), Some("-29.700"), Some("29.690")]);
    let text = print_text(&["show", "1", "7"]);
    assert!(text.contains("outcome    posted, under token "), "{text}");
    assert!(text.contains(&format!("{TAKER}  -3.0   29.690")), "{text}");
    // The totals of 24 epochs: 72 for 712.80, and 0.24 in fees.
    let balances = print_json(&["balances", "--market", "1"]);
    let balance = |at: usize| [&balances[at]["base"], &balances[at]["quote"]];
    assert_eq!(balances.len(), 3);
    assert_eq!(balance(0), ["0.0", "0.240"]);
    assert_eq!(
        (&balances[1]["account"], balance(1)),
        (&json!(MAKER), [&json!("72.0"), &json!("-712.800")])
    );
    assert_eq!(
        (&balances[2]["account"], balance(2)),
        (&json!(TAKER), [&json!("-72.0"), &json!("712.560")])
    );
    assert!(print_text(&["balances", "--market", "1"]).contains("-72.0"));
    let of_maker = ["statement", "--account", MAKER, "--market", "1", "--epoch", "24"];
    let statement = print_json(&of_maker);
    assert_eq!(statement[0]["fill"]["role"], "maker");
    assert_eq!(statement[1]["statement"]["quote"], "-29.700");
    assert!(print_text(&of_maker).contains("net quote  -29.700"));
    let verified = print_json(&["verify"]);
    assert_eq!(verified.len(), 1, "{verified:?}");
    assert_eq!(verified[0]["market"]["posted"], EPOCHS);
    assert_eq!(verified[0]["market"]["waiting"], 0);
    assert_eq!(verified[0]["market"]["balances"], 3);
    let text = print_text(&["verify"]);
    assert!(text.contains("epochs 1 to 24 recomputed: 24 posted, 0 dropped, 0 pending"), "{text}");
}

/// Inspects while the process runs, and again after it has ended.
fn inspect_twice(running: Running, flags: &[&str], ledger: &str) {
    until(running.folder.path(), flags, |it| it["settled"] == EPOCHS && it["standing"] == "idle");
    inspect_all(running.folder.path(), flags, ledger);
    let (code, log, folder) = running.end();
    assert_eq!(code, Some(0), "{log}");
    inspect_all(folder.path(), flags, ledger);
}

#[test]
fn killed_process_posts_everything_once_in_postgresql() {
    let server = postgres::Server::start();
    let url = server.url();
    let flags = ["--config", "settle.toml", "--settle", "postgres", "--settle-url", &url];
    let running = run_with_kills(&flags);
    let place = format!("in PostgreSQL at 127.0.0.1:{}/postgres, schema pricetime", server.port);
    inspect_twice(running, &flags, &place);
    let ask = |sql: &str| server.ask(&format!("SET search_path TO pricetime; {sql}"));
    let epochs =
        ask("SELECT count(*), count(DISTINCT epoch), min(epoch), max(epoch) FROM outcomes");
    assert_eq!(epochs, format!("{EPOCHS}|{EPOCHS}|1|{EPOCHS}"));
    assert_eq!(ask("SELECT count(*) FROM outbox"), EPOCHS.to_string());
    assert_eq!(ask("SELECT count(*) FROM inbox"), "0");
    assert_eq!(ask("SELECT sum(base), sum(quote) FROM transfers"), "0|0");
    assert_eq!(ask("SELECT sum(base), sum(quote) FROM balances"), "0|0");
}

#[test]
fn killed_process_posts_everything_once_in_redis() {
    let server = Server::start();
    let url = server.url();
    let flags = ["--config", "settle.toml", "--settle", "redis", "--settle-url", &url];
    let running = run_with_kills(&flags);
    inspect_twice(running, &flags, &server.url());
    let of = |name: &str| format!("pricetime:dev:{{1}}:{name}");
    assert_eq!(server.ask(&["HLEN", &of("settlement:outcomes")]), EPOCHS.to_string());
    assert_eq!(server.ask(&["XLEN", &of("stream:settlements")]), EPOCHS.to_string());
    assert_eq!(server.ask(&["EXISTS", &of("settlement:pending")]), "0");
}
