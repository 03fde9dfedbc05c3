//! `pricetime run --redis-only` needs no folder, states what it does not guarantee, and restores its state
//! from Redis after a kill.

use std::path::Path;
use std::process::Output;

use crate::program::{self, MARKET, Running, VIEW, close, err, folder, lines, out, place, run};
use pricetime_tests::redis::Server;
use pricetime_tests::server::Port;
use pricetime_tests::wait::until;

/// Runs these lines without a folder.
fn run_redis_only(folder: &Path, url: &str, content: &str) -> Output {
    run(folder, &["run", "--once", "--epoch", "never", "--redis-only", "--redis", url], content)
}

#[test]
fn redis_only_creates_no_folder_and_warns_that_answers_are_not_durable() {
    let (server, folder) = (Server::start(), folder());
    let url = server.url();
    let content = String::from("{\"hello\":{\"format\":1}}\n")
        + MARKET
        + &place(1, 1, "sell", "1.00", 5)
        + &place(2, 2, "buy", "1.00", 3)
        + &close(1)
        + &place(2, 3, "buy", "1.00", 1);
    let first = run_redis_only(folder.path(), &url, &content);
    assert_eq!(first.status.code(), Some(0), "{}", err(&first));
    assert!(err(&first).contains("answers are not durable"), "{}", err(&first));
    let answers = lines(&out(&first));
    assert_eq!(answers[0]["welcome"]["durable"], false);
    assert_eq!(answers.len(), 7);
    assert!(answers[1..].iter().all(|answer| answer["done"]["durable"] == false), "{answers:?}");
    // An orderly shutdown also stores the open epoch.
    let again = run_redis_only(folder.path(), &url, VIEW);
    let book = &lines(&out(&again))[0]["book"];
    assert_eq!((&book["epoch"], &book["asks"][0]["quantity"]), (&2.into(), &"1".into()));
    let trades = server.ask(&["ZRANGE", "pricetime:dev:{1}:trades", "0", "-1"]);
    let trades = lines(&trades);
    assert_eq!(trades.len(), 2);
    assert_eq!((&trades[0]["epoch"], &trades[1]["epoch"]), (&1.into(), &2.into()));
    assert_eq!(
        std::fs::read_dir(folder.path()).expect("a folder").count(),
        0,
        "no folder was \
                                                                                created"
    );
    // Exports the trades to a file and imports them again.
    let redis = |words: &[&str]| run(folder.path(), &[words, &["--redis", &url]].concat(), "");
    let shown = || lines(&out(&redis(&["redis", "show", "--json"])))[0]["image"].clone();
    let before = shown();
    assert_eq!(before["trades_kept"], 2);
    for words in [
        &["redis", "export", "images"][..],
        &["redis", "drop", "--all", "--yes"],
        &["redis", "import", "images"],
    ] {
        let done = redis(words);
        assert_eq!(done.status.code(), Some(0), "{words:?} {}", err(&done));
    }
    assert_eq!((&shown()["digest"], &shown()["trades_kept"]), (&before["digest"], &2.into()));
    let _ = server.ask(&["ZREMRANGEBYRANK", "pricetime:dev:{1}:trades", "0", "0"]);
    let damaged = redis(&["redis", "show"]);
    assert_eq!(damaged.status.code(), Some(3), "{}", err(&damaged));
    assert!(
        err(&damaged).contains(":trades has 1 entries, but should have 2"),
        "{}",
        err(&damaged)
    );
    let refused = run_redis_only(folder.path(), &url, VIEW);
    assert_eq!(refused.status.code(), Some(1), "{}", err(&refused));
}

#[test]
fn kill_loses_only_the_open_epoch_and_a_second_process_stops_the_first() {
    let server = Server::start();
    let url = server.url();
    let arguments = ["--epoch", "never", "--redis-only", "--redis", &url];
    let older = Running::start(&arguments);
    let mut operator = older.unix();
    operator.send(MARKET);
    assert_eq!(operator.receive()["done"]["durable"], false);
    operator.receive();
    operator.ask(&place(1, 1, "sell", "1.00", 5));
    operator.ask(&close(1));
    until("the image is in Redis", || operator.ask("{\"status\":{}}\n")["status"]["durable"] == 4);
    operator.ask(&place(2, 2, "buy", "1.00", 5));
    older.signal("KILL");
    drop(older);
    let mut older = Running::start(&arguments);
    let mut operator = older.unix();
    let book = operator.ask(VIEW);
    assert_eq!(book["book"]["sequence"], 4, "{book}");
    assert_eq!(book["book"]["asks"][0]["quantity"], "5", "{book}");
    let newer = Running::start(&arguments);
    older.wait_for("has taken");
    let (code, log, _) = older.end();
    assert_eq!(code, Some(1), "{log}");
    let (code, log, _) = newer.end();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn invalid_redis_only_settings_are_refused() {
    let folder = folder();
    let port = Port::reserve();
    let unused_url = format!("redis://127.0.0.1:{}", port.number);
    let run = |arguments: &[&str]| {
        run(folder.path(), &[&["run", "--once", "--redis", &unused_url], arguments].concat(), "")
    };
    for (arguments, code, expected) in [
        (&["--redis-only", "--folder", "data"][..], 2, "exclude each other"),
        (&["--redis-only", "--accept-loss"], 2, "everything after it is lost anyway"),
        (&["--redis-only", "--policy", "interval"], 2, "the only policy is"),
        (&["--policy", "epoch"], 2, "--redis-only"),
        (&["--redis-only"], 1, "the state is stored nowhere else"),
    ] {
        let refused = run(arguments);
        assert_eq!(refused.status.code(), Some(code), "{arguments:?} {}", err(&refused));
        assert!(err(&refused).contains(expected), "{arguments:?} {}", err(&refused));
    }
    let file = folder.path().join("c.toml");
    for (text, expected) in [
        ("[redis]\nonly = true\n", "the address is not given"),
        ("[redis]\nonly = true\nurl = \"redis://localhost\"\ntrades_max = 0\n", "at least 1"),
        (
            "folder = \"x\"\n[redis]\nonly = true\nurl = \"redis://localhost\"\n",
            "exclude each other",
        ),
        ("[redis]\nonly = true\nurl = \"redis://localhost\"\n", "in Redis alone"),
    ] {
        std::fs::write(&file, text).expect("a file");
        let checked = program::run(folder.path(), &["config", "--check", "c.toml"], "");
        let content = out(&checked) + &err(&checked);
        assert!(content.contains(expected), "{text}: {content}");
    }
}
