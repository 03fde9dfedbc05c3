//! The promise: what stands in Redis can be looked at, restored from, carried and taken away with the
//! program; a new folder never takes the place of somebody's image; and what `docs/redis.md` shows is
//! what a server answers.

mod program;
#[path = "program/server.rs"]
mod server;

use std::path::Path;
use std::process::{Command, Output};

use program::{MARKET, Running, err, lines, out, place, run};
use serde_json::Value;
use server::{Server, free_port};
use tempfile::TempDir;

const PAGE: &str = include_str!("../../docs/redis.md");
const VIEW: &str = "{\"view\":{\"market\":1}}\n";

fn close(epoch: u32) -> String {
    format!("{{\"close_epoch\":{{\"market\":1,\"number\":{epoch}}}}}\n")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// The book that `docs/redis.md` speaks of.
fn book() -> String {
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
    said + &close(1)
}

/// Carries out these lines with the image going to this server.
fn bring(folder: &Path, url: &str, said: &str) -> Output {
    run(folder, &["run", "--once", "--epoch", "never", "--redis", url], said)
}

/// A server with the book.
fn filled() -> (Server, TempDir) {
    let (server, folder) = (Server::start(&[]), folder());
    let done = bring(folder.path(), &server.url(), &book());
    assert_eq!(done.status.code(), Some(0), "{}", err(&done));
    (server, folder)
}

/// `pricetime redis` with these words, on this server.
fn redis(folder: &Path, url: &str, words: &[&str]) -> Output {
    run(folder, &[&["redis"], words, &["--redis", url]].concat(), "")
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn shown(folder: &Path, url: &str) -> Vec<Value> {
    let shown = redis(folder, url, &["show", "--json"]);
    assert_eq!(code(&shown), Some(0), "{}", err(&shown));
    lines(&out(&shown))
}

#[test]
fn what_was_brought_is_shown_as_it_is() {
    let (server, folder) = filled();
    let image = &shown(folder.path(), &server.url())[0]["image"];
    assert_eq!(image["symbol"], "SUN");
    assert_eq!((&image["epoch"], &image["sequence"]), (&2.into(), &13.into()));
    assert_eq!((&image["bids"], &image["asks"]), (&7.into(), &3.into()));
    assert_eq!((&image["best_bid"], &image["best_ask"]), (&"9.90".into(), &"10.00".into()));
    assert_eq!(image["term"], "1");
    let text = out(&redis(folder.path(), &server.url(), &["show"]));
    assert!(text.contains("SUN") && text.contains("9.90"), "{text}");
}

#[test]
fn a_server_is_looked_over() {
    let (server, folder) = (Server::start(&["--appendonly", "yes"]), folder());
    let url = server.url();
    let good = redis(folder.path(), &url, &["check"]);
    assert_eq!(code(&good), Some(0), "{}", err(&good));
    let found = lines(&out(&redis(folder.path(), &url, &["check", "--json"])));
    assert!(found.iter().all(|it| it["finding"]["level"] == "good"), "{found:?}");
    let _ = server.ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    assert_eq!(code(&redis(folder.path(), &url, &["check"])), Some(0), "only a warning");
    let _ = server.ask(&["CONFIG", "SET", "maxmemory", "100mb"]);
    let bad = redis(folder.path(), &url, &["check"]);
    assert_eq!(code(&bad), Some(3));
    assert!(out(&bad).contains("maxmemory-policy noeviction"), "{}", out(&bad));
    let refused = bring(folder.path(), &url, "");
    assert_eq!(code(&refused), Some(2), "{}", err(&refused));
    let accept = format!("[redis]\nurl = \"{url}\"\naccept_eviction = true\n");
    std::fs::write(folder.path().join("c.toml"), accept).expect("a file");
    let accepted = run(folder.path(), &["run", "--once", "--config", "c.toml"], "");
    assert_eq!(code(&accepted), Some(0), "{}", err(&accepted));
    assert!(err(&accepted).contains("allkeys-lru"), "{}", err(&accepted));
    let replica = Server::start(&["--replicaof", "127.0.0.1", &server.port.to_string()]);
    let slave = redis(folder.path(), &replica.url(), &["check"]);
    assert_eq!(code(&slave), Some(3));
    assert!(out(&slave).contains("name the master"), "{}", out(&slave));
}

#[test]
fn a_node_of_a_cluster_is_known_for_one() {
    let server = Server::start(&["--cluster-enabled", "yes"]);
    assert_eq!(server.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]), "OK");
    while !server.ask(&["CLUSTER", "INFO"]).contains("cluster_state:ok") {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let folder = folder();
    let single = redis(folder.path(), &server.url(), &["check"]);
    assert_eq!(code(&single), Some(3));
    assert!(out(&single).contains("say redis+cluster://"), "{}", out(&single));
    let url = format!("redis+cluster://127.0.0.1:{}", server.port);
    let good = redis(folder.path(), &url, &["check"]);
    assert_eq!(code(&good), Some(0), "{}{}", out(&good), err(&good));
    let done = bring(folder.path(), &url, &book());
    assert_eq!(code(&done), Some(0), "{}", err(&done));
    assert_eq!(shown(folder.path(), &url)[0]["image"]["sequence"], 13);
    let dropped = redis(folder.path(), &url, &["drop", "1", "--yes"]);
    assert_eq!(code(&dropped), Some(0), "{}", err(&dropped));
}

#[test]
fn a_server_that_is_not_there_is_said_so() {
    let folder = folder();
    let url = format!("redis://127.0.0.1:{}", free_port());
    std::fs::write(folder.path().join("file"), "").expect("a file");
    for words in [
        &["check"][..],
        &["show"],
        &["restore", "--folder", "new"],
        &["export", "images"],
        &["drop", "--all", "--yes"],
    ] {
        let failed = redis(folder.path(), &url, words);
        assert_eq!(code(&failed), Some(1), "{words:?} {}", err(&failed));
        assert!(err(&failed).contains("does not answer"), "{}", err(&failed));
    }
    assert_eq!(code(&redis(folder.path(), "http://x", &["show"])), Some(2));
    assert_eq!(code(&run(folder.path(), &["redis", "show"], "")), Some(2));
    let starts = bring(folder.path(), &url, &book());
    assert_eq!(code(&starts), Some(0), "{}", err(&starts));
    let lost = run(
        folder.path(),
        &["run", "--once", "--accept-loss", "--redis", &url, "--folder", "new"],
        "",
    );
    assert_eq!(code(&lost), Some(1), "what cannot be asked cannot be restored from");
}

#[test]
fn nothing_there_is_no_failure_to_look_at_and_one_to_restore_from() {
    let (server, folder) = (Server::start(&[]), folder());
    let url = server.url();
    assert!(shown(folder.path(), &url).is_empty());
    for words in [&["restore", "--folder", "new"][..], &["export", "images"]] {
        let failed = redis(folder.path(), &url, words);
        assert_eq!(code(&failed), Some(1), "{words:?}");
        assert!(err(&failed).contains("there is no image"), "{}", err(&failed));
    }
    assert!(!folder.path().join("new").exists());
    let started = run(folder.path(), &["run", "--once", "--accept-loss", "--redis", &url], MARKET);
    assert_eq!(code(&started), Some(0), "{}", err(&started));
}

#[test]
fn a_new_folder_comes_from_the_image_where_that_is_wanted_and_else_is_refused() {
    let (server, first) = filled();
    let url = server.url();
    let before = shown(first.path(), &url)[0]["image"].clone();
    let second = folder();
    for _ in 0..2 {
        let refused = bring(second.path(), &url, "");
        assert_eq!(code(&refused), Some(1));
        let why = err(&refused);
        assert!(why.contains("is new, but Redis holds an image of history"), "{why}");
        assert!(why.contains("--accept-loss restores from the image"), "{why}");
    }
    assert_eq!(shown(first.path(), &url)[0]["image"], before, "nobody touched it");
    let accept = ["run", "--once", "--epoch", "never", "--accept-loss", "--redis", &url];
    let said = VIEW.to_owned() + &place(9, 99, "sell", "9.90", 6) + &close(2);
    let restored = run(second.path(), &accept, &said);
    assert_eq!(code(&restored), Some(0), "{}", err(&restored));
    assert!(err(&restored).contains("restored from the image in Redis"), "{}", err(&restored));
    let answers = lines(&out(&restored));
    assert_eq!(answers[0]["book"]["sequence"], 13);
    assert_eq!(answers[0]["book"]["bids"][0]["quantity"], "12");
    assert_eq!(answers[1]["done"]["sequence"], 14, "numbers go on above those that were found");
    let after = shown(second.path(), &url)[0]["image"].clone();
    assert_ne!(after["history"], before["history"]);
    assert_eq!(after["sequence"], 15);
    let again = run(second.path(), &accept, VIEW);
    assert_eq!(lines(&out(&again))[0]["book"]["sequence"], 15, "{}", err(&again));
}

#[test]
fn a_new_folder_waits_where_nobody_could_be_asked() {
    let (first, second) = (filled(), folder());
    let port = first.0.port;
    let dump = first.0.folder().join("dump.rdb");
    let _ = first.0.ask(&["SAVE"]);
    std::fs::copy(&dump, second.path().join("dump.rdb")).expect("a dump");
    let url = first.0.url();
    drop(first);
    let third = folder();
    let mut host = Running::start_in(third, &["--epoch", "never", "--redis", &url]);
    let mut operator = host.unix();
    operator.say(&(MARKET.to_owned() + &close(1)));
    for _ in 0..3 {
        assert_eq!(operator.hear()["done"]["outcome"], "accepted");
    }
    host.wait_for("the start goes on");
    let kept = second.path().display().to_string();
    let server = Server::start_on(port, &["--port", &port.to_string(), "--dir", &kept]);
    host.wait_for("an image of another history is there");
    let image = &shown(host.folder.path(), &url)[0]["image"];
    assert_eq!((&image["sequence"], &image["term"]), (&13.into(), &"1".into()));
    let _ = server.ask(&["FLUSHALL"]);
    host.wait_for("well again");
    assert_eq!(shown(host.folder.path(), &url)[0]["image"]["sequence"], 3);
}

#[test]
fn a_folder_replaces_no_image_but_its_own_and_the_one_it_comes_from() {
    let (server, first) = filled();
    let (url, second) = (server.url(), folder());
    let before = shown(first.path(), &url)[0]["image"].clone();
    let alone = run(second.path(), &["run", "--once", "--epoch", "never"], MARKET);
    assert_eq!(code(&alone), Some(0), "{}", err(&alone));
    let refused = bring(second.path(), &url, &close(1));
    assert_eq!(code(&refused), Some(1));
    assert!(err(&refused).contains("is of history"), "{}", err(&refused));
    assert_eq!(shown(first.path(), &url)[0]["image"], before, "nobody touched it");
    let restored = redis(first.path(), &url, &["restore", "--folder", "new"]);
    assert_eq!(code(&restored), Some(0), "{}", err(&restored));
    let from_it = run(
        first.path(),
        &["run", "--once", "--epoch", "never", "--folder", "new", "--redis", &url],
        &close(2),
    );
    assert_eq!(code(&from_it), Some(0), "{}", err(&from_it));
    let after = shown(first.path(), &url)[0]["image"].clone();
    assert_ne!(after["history"], before["history"]);
    let too_late = bring(first.path(), &url, "");
    assert_eq!(code(&too_late), Some(1), "another history has gone on from the image");
}

#[test]
fn prices_that_scores_cannot_tell_apart_are_refused_with_redis() {
    let (server, folder) = (Server::start(&[]), folder());
    let far = MARKET.replace("\"100\"", "\"92233720368547758\"").replace("\"1000\"", "\"1\"");
    let refused = bring(folder.path(), &server.url(), &far);
    assert_eq!(code(&refused), Some(4), "{}", err(&refused));
    assert!(out(&refused).contains("±2^53"), "{}", out(&refused));
    let alone = run(folder.path(), &["run", "--once", "--epoch", "never"], &far);
    assert_eq!(code(&alone), Some(0), "{}{}", out(&alone), err(&alone));
    let later = bring(folder.path(), &server.url(), "");
    assert_eq!(code(&later), Some(1));
    assert!(err(&later).contains("market 1 go beyond ±2^53"), "{}", err(&later));
}

#[test]
fn restore_makes_the_same_state_again() {
    let (server, folder) = filled();
    let url = server.url();
    let restored = redis(folder.path(), &url, &["restore", "--folder", "new", "--json"]);
    assert_eq!(code(&restored), Some(0), "{}", err(&restored));
    let said = lines(&out(&restored))[0]["restored"].clone();
    assert_eq!(said["sequence"], 13);
    let verified = run(folder.path(), &["verify", "new"], "");
    assert_eq!(code(&verified), Some(0), "{}{}", out(&verified), err(&verified));
    let view = ["run", "--once", "--folder"];
    let new = run(folder.path(), &[&view[..], &["new"]].concat(), VIEW);
    let old = run(folder.path(), &[&view[..], &["data"]].concat(), VIEW);
    let levels = |output: &Output| {
        let book = lines(&out(output))[0]["book"].clone();
        (book["bids"].clone(), book["asks"].clone(), book["epoch"].clone())
    };
    assert_eq!(levels(&new), levels(&old));
    let again = redis(folder.path(), &url, &["restore", "--folder", "new"]);
    assert_eq!(code(&again), Some(1));
    assert!(err(&again).contains("holds a history already"), "{}", err(&again));
}

#[test]
fn what_was_tampered_with_is_refused_by_name() {
    let spoil: [(&[&str], &str); 5] = [
        (&["HSET", "pricetime:dev:{1}:metadata", "volume", "1"], "states digest"),
        (&["HDEL", "pricetime:dev:{1}:orders", "00000000-0000-0000-0000-000000000003"], "entries"),
        (&["ZADD", "pricetime:dev:{1}:bids", "1", "x"], "entries"),
        (&["HSET", "pricetime:dev:{1}:metadata", "spec", "{"], "spec"),
        (&["DEL", "pricetime:dev:{1}:metadata"], "format"),
    ];
    for (words, says) in spoil {
        let (server, folder) = filled();
        let url = server.url();
        let _ = server.ask(words);
        for words in [&["restore", "--folder", "new"][..], &["export", "images"], &["show"]] {
            let refused = redis(folder.path(), &url, words);
            if code(&refused) == Some(0) || !err(&refused).contains(says) {
                // Without metadata there is nothing to show or to export.
                assert_eq!(says, "format", "{words:?} {}", err(&refused));
                continue;
            }
            assert_eq!(code(&refused), Some(3), "{words:?} {}", err(&refused));
        }
        let new = run(
            folder.path(),
            &["run", "--once", "--accept-loss", "--redis", &url, "--folder", "other"],
            "",
        );
        assert_eq!(code(&new), Some(1), "{}", err(&new));
        // Whoever has the folder writes it anew.
        let mended = bring(folder.path(), &url, &close(2));
        assert_eq!(code(&mended), Some(0), "{}", err(&mended));
        assert_eq!(shown(folder.path(), &url)[0]["image"]["sequence"], 14, "{words:?}");
    }
}

#[test]
fn images_go_into_a_file_and_back() {
    let (server, folder) = filled();
    let url = server.url();
    let before = shown(folder.path(), &url)[0]["image"].clone();
    let exported = redis(folder.path(), &url, &["export", "images"]);
    assert_eq!(code(&exported), Some(0), "{}", err(&exported));
    let refused = redis(folder.path(), &url, &["import", "images"]);
    assert_eq!(code(&refused), Some(1));
    assert!(err(&refused).contains("--replace"), "{}", err(&refused));
    let same = |image: &Value| {
        for field in ["history", "sequence", "digest", "epoch", "bids", "best_bid"] {
            assert_eq!(image[field], before[field], "{field}");
        }
    };
    let replaced = redis(folder.path(), &url, &["import", "images", "--replace"]);
    assert_eq!(code(&replaced), Some(0), "{}", err(&replaced));
    same(&shown(folder.path(), &url)[0]["image"]);
    let other = Server::start(&[]);
    let brought = redis(folder.path(), &other.url(), &["import", "images", "--json"]);
    assert_eq!(code(&brought), Some(0), "{}", err(&brought));
    assert_eq!(lines(&out(&brought))[0]["imported"]["orders"], 10);
    same(&shown(folder.path(), &other.url())[0]["image"]);
    let text = std::fs::read_to_string(folder.path().join("images")).expect("a file");
    let cut: String = text.lines().take(8).map(|line| format!("{line}\n")).collect();
    for (spoilt, says) in [
        (text.replace("\"open\":20", "\"open\":21"), "digest"),
        (cut, "the end is missing"),
        (String::from("{}\n"), "line 1"),
    ] {
        std::fs::write(folder.path().join("spoilt"), spoilt).expect("a file");
        let refused = redis(folder.path(), &other.url(), &["import", "spoilt", "--replace"]);
        assert_eq!(code(&refused), Some(3), "{}", err(&refused));
        assert!(err(&refused).contains(says), "{}", err(&refused));
    }
    same(&shown(folder.path(), &other.url())[0]["image"]);
}

#[test]
fn nothing_is_dropped_without_a_yes() {
    let (server, folder) = filled();
    let url = server.url();
    assert_eq!(code(&redis(folder.path(), &url, &["drop"])), Some(2));
    let asked = redis(folder.path(), &url, &["drop", "--all"]);
    assert_eq!(code(&asked), Some(2));
    assert!(err(&asked).contains("--yes takes these markets out: 1"), "{}", err(&asked));
    assert_eq!(shown(folder.path(), &url).len(), 1);
    let dropped = redis(folder.path(), &url, &["drop", "1", "--yes"]);
    assert_eq!(code(&dropped), Some(0), "{}", err(&dropped));
    assert!(out(&dropped).contains("market 1: 5 keys are gone"), "{}", out(&dropped));
    assert_eq!(server.ask(&["DBSIZE"]), "0");
}

/// The blocks of the page of one kind, in order.
fn blocks(kind: &str) -> Vec<&'static str> {
    let mark = format!("```{kind}\n");
    let found: Vec<_> = PAGE.split(mark.as_str()).skip(1).collect();
    found.into_iter().map(|rest| rest.split("```").next().unwrap_or_default()).collect()
}

