//! Completion of JSON lines and of lines in words, from the shape of a line.

use super::grammar::{Member, Shape, line};
use super::short::{SIDES, is_words};

/// A completion: what is listed, and what takes the place of the word before the cursor.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) shown: String,
    pub(super) inserted: String,
}

impl Candidate {
    fn new(shown: impl Into<String>, inserted: impl Into<String>) -> Self {
        Self { shown: shown.into(), inserted: inserted.into() }
    }
}

/// Where the cursor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cursor {
    /// Before the name of a member.
    Name,
    /// Between a name and its value.
    Colon,
    Value,
    /// After a value.
    End,
}

/// An object that has begun.
struct OpenObject<'a> {
    shape: Option<&'a Shape>,
    /// The names of its members so far.
    names: Vec<String>,
    at: Cursor,
}

impl<'a> OpenObject<'a> {
    /// The shape of the value that the cursor is at.
    fn value(&self) -> Option<&'a Shape> {
        Some(&self.shape?.member(self.names.last()?)?.shape)
    }

    fn unused(&self) -> impl Iterator<Item = &'a Member> {
        let members = self.shape.map_or(&[][..], |shape| &shape.members);
        members.iter().filter(|member| !self.names.contains(&member.name))
    }
}

/// The completions of the text before the cursor, and the byte at which the completed word begins.
pub(super) fn complete(text: &str) -> (usize, Vec<Candidate>) {
    if text.trim().is_empty() || is_words(text) { words(text) } else { json(text) }
}

fn json(text: &str) -> (usize, Vec<Candidate>) {
    let mut open: Vec<OpenObject<'_>> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let at = text.len() - rest.len();
        let Some(first) = rest.chars().next() else { break };
        match first {
            '{' => {
                let shape = match open.last() {
                    None => Some(line()),
                    Some(outer) => outer.value(),
                };
                open.push(OpenObject { shape, names: Vec::new(), at: Cursor::Name });
            }
            '}' => {
                open.pop();
                if let Some(outer) = open.last_mut() {
                    outer.at = Cursor::End;
                }
            }
            ':' | ',' => {
                if let Some(inner) = open.last_mut() {
                    inner.at = if first == ':' { Cursor::Value } else { Cursor::Name };
                }
            }
            _ => {
                let Some(inner) = open.last_mut() else { break };
                let Some(length) = word_length(rest) else { return (at, open_word(inner, rest)) };
                let word = rest.get(..length).unwrap_or_default();
                if inner.at == Cursor::Name {
                    inner.names.push(word.trim_matches('"').to_owned());
                    inner.at = Cursor::Colon;
                } else {
                    inner.at = Cursor::End;
                }
                rest = rest.get(length..).unwrap_or_default();
                continue;
            }
        }
        rest = rest.get(first.len_utf8()..).unwrap_or_default();
    }
    (text.len(), open.last().map_or_else(Vec::new, |inner| open_word(inner, "")))
}

/// The bytes of a text in quotes, or of a number or the like. Returns `None` if it has no end yet.
fn word_length(text: &str) -> Option<usize> {
    if !text.starts_with('"') {
        return text.find([',', '}', ' ']);
    }
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, character)| {
        let ends = *character == '"' && !escaped;
        escaped = *character == '\\' && !escaped;
        ends
    });
    end.map(|(at, _)| at + 1)
}

/// The completions of a word that has begun.
fn open_word(inner: &OpenObject<'_>, word: &str) -> Vec<Candidate> {
    let candidates = match inner.at {
        Cursor::Name => inner.unused().map(name).collect(),
        Cursor::Colon => vec![Candidate::new(":", ":")],
        Cursor::Value => inner.value().map_or_else(Vec::new, values),
        Cursor::End => {
            let needs_more = inner.unused().any(|member| member.is_required);
            let end = Candidate::new("}", "}");
            let more = Candidate::new(",", ",");
            // A line has one member only.
            let is_line = inner.shape.is_some_and(|shape| std::ptr::eq(shape, line()));
            let has_more = !is_line && inner.unused().next().is_some();
            match (needs_more, has_more) {
                (true, true) => vec![more],
                (false, true) => vec![more, end],
                (_, false) => vec![end],
            }
        }
    };
    let begins = |candidate: &Candidate| candidate.inserted.starts_with(word);
    candidates.into_iter().filter(begins).collect()
}

/// The completion of a member's name, up to where its value has to be typed.
fn name(member: &Member) -> Candidate {
    let Member { name, shape, .. } = member;
    let has_text = shape.is_text || shape.is_uuid || !shape.words.is_empty();
    let is_object = !has_text && !shape.is_number && !shape.is_boolean;
    let begin = if is_object {
        "{"
    } else if has_text && shape.members.is_empty() {
        "\""
    } else {
        ""
    };
    Candidate::new(name, format!("\"{name}\":{begin}"))
}

