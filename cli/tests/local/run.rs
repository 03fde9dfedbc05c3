//! `pricetime run` does what its help says, as a process.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Instant;

use pricetime_tests::wait::TIMEOUT;

use crate::program::{MARKET, Running, VIEW, err, folder, lines, out, place, run};

#[test]
fn commands_from_a_file_survive_a_restart() {
    let folder = folder();
    let orders = place(1, 1, "sell", "1.00", 5) + &place(2, 2, "buy", "1.00", 3);
    std::fs::write(folder.path().join("orders.jsonl"), MARKET.to_owned() + &orders)
        .expect("a file");
    let first = run(folder.path(), &["run", "--once", "--input", "orders.jsonl"], "");
    assert_eq!(first.status.code(), Some(0), "{}", err(&first));
    let answers = lines(&out(&first));
    assert_eq!(answers.len(), 4);
    assert_eq!(answers[3]["done"]["events"][1]["traded"]["quantity"], "3");
    let again = run(folder.path(), &["run", "--once"], VIEW);
    assert_eq!(again.status.code(), Some(0), "{}", err(&again));
    let book = &lines(&out(&again))[0]["book"];
    assert_eq!(book["sequence"], 4);
    assert_eq!(book["asks"][0]["quantity"], "2");
}

#[test]
fn invalid_line_is_reported_and_the_others_run() {
    let folder = folder();
    let long = format!("{{\"status\":{{\"{}\":1}}}}\n", "x".repeat(70_000));
    let input = [MARKET, "{\"place\":\n", "\n", "\u{0}\n", &long, &place(1, 1, "buy", "1", 1)];
    let done = run(folder.path(), &["run", "--once"], &input.concat());
    assert_eq!(done.status.code(), Some(4));
    let answers = lines(&out(&done));
    let refused: Vec<_> = answers.iter().filter(|line| line.get("refused").is_some()).collect();
    assert_eq!(refused.len(), 3);
    assert_eq!(refused[0]["refused"]["line"], 3);
    assert_eq!(refused[2]["refused"]["error"], "the line is longer than 65536 bytes");
    assert_eq!(answers.last().expect("answers")["done"]["outcome"], "accepted");
    assert!(err(&done).contains("-:3:"), "{}", err(&done));
    assert!(err(&done).contains("3 of 7 lines were refused"), "{}", err(&done));
}

#[test]
fn closed_standard_error_does_not_end_a_market() {
    let folder = folder();
    std::fs::write(folder.path().join("orders.jsonl"), MARKET).expect("a file");
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut program = Command::new(env!("CARGO_BIN_EXE_pricetime"));
    program.args(["run", "--once", "--input", "orders.jsonl"]).current_dir(folder.path());
    let done = program.stderr(writer).output().expect("the program");
    assert_eq!((done.status.code(), lines(&out(&done)).len()), (Some(0), 2));
}

#[test]
fn answers_keep_the_order_of_the_lines() {
    let folder = folder();
    let mut input = MARKET.to_owned();
    for number in 1..=20_000 {
        let side = if number % 2 == 0 { "buy" } else { "sell" };
        input += &place(number % 7 + 1, number, side, "1.00", number % 5 + 1);
    }
    let done = run(folder.path(), &["run", "--once", "--events", "events.jsonl"], &input);
    assert_eq!(done.status.code(), Some(0), "{}", err(&done));
    let answers = lines(&out(&done));
    assert_eq!(answers.len(), 20_002);
    for (at, answer) in (1..).zip(&answers) {
        assert_eq!(answer["done"]["line"], at);
    }
    let events = folder.path().join("events.jsonl");
    let mode = std::fs::metadata(&events).expect("events").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it holds accounts and their orders");
    let events = std::fs::read_to_string(events).expect("events");
    let mut written = lines(&events);
    for (at, written) in written.iter_mut().enumerate() {
        written["done"]["line"] = (at + 1).into();
    }
    assert!(written == answers, "the events file equals the answers");
}

