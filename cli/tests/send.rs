//! `pricetime send` sends lines to a running market, prints the answers, and reports what is missing.

mod program;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use pricetime_tests::terminal::{Setting, Terminal};
use pricetime_tests::wait::until;
use program::{MARKET, Running, VIEW, err, folder, lines, out, place, run, token};

const STATUS: &str = "{\"status\":{}}";

/// A running market.
fn market() -> Running {
    let host = Running::start(&["--epoch", "never"]);
    let added = send(&host, &[], MARKET);
    assert_eq!(added.status.code(), Some(0), "{}", err(&added));
    host
}

/// Sends lines to a market that runs in its folder.
fn send(host: &Running, words: &[&str], input: &str) -> Output {
    run(host.folder.path(), &[&["send", "--unix", "socket"], words].concat(), input)
}

#[test]
fn lines_of_the_command_line_get_their_answers() {
    let host = market();
    let order = place(1, 1, "buy", "2.50", 4);
    let done = send(&host, &[&order, "", VIEW], "this is not read");
    assert_eq!(done.status.code(), Some(0), "{}", err(&done));
    let answers = lines(&out(&done));
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0]["done"]["outcome"], "accepted");
    assert_eq!(answers[1]["book"]["bids"][0]["quantity"], "4");
    assert_eq!(answers[1]["book"]["line"], 3, "an empty line has a number and no answer");
    assert_eq!(err(&done), "");
}

#[test]
fn standard_input_is_sent_to_its_end() {
    let host = market();
    let orders = 10_000;
    let mut input: String = (1..=orders).map(|it| place(1, it, "buy", "2.50", 1)).collect();
    input += "\n\n";
    input += STATUS;
    for words in [&[][..], &["-"]] {
        let done = send(&host, words, &input);
        assert_eq!(done.status.code(), Some(0), "{}", err(&done));
        let answers = lines(&out(&done));
        assert_eq!(answers.len(), orders as usize + 1, "also the line without a line feed");
        assert_eq!(answers[orders as usize]["status"]["line"], orders + 3);
    }
    let nothing = send(&host, &[], "");
    assert_eq!((nothing.status.code(), out(&nothing)), (Some(0), String::new()));
}

#[test]
fn refused_lines_give_exit_code_4() {
    let host = market();
    let done = send(&host, &[STATUS, "no JSON", "{\"view\":{\"market\":1,\"depth\":5000}}"], "");
    assert_eq!(done.status.code(), Some(4));
    assert!(err(&done).contains("2 of 3 lines were refused"), "{}", err(&done));
    let answers = lines(&out(&done));
    assert_eq!(answers[1]["refused"]["line"], 2);
    assert_eq!(answers[2]["refused"]["line"], 3);
    // A command that the rules refuse is answered, as with `run --once`.
    let rejected = send(&host, &["{\"close_epoch\":{\"market\":1,\"number\":9}}"], "");
    assert_eq!(rejected.status.code(), Some(0));
}

#[test]
fn connection_that_is_closed_after_a_refusal_leaves_lines_without_an_answer() {
    let host = market();
    let done = send(&host, &["no JSON", STATUS], "");
    assert_eq!(done.status.code(), Some(1));
    assert_eq!(lines(&out(&done)).len(), 1);
    assert!(err(&done).contains("no answer to line 2"), "{}", err(&done));
}

#[test]
fn connection_that_breaks_is_reported_with_the_lines_that_have_no_answer() {
    let folder = folder();
    let listener = UnixListener::bind(folder.path().join("socket")).expect("a socket");
    let market = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        let mut lines = BufReader::new(&stream).lines();
        for _ in 0..3 {
            lines.next().expect("a line").expect("a line");
        }
        (&stream)
            .write_all(b"{\"status\":{\"line\":1,\"durable\":0}}\n{\"status\":{")
            .expect("a client");
    });
    let words = ["send", "--unix", "socket", STATUS, STATUS, STATUS];
    let done = run(folder.path(), &words, "");
    market.join().expect("no panic");
    assert_eq!(done.status.code(), Some(1));
    assert_eq!(lines(&out(&done)).len(), 1, "what is not complete is not printed");
    let error = err(&done);
    assert!(error.contains("no answer to lines 2 to 3") && error.contains("`request`"), "{error}");
}

