//! The command line accepts the values that people write, and an error names the flag with the wrong value.

use std::net::TcpListener;

use crate::program::{MARKET, Running, err, folder, lines, out, place, run};

#[test]
fn invalid_flag_error_names_the_flag_and_its_variable() {
    let folder = folder();
    for (flag, value, named) in [
        ("--epoch", "soon", "--epoch (or PRICETIME_EPOCH) = \"soon\""),
        ("--tcp", "localhost", "--tcp (or PRICETIME_TCP) = \"localhost\""),
        ("--policy", "often", "--policy (or PRICETIME_POLICY) = \"often\""),
        ("--standby", "maybe", "--standby (or PRICETIME_STANDBY) = \"maybe\""),
    ] {
        let done = run(folder.path(), &["run", "--once", flag, value], "");
        assert_eq!(done.status.code(), Some(2), "{flag}");
        assert!(err(&done).contains(named), "{}", err(&done));
    }
    std::fs::write(folder.path().join("c.toml"), "[epochs]\nevery = \"soon\"\n").expect("a file");
    let done = run(folder.path(), &["run", "--once", "--config", "c.toml"], "");
    assert!(err(&done).contains("c.toml: epochs.every = \"soon\""), "{}", err(&done));
    assert!(!folder.path().join("data").exists());
}

#[test]
fn localhost_and_bare_minutes_are_accepted() {
    let mut host = Running::start(&["--tcp", "localhost:0", "--epoch", "15"]);
    assert_eq!(host.tcp().ask("{\"hello\":{\"format\":1}}\n")["welcome"]["operator"], false);
    let (code, log, _) = host.end();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn socket_failure_leaves_no_new_folder() {
    let folder = folder();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    std::fs::write(folder.path().join("file"), "").expect("a file");
    for (words, named) in [
        (["--unix", "free", "--tcp", &address], address.as_str()),
        (["--unix", "file", "--tcp", "127.0.0.1:0"], "file"),
        (["--unix", "nowhere/socket", "--tcp", "127.0.0.1:0"], "nowhere/socket"),
    ] {
        let done = run(folder.path(), &[&["run", "--once"], &words[..]].concat(), "");
        assert_eq!(done.status.code(), Some(1), "{words:?}");
        assert!(err(&done).contains(named), "{}", err(&done));
        assert!(!folder.path().join("data").exists(), "{words:?}");
        assert!(!folder.path().join("free").exists(), "{words:?}");
    }
}

#[test]
fn run_without_markets_explains_how_to_add_one() {
    let folder = folder();
    let empty = run(folder.path(), &["run", "--once"], "");
    let log = err(&empty);
    let shown: String = ["add_market", "set_phase"]
        .map(|name| {
            let begin = log.find(&format!("{{\"{name}\"")).expect(&log);
            let end = begin + log[begin..].find("}}").expect(&log) + 2;
            log[begin..end].to_owned() + "\n"
        })
        .concat();
    let added = run(folder.path(), &["run", "--once"], &shown);
    for answer in lines(&out(&added)) {
        assert_eq!(answer["done"]["outcome"], "accepted", "{answer}");
    }
    assert_eq!(lines(&out(&added)).len(), 2);
    assert!(!err(&run(folder.path(), &["run", "--once"], "")).contains("no market yet"));
}

#[test]
fn every_command_accepts_the_folder_as_argument_or_flag() {
    let folder = folder();
    let input = MARKET.to_owned() + &place(1, 1, "buy", "1.00", 5);
    let created = run(folder.path(), &["run", "--once", "--folder", "here"], &input);
    assert_eq!(created.status.code(), Some(0), "{}", err(&created));
    for words in [
        &["verify", "--folder", "here"][..],
        &["verify", "here"],
        &["snapshot", "--folder", "here"],
        &["snapshot", "here"],
        &["replay", "--folder", "here"],
        &["replay", "here"],
        &["inspect", "book", "1", "--folder", "here"],
        &["archive", "here", "one.pricetime"],
        &["archive", "two.pricetime", "--folder", "here"],
        &["archive", "--restore", "one.pricetime", "copy"],
        &["archive", "--restore", "two.pricetime", "--folder", "copy2"],
        &["verify", "--folder", "copy2"],
    ] {
        let done = run(folder.path(), words, "");
        assert_eq!(done.status.code(), Some(0), "{words:?}: {}", err(&done));
    }
    assert!(!folder.path().join("data").exists());
}

#[test]
fn moment_may_be_a_time() {
    let folder = folder();
    let at = |minute: u32, input: &str| {
        input.replace("}}", &format!(",\"time\":\"2026-06-01T00:0{minute}:00Z\"}}}}"))
    };
    let order = |minute: u32| at(minute, &place(1, minute, "buy", "1.00", 5));
    let day = at(0, MARKET) + &order(1) + &order(2) + &order(3);
    std::fs::write(folder.path().join("day.jsonl"), &day).expect("a file");
    let created = run(folder.path(), &["run", "--once", "--input", "day.jsonl"], "");
    assert_eq!(created.status.code(), Some(0), "{}", err(&created));
    for (moment, orders) in [
        ("2026-06-01T00:02:00Z", 2),
        ("2026-06-01T02:02:59+02:00", 2),
        ("2026-06-01T00:01Z", 1),
        ("2026-06-02", 3),
    ] {
        let book = run(folder.path(), &["inspect", "book", "1", "--json", "--at", moment], "");
        assert!(out(&book).contains(&format!("\"orders\":{orders}")), "{moment}: {}", out(&book));
        for from in ["day.jsonl", "./data"] {
            let replayed = run(folder.path(), &["replay", from, "--until", moment, "--json"], "");
            assert_eq!(replayed.status.code(), Some(0), "{}", err(&replayed));
            let commands = &lines(&out(&replayed))[0]["replayed"]["commands"];
            assert_eq!(*commands, orders + 2, "{moment} {from}");
        }
    }
}
