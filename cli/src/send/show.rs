//! The lines of a market in a form for people: a heading, and an indented line for each event or level.

use std::io::{self, IsTerminal as _};

use pricetime_terminal::{Paint, Tone};
use uuid::Uuid;

use super::incoming::Incoming;
use super::tree::Tree;
use super::wrap::wrap;

/// How lines are printed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Show {
    /// As they are.
    raw: bool,
    paint: Paint,
    /// Whether long lines are broken between words to fit the terminal.
    wraps: bool,
}

impl Show {
    /// Lines for standard output: as they are if it is no terminal or `json` is set.
    pub(super) fn on_stdout(json: bool) -> Self {
        Self { raw: json || !io::stdout().is_terminal(), paint: Paint::out(), wraps: true }
    }

    /// The text for a line that was received. The reason why a connection ends is reported at the end of the
    /// program or above the prompt, so a person need not read it twice.
    pub(super) fn received(self, incoming: &Incoming, line: &[u8]) -> String {
        match incoming {
            Incoming::Closing(_) if !self.raw => String::new(),
            Incoming::Closing(_)
            | Incoming::Answer(_)
            | Incoming::Refusal(_)
            | Incoming::Unsolicited => self.line(line),
        }
    }

    /// The text for a line, with line feeds.
    pub(super) fn line(self, line: &[u8]) -> String {
        let text = String::from_utf8_lossy(line);
        if self.raw {
            return format!("{text}\n");
        }
        match serde_json::from_slice(line) {
            Ok(Tree::Object(members)) if members.len() == 1 => {
                let readable =
                    members.into_iter().next().map(|(kind, body)| self.readable(&kind, body));
                let readable = readable.unwrap_or_default();
                if self.wraps { wrap(&readable) } else { readable }
            }
            Ok(_) | Err(_) => plain(&text) + "\n",
        }
    }

    /// A text in the color of its meaning.
    pub(super) fn paint(self, tone: Tone, text: &str) -> String {
        if text.is_empty() { String::new() } else { self.paint.text(tone, text).to_string() }
    }

    fn readable(self, kind: &str, body: Tree) -> String {
        let Tree::Object(members) = body else { return format!("{}\n", plain(kind)) };
        let mut heading = vec![self.heading(kind, &members)];
        let mut below = Vec::new();
        let mut last = String::new();
        for (name, value) in members {
            match (kind, name.as_str(), value) {
                ("done" | "own", "outcome" | "command", _) | (_, "events", Tree::Leaf(_)) => {}
                ("refused", "error", Tree::Leaf(error)) => last = format!(": {}", plain(&error)),
                (_, "events", Tree::List(events)) => {
                    below.extend(events.into_iter().map(|event| self.event(event)));
                }
                (_, _, Tree::List(list)) if list.iter().any(is_object) => {
                    below.extend(list.iter().map(|it| (name.clone(), facts(it), None)));
                }
                (_, _, value @ Tree::Object(_)) => below.push((name, facts(&value), None)),
                (_, _, value) => flatten(&name, &value, &mut heading),
            }
        }
        let widest = below.iter().map(|(label, ..)| label.len()).max().unwrap_or_default();
        let mut text = heading.join(" ") + &last + "\n";
        for (label, facts, tone) in below {
            let label = format!("{label:<widest$}");
            let label = tone.map_or_else(|| label.clone(), |it| self.paint(it, &label));
            text += format!("    {label} {facts}").trim_end();
            text += "\n";
        }
        text
    }

    /// The first words of a line.
    fn heading(self, kind: &str, members: &[(String, Tree)]) -> String {
        let member = |name| members.iter().find(|(of, _)| of == name).map(|(_, value)| value);
        match (kind, member("outcome"), member("command")) {
            ("done", Some(outcome), Some(Tree::Leaf(command))) => {
                let outcome = facts(outcome);
                let (word, reason) = outcome.split_once('=').unwrap_or((&outcome, ""));
                let tone = match word {
                    "accepted" => Tone::Good,
                    "rejected" => Tone::Bad,
                    _ => Tone::Warning,
                };
                let colon = if reason.is_empty() { "" } else { ": " };
                format!("{} {}{colon}{reason}", self.paint(tone, word), plain(command))
            }
            ("own", _, Some(Tree::Leaf(command))) => {
                format!("{} {}", self.paint(Tone::Strong, kind), plain(command))
            }
            ("refused", ..) => self.paint(Tone::Bad, kind),
            ("update", ..) => self.paint(Tone::Strong, kind),
            ("ended", ..) => self.paint(Tone::Warning, kind),
            _ => plain(kind),
        }
    }