#[test]
fn market_that_ends_while_standard_input_is_open_ends_the_program() {
    let host = market();
    let mut sending = Command::new(env!("CARGO_BIN_EXE_pricetime"))
        .current_dir(host.folder.path())
        .args(["send", "--unix", "socket"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    let mut stdin = sending.stdin.take().expect("its input");
    stdin.write_all(VIEW.as_bytes()).expect("it reads");
    let mut answers = BufReader::new(sending.stdout.take().expect("its output")).lines();
    let answer = answers.next().expect("an answer").expect("an answer");
    assert!(answer.starts_with("{\"book\":"), "the answer comes before the input ends: {answer}");
    let _ended = host.end();
    let done = sending.wait_with_output().expect("it ends");
    assert_eq!(done.status.code(), Some(1));
    let error = String::from_utf8(done.stderr).expect("text");
    assert!(error.contains("every line that was sent is answered"), "{error}");
    drop(stdin);
}

#[test]
fn failed_connection_is_explained() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("file"), "").expect("a file");
    drop(UnixListener::bind(path("dead")).expect("a socket"));
    for (words, why) in [
        (&["--unix", "none"][..], "none: there is no such socket"),
        (&["--unix", "none"], "pricetime run --unix none"),
        (&["--unix", "file"], "file: the file is not a socket"),
        (&["--unix", "dead"], "dead: connection refused"),
        (&["--tcp", "127.0.0.1:1"], "127.0.0.1:1: connection refused"),
        (&["--tcp", "localhost"], "expected a host and a port"),
        (&[], "./pricetime.sock: there is no such socket"),
    ] {
        let done = run(folder.path(), &[&["send"], words, &[STATUS]].concat(), "");
        assert_eq!(done.status.code(), Some(1), "{words:?}");
        assert!(err(&done).contains(why), "{words:?}: {}", err(&done));
    }
}

#[test]
fn token_file_identifies_the_client_over_tcp() {
    let folder = folder();
    let account = "00000000-0000-0000-0000-000000000007";
    fs::write(folder.path().join("c.toml"), token("sesame", &[account])).expect("a file");
    let words = ["--tcp", "127.0.0.1:0", "--config", "c.toml", "--epoch", "never"];
    let mut host = Running::start_in(folder, &words);
    assert_eq!(send(&host, &[], MARKET).status.code(), Some(0));
    let address = host.address().to_string();
    let folder = host.folder.path();
    fs::write(folder.join("token"), "sesame\n").expect("a file");
    fs::write(folder.join("wrong"), "mellon").expect("a file");
    let order = place(7, 1, "buy", "2.50", 4);
    let by =
        |file: &str| run(folder, &["send", "--tcp", &address, "--token-file", file, &order], "");
    let done = by("token");
    assert_eq!(done.status.code(), Some(0), "{}", err(&done));
    let answers = lines(&out(&done));
    assert_eq!((answers.len(), &answers[0]["done"]["outcome"]), (1, &"accepted".into()));
    let done = by("wrong");
    assert_eq!(done.status.code(), Some(1));
    assert!(err(&done).contains("the token is unknown"), "{}", err(&done));
    assert!(!err(&done).contains("mellon"), "{}", err(&done));
    assert_eq!(by("nothing").status.code(), Some(2));
    let public = run(folder, &["send", "--tcp", &address, &order], "");
    assert_eq!(public.status.code(), Some(4), "without a token it may not place orders");
}

