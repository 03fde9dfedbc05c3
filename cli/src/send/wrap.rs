//! Breaks long lines between words, to fit the terminal.

use std::io;

/// By how much the rest of a line is indented that does not fit.
const INDENT: usize = 8;

/// Breaks the lines of a text that are wider than the terminal. Each ends with a line feed.
pub(super) fn wrap(text: &str) -> String {
    let columns = rustix::termios::tcgetwinsize(io::stdout()).map_or(0, |size| size.ws_col);
    let columns = usize::from(columns);
    if columns < INDENT * 2 {
        return text.to_owned();
    }
    text.lines().map(|line| wrapped(line, columns) + "\n").collect()
}

/// Breaks a line between words, and indents what follows.
fn wrapped(line: &str, columns: usize) -> String {
    let mut text = String::with_capacity(line.len());
    let mut column = 0;
    for (at, word) in line.split(' ').enumerate() {
        let width = width(word);
        if at > 0 && column + 1 + width > columns && width > 0 {
            text += "\n";
            text.extend(std::iter::repeat_n(' ', INDENT));
            column = INDENT;
        } else if at > 0 {
            text.push(' ');
            column += 1;
        }
        text += word;
        column += width;
    }
    text
}

/// The columns of a word, without its color.
fn width(word: &str) -> usize {
    let mut parts = word.split('\u{1b}');
    let plain = parts.next().map_or(0, |part| part.chars().count());
    let colored = |part: &str| part.split_once('m').map_or(0, |(_, text)| text.chars().count());
    plain + parts.map(colored).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn long_lines_are_broken_between_words() {
        assert_eq!(
            wrapped("    \u{1b}[32mtraded\u{1b}[0m a=1 b=2", 16),
            "    \u{1b}[32mtraded\u{1b}[0m a=1\n        b=2"
        );
        assert_eq!(wrapped("short", 16), "short");
    }
}