    /// The label, facts and tone of an event.
    fn event(self, event: Tree) -> (String, String, Option<Tone>) {
        let Tree::Object(members) = event else {
            return (String::from("event"), facts(&event), None);
        };
        let Some((kind, body)) = members.into_iter().next() else {
            return (String::from("event"), String::new(), None);
        };
        let tone = match kind.as_str() {
            "traded" => Some(Tone::Good),
            "rejected" => Some(Tone::Bad),
            "cancelled" | "duplicate" => Some(Tone::Warning),
            _ => None,
        };
        (plain(&kind), facts(&body), tone)
    }
}

fn is_object(tree: &Tree) -> bool {
    matches!(tree, Tree::Object(_))
}

/// All facts of a value, as `name=value`.
fn facts(tree: &Tree) -> String {
    let mut found = Vec::new();
    match tree {
        Tree::Object(members) => {
            members.iter().for_each(|(name, value)| flatten(name, value, &mut found));
        }
        Tree::Leaf(_) | Tree::List(_) => found.push(value(tree)),
    }
    found.join(" ")
}

/// Appends the facts of a value under this name.
fn flatten(name: &str, tree: &Tree, found: &mut Vec<String>) {
    match tree {
        Tree::Object(members) => {
            for (of, value) in members {
                // An order with its owner is called `order` and has a member `order`.
                let name = if of == name { of.clone() } else { format!("{name}.{of}") };
                flatten(&name, value, found);
            }
        }
        Tree::List(list) if list.is_empty() => found.push(format!("{}=none", plain(name))),
        Tree::Leaf(_) | Tree::List(_) => found.push(format!("{}={}", plain(name), value(tree))),
    }
}

fn value(tree: &Tree) -> String {
    match tree {
        Tree::Leaf(text) => match short(text) {
            Some(short) => short,
            None if text.is_empty() || text.contains(char::is_whitespace) => format!("{text:?}"),
            None => plain(text),
        },
        Tree::List(list) => list.iter().map(value).collect::<Vec<_>>().join(","),
        Tree::Object(_) => facts(tree),
    }
}

/// A UUID that begins with zeros, as the prompt accepts it: its last digits.
fn short(text: &str) -> Option<String> {
    let id = Uuid::try_parse(text).ok().filter(|_| text.len() == 36)?.as_u128();
    (id >> 48 == 0).then(|| format!("{id:x}"))
}

/// A text without control characters, which could change the terminal.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            plain.extend(character.escape_default());
        } else {
            plain.push(character);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::{Paint, Show};

    const READABLE: Show = Show { raw: false, paint: Paint::OFF, wraps: false };

    #[test]
    fn answer_is_shown_with_one_line_for_each_event() {
        let done = r#"{"done":{"line":4,"sequence":9,"market":1,"account":"00000000-0000-0000-0000-00000000000b","command":"place","outcome":"accepted","events":[{"accepted":{"order":"00000000-0000-0000-0000-0000000f4242","side":"buy","quantity":"3"}},{"traded":{"number":2,"maker":{"order":"91921a3c-0000-0000-0000-000000000003","account":"00000000-0000-0000-0000-000000000000"}}}]}}"#;
        let shown = "accepted place line=4 sequence=9 market=1 account=b
    accepted order=f4242 side=buy quantity=3
    traded   number=2 maker.order=91921a3c-0000-0000-0000-000000000003 maker.account=0
";
        assert_eq!(READABLE.line(done.as_bytes()), shown);
    }

    #[test]
    fn refusals_books_and_unknown_lines_are_shown() {
        for (line, shown) in [
            (
                r#"{"done":{"line":1,"command":"place","outcome":{"rejected":"would_take"},"events":[]}}"#,
                "rejected place: would_take line=1\n",
            ),
            (
                r#"{"refused":{"line":2,"column":7,"error":"no \u001b[2J"}}"#,
                "refused line=2 column=7: no \\u{1b}[2J\n",
            ),
            (
                r#"{"book":{"line":3,"symbol":"SUN","bids":[],"asks":[{"price":"1.0","orders":2}]}}"#,
                "book line=3 symbol=SUN bids=none\n    asks price=1.0 orders=2\n",
            ),
            ("{\u{7}", "{\\u{7}\n"),
        ] {
            assert_eq!(READABLE.line(line.as_bytes()), shown);
        }
        let raw = Show { raw: true, ..READABLE };
        assert_eq!(raw.line(b"{\"status\":{}}"), "{\"status\":{}}\n");
    }

    #[test]
    fn outcomes_have_colors() {
        let colored = Show { paint: Paint::ON, ..READABLE };
        let accepted = br#"{"done":{"command":"place","outcome":"accepted","events":[]}}"#;
        assert_eq!(colored.line(accepted), "\u{1b}[32maccepted\u{1b}[0m place\n");
    }
}
