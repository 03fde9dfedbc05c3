//! The text of one event, with optional parts.

use std::fmt::Display;

/// One event or one fact as a list of words. Optional words count only if they are written.
#[derive(Clone, Debug, Default)]
pub(super) struct Phrase(Vec<Piece>);

#[derive(Clone, Debug)]
struct Piece {
    text: String,
    optional: bool,
}

impl Phrase {
    /// Starts with these words.
    pub(super) fn new(text: impl Display) -> Self {
        Self::default().required(text)
    }

    /// Adds required words.
    pub(super) fn required(mut self, text: impl Display) -> Self {
        self.0.push(Piece { text: text.to_string(), optional: false });
        self
    }

    /// Adds optional words.
    pub(super) fn optional(mut self, text: impl Display) -> Self {
        self.0.push(Piece { text: text.to_string(), optional: true });
        self
    }

    /// Adds required words if the condition holds.
    pub(super) fn required_if(self, holds: bool, text: impl Display) -> Self {
        if holds { self.required(text) } else { self }
    }

    /// Adds a complaint if a value differs from the expected one.
    pub(super) fn expected_value<V: PartialEq + Display>(
        self,
        what: &str,
        got: V,
        expected_value: V,
    ) -> Self {
        let complaint = format!("({what} {got} not {expected_value})");
        self.required_if(got != expected_value, complaint)
    }

    /// The required words.
    pub(super) fn plain(&self) -> String {
        let words = self.0.iter().filter(|p| !p.optional).map(|p| p.text.as_str());
        words.collect::<Vec<_>>().join(" ")
    }

    /// All words, with the optional ones in brackets.
    pub(super) fn full(&self) -> String {
        let word = |p: &Piece| {
            if p.optional { format!("[{}]", p.text) } else { p.text.clone() }
        };
        self.0.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    /// Returns `true` if the line matches.
    pub(super) fn fits(&self, expected: &str) -> bool {
        let mut rest: Vec<&str> = expected.split_whitespace().collect();
        for piece in &self.0 {
            let words: Vec<&str> = piece.text.split_whitespace().collect();
            if rest.starts_with(&words) {
                rest.drain(..words.len());
            } else if !piece.optional {
                return false;
            }
        }
        rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optional_words_count_only_if_written() {
        let phrase =
            Phrase::new("traded").required("A1 3 @ 100").optional("no 4").optional("left 0/2");
        assert!(phrase.fits("traded A1 3 @ 100"));
        assert!(phrase.fits("traded  A1 3 @ 100 left 0/2"));
        assert!(phrase.fits("traded A1 3 @ 100 no 4 left 0/2"));
        assert!(!phrase.fits("traded A1 3 @ 100 no 5"));
        assert!(!phrase.fits("traded A1 3"));
        assert!(!phrase.fits("traded A1 3 @ 100 and more"));
        assert_eq!(phrase.clone().expected_value("side", 1, 1).plain(), "traded A1 3 @ 100");
        assert!(!phrase.expected_value("side", 1, 2).fits("traded A1 3 @ 100"));
    }
}
