//! `demo` and `top` on a terminal: what a person sees, and the terminal that they get back.

mod program;

use std::fs;
use std::path::Path;
use std::process::Command;

use pricetime_tests::terminal::{Setting, Terminal};
use program::{MARKET, Running, err, folder, out, place, run, token};

/// Starts the program on a terminal of 80 columns and 24 rows.
fn start(folder: &Path, arguments: &[&str]) -> Terminal {
    start_with(folder, arguments, &[])
}

fn start_with(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Terminal {
    let setting = Setting { folder, environment, size: (80, 24) };
    Terminal::start(env!("CARGO_BIN_EXE_pricetime"), arguments, setting)
}

/// Waits for the end of a screen. Returns the text on the normal screen.
fn end_screen(mut terminal: Terminal) -> String {
    let (code, text) = terminal.end();
    assert_eq!(code, Some(0), "{text}");
    assert!(!terminal.is_alternate(), "{text}");
    terminal.wait_for("a visible cursor", |screen| !screen.hide_cursor());
    text
}

/// Waits until the screen has all of these texts. They may come with different frames.
fn wait_for_all(terminal: &mut Terminal, parts: &[&str]) -> String {
    terminal.wait_for(&parts.join(" and "), |screen| {
        let text = screen.contents();
        parts.iter().all(|part| text.contains(part))
    })
}

/// The line that begins with this word.
fn line<'a>(text: &'a str, word: &str) -> &'a str {
    text.lines().find(|line| line.starts_with(word)).unwrap_or_else(|| panic!("{word}: {text}"))
}

/// A recording with two markets. In both of them something trades.
fn recording(folder: &Path) {
    let mut lines = String::new();
    let mut at = |second: u32, line: &str| {
        let line = line.trim_end().strip_suffix("}}").expect("an object in an object");
        lines += &format!("{line},\"time\":\"2026-06-01T10:15:{second:02}Z\"}}}}\n");
    };
    for line in MARKET.lines() {
        at(0, line);
        at(0, &line.replace("\"market\":1", "\"market\":2").replace("SUN", "WIND"));
    }
    let other = |line: &str| line.replace("\"market\":1", "\"market\":2");
    at(1, &place(7, 1, "sell", "10.25", 40));
    at(1, &place(7, 2, "sell", "10.75", 5));
    at(2, &place(8, 3, "buy", "9.50", 30));
    at(3, &place(8, 4, "buy", "10.25", 10));
    at(4, &other(&place(7, 5, "buy", "55.55", 6)));
    at(5, &other(&place(8, 6, "sell", "55.55", 2)));
    at(6, "{\"close_epoch\":{\"market\":1,\"number\":1}}");
    fs::write(folder.join("day.jsonl"), lines).expect("a file");
}

#[test]
fn demo_shows_a_screen_until_q_and_then_the_summary() {
    let folder = folder();
    let mut demo = start(folder.path(), &["demo", "--seconds", "86400"]);
    let parts = [
        "demo, seed 1",
        "P2P-ENERGY",
        "Book of market 1",
        "█",
        "Trades",
        "▲ buy",
        "▼ sell",
        "Epoch ",
        "closes in",
        "commands/s in the core",
        "q quit",
    ];
    wait_for_all(&mut demo, &parts);
    assert!(demo.is_alternate());
    demo.type_text("?");
    demo.wait_for_text("the next market");
    demo.type_text("?");
    demo.type_text("p");
    demo.wait_for_text("PAUSED");
    demo.type_text("q");
    let text = end_screen(demo);
    assert!(text.contains("every invariant holds"), "{text}");
    assert!(line(&text, "again").contains("pricetime demo --seed 1 --commands "), "{text}");
}

#[test]
fn demo_on_a_screen_has_the_digest_of_the_demo_on_a_pipe() {
    let folder = folder();
    let words = ["demo", "--commands", "20000", "--epoch-seconds", "20"];
    let shown = end_screen(start(folder.path(), &words));
    let printed = out(&run(folder.path(), &words, ""));
    assert_eq!(line(&shown, "digest"), line(&printed, "digest"));
    assert_eq!(line(&shown, "trades"), line(&printed, "trades"));
}

#[test]
fn dumb_terminal_gets_lines() {
    let folder = folder();
    let dumb = [("TERM", "dumb")];
    let words = ["demo", "--commands", "20000", "--epoch-seconds", "20"];
    let mut demo = start_with(folder.path(), &words, &dumb);
    let (code, text) = demo.end();
    assert_eq!(code, Some(0));
    assert!(text.contains("epochs     ") && !demo.is_alternate(), "{text}");
    let mut top = start_with(folder.path(), &["top"], &dumb);
    let (code, text) = top.end();
    assert_eq!(code, Some(2), "{text}");
}