fn values(shape: &Shape) -> Vec<Candidate> {
    let words = shape.words.iter().map(|word| Candidate::new(word, format!("\"{word}\"")));
    let booleans = ["false", "true"].map(|word| Candidate::new(word, word));
    let members = shape.members.iter().map(|member| {
        let Candidate { shown, inserted } = name(member);
        Candidate::new(shown, format!("{{{inserted}"))
    });
    words.chain(booleans.into_iter().filter(|_| shape.is_boolean)).chain(members).collect()
}

/// Completes a line in words.
fn words(text: &str) -> (usize, Vec<Candidate>) {
    let start = text.rfind(char::is_whitespace).map_or(0, |at| at + 1);
    let (before, word) = text.split_at(start);
    let mut before = before.split_whitespace();
    let names = match before.next() {
        None => line().members.iter().map(|it| it.name.as_str()).chain(SIDES).collect(),
        Some(first) => next_words(first, before),
    };
    let begins = |name: &&str| name.starts_with(word);
    let candidates = names.into_iter().filter(begins);
    (start, candidates.map(|name| Candidate::new(name, format!("{name} "))).collect())
}

/// The words that may follow these.
fn next_words<'a>(first: &str, mut words: impl Iterator<Item = &'a str>) -> Vec<&'static str> {
    let is_order = SIDES.contains(&first);
    let kind = if is_order { "place" } else { first };
    let Some(member) = line().member(kind) else { return Vec::new() };
    let mut used = Vec::new();
    if is_order {
        if words.next().is_none() {
            return Vec::new();
        }
        used.extend(["side", "quantity"]);
    }
    while let Some(word) = words.next() {
        let name = if is_order && word == "at" { "price" } else { word };
        used.push(name);
        let Some(mut shape) = member.shape.member(name).map(|member| &member.shape) else {
            return Vec::new();
        };
        loop {
            let Some(value) = words.next() else {
                let booleans = ["false", "true"].into_iter().filter(|_| shape.is_boolean);
                let members = shape.members.iter().map(|member| member.name.as_str());
                return shape
                    .words
                    .iter()
                    .map(String::as_str)
                    .chain(booleans)
                    .chain(members)
                    .collect();
            };
            match shape.member(value) {
                Some(member) => shape = &member.shape,
                None => break,
            }
        }
    }
    let at = ["at"].into_iter().filter(|_| is_order && !used.contains(&"price"));
    let members = member.shape.members.iter().map(|member| member.name.as_str());
    at.chain(members.filter(|name| !used.contains(name))).collect()
}

#[cfg(test)]
mod tests {
    use super::complete;

    /// The lines that completions of this text make.
    fn lines(text: &str) -> Vec<String> {
        let (start, candidates) = complete(text);
        candidates.iter().map(|it| text[..start].to_owned() + &it.inserted).collect()
    }

    #[test]
    fn json_is_completed_from_the_schema() {
        for (text, line) in [
            ("{\"vi", "{\"view\":{"),
            ("{\"view\":{\"m", "{\"view\":{\"market\":"),
            ("{\"view\":{\"market\":1,", "{\"view\":{\"market\":1,\"depth\":"),
            ("{\"place\":{\"si", "{\"place\":{\"side\":\""),
            ("{\"place\":{\"side\":\"b", "{\"place\":{\"side\":\"buy\""),
            ("{\"place\":{\"side\":\"buy\"", "{\"place\":{\"side\":\"buy\","),
            ("{\"set_phase\":{\"phase\":\"cal", "{\"set_phase\":{\"phase\":\"call\""),
            ("{\"status\":{}", "{\"status\":{}}"),
            ("{\"view\" ", "{\"view\" :"),
            (
                "{\"place\":{\"time_in_force\":{\"for",
                "{\"place\":{\"time_in_force\":{\"for_epochs\":",
            ),
        ] {
            assert_eq!(lines(text), [line], "{text}");
        }
        let prefix = "{\"place\":{\"market\":1,\"account\":\"\\\"\",";
        let names = lines(prefix);
        assert!(names.contains(&format!("{prefix}\"order\":\"")), "{names:?}");
        assert!(!names.contains(&format!("{prefix}\"market\":")), "it is there already");
        assert!(lines("{\"place\":{\"account\":\"7").is_empty());
        assert!(lines("[").is_empty() && lines("{\"nothing\":{").is_empty());
    }

    #[test]
    fn words_are_completed_from_the_schema() {
        for (text, line) in [
            ("vi", "view "),
            ("view ma", "view market "),
            ("view market 1 d", "view market 1 depth "),
            ("buy 3 a", "buy 3 at "),
            ("buy 3 at 2 post_only t", "buy 3 at 2 post_only true "),
            ("buy 3 time_in_force for", "buy 3 time_in_force for_epochs "),
            ("set_phase market 1 phase ca", "set_phase market 1 phase call "),
        ] {
            assert!(lines(text).contains(&line.to_owned()), "{text}: {:?}", lines(text));
        }
        assert!(
            lines("").contains(&"buy ".to_owned()) && lines("").contains(&"status ".to_owned())
        );
        assert!(lines("buy ").is_empty() && lines("nothing ").is_empty());
    }
}
