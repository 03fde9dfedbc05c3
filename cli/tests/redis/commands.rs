//! Shows, restores, exports, imports and drops images in Redis.

use std::process::Output;

use pricetime_tests::redis::Server;
use pricetime_tests::server::Port;
use serde_json::Value;

use crate::program::{VIEW, book, close, err, folder, lines, out, run};
use crate::{code, redis, server_with_book, shown, write_image};

#[test]
fn show_prints_the_stored_image() {
    let (server, folder) = server_with_book();
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
fn restore_recreates_the_same_state() {
    let (server, folder) = server_with_book();
    let url = server.url();
    let restored = redis(folder.path(), &url, &["restore", "--folder", "new", "--json"]);
    assert_eq!(code(&restored), Some(0), "{}", err(&restored));
    let report = lines(&out(&restored))[0]["restored"].clone();
    assert_eq!(report["sequence"], 13);
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
    assert!(err(&again).contains("already holds a history"), "{}", err(&again));
}

#[test]
fn tampered_image_is_refused_with_the_key_named() {
    let tampering: [(&[&str], &str); 5] = [
        (&["HSET", "pricetime:dev:{1}:metadata", "volume", "1"], "states digest"),
        (&["HDEL", "pricetime:dev:{1}:orders", "00000000-0000-0000-0000-000000000003"], "entries"),
        (&["ZADD", "pricetime:dev:{1}:bids", "1", "x"], "entries"),
        (&["HSET", "pricetime:dev:{1}:metadata", "spec", "{"], "spec"),
        (&["DEL", "pricetime:dev:{1}:metadata"], "while other keys of the market are there"),
    ];
    for (words, expected) in tampering {
        let (server, folder) = server_with_book();
        let url = server.url();
        let _ = server.ask(words);
        for words in [&["restore", "--folder", "new"][..], &["export", "images"], &["show"]] {
            let refused = redis(folder.path(), &url, words);
            assert_eq!(code(&refused), Some(3), "{words:?} {}", err(&refused));
            assert!(err(&refused).contains(expected), "{words:?} {}", err(&refused));
        }
        let new = run(
            folder.path(),
            &["run", "--once", "--accept-loss", "--redis", &url, "--folder", "other"],
            "",
        );
        assert_eq!(code(&new), Some(1), "{}", err(&new));
        // The process that has the folder writes the image again.
        let rewritten = write_image(folder.path(), &url, &close(2));
        assert_eq!(code(&rewritten), Some(0), "{}", err(&rewritten));
        assert_eq!(shown(folder.path(), &url)[0]["image"]["sequence"], 14, "{words:?}");
    }
}

#[test]
fn key_of_another_type_is_named_in_the_error() {
    let keys = ["pricetime:dev:{1}:orders", "pricetime:dev:{1}:requests", "pricetime:dev:{1}:asks"];
    for key in ["pricetime:dev:{1}:blocked", "pricetime:dev:markets"].into_iter().chain(keys) {
        let (server, folder) = server_with_book();
        let _ = server.ask(&["DEL", key]);
        let _ = server.ask(&["SET", key, "x"]);
        let refused = redis(folder.path(), &server.url(), &["show"]);
        assert_eq!(code(&refused), Some(1), "{}", err(&refused));
        let message = err(&refused);
        assert!(
            message.contains("WRONGTYPE") && message.contains(&format!(" {key}")),
            "{key}: {message}"
        );
    }
}

#[test]
fn export_and_import_preserve_images() {
    let (server, folder) = server_with_book();
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
    let other = Server::start();
    let imported = redis(folder.path(), &other.url(), &["import", "images", "--json"]);
    assert_eq!(code(&imported), Some(0), "{}", err(&imported));
    assert_eq!(lines(&out(&imported))[0]["imported"]["orders"], 10);
    same(&shown(folder.path(), &other.url())[0]["image"]);
    let text = std::fs::read_to_string(folder.path().join("images")).expect("a file");
    let cut: String = text.lines().take(8).map(|line| format!("{line}\n")).collect();
    let sequence = format!("\"sequence\":\"{}\"", before["sequence"]);
    assert!(text.contains(&sequence), "{text}");
    for (tampered, expected) in [
        (
            text.replace(&sequence, "\"sequence\":\"9223372036854775809\""),
            "is above 9223372036854775808",
        ),
        ("{".repeat(3 << 20), "line 1: it is longer than"),
        (text.replace("\"open\":20", "\"open\":21"), "digest"),
        (cut, "the end is missing"),
        (String::from("{}\n"), "line 1"),
    ] {
        std::fs::write(folder.path().join("tampered"), tampered).expect("a file");
        let refused = redis(folder.path(), &other.url(), &["import", "tampered", "--replace"]);
        assert_eq!(code(&refused), Some(3), "{}", err(&refused));
        assert!(err(&refused).contains(expected), "{}", err(&refused));
    }
    same(&shown(folder.path(), &other.url())[0]["image"]);
}

#[test]
fn drop_requires_yes() {
    let (server, folder) = server_with_book();
    let url = server.url();
    assert_eq!(code(&redis(folder.path(), &url, &["drop"])), Some(2));
    let asked = redis(folder.path(), &url, &["drop", "--all"]);
    assert_eq!(code(&asked), Some(2));
    assert!(err(&asked).contains("--yes deletes these markets: 1"), "{}", err(&asked));
    assert!(err(&asked).contains("of term 1, its last command was"), "{}", err(&asked));
    assert!(!err(&asked).contains("IT IS BEING WRITTEN"), "{}", err(&asked));
    assert_eq!(shown(folder.path(), &url).len(), 1);
    let dropped = redis(folder.path(), &url, &["drop", "1", "--yes"]);
    assert_eq!(code(&dropped), Some(0), "{}", err(&dropped));
    assert!(out(&dropped).contains("market 1: 5 keys deleted"), "{}", out(&dropped));
    assert_eq!(server.ask(&["DBSIZE"]), "0");
}

#[test]
fn drop_warns_if_a_process_is_writing_the_market() {
    let (server, folder) = server_with_book();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = server.ask(&["HINCRBY", "pricetime:dev:{1}:metadata", "sequence", "1"]);
            }
        });
        let asked = redis(folder.path(), &server.url(), &["drop", "1"]);
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(err(&asked).contains("IT IS BEING WRITTEN"), "{}", err(&asked));
    });
}

#[test]
fn partial_image_counts_as_damaged_not_as_missing() {
    let (server, folder) = server_with_book();
    let url = server.url();
    assert_eq!(server.ask(&["DEL", "pricetime:dev:{1}:metadata"]), "1");
    let seen = redis(folder.path(), &url, &["show"]);
    assert_eq!(code(&seen), Some(3), "{}", err(&seen));
    assert!(err(&seen).contains("while other keys of the market are there"), "{}", err(&seen));
    assert_eq!(code(&redis(folder.path(), &url, &["export", "x.jsonl"])), Some(3));
}

#[test]
fn unreachable_server_is_reported() {
    let folder = folder();
    let port = Port::reserve();
    let url = format!("redis://127.0.0.1:{}", port.number);
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
    let starts = write_image(folder.path(), &url, &book());
    assert_eq!(code(&starts), Some(0), "{}", err(&starts));
    let lost = run(
        folder.path(),
        &["run", "--once", "--accept-loss", "--redis", &url, "--folder", "new"],
        "",
    );
    assert_eq!(code(&lost), Some(1), "a server that does not answer cannot be restored from");
}
