//! What the pages of this project share: their look, their charts and text in HTML.
//!
//! A page is a template with names in double braces, which [`fill`] replaces. Its script begins with [`SCRIPT`],
//! which reads an element `data` of JSON with the members `axis` (`"time"` or `"sequence"`) and `origin`, and puts
//! cards with pictures into an element `charts`.

mod html;

use std::fmt::Write as _;

pub use html::{Escaped, grouped, short, table};

/// The style sheet, for light and dark and for paper.
pub const STYLE: &str = include_str!("look/page.css");
/// Functions for numbers, times, axes, and cards that show a picture and its values.
pub const SCRIPT: &str = concat!(
    include_str!("look/format.js"),
    include_str!("look/picture.js"),
    include_str!("look/cards.js"),
);

/// Returns the template with each `{{name}}` replaced by what `part` returns for the name.
pub fn fill(template: &str, part: impl Fn(&str) -> String) -> String {
    let mut parts = template.split("{{");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for rest in parts {
        let (name, rest) = rest.split_once("}}").unwrap_or((rest, ""));
        text += &part(name);
        text += rest;
    }
    text
}

/// Adds a number in large type.
pub fn tile(text: &mut String, name: &str, value: &str, note: &str) {
    let (name, value, note) = (Escaped(name), Escaped(value), Escaped(note));
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "<div class=\"tile\"><dt>{name}</dt><dd>{value}<small>{note}</small></dd></div>"
    );
}

/// Names and values as items of a list.
pub fn facts<'a>(facts: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (name, value) in facts {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "<dt>{}</dt><dd>{}</dd>", Escaped(name), Escaped(value));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn names_in_a_template_are_replaced() {
        let part = |name: &str| format!("<{name}>");
        assert_eq!(fill("a{{b}}c{{d}}", part), "a<b>c<d>");
        assert_eq!(fill("plain {b}", part), "plain {b}");
    }
}
