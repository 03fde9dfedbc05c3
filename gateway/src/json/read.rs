//! Parses a line, and explains in words why a text is not a line.
//!
//! After an error about a value, the line is parsed a second time to find the member. So the fast path
//! pays nothing for errors.

use pricetime::persistence::journal::echo::shorten;
use serde_json::error::Category;
use serde_json::{Deserializer, Value};
use serde_path_to_error::Segment;

use super::input::Line;
use super::quick;

/// Why a text is not a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Unreadable {
    /// The byte at which it is no longer understood, from 1.
    pub column: usize,
    /// What is wrong. It repeats at most 64 characters of a text in the line.
    pub why: String,
}

impl Line {
    /// Parses a line.
    ///
    /// # Errors
    /// Returns [`Unreadable`] if the text is not JSON, or not one of the lines.
    pub fn read(text: &[u8]) -> Result<Self, Unreadable> {
        // A text that is UTF-8 as a whole need not be checked string by string.
        let line = match str::from_utf8(text) {
            Ok(text) => match quick::read(text) {
                Some(line) => return Ok(line),
                None => serde_json::from_str(text),
            },
            Err(_) => serde_json::from_slice(text),
        };
        line.map_err(|error| {
            let message = error.to_string();
            // The place is in `column`.
            let message =
                message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
            let why = match error.classify() {
                Category::Data => explain(text, message),
                Category::Eof => format!("the line is incomplete: {message}"),
                Category::Io | Category::Syntax => message.to_owned(),
            };
            Unreadable { column: error.column(), why: shorten(&why) }
        })
    }
}

/// An error about a value: which member, which value, and what it should be.
fn explain(text: &[u8], message: &str) -> String {
    let Some((mut names, value)) = member(text) else { return message.to_owned() };
    if message.starts_with("unknown field ") || message.starts_with("duplicate field ") {
        // The text names it already.
        names.pop();
    }
    let name = names.join(".");
    let name = if name.is_empty() { name } else { name + ": " };
    let expected = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .and_then(|message| message.split_once(", expected "));
    match expected {
        Some((_, expected)) => format!("{name}{value} is not {}", type_in_words(expected)),
        None if message.starts_with("UUID ") => format!("{name}{value} is not a UUID"),
        None => format!("{name}{message}"),
    }
}

/// The path to the member at which a line is no longer understood, without the line's own name, and the
/// value of the member.
fn member(text: &[u8]) -> Option<(Vec<String>, String)> {
    let error =
        serde_path_to_error::deserialize::<_, Line>(&mut Deserializer::from_slice(text)).err()?;
    let whole: Value = serde_json::from_slice(text).ok()?;
    let (mut value, mut names) = (Some(&whole), Vec::new());
    for segment in error.path() {
        let name = match segment {
            Segment::Map { key } => key,
            Segment::Enum { variant } => variant,
            // No line has a list.
            Segment::Seq { .. } | Segment::Unknown => return None,
        };
        value = value.and_then(|value| value.get(name));
        names.push(name.clone());
    }
    names.drain(..names.len().min(1));
    Some((names, value.map(Value::to_string).unwrap_or_default()))
}

/// The name of a type in plain words instead of Rust's.
fn type_in_words(expected: &str) -> String {
    let number = |least: i128, most: u64| format!("a whole number from {least} to {most}");
    match expected {
        "u32" => number(0, u32::MAX.into()),
        "a nonzero u32" => number(1, u32::MAX.into()),
        "u64" | "usize" => number(0, u64::MAX),
        "i32" => number(i32::MIN.into(), i32::MAX.unsigned_abs().into()),
        "i8" => number(i8::MIN.into(), i8::MAX.unsigned_abs().into()),
        "a boolean" => String::from("true or false"),
        "a string" => String::from("a string in quotes"),
        _ if expected.contains("UUID") => String::from("a UUID"),
        _ if expected.starts_with("struct ") => String::from("an object"),
        _ => expected.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(text: &str) -> String {
        Line::read(text.as_bytes()).expect_err(text).why
    }

    #[test]
    fn error_names_the_member_its_value_and_what_it_should_be() {
        let place = |member: &str| {
            let rest = r#""side":"buy","type":"limit","quantity":"1""#;
            let a = "00000000-0000-0000-0000-00000000000a";
            format!(r#"{{"place":{{"market":1,"account":"{a}",{member},{rest}}}}}"#)
        };
        let order = r#""order":"00000000-0000-0000-0000-000000000001""#;
        let with = |member: &str| place(&format!("{order},{member}"));
        let number = "is not a whole number from 0 to";
        for (text, expected) in [
            (place(r#""order":"7""#), r#"order: "7" is not a UUID"#.to_owned()),
            (place(r#""order":7"#), "order: 7 is not a UUID".to_owned()),
            (with(r#""price":0.14"#), "price: 0.14 is not a string in quotes".to_owned()),
            (
                with(r#""price":"1e5""#),
                r#"price: "1e5" is not a decimal in a string, like "0.1425""#.to_owned(),
            ),
            (
                with(r#""reference":-1"#),
                format!("reference: -1 {number} 18446744073709551615"),
            ),
            (
                with(r#""session":0"#),
                "session: 0 is not a whole number from 1 to 4294967295".to_owned(),
            ),
            (with(r#""post_only":1"#), "post_only: 1 is not true or false".to_owned()),
            (
                with(r#""time_in_force":{"good_till_date":"soon"}"#),
                r#"time_in_force.good_till_date: "soon" is not a time like "2026-11-21T10:15:00Z" or "2026-11-21T11:15+01:00""#.to_owned(),
            ),
            (r#"{"view":{"market":4294967296}}"#.to_owned(), format!("market: 4294967296 {number} 4294967295")),
            (r#"{"view":{"market":1,"depth":-5}}"#.to_owned(), format!("depth: -5 {number} 18446744073709551615")),
            (r#"{"view":7}"#.to_owned(), "7 is not an object".to_owned()),
            (r#"{"view":{}}"#.to_owned(), "missing field `market`".to_owned()),
        ] {
            assert_eq!(why(&text), expected, "{text}");
        }
        let unknown = why(r#"{"view":{"market":1,"dept":5}}"#);
        assert!(
            unknown.contains("unknown field `dept`, expected `market` or `depth`"),
            "{unknown}"
        );
        let market = why(
            r#"{"add_market":{"market":1,"symbol":"A","tick":0.1,"lot":"1","quantity_max":"1","price_min":"0","price_max":"1"}}"#,
        );
        assert!(market.starts_with("tick: a decimal in a string"), "{market}");
        for text in ["", "{", "{\"view\":{\"market\":1", "[]", "{}", "{\"a\":1,\"b\":2}", "\u{0}"] {
            let why = why(text);
            for rust in ["u32", "usize", "untagged", "struct", "enum"] {
                assert!(!why.contains(rust), "{text}: {why}");
            }
        }
    }

    #[test]
    fn error_repeats_at_most_64_characters_of_a_text() {
        let long = "1".repeat(60_000);
        let place = |member: &str| format!(r#"{{"cancel":{{"market":1,{member}}}}}"#);
        for member in [format!(r#""{long}":1"#), format!(r#""order":"{long}""#)] {
            let why = why(&place(&member));
            assert!(why.contains(&long[..64]) && !why.contains(&long[..65]), "{why}");
            assert!(why.chars().count() < 400, "{why}");
        }
    }
}
