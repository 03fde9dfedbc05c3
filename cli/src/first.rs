//! What `pricetime` prints without a command.

use clap::Command;
use pricetime_terminal::{Paint, Tone};

/// The commands, by what they are for. A name is skipped if there is no such command.
const GROUPS: [(&str, &[&str]); 6] = [
    ("Watch a market", &["demo", "top"]),
    ("Run a market", &["run", "send", "config", "token", "schema"]),
    ("Look into it", &["inspect", "replay", "verify"]),
    ("Use recordings", &["record", "convert", "diff", "what-if"]),
    ("Operate it", &["snapshot", "archive", "redis", "settle"]),
    ("Tools", &["bench", "completions", "man"]),
];

/// What to try first, and what it does.
const TRY: [(&str, &str); 3] = [
    ("pricetime demo", "watch a made-up energy market"),
    ("pricetime run --unix ./pricetime.sock", "a market that stays up, in ./data"),
    ("pricetime top", "watch it from another terminal"),
];

/// Where more is explained.
const HELP: &str = "\
pricetime COMMAND --help explains a command; pricetime --help has more examples.
In the source tree, write `cargo run --release --` instead of `pricetime`.
";

/// The width of a line, and of the column of names.
const WIDTH: usize = 80;
const NAMES: usize = 14;

/// The first screen, made from the descriptions of the command line.
pub(super) fn screen(program: &Command, paint: Paint) -> String {
    let about =
        |command: &Command| command.get_about().map(ToString::to_string).unwrap_or_default();
    let version = program.get_version().unwrap_or_default();
    let name = paint.text(Tone::Strong, program.get_name());
    let mut text = format!("{name} {version}: {}\n", about(program));
    text += &format!("\n{}\n", paint.text(Tone::Heading, "Try"));
    for (command, what) in TRY {
        text += &format!("  {command:<39}{}\n", paint.text(Tone::Faint, what));
    }
    for (group, names) in GROUPS {
        text += &format!("\n{}\n", paint.text(Tone::Heading, group));
        let commands = names.iter().filter_map(|name| program.find_subcommand(name));
        for command in commands {
            let name = format!("{:<width$}", command.get_name(), width = NAMES - 2);
            text += &format!("  {}", paint.text(Tone::Strong, name));
            text += &wrapped(&about(command));
        }
    }
    text + "\n" + HELP
}

/// A description in lines that begin in the column behind the names.
fn wrapped(about: &str) -> String {
    let (mut text, mut at) = (String::new(), NAMES);
    for word in about.split_whitespace() {
        let length = word.chars().count();
        if at > NAMES && at + 1 + length > WIDTH {
            text += &format!("\n{:NAMES$}", "");
            at = NAMES;
        }
        if at > NAMES {
            text.push(' ');
            at += 1;
        }
        text += word;
        at += length;
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::super::Cli;
    use super::{GROUPS, Paint, WIDTH, screen};

    #[test]
    fn every_command_is_in_exactly_one_group() {
        let program = Cli::command();
        for command in program.get_subcommands() {
            let name = command.get_name();
            let times = GROUPS.iter().flat_map(|(_, names)| *names).filter(|it| **it == name);
            assert_eq!(times.count(), 1, "{name}");
        }
    }

    #[test]
    fn first_screen_shows_every_command_with_its_description() {
        let program = Cli::command();
        let text = screen(&program, Paint::OFF);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for command in program.get_subcommands() {
            let about = command.get_about().map(ToString::to_string).expect("a description");
            let line = format!("{} {about}", command.get_name());
            assert!(words.contains(&line), "{line:?} in {text}");
        }
        assert!(screen(&program, Paint::ON).contains("\x1b[1m\x1b[4mTry\x1b[0m"));
    }
}