#[test]
fn colors_follow_the_option_and_the_environment() {
    let folder = folder();
    recording(folder.path());
    let words = ["top", "day.jsonl", "--speed", "max"];
    let without = &[("NO_COLOR", "1")][..];
    for (color, environment, is_colored) in [
        ("auto", &[][..], true),
        ("auto", without, false),
        ("always", without, true),
        ("never", &[], false),
    ] {
        let words = [&words[..], &["--color", color]].concat();
        let mut top = start_with(folder.path(), &words, environment);
        top.wait_for_text("ended after");
        top.wait_for("colors", |screen| {
            let (rows, columns) = screen.size();
            let mut cells = (0..rows.get()).flat_map(|row| {
                (0..columns.get()).filter_map(move |column| screen.cell(row, column))
            });
            cells.any(|cell| cell.fgcolor() != vt100::Color::Default) == is_colored
        });
        top.type_text("q");
        end_screen(top);
    }
}

#[test]
fn top_shows_a_recording_and_switches_between_its_markets() {
    let folder = folder();
    recording(folder.path());
    let replayed = out(&run(folder.path(), &["replay", "day.jsonl"], ""));
    let digest = line(&replayed, "digest").split_whitespace().nth(1).expect("a digest").to_owned();
    let mut top = start(folder.path(), &["top", "day.jsonl", "--speed", "max"]);
    let text = top.wait_for_text(&format!("ended after 11 commands, digest {digest}"));
    for part in [
        "top day.jsonl",
        "SUN  continuous  last 10.25 ▲",
        "2026-06-01 10:15:06",
        " 1 SUN   2 WIND ",
        "2 of 1 bids, 2 asks",
        "   10.75         5      1 ██",
        "   10.25        30      1 ███",
        "spread 0.75",
        "    9.50        30      1 ███",
        "10:15:03 ▲ buy    10.25       10",
        "Epoch 2 continuous",
        "      1 10:15:00   10.25   10.25   10.25   10.25         10       1",
    ] {
        assert!(text.contains(part), "{part:?} in\n{text}");
    }
    top.type_text("-");
    let text = top.wait_for("fewer levels", |screen| !screen.contents().contains("10.75"));
    assert!(text.contains("1 of 1 bids, 2 asks"), "{text}");
    top.type_text("+");
    top.wait_for_text("10.75");
    for (key, market, part) in [
        ("\t", "WIND", "10:15:05 ▼ sell   55.55        2"),
        ("\x1b[C", "SUN", "10:15:03 ▲ buy    10.25       10"),
        ("\x1b[D", "WIND", "one side is empty"),
        ("\x1b[Z", "SUN", "spread 0.75"),
    ] {
        top.type_text(key);
        let text = top.wait_for_text(part);
        assert!(text.contains(&format!("  {market}  continuous")), "{text}");
    }
    top.resize(120, 40);
    top.wait_for("a wider screen", |screen| {
        screen.contents().lines().any(|line| line.chars().count() > 110)
    });
    top.type_text("\x1b");
    end_screen(top);
}

