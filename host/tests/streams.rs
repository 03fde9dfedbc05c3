//! The promise: what `docs/redis.md` shows of streams and channels is what a server answers, with no
//! more rights than it says, and without scripts.

mod program;
#[path = "program/server.rs"]
mod server;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use program::{MARKET, err, out, place, run};
use server::Server;
use tempfile::TempDir;

const PAGE: &str = include_str!("../../docs/redis.md");

fn blocks(kind: &str) -> Vec<&'static str> {
    let mark = format!("```{kind}\n");
    let found: Vec<_> = PAGE.split(mark.as_str()).skip(1).collect();
    found.into_iter().map(|rest| rest.split("```").next().unwrap_or_default()).collect()
}

fn close(epoch: u32) -> String {
    format!("{{\"close_epoch\":{{\"market\":1,\"number\":{epoch}}}}}\n")
}

/// The day that the page speaks of.
fn day() -> String {
    let mut said = MARKET.to_owned();
    let orders = [
        (1, "buy", "9.90", 5),
        (2, "buy", "9.90", 7),
        (3, "buy", "9.89", 1),
        (4, "buy", "9.80", 3),
        (5, "buy", "9.75", 2),
        (6, "buy", "9.50", 20),
        (7, "buy", "9.00", 50),
        (8, "sell", "10.00", 4),
        (9, "sell", "10.00", 6),
        (10, "sell", "10.05", 9),
    ];
    for (order, side, price, quantity) in orders {
        said += &place(order % 3 + 1, order, side, price, quantity);
    }
    said + &close(1) + &place(9, 11, "sell", "9.90", 6) + &close(2)
}

fn publish(folder: &TempDir, url: &str, said: &str) {
    let words = ["run", "--once", "--epoch", "never", "--publish", "--redis", url];
    let done = run(folder.path(), &words, said);
    assert_eq!(done.status.code(), Some(0), "{}", err(&done));
    let log = err(&done);
    assert!(log.contains("Redis: events are published"), "{log}");
    assert!(!log.contains("refuses") && !log.contains("ERROR"), "{log}");
}

/// A text without the time and the history, which no two runs share.
fn plain(text: &str) -> String {
    let apart = |c: char| !c.is_ascii_alphanumeric() && c != '-';
    let own = |word: &&str| {
        let time = word.len() == 19 && word.bytes().all(|byte| byte.is_ascii_digit());
        // Of all names only this one is drawn by lot: version 4.
        time || (word.len() == 36 && word.as_bytes().get(14) == Some(&b'4'))
    };
    let mut plain = text.to_owned();
    for word in text.split(apart).filter(own) {
        plain = plain.replace(word, "…");
    }
    plain
}

#[test]
fn the_examples_of_the_streams_answer_what_the_page_says() {
    let (server, folder) = (Server::start(&[]), tempfile::tempdir().expect("a folder"));
    publish(&folder, &server.url(), &day());
    let port = server.port.to_string();
    let here = |asked: &str| asked.replace("redis-cli ", &format!("redis-cli -p {port} "));
    let (asked, answered) = (blocks("sh streams"), blocks("text streams"));
    assert!(asked.len() >= 3);
    assert_eq!(asked.len(), answered.len(), "each example has its answer");
    for (asked, answered) in asked.into_iter().zip(answered) {
        let output = Command::new("sh").args(["-c", &here(asked)]).output().expect("a shell");
        assert_eq!(plain(&out(&output)), plain(answered), "{asked}\n{}", err(&output));
    }
    for key in server.ask(&["KEYS", "*"]).lines().filter(|key| key.contains("stream")) {
        let name = key.split('{').next().expect("a name");
        assert!(PAGE.contains(&format!("`{name}")), "docs/redis.md does not explain {key}");
    }

    let (asked, answered) = (blocks("sh channel").concat(), blocks("text channel").concat());
    let words: Vec<&str> = asked.split_whitespace().skip(1).collect();
    let mut listener = Command::new("redis-cli")
        .args(["-p", &port])
        .args(words)
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-cli is installed");
    let mut heard = BufReader::new(listener.stdout.take().expect("its output")).lines();
    for shown in answered.lines().take(3) {
        assert_eq!(heard.next().expect("a line").expect("text"), shown);
    }
    publish(&folder, &server.url(), &place(9, 12, "sell", "9.90", 2));
    for shown in answered.lines().skip(3) {
        assert_eq!(plain(&heard.next().expect("a line").expect("text")), plain(shown));
    }
    drop(listener.kill());
    drop(listener.wait());
}

#[test]
fn a_user_with_just_these_commands_can_publish() {
    let server = Server::start(&[]);
    let more = blocks("acl publish").concat();
    let rules = blocks("acl").concat() + "\n" + &more;
    let rules: Vec<&str> = rules.split_whitespace().collect();
    let done = server.ask(&[&["ACL", "SETUSER"][..], &rules].concat());
    assert_eq!(done, "OK", "{rules:?}");
    let _ = server.ask(&["CONFIG", "RESETSTAT"]);
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("redis://pricetime:secret@127.0.0.1:{}", server.port);
    publish(&folder, &url, &day());
    publish(&folder, &url, &place(9, 12, "sell", "9.90", 2));
    assert_eq!(server.ask(&["XLEN", "pricetime:dev:stream:trades"]), "4");
    let stats = server.ask(&["INFO", "commandstats"]);
    for right in more.split_whitespace().filter_map(|rule| rule.strip_prefix('+')) {
        let used = stats.lines().any(|line| line.starts_with(&format!("cmdstat_{right}:")));
        assert!(used, "+{right} is not needed: {stats}");
    }
    assert!(!stats.contains("cmdstat_eval"), "{stats}");
}

#[test]
fn streams_are_named_as_the_configuration_says() {
    let (server, folder) = (Server::start(&[]), tempfile::tempdir().expect("a folder"));
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
