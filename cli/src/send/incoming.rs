//! Distinguishes answers from the other lines of a market.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What a line of the market is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// The answer to a line. `None` is the answer to the first line of the connection.
    Answer(Option<u64>),
    /// The refusal of a line.
    Refusal(u64),
    /// The reason why the market refuses or closes the connection.
    Closing(String),
    /// A line that comes without a question.
    Unsolicited,
}

/// The members that matter here, of a line of any kind.
#[derive(Debug, Deserialize)]
struct Body {
    line: Option<u64>,
    error: Option<String>,
}

impl Incoming {
    /// Reads a line. A line that is not understood counts as unsolicited.
    pub(super) fn of(text: &[u8]) -> Self {
        let line: BTreeMap<String, Body> = serde_json::from_slice(text).unwrap_or_default();
        let Some((kind, body)) = line.into_iter().next() else { return Self::Unsolicited };
        match (kind.as_str(), body.line) {
            ("refused", Some(0)) => Self::Closing(body.error.unwrap_or_default()),
            ("refused", Some(line)) => Self::Refusal(line),
            ("welcome", line) => Self::Answer(line),
            (_, Some(line)) => Self::Answer(Some(line)),
            (_, None) => Self::Unsolicited,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Incoming;

    #[test]
    fn answers_are_told_from_lines_that_come_unasked() {
        for (text, is) in [
            (r#"{"welcome":{"format":1,"operator":true}}"#, Incoming::Answer(None)),
            (r#"{"status":{"line":7,"durable":3}}"#, Incoming::Answer(Some(7))),
            (r#"{"refused":{"line":8,"error":"no"}}"#, Incoming::Refusal(8)),
            (r#"{"refused":{"line":0,"error":"idle"}}"#, Incoming::Closing("idle".into())),
            (r#"{"update":{"market":1,"sequence":9}}"#, Incoming::Unsolicited),
            (r#"{"own":{"sequence":9,"events":[]}}"#, Incoming::Unsolicited),
            ("not JSON", Incoming::Unsolicited),
        ] {
            assert_eq!(Incoming::of(text.as_bytes()), is, "{text}");
        }
    }
}