#[test]
fn top_shows_a_running_host_and_connects_again() {
    let mut host = Running::start(&["--tcp", "127.0.0.1:0", "--epoch", "never"]);
    let mut operator = host.unix();
    let lines =
        [MARKET.to_owned(), place(7, 1, "sell", "10.25", 40), place(8, 2, "buy", "9.50", 30)];
    operator.send(&lines.concat());
    for _ in 0..4 {
        assert_eq!(operator.receive()["done"]["outcome"], "accepted");
    }
    let address = host.address().to_string();
    let path = host.folder.path().to_owned();
    let mut by_tcp = start(&path, &["top", "--tcp", &address]);
    let mut top = start(&path, &["top", "--unix", "socket"]);
    for screen in [&mut top, &mut by_tcp] {
        wait_for_all(screen, &["  SUN  continuous", "spread 0.75", "no trade yet"]);
    }
    assert_eq!(operator.ask(&place(8, 3, "buy", "10.25", 12))["done"]["outcome"], "accepted");
    for screen in [&mut top, &mut by_tcp] {
        wait_for_all(screen, &["last 10.25 ▲", "▲ buy    10.25       12", " 5 durable"]);
    }
    by_tcp.type_text("q");
    end_screen(by_tcp);
    let words = ["top", "--unix", "socket", "--past", "100"];
    let mut past = start(&path, &words);
    past.wait_for_text("▲ buy    10.25       12");
    past.type_text("q");
    end_screen(past);
    top.type_text("p");
    top.wait_for_text("PAUSED");
    operator.send("{\"close_epoch\":{\"market\":1,\"number\":1}}\n");
    operator.receive();
    top.type_text("p");
    wait_for_all(&mut top, &["Epoch 2 continuous", "10.25         12       1"]);
    drop(operator);
    let (code, log, folder) = host.end();
    assert_eq!(code, Some(0), "{log}");
    top.wait_for_text("disconnected, retrying: ");
    let host = Running::start_in(folder, &["--epoch", "never"]);
    top.wait_for("a new connection", |screen| !screen.contents().contains("disconnected"));
    let mut operator = host.unix();
    operator.send(&place(9, 4, "sell", "10.00", 3));
    assert_eq!(operator.receive()["done"]["outcome"], "accepted");
    let text = top.wait_for_text("spread 0.50");
    assert!(text.contains("▲ buy    10.25       12"), "the last trades are kept: {text}");
    let id = top.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &id]).status().expect("kill").success());
    end_screen(top);
}

#[test]
fn top_presents_a_token_over_tcp() {
    let folder = folder();
    let tokens = token("test token", &["00000000-0000-0000-0000-000000000007"]);
    fs::write(folder.path().join("c.toml"), tokens).expect("a file");
    for (name, text) in [("right", "test token\n"), ("wrong", "another\n"), ("empty", "\n")] {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    let words = ["--tcp", "127.0.0.1:0", "--config", "c.toml", "--epoch", "never"];
    let mut host = Running::start_in(folder, &words);
    let mut operator = host.unix();
    operator.send(MARKET);
    operator.receive();
    operator.receive();
    let address = host.address().to_string();
    let path = host.folder.path().to_owned();
    let top = |file: &str| start(&path, &["top", "--tcp", &address, "--token-file", file]);
    let mut right = top("right");
    right.wait_for_text("the book is empty");
    right.type_text("q");
    end_screen(right);
    for (file, code, part) in [("wrong", 1, "token"), ("empty", 2, "pricetime token")] {
        let (found, text) = top(file).end();
        assert_eq!(found, Some(code), "{text}");
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn top_shows_a_folder_and_what_its_owner_adds() {
    let host = Running::start(&["--epoch", "never"]);
    let mut operator = host.unix();
    operator.send(&(MARKET.to_owned() + &place(7, 1, "sell", "10.25", 40)));
    for _ in 0..3 {
        assert_eq!(operator.receive()["done"]["outcome"], "accepted");
    }
    let path = host.folder.path().to_owned();
    let mut top = start(&path, &["top", "--folder", "data"]);
    top.wait_for_text("not durable yet");
    assert_eq!(operator.ask(&place(8, 2, "buy", "9.50", 30))["done"]["outcome"], "accepted");
    drop(operator);
    // Without its owner, everything in the folder counts.
    let (code, log, _folder) = host.end();
    assert_eq!(code, Some(0), "{log}");
    top.wait_for_text("process has it open");
    let text = top.wait_for_text("spread 0.75");
    assert!(text.contains("  SUN  continuous"), "{text}");
    top.type_text("\x03");
    end_screen(top);
}

#[test]
fn top_without_a_terminal_or_a_source_says_what_to_do() {
    let folder = folder();
    let done = run(folder.path(), &["top"], "");
    assert_eq!(done.status.code(), Some(2));
    assert!(err(&done).contains("pricetime inspect book"), "{}", err(&done));
    for (words, code, part) in [
        (&["top"][..], 2, "pricetime run --unix ./pricetime.sock"),
        (&["top", "nowhere"], 1, "nowhere"),
        (&["top", "--unix", "nowhere"], 1, "cannot connect to nowhere"),
        (&["top", "--folder", "nowhere"], 1, "nowhere"),
        (&["top", "/dev/null"], 2, "not a regular file"),
        (&["top", "--unix", "a", "--folder", "b"], 2, "cannot be used with"),
        (&["top", "--folder", "nowhere", "--speed", "2"], 2, "--speed"),
    ] {
        let (found, text) = start(folder.path(), words).end();
        assert_eq!(found, Some(code), "{text}");
        assert!(text.replace('\n', "").contains(part), "{text}");
    }
}