#[test]
fn each_client_gets_its_own_answers_and_only_some_are_operators() {
    let mut host = Running::start(&["--tcp", "127.0.0.1:0", "--token", "open sesame"]);
    let mut operator = host.unix();
    operator.send(MARKET);
    assert_eq!(operator.receive()["done"]["outcome"], "accepted");
    assert_eq!(operator.receive()["done"]["outcome"], "accepted");
    let halt = "{\"set_phase\":{\"market\":1,\"phase\":\"halted\"}}\n";
    let mut reader = host.tcp();
    assert_eq!(reader.ask("{\"hello\":{\"format\":1}}\n")["welcome"]["operator"], false);
    let refused = reader.ask(halt);
    let why = refused["refused"]["error"].as_str().expect("an error");
    assert!(why.contains("only operators"), "{why}");
    assert_eq!(reader.ask("{\"subscribe\":{\"market\":1}}\n")["book"]["sequence"], 2);
    let mut trader = host.unix();
    let placed = trader.ask(&place(1, 1, "buy", "2.50", 4));
    assert_eq!(placed["done"]["line"], 1);
    assert_eq!(reader.receive()["update"]["bids"][0]["quantity"], "4");
    let mut second = host.tcp();
    let wrong = second.ask("{\"hello\":{\"format\":1,\"token\":\"open says me\"}}\n");
    let why = "the token is unknown: check it, or connect without one";
    assert_eq!(wrong["refused"]["error"], why);
    assert!(second.ask(halt).get("refused").is_some());
    let mut third = host.tcp();
    let welcome = third.ask("{\"hello\":{\"format\":1,\"token\":\"open sesame\"}}\n");
    assert_eq!(welcome["welcome"]["operator"], true);
    assert_eq!(third.ask(halt)["done"]["outcome"], "accepted");
    let (code, log, _) = host.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("closed sequence=4"), "{log}");
    assert_eq!(trader.rest(), "");
}

#[test]
fn subscriber_that_reconnects_receives_missed_events() {
    let host = Running::start(&[]);
    let mut trader = host.unix();
    trader.send(MARKET);
    trader.receive();
    trader.receive();
    for number in 1..=5 {
        trader.ask(&place(1, number, "buy", "2.50", number));
    }
    let mut reconnected = host.unix();
    let book = reconnected.ask("{\"subscribe\":{\"market\":1,\"from\":4}}\n");
    assert_eq!(book["book"]["sequence"], 4);
    assert_eq!(book["book"]["bids"][0]["quantity"], "3");
    trader.ask(&place(1, 6, "buy", "2.50", 6));
    for (sequence, quantity) in [(5, "6"), (6, "10"), (7, "15"), (8, "21")] {
        let update = reconnected.receive();
        assert_eq!(update["update"]["sequence"], sequence);
        assert_eq!(update["update"]["bids"][0]["quantity"], quantity);
    }
    let account = "00000000-0000-0000-0000-000000000001";
    let mut own = host.unix();
    let ask = format!("{{\"subscribe\":{{\"market\":1,\"account\":\"{account}\",\"from\":7}}}}\n");
    let orders = own.ask(&ask);
    assert_eq!(orders["orders"]["sequence"], 7);
    assert_eq!(orders["orders"]["orders"].as_array().map(Vec::len), Some(5));
    assert_eq!(own.receive()["own"]["sequence"], 8);

    let refused = own.ask("{\"subscribe\":{\"market\":1,\"from\":99}}\n");
    let why = refused["refused"]["error"].as_str().expect("an error");
    assert!(why.contains("command 99 is not durable yet"), "{why}");
    let refused = own.ask("{\"subscribe\":{\"market\":2,\"from\":3}}\n");
    assert_eq!(refused["refused"]["error"], "there is no market 2");
}