#[test]
fn the_examples_of_the_page_answer_what_it_says() {
    let (server, _folder) = filled();
    let (asked, answered) = (blocks("sh"), blocks("text"));
    assert!(asked.len() >= 6);
    assert_eq!(asked.len(), answered.len(), "each example has its answer");
    for (asked, answered) in asked.into_iter().zip(answered) {
        let script = asked.replace("redis-cli ", &format!("redis-cli -p {} ", server.port));
        let output = Command::new("sh").args(["-c", &script]).output().expect("a shell");
        assert_eq!(out(&output), answered, "{asked}\n{}", err(&output));
    }
}

#[test]
fn the_page_names_every_field_of_the_metadata() {
    let (server, folder) = filled();
    // Without a folder there is more.
    let said = &book().replace("\"market\":1", "\"market\":2").replace("SUN", "WIND");
    let url = server.url();
    let alone = ["run", "--once", "--epoch", "never", "--redis-only", "--redis", &url];
    let done = run(folder.path(), &alone, said);
    assert_eq!(code(&done), Some(0), "{}", err(&done));
    for field in server.ask(&["HKEYS", "pricetime:dev:{2}:metadata"]).lines() {
        assert!(PAGE.contains(&format!("`{field}`")), "docs/redis.md does not explain {field}");
    }
    for field in server.ask(&["HKEYS", "pricetime:dev:{1}:metadata"]).lines() {
        assert!(PAGE.contains(&format!("`{field}`")), "docs/redis.md does not explain {field}");
    }
    for key in server.ask(&["KEYS", "*"]).lines() {
        let name = key.rsplit(':').next().expect("a name");
        assert!(PAGE.contains(&format!(":{name}`")), "docs/redis.md does not explain {key}");
    }
}

