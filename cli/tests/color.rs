//! `--color` decides for everything that is printed, and colors change nothing but the color.

mod program;

use std::path::Path;
use std::process::Command;

use program::{MARKET, err, folder, lines, out, place, run};
use tempfile::TempDir;

/// A folder with a market of two orders and a refused command.
fn market() -> TempDir {
    let folder = folder();
    let orders = place(1, 1, "buy", "1.00", 5) + &place(2, 2, "sell", "2.00", 7);
    let text = MARKET.to_owned() + &orders + &place(1, 1, "buy", "1.00", 5);
    let created = run(folder.path(), &["run", "--once", "--epoch", "never"], &text);
    assert_eq!(created.status.code(), Some(0), "{}", err(&created));
    std::fs::write(folder.path().join("c.toml"), "[epochs]\nevery = \"never\"\n").expect("a file");
    folder
}

/// A text without its colors.
fn plain(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.map(|part| part.split_once('m').expect("a color").1);
    first + &rest.collect::<String>()
}

fn is_colored(text: &str) -> bool {
    text.contains("\x1b[")
}

/// Runs the program with variables in its environment. Returns standard output and standard error.
fn run_with(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> [String; 2] {
    let mut program = Command::new(env!("CARGO_BIN_EXE_pricetime"));
    let program = program.current_dir(folder).args(arguments).envs(environment.iter().copied());
    let done = program.output().expect("the program");
    [out(&done), err(&done)]
}

#[test]
fn colors_change_nothing_but_the_color() {
    let folder = market();
    let order = "00000000-0000-0000-0000-000000000001";
    for words in [
        &["verify"][..],
        &["inspect", "market"],
        &["inspect", "book", "1"],
        &["inspect", "journal"],
        &["inspect", "account", order],
        &["inspect", "order", "1", order, "--why"],
        &["inspect", "snapshot"],
        &["config", "--check", "c.toml"],
        &[],
        &["--help"],
        &["run", "-h"],
    ] {
        let [always, never] = ["always", "never"].map(|choice| {
            let words = [&["--color", choice], words].concat();
            let done = run(folder.path(), &words, "");
            assert_eq!(done.status.code(), Some(0), "{words:?}: {}", err(&done));
            out(&done)
        });
        assert!(is_colored(&always), "{words:?}: {always}");
        assert_eq!(plain(&always), never, "{words:?}");
        assert_eq!(out(&run(folder.path(), words, "")), never, "{words:?} on a pipe");
    }
}

#[test]
fn json_output_has_no_colors() {
    let folder = market();
    for words in [
        &["verify", "--json"][..],
        &["inspect", "journal", "--json"],
        &["replay", "--json"],
        &["run", "--once", "--epoch", "never", "--json"],
    ] {
        let done = run(folder.path(), &[words, &["--color", "always"]].concat(), "");
        assert_eq!(done.status.code(), Some(0), "{words:?}: {}", err(&done));
        let printed = out(&done) + &err(&done);
        assert!(!is_colored(&printed) && !lines(&printed).is_empty(), "{printed}");
    }
}

#[test]
fn errors_and_the_log_are_painted_on_request() {
    let folder = market();
    for (words, shown) in [
        (&["verify", "nowhere"][..], "pricetime: "),
        (&["verify", "--jsn"], "error: "),
        (&["run", "--once", "--epoch", "never"], " INFO "),
        (&["replay", "--until", "99"], "pricetime: "),
    ] {
        for choice in ["always", "never", "auto"] {
            let done = run(folder.path(), &[words, &["--color", choice]].concat(), "");
            let text = err(&done);
            assert_eq!(is_colored(&text), choice == "always", "{words:?} {choice}: {text}");
            assert!(plain(&text).contains(shown), "{words:?} {choice}: {text}");
        }
    }
    let unknown = run(folder.path(), &["verify", "--color", "sometimes"], "");
    assert_eq!(unknown.status.code(), Some(2));
    assert!(err(&unknown).contains("auto, always, never"), "{}", err(&unknown));
}

#[test]
fn environment_decides_if_the_option_does_not() {
    let folder = market();
    let (no, force) = (("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1"));
    for (environment, choice, is_expected) in [
        (&[force][..], "auto", true),
        (&[no, force], "auto", false),
        (&[no], "always", true),
        (&[force], "never", false),
    ] {
        for words in [&["verify", "./data"][..], &["verify", "--help"], &["verify", "nowhere"]] {
            let words = [words, &["--color", choice]].concat();
            let printed = run_with(folder.path(), environment, &words).concat();
            assert_eq!(is_colored(&printed), is_expected, "{environment:?} {words:?}: {printed}");
        }
    }
}