#[test]
fn follow_prints_the_lines_of_a_subscription() {
    let host = market();
    let mut following = Command::new(env!("CARGO_BIN_EXE_pricetime"))
        .current_dir(host.folder.path())
        .args(["send", "--unix", "socket", "--follow", "{\"subscribe\":{\"market\":1}}"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program");
    let mut answers = BufReader::new(following.stdout.take().expect("its output")).lines();
    let mut next_answer = || answers.next().expect("a line").expect("a line");
    assert!(next_answer().starts_with("{\"book\":"));
    send(&host, &[&place(1, 1, "buy", "2.50", 4)], "");
    assert!(next_answer().starts_with("{\"update\":"));
    let _ended = host.end();
    assert_eq!(following.wait().expect("it ends").code(), Some(1), "the market ended it");
}

/// The prompt of a market in this folder, whose state is in the folder `state`.
fn prompt(folder: &Path, words: &[&str]) -> Terminal {
    let state = folder.join("state");
    let environment = [("XDG_STATE_HOME", state.to_str().expect("text"))];
    let setting = Setting { folder, environment: &environment, size: (100, 40) };
    let arguments = [&["send", "--unix", "socket"], words].concat();
    let mut prompt = Terminal::start(env!("CARGO_BIN_EXE_pricetime"), &arguments, setting);
    prompt.wait_for("a prompt", |screen| screen.contents().ends_with("\n> "));
    prompt
}

/// Waits until the screen shows this above an empty prompt.
fn shows(prompt: &mut Terminal, text: &str) {
    prompt.wait_for(text, |screen| {
        let shown = screen.contents();
        shown.contains(text) && shown.ends_with("\n> ")
    });
}

#[test]
fn prompt_sends_json_and_words_and_keeps_a_private_history() {
    let host = market();
    let folder = host.folder.path();
    let mut typed = prompt(folder, &[]);
    typed.type_text("{\"view\":{\"market\":1}}\r");
    shows(
        &mut typed,
        "book line=1 market=1 symbol=SUN sequence=2 phase=continuous epoch=1 bids=none",
    );
    typed.type_text("buy 4 at 2.50 market 1 account 777 order 9\r");
    shows(&mut typed, "accepted place line=2 sequence=3");
    shows(
        &mut typed,
        "\n    accepted order=9 account=777 side=buy type=limit price=2.50 quantity=4",
    );
    typed.type_text("{\"hello\":{\"format\":1,\"token\":\"sesame\"}}\r");
    shows(&mut typed, "refused line=3: `hello` must be the first line");
    typed.type_text("viev market 1\r");
    shows(&mut typed, "did you mean \"view\"?");
    // Ctrl-C clears the line, and Ctrl-D at an empty one ends the program.
    typed.type_text("nonsense\x03");
    shows(&mut typed, "> nonsense");
    typed.type_text("\x04");
    let (code, text) = typed.end();
    assert_eq!(code, Some(0), "{text}");

    let file = folder.join("state/pricetime/send_history");
    assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
    let history = fs::read_to_string(&file).expect("text");
    assert!(history.contains("buy 4 at 2.50") && !history.contains("sesame"), "{history}");
    let mut again = prompt(folder, &["--json"]);
    // The order is there twice: in words and, to be sent again, as JSON with its request.
    again.type_text("\x1b[A\x1b[A\x1b[A");
    again.wait_for_text("\"request\":");
    again.type_text("\x1b[A\r");
    shows(
        &mut again,
        "> {\"view\":{\"market\":1}}\n{\"book\":{\"line\":1,\"market\":1,\"symbol\":\"SUN\"",
    );
}

#[test]
fn terminal_is_as_before_after_a_signal_ends_the_prompt() {
    let host = market();
    for name in ["TERM", "HUP"] {
        let mut typed = prompt(host.folder.path(), &[]);
        until("the prompt reads keys", || typed.is_raw());
        let id = typed.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().expect("kill").success());
        assert_eq!(typed.end().0, None, "the signal ends it");
        assert!(!typed.is_raw());
    }
}

#[test]
fn prompt_completes_lines_from_the_schema() {
    let host = market();
    let mut typed = prompt(host.folder.path(), &[]);
    typed.type_text("{\"vi\t\"ma\t1}}");
    typed.wait_for("the typed line", |screen| {
        screen.contents().ends_with("> {\"view\":{\"market\":1}}")
    });
    typed.type_text("\x03");
    shows(&mut typed, "> {\"view\":{\"market\":1}}\n");
    typed.type_text("set_ph\tph\tcont\tma\t1\r");
    shows(&mut typed, "> set_phase phase continuous market 1\n");
    shows(&mut typed, "rejected set_phase: no_change line=1");
    typed.type_text("{\"set_\t\t");
    typed.wait_for_text("set_market");
}

#[test]
fn lines_of_a_subscription_leave_what_is_typed_intact() {
    let host = market();
    let mut typed = prompt(host.folder.path(), &[]);
    typed.type_text("subscribe market 1\r");
    shows(&mut typed, "book line=1 market=1");
    typed.type_text("view mar");
    typed.wait_for("the typed line", |screen| screen.contents().ends_with("> view mar"));
    let order = send(&host, &[&place(1, 1, "buy", "2.50", 4)], "");
    assert_eq!(order.status.code(), Some(0), "{}", err(&order));
    typed.wait_for("the typed line", |screen| {
        let shown = screen.contents();
        shown.contains("\nupdate market=1 sequence=3")
            && shown.ends_with("    bids price=2.50 quantity=4 orders=1\n> view mar")
    });
    typed.type_text("ket 1\r");
    shows(&mut typed, "book line=2 market=1");
}

#[test]
fn prompt_connects_again_after_the_market_was_restarted() {
    let host = market();
    let mut typed = prompt(host.folder.path(), &[]);
    typed.type_text("status\r");
    shows(&mut typed, "status line=1");
    let (code, log, folder) = host.end();
    assert_eq!(code, Some(0), "{log}");
    shows(&mut typed, "The market ended the connection. The next line connects again.");
    typed.type_text("view market 1\r");
    shows(&mut typed, "there is no such socket");
    shows(&mut typed, "the line was not sent");
    let host = Running::start_in(folder, &["--epoch", "never"]);
    typed.type_text("view market 1\r");
    shows(&mut typed, "Connected again");
    shows(&mut typed, "book line=1 market=1");
    typed.type_text("\x04");
    assert_eq!(typed.end().0, Some(0));
    drop(host);
}