#[test]
fn a_user_with_just_these_commands_is_enough() {
    let server = Server::start(&[]);
    let rules = blocks("acl").concat();
    let rules: Vec<&str> = rules.split_whitespace().collect();
    let done = server.ask(&[&["ACL", "SETUSER"][..], &rules].concat());
    assert_eq!(done, "OK", "{rules:?}");
    let _ = server.ask(&["CONFIG", "RESETSTAT"]);
    let url = format!("redis://pricetime:secret@127.0.0.1:{}", server.port);
    let folder = folder();
    let small = bring(folder.path(), &url, &book());
    assert_eq!(code(&small), Some(0), "{}", err(&small));
    // More changes than go in one transaction, twice, so that both generations are used.
    for round in 0..3_u32 {
        let mut said = String::new();
        for number in 0..1_500 {
            said += &place(1, 1_000 + round * 2_000 + number, "buy", "5.00", 1);
        }
        let large = bring(folder.path(), &url, &(said + &close(2 + round)));
        assert_eq!(code(&large), Some(0), "{}", err(&large));
        assert!(!err(&large).contains("refuses"), "{}", err(&large));
    }
    // Orders that go while the process runs.
    let mut host = Running::start_in(folder, &["--epoch", "never", "--redis", &url]);
    host.wait_for("Redis: connected");
    let mut operator = host.unix();
    let cancel = "{\"cancel\":{\"market\":1,\"account\":\"00000000-0000-0000-0000-000000000001\",\
                  \"order\":\"00000000-0000-0000-0000-000000001000\"}}\n";
    for line in [cancel, &close(5)] {
        assert_eq!(operator.ask(line)["done"]["outcome"], "accepted");
    }
    let (ended, log, folder) = host.end();
    assert_eq!(ended, Some(0), "{log}");
    assert_eq!(shown(folder.path(), &url)[0]["image"]["bids"], 4_506);
    let alone = ["run", "--once", "--epoch", "never", "--redis-only", "--redis", &url];
    for _ in 0..2 {
        let said = place(1, 9_001, "sell", "5.00", 700) + &close(6);
        let done = run(folder.path(), &alone, &said);
        assert_eq!(code(&done), Some(0), "{}", err(&done));
        assert!(!err(&done).contains("refuses"), "{}", err(&done));
    }
    for words in [
        &["check"][..],
        &["restore", "--folder", "new"],
        &["export", "images"],
        &["import", "images", "--replace"],
        &["drop", "--all", "--yes"],
    ] {
        let done = redis(folder.path(), &url, words);
        assert_eq!(code(&done), Some(0), "{words:?} {}", err(&done));
    }
    // And that no right is given which nobody uses.
    let stats = server.ask(&["INFO", "commandstats"]);
    for right in rules.iter().filter_map(|rule| rule.strip_prefix('+')) {
        let used = stats.lines().any(|line| line.starts_with(&format!("cmdstat_{right}:")));
        assert!(used, "+{right} is not needed: {stats}");
    }
    assert!(!stats.contains("cmdstat_eval"), "{stats}");
}