#[test]
fn cancel_on_disconnect_cancels_the_orders_of_a_connection() {
    let host = Running::start(&[]);
    let mut operator = host.unix();
    operator.send(MARKET);
    operator.receive();
    operator.receive();
    for (cancel, left) in [(false, 1), (true, 1)] {
        let mut trader = host.unix();
        trader.ask(&format!("{{\"hello\":{{\"format\":1,\"cancel_on_disconnect\":{cancel}}}}}\n"));
        trader.ask(&place(1, u32::from(cancel) + 1, "buy", "1.00", 1));
        drop(trader);
        // The host notices the end of a connection with some delay.
        for _ in 0..1_000 {
            let book = operator.ask(VIEW);
            if book["book"]["bids"][0]["orders"] == left
                && book["book"]["sequence"] == 3 + 2 * u32::from(cancel)
            {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let book = operator.ask(VIEW);
        assert_eq!(book["book"]["bids"][0]["orders"], left, "cancel_on_disconnect {cancel}");
    }
}

/// Cancel-on-disconnect also cancels orders that were still in transit when the connection broke.
#[test]
fn cancel_on_disconnect_includes_orders_still_in_transit() {
    let host = Running::start(&["--events", "events.jsonl"]);
    let mut operator = host.unix();
    operator.send(MARKET);
    operator.receive();
    operator.receive();
    operator.ask(&place(9, 1, "buy", "1.00", 1));
    let mut trader = host.unix();
    trader.ask("{\"hello\":{\"format\":1,\"cancel_on_disconnect\":true}}\n");
    let orders: String = (2..3_002).map(|order| place(1, order, "buy", "1.00", 1)).collect();
    trader.send(&orders);
    trader.receive();
    drop(trader);
    let (code, log, folder) = host.end();
    assert_eq!(code, Some(0), "{log}");
    let events = std::fs::read_to_string(folder.path().join("events.jsonl")).expect("events");
    let count = |what: &str| events.matches(what).count();
    let placed = count("\"accepted\":{") - 1;
    assert!(placed > 0, "{events}");
    assert_eq!(count("\"reason\":\"session_ended\""), placed);
    assert_eq!(count("\"command\":\"cancel_session\""), 1, "one command, however many orders");
}

#[test]
fn epochs_close_by_the_clock_and_are_logged() {
    let mut host = Running::start(&["--epoch", "1s"]);
    let mut operator = host.unix();
    operator.send(MARKET);
    operator.receive();
    operator.receive();
    host.wait_for("epoch closed market=1 symbol=\"SUN\" epoch=2");
    let (code, log, folder) = host.end();
    assert_eq!(code, Some(0), "{log}");
    let again = run(folder.path(), &["run", "--once", "--epoch", "never"], VIEW);
    assert!(lines(&out(&again))[0]["book"]["epoch"].as_u64() >= Some(3), "{}", out(&again));
    assert!(err(&again).contains("replayed=0"), "closed in order: {}", err(&again));
}

#[test]
fn kill_loses_no_acknowledged_command() {
    let host = Running::start(&[]);
    let mut trader = host.unix();
    trader.send(MARKET);
    trader.receive();
    trader.receive();
    trader.ask(&place(1, 1, "sell", "3.00", 9));
    host.signal("KILL");
    // No answer follows.
    trader.rest();
    let folder = {
        let mut host = host;
        std::mem::replace(&mut host.folder, tempfile::tempdir().expect("a folder"))
    };
    let host = Running::start_in(folder, &[]);
    let book = host.unix().ask(VIEW);
    assert_eq!(book["book"]["asks"][0]["quantity"], "9", "and the old socket was replaced");
}

#[test]
fn end_while_an_input_is_read_closes_the_journal() {
    let folder = folder();
    let pipe = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    let host = Running::start_in(folder, &["--input", "pipe", "--epoch", "never"]);
    // An input that does not end before the program does.
    let writer = std::thread::spawn(move || -> std::io::Result<()> {
        let mut to = std::fs::File::options().write(true).open(pipe)?;
        to.write_all(MARKET.as_bytes())?;
        let orders = place(1, 1, "buy", "9.90", 5).repeat(100);
        loop {
            to.write_all(orders.as_bytes())?;
        }
    });
    let (mut client, started) = (host.unix(), Instant::now());
    while client.ask("{\"status\":{}}\n")["status"]["durable"].as_u64() < Some(5_000) {
        assert!(started.elapsed() < TIMEOUT, "{}", host.log());
    }
    let (code, log, _folder) = host.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("closed"), "{log}");
    let ended = writer.join().expect("no panic").expect_err("an error");
    assert_eq!(ended.kind(), std::io::ErrorKind::BrokenPipe);
}

#[test]
fn folder_in_use_and_damaged_folder_are_refused() {
    let host = Running::start(&[]);
    host.unix().ask(&MARKET[..MARKET.find('\n').expect("two lines") + 1]);
    let second = run(host.folder.path(), &["run", "--once"], "");
    assert_eq!(second.status.code(), Some(1));
    assert!(err(&second).contains("in use by another process"), "{}", err(&second));
    let (_, _, folder) = host.end();
    std::fs::write(folder.path().join("data/history"), "nobody's").expect("it can be written");
    let damaged = run(folder.path(), &["run", "--once"], "");
    assert_eq!(damaged.status.code(), Some(1));
    assert!(err(&damaged).contains("data/history"), "{}", err(&damaged));
}

#[test]
fn config_check_accepts_the_default_and_explains_mistakes() {
    let folder = folder();
    let default = run(folder.path(), &["config", "--default"], "");
    let file = folder.path().join("pricetime.toml");
    std::fs::write(&file, &default.stdout).expect("a file");
    let good = run(folder.path(), &["config", "--check", "pricetime.toml"], "");
    assert_eq!(good.status.code(), Some(0), "{}", err(&good));
    let market = "[[market]]\nmarket = 1\nsymbol = \"SUN\"\ntick = \"0.01\"\nlot = \"1\"\n\
                  quantity_max = \"1000\"\nprice_min = \"0\"\nprice_max = \"100\"\n";
    let wrong = [
        ("foldr = \"x\"", "unknown key \"foldr\"; did you mean \"folder\"?"),
        ("[epochs]\nevry = \"1m\"", "did you mean \"epochs.every\"?"),
        ("[epochs]\nevery = 15", "epochs.every: expected the type string, found integer"),
        ("[epochs]\nevery = \"soon\"", "epochs.every = \"soon\""),
        ("[epochs]\ncommands = 9", "exclude each other"),
        ("[journal]\npolicy = \"sink\"", "use \"sync\", \"interval\" or \"none\""),
        ("[listen]\ntcp = \"0.0.0.0:80\"", "only addresses of this machine"),
        (
            "[listen]\nidle_timeout = \"367days\"",
            "listen.idle_timeout = \"367days\": it must be at most",
        ),
        ("[epochs]\nevery = \"500years\"", "epochs.every = \"500years\": it must be at most"),
        ("folder = ", "line 1, column"),
        (&market.replace("tick", "tik"), "did you mean \"market.tick\"?"),
        (&market.replace("0.01", "0"), "tick: 0 is not 1 to 10^9"),
        (&market.replace("market = 1", "market = 0"), "numbered from 1"),
        (
            &format!(
                "[redis]\nurl = \"redis://127.0.0.1\"\n{}",
                market.replace("\"100\"", "\"99999999999999\"")
            ),
            "must lie within ±2^53 ticks",
        ),
    ];
    for (text, expected) in wrong {
        std::fs::write(&file, text).expect("a file");
        let bad = run(folder.path(), &["config", "--check", "pricetime.toml"], "");
        assert_eq!(bad.status.code(), Some(2), "{text}");
        assert!(err(&bad).contains(expected), "{text}\n{}", err(&bad));
        let bad = run(folder.path(), &["run", "--once", "--config", "pricetime.toml"], "");
        assert_eq!(bad.status.code(), Some(2), "{text}");
    }
    std::fs::write(&file, market).expect("a file");
    for round in 0..2 {
        let good = run(folder.path(), &["run", "--once", "--config", "pricetime.toml"], VIEW);
        assert_eq!(good.status.code(), Some(0), "{}", err(&good));
        assert_eq!(lines(&out(&good))[0]["book"]["phase"], "continuous", "round {round}");
        assert_eq!(lines(&out(&good))[0]["book"]["sequence"], 2, "round {round}");
    }
    std::fs::write(&file, market.replace("\"100\"", "\"90\"")).expect("a file");
    let set = run(folder.path(), &["run", "--once", "--config", "pricetime.toml"], "");
    assert!(err(&set).contains("terms set as configured"), "{}", err(&set));
    std::fs::write(&file, market.replace("0.01", "0.02")).expect("a file");
    let other = run(folder.path(), &["run", "--once", "--config", "pricetime.toml"], "");
    assert_eq!(other.status.code(), Some(2));
    assert!(err(&other).contains("differs from the existing one"), "{}", err(&other));
}

#[test]
fn flags_override_environment_and_environment_overrides_file() {
    let folder = folder();
    std::fs::write(folder.path().join("c.toml"), "folder = \"of-file\"\n").expect("a file");
    let chosen = |environment: Option<&str>, flag: Option<&str>| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pricetime"));
        command.current_dir(folder.path()).args(["run", "--once", "--config", "c.toml"]);
        command.stdin(std::process::Stdio::null());
        if let Some(name) = environment {
            command.env("PRICETIME_FOLDER", name);
        }
        if let Some(name) = flag {
            command.args(["--folder", name]);
        }
        err(&command.output().expect("the program"))
    };
    assert!(chosen(None, None).contains("folder=of-file"));
    assert!(chosen(Some("of-environment"), None).contains("folder=of-environment"));
    assert!(chosen(Some("of-environment"), Some("of-flag")).contains("folder=of-flag"));
}

