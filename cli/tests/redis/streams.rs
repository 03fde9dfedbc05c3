//! The examples of streams and channels in `docs/redis.md` match what a server answers, with no more
//! permissions than the page lists, and without scripts.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use crate::program::page::{self, blocks};
use crate::program::{book, close, err, place, run};
use pricetime_tests::redis::Server;
use tempfile::TempDir;

const PAGE: &str = include_str!("../../../docs/redis.md");

/// The example day of the page.
fn day() -> String {
    book() + &place(9, 11, "sell", "9.90", 6) + &close(2)
}

fn publish(folder: &TempDir, url: &str, input: &str) {
    let words = ["run", "--once", "--epoch", "never", "--publish", "--redis", url];
    let done = run(folder.path(), &words, input);
    assert_eq!(done.status.code(), Some(0), "{}", err(&done));
    let log = err(&done);
    assert!(log.contains("Redis: events are published"), "{log}");
    assert!(!log.contains("refuses") && !log.contains("ERROR"), "{log}");
}

/// A text without times and history, which differ from run to run.
fn plain(text: &str) -> String {
    let is_separator = |c: char| !c.is_ascii_alphanumeric() && c != '-';
    let varies = |word: &&str| {
        let time = word.len() == 19 && word.bytes().all(|byte| byte.is_ascii_digit());
        // The history is the only random id: version 4.
        time || (word.len() == 36 && word.as_bytes().get(14) == Some(&b'4'))
    };
    let mut plain = text.to_owned();
    for word in text.split(is_separator).filter(varies) {
        plain = plain.replace(word, "…");
    }
    plain
}

#[test]
fn stream_examples_of_the_page_give_the_documented_output() {
    let (server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    publish(&folder, &server.url(), &day());
    let port = server.port.to_string();
    page::ask(PAGE, ["sh streams", "text streams"], server.port, plain);
    for key in server.ask(&["KEYS", "*"]).lines().filter(|key| key.contains("stream")) {
        let name = key.split('{').next().expect("a name");
        assert!(PAGE.contains(&format!("`{name}")), "docs/redis.md does not explain {key}");
    }

    let (asked, answered) =
        (blocks(PAGE, "sh channel").concat(), blocks(PAGE, "text channel").concat());
    let words: Vec<&str> = asked.split_whitespace().skip(1).collect();
    let mut listener = Command::new("redis-cli")
        .args(["-p", &port])
        .args(words)
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-cli is installed");
    let mut messages = BufReader::new(listener.stdout.take().expect("its output")).lines();
    for shown in answered.lines().take(3) {
        assert_eq!(messages.next().expect("a line").expect("text"), shown);
    }
    publish(&folder, &server.url(), &place(9, 12, "sell", "9.90", 2));
    for shown in answered.lines().skip(3) {
        assert_eq!(plain(&messages.next().expect("a line").expect("text")), plain(shown));
    }
    drop(listener.kill());
    drop(listener.wait());
}

#[test]
fn documented_acl_is_sufficient_to_publish() {
    let server = Server::start();
    let more = blocks(PAGE, "acl publish").concat();
    server.allow(&(blocks(PAGE, "acl").concat() + "\n" + &more));
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("redis://pricetime:secret@127.0.0.1:{}", server.port);
    publish(&folder, &url, &day());
    publish(&folder, &url, &place(9, 12, "sell", "9.90", 2));
    assert_eq!(server.ask(&["XLEN", "pricetime:dev:stream:trades"]), "4");
    server.assert_needed(&more);
}

#[test]
fn stream_names_follow_the_configuration() {
    let (server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let configured = |more: &str| {
        let url = server.url();
        let text = format!("[redis]\nurl = \"{url}\"\n[redis.publish]\nevents = true\n{more}");
        std::fs::write(folder.path().join("c.toml"), text).expect("a file");
        run(folder.path(), &["run", "--once", "--epoch", "never", "--config", "c.toml"], &day())
    };
    for wrong in [
        "trades = \"t:<market>\"",
        "published = \"p:<stream>\"",
        "account_trades = \"t\"",
        "keep = 0",
        "orders = \"<prefix>:<env>:stream:trades\"",
    ] {
        let refused = configured(wrong);
        assert_eq!(refused.status.code(), Some(2), "{wrong}: {}", err(&refused));
    }
    let done = configured("trades = \"stream:trades\"\n");
    assert_eq!(done.status.code(), Some(0), "{}", err(&done));
    assert_eq!(server.ask(&["XLEN", "stream:trades"]), "3");
    assert_eq!(server.ask(&["HGET", "pricetime:dev:published:{stream:trades}", "sequence"]), "15");
    let nowhere = run(folder.path(), &["run", "--once", "--publish"], "");
    assert_eq!(nowhere.status.code(), Some(2), "{}", err(&nowhere));
    let words = ["run", "--once", "--policy", "none", "--publish", "--redis", "redis://127.0.0.1"];
    assert_eq!(run(folder.path(), &words, "").status.code(), Some(2), "there is no journal");
}
