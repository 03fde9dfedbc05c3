//! The first screen, and the files that other programs read about the command line.

mod program;

use std::fs;

use program::{err, folder, out, run};

#[test]
fn first_screen_shows_what_to_try() {
    let folder = folder();
    let first = run(folder.path(), &[], "");
    assert_eq!((first.status.code(), err(&first)), (Some(0), String::new()));
    let text = out(&first);
    assert!(text.starts_with("pricetime 0.1.0: A deterministic order-matching engine"), "{text}");
    for shown in ["\nTry\n  pricetime demo ", "\nRun a market\n  run ", "  inspect ", "--help"] {
        assert!(text.contains(shown), "{shown:?} in {text}");
    }
    assert!(text.lines().count() < 50, "it fits a screen: {text}");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn help_shows_everything() {
    let text = out(&run(folder().path(), &["--help"], ""));
    for shown in ["Usage: pricetime", "--color <WHEN>", "completions", "Exit codes:"] {
        assert!(text.contains(shown), "{shown:?} in {text}");
    }
}

#[test]
fn man_installs_a_page_for_each_command() {
    let folder = folder();
    let done = run(folder.path(), &["man", "--install", "share/man"], "");
    assert_eq!(done.status.code(), Some(0), "{}", err(&done));
    let man1 = folder.path().join("share/man/man1");
    let pages = fs::read_dir(&man1).expect("pages").count();
    let printed = out(&done);
    assert!(printed.starts_with(&format!("{pages} pages in share/man/man1\n")), "{printed}");
    assert!(printed.contains("MANPATH=/") && printed.contains(": man pricetime-run"), "{printed}");
    for (name, shown) in [
        ("pricetime", "pricetime\\-inspect"),
        ("pricetime-run", "accept\\-loss"),
        ("pricetime-inspect", "pricetime\\-inspect\\-book"),
        ("pricetime-inspect-book", "\\-\\-color"),
        ("pricetime-settle-status", ".SH OPTIONS"),
    ] {
        let page = fs::read_to_string(man1.join(format!("{name}.1"))).expect(name);
        assert!(page.contains(&format!(".TH {name} 1")), "{page}");
        assert!(page.contains(shown), "{shown} in {page}");
    }
    // A second time replaces the pages.
    let again = run(folder.path(), &["man", "--install", "share/man"], "");
    assert_eq!((again.status.code(), out(&again)), (Some(0), printed));
}

#[test]
fn completions_are_installed_under_the_name_of_the_shell() {
    let folder = folder();
    for (shell, name) in
        [("bash", "pricetime.bash"), ("zsh", "_pricetime"), ("fish", "pricetime.fish")]
    {
        let done = run(folder.path(), &["completions", shell, "--install", "here"], "");
        assert_eq!(out(&done), format!("here/{name}\n"), "{}", err(&done));
        let script = fs::read_to_string(folder.path().join("here").join(name)).expect(name);
        assert_eq!(script, out(&run(folder.path(), &["completions", shell], "")));
    }
}

#[test]
fn install_error_names_the_directory() {
    let folder = folder();
    fs::write(folder.path().join("file"), "").expect("a file");
    for words in [
        ["man", "--install", "file", "--color=never"],
        ["completions", "bash", "--install", "file"],
    ] {
        let done = run(folder.path(), &words, "");
        assert_eq!(done.status.code(), Some(1), "{words:?}");
        assert!(err(&done).starts_with("pricetime: cannot write to file"), "{}", err(&done));
    }
}
