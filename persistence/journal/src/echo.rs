//! Limits how much of its input an error message repeats.

/// The longest text in quotes, and the longest word, in characters.
const WORD_MAX: usize = 64;
/// The longest error message, in characters.
const ERROR_MAX: usize = 1_024;

/// Shortens an error message: each quoted text and each word to 64 characters, and the whole message to
/// 1,024. An ellipsis marks each cut.
#[must_use]
pub fn shorten(error: &str) -> String {
    let mut short = String::with_capacity(error.len().min(ERROR_MAX));
    let (mut quote, mut word) = (None, 0);
    for character in error.chars() {
        let ends = match quote {
            Some(quote) => character == quote,
            None => character.is_whitespace() || matches!(character, '`' | '"'),
        };
        if ends {
            let opens = quote.is_none() && !character.is_whitespace();
            (quote, word) = (opens.then_some(character), 0);
            short.push(character);
            continue;
        }
        word += 1;
        if word <= WORD_MAX {
            short.push(character);
        } else if word == WORD_MAX + 1 {
            short.push('…');
        }
    }
    match short.char_indices().nth(ERROR_MAX) {
        Some((at, _)) => short[..at].to_owned() + "…",
        None => short,
    }
}

/// A text in quotes for an error message, with escapes for what cannot be printed: at most 64 characters of it.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut escaped = text.chars().flat_map(char::escape_debug);
    let mut short = String::from('"');
    short.extend(escaped.by_ref().take(WORD_MAX));
    if escaped.next().is_some() {
        short.push('…');
    }
    short.push('"');
    short
}

#[cfg(test)]
mod tests {
    use super::{quoted, shorten};

    #[test]
    fn quoted_text_has_at_most_64_characters() {
        assert_eq!(quoted("1 \"x\"\n"), r#""1 \"x\"\n""#);
        let cut = "a".repeat(64);
        assert_eq!(quoted(&cut), format!("\"{cut}\""));
        assert_eq!(quoted(&"a".repeat(60_000)), format!("\"{cut}…\""));
        // Spaces do not begin anew, and an escape counts with all its characters.
        assert!(quoted(&"\u{c} ".repeat(60_000)).chars().count() <= 67);
    }

    #[test]
    fn errors_repeat_at_most_64_characters_of_a_text() {
        let long = "ä".repeat(60_000);
        let cut = "ä".repeat(64) + "…";
        let unknown = |name: &str| format!("unknown field `{name}`, expected one of `a b`, `c`");
        assert_eq!(shorten(&unknown(&long)), unknown(&cut));
        assert_eq!(
            shorten(&format!("price: {long} is too long")),
            format!("price: {cut} is too long")
        );
        let spaced = "a word ".repeat(10_000);
        assert_eq!(shorten(&format!("\"{spaced}\"")), format!("\"{}…\"", &spaced[..64]));
        assert!(shorten(&"` ".repeat(60_000)).chars().count() <= 1_025);
        let plain = "price: 0.10001 is not a multiple of the tick 0.0001 (nearest: 0.1000, 0.1001)";
        assert_eq!(shorten(plain), plain);
    }
}