#[test]
fn log_is_json_on_request() {
    let folder = folder();
    let done = run(folder.path(), &["run", "--once", "--json"], MARKET);
    assert_eq!(done.status.code(), Some(0));
    let log = lines(&err(&done));
    assert!(log.iter().any(|line| line["message"] == "open" && line["sequence"] == 0));
    assert!(log.iter().any(|line| line["message"] == "closed" && line["sequence"] == 2));
}

#[test]
fn schemas_completions_and_man_page_are_complete() {
    let folder = folder();
    for lines in ["input", "output"] {
        let schema = run(folder.path(), &["schema", lines], "");
        let schema: serde_json::Value = serde_json::from_str(&out(&schema)).expect("JSON");
        assert!(schema["oneOf"].as_array().expect("lines").len() > 10);
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = out(&run(folder.path(), &["completions", shell], ""));
        assert!(script.contains("pricetime") && script.contains("accept-loss"), "{shell}");
    }
    let page = out(&run(folder.path(), &["man"], ""));
    assert!(page.contains(".TH") && page.contains("pricetime-run"), "{page}");
    let nothing = run(folder.path(), &["rum"], "");
    assert_eq!(nothing.status.code(), Some(2));
}

#[test]
fn run_works_on_a_terminal() {
    let folder = folder();
    // `script` provides a terminal; it is part of every Debian.
    let command = format!("{} run --once --input /dev/null", env!("CARGO_BIN_EXE_pricetime"));
    let output = std::process::Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .current_dir(folder.path())
        .stdin(std::process::Stdio::null())
        .output()
        .expect("script");
    assert!(output.status.success(), "{}", out(&output));
    assert!(out(&output).contains("closed"), "{}", out(&output));
}