/// A certificate authority, a server's certificate and a client's.
fn certificates(folder: &Path) {
    let script = "set -e
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt
for who in server client; do
  openssl req -newkey rsa:2048 -nodes -subj /CN=$who -keyout $who.key -out $who.csr
  echo 'subjectAltName=IP:127.0.0.1,DNS:localhost' > $who.ext
  openssl x509 -req -in $who.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
    -extfile $who.ext -out $who.crt
done";
    let made = Command::new("sh").args(["-c", script]).current_dir(folder).output();
    let made = made.expect("openssl");
    assert!(made.status.success(), "{}", err(&made));
}

#[test]
fn an_encrypted_connection_wants_the_right_certificates() {
    let folder = folder();
    certificates(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let port = free_port();
    let (crt, key, ca) = (file("server.crt"), file("server.key"), file("ca.crt"));
    let _server = Server::start_on(
        port,
        &[
            "--port",
            "0",
            "--tls-port",
            &port.to_string(),
            "--tls-cert-file",
            &crt,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &ca,
            "--tls-auth-clients",
            "yes",
        ],
    );
    let url = format!("rediss://127.0.0.1:{port}");
    let configured = |more: &str| {
        let text = format!("[redis]\nurl = \"{url}\"\n{more}");
        std::fs::write(folder.path().join("c.toml"), text).expect("a file");
        ["run", "--once", "--epoch", "never", "--config", "c.toml"]
    };
    let authority = format!("authority = \"{ca}\"\n");
    let client =
        format!("certificate = \"{}\"\nkey = \"{}\"\n", file("client.crt"), file("client.key"));
    let good = run(folder.path(), &configured(&(authority.clone() + &client)), &book());
    assert_eq!(code(&good), Some(0), "{}", err(&good));
    assert!(err(&good).contains("Redis: connected"), "{}", err(&good));
    let show = ["redis", "show", "--json", "--config", "c.toml"];
    let shown = run(folder.path(), &show, "");
    assert_eq!(lines(&out(&shown))[0]["image"]["sequence"], 13, "{}", err(&shown));
    for wrong in [authority, client, String::new()] {
        configured(&wrong);
        let refused = run(folder.path(), &show, "");
        assert_eq!(code(&refused), Some(1), "{wrong} {}", err(&refused));
    }
}

#[test]
fn names_of_existing_readers_are_used_where_they_are_wanted() {
    let (server, folder) = (Server::start(&[]), folder());
    let text = format!(
        "[redis]\nurl = \"{}\"\n{}",
        server.url(),
        blocks("toml").concat().replace("[redis]\n", "")
    );
    std::fs::write(folder.path().join("c.toml"), text).expect("a file");
    let done =
        run(folder.path(), &["run", "--once", "--epoch", "never", "--config", "c.toml"], &book());
    assert_eq!(code(&done), Some(0), "{}", err(&done));
    assert_eq!(server.ask(&["ZCARD", "orderbook:buy"]), "7");
    assert_eq!(server.ask(&["HGET", "orderbook:metadata", "best_bid"]), "990");
    assert_eq!(server.ask(&["GET", "market:current_epoch"]), "2");
    let show = run(folder.path(), &["redis", "show", "--json", "--config", "c.toml"], "");
    assert_eq!(lines(&out(&show))[0]["image"]["sequence"], 13, "{}", err(&show));
}
